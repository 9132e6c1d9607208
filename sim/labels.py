"""What the rig's pictures show: colour and instance images of the same moment, for labels.

Instance images name actors as the embedded server does: red holds the label, green and blue the
low and high byte of the actor's id; a traffic light's lens has 60000, plus 4 times its place
among the lights, plus 0 red, 1 yellow, 2 green. A real CARLA numbers instances otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import carla
import cv2
import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from common.messages import Camera, ImageArray, LightState
from sim.mounted import Mounted, first_frame, picture

FIRST_LENS = 60_000  # the embedded server's, `sim/server/scene.py`
TRAFFIC_LIGHT = 7  # CARLA's semantic tag
LENSES = {LightState.RED: (0,), LightState.YELLOW: (1,), LightState.GREEN: (2,)}
ALL_LENSES = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Shot:
    """All cameras in one frame."""

    images: ImageArray  # (C, height, width, 3) RGB
    label: NDArray[np.uint8]  # (C, height, width) semantic tag
    instance: NDArray[np.uint16]  # (C, height, width)

    def pixels(self) -> dict[int, int]:
        """How many pixels show each instance that is no part of a traffic light."""
        ids, counts = np.unique(self.instance[self.label != TRAFFIC_LIGHT], return_counts=True)
        return {int(i): int(n) for i, n in zip(ids, counts, strict=True)}

    def lamps(self, camera: int, light: int, state: LightState) -> FloatArray:
        """Lit lenses (all, where off) of light number `light`: (N, 3) u, v px and pixels."""
        lit = np.zeros(self.label.shape[1:], bool)
        for lens in LENSES.get(state, ALL_LENSES):
            lit |= self.instance[camera] == FIRST_LENS + 4 * light + lens
        lit &= self.label[camera] == TRAFFIC_LIGHT
        _, _, stats, centres = cv2.connectedComponentsWithStats(lit.astype(np.uint8))
        return np.column_stack([centres[1:] + 0.5, stats[1:, cv2.CC_STAT_AREA]]).astype(float)


class LabelRig:
    """Colour and instance cameras in the rig's poses; remembers when they fire."""

    def __init__(
        self, world: carla.World, ego: carla.Actor, rig: tuple[Camera, ...], ticks: int, dt: float
    ) -> None:
        """Fires every `ticks` ticks of `dt` s."""
        self._ticks = ticks
        self._first: int | None = None
        self._mounted = mounted = Mounted(world, ego)
        kinds = ("rgb", "instance_segmentation")
        pairs = [[mounted.camera(camera, ticks * dt, kind) for kind in kinds] for camera in rig]
        self._colour, self._instance = zip(*pairs, strict=True)

    def read(self, frame: int) -> Shot | None:
        """The pictures of this frame; None between them.

        Raises:
            RigError: a camera stays silent.
        """
        if self._first is None:
            self._first = first_frame(self._colour[0], frame)
        if self._first is None or (frame - self._first) % self._ticks:
            return None
        colour = np.stack([picture(inbox, frame) for inbox in self._colour])
        instance = np.stack([picture(inbox, frame) for inbox in self._instance])
        ids: NDArray[np.uint16] = instance[..., 1].astype(np.uint16)
        ids |= instance[..., 0].astype(np.uint16) << np.uint16(8)
        return Shot(np.ascontiguousarray(colour[..., 2::-1]), instance[..., 2], ids)

    def close(self) -> None:
        """Take the cameras off the world."""
        self._mounted.close()
