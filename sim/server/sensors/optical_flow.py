"""sensor.camera.optical_flow: how far every pixel has come since the last image.

Two floats per pixel: motion to the right and down, as shares of the image's width and height.
Surfaces of actors move with their actor; everything else stands still.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.jit import kernel
from sim.server.scene import F32, U32, Instances, Planes, View
from sim.server.sensors.images import header
from sim.server.sensors.memory import Plain, packed, unpacked

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_FAR = 1e6  # m, where the sky is taken to be
_MOST = 2.0  # CARLA's range is -2..2


@kernel
def _flow(depth: F32, number: I64, moves: F64, focal: float, out: F32) -> None:
    """Fill `out` (height, width, 2).

    `moves` (B + 1, 3, 4) takes camera coordinates of now to those of the last image, by body.
    """
    height, width = depth.shape
    for row in range(height):
        for col in range(width):
            d = min(depth[row, col], _FAR)
            u, v = col + 0.5 - 0.5 * width, row + 0.5 - 0.5 * height
            x, y = u * d / focal, v * d / focal
            m = moves[number[row, col]]
            z0 = m[2, 0] * x + m[2, 1] * y + m[2, 2] * d + m[2, 3]
            out[row, col, 0] = out[row, col, 1] = 0.0
            if z0 < 1e-3:  # it was behind the camera
                continue
            x0 = m[0, 0] * x + m[0, 1] * y + m[0, 2] * d + m[0, 3]
            y0 = m[1, 0] * x + m[1, 1] * y + m[1, 2] * d + m[1, 3]
            across, down = (u - focal * x0 / z0) / width, (v - focal * y0 / z0) / height
            out[row, col, 0] = min(max(across, -_MOST), _MOST)
            out[row, col, 1] = min(max(down, -_MOST), _MOST)


@dataclass(frozen=True, slots=True)
class _Moment:
    """What the next image is compared with."""

    cam_from_world: F64
    world_from_body: dict[int, F64]


class FlowCamera:
    """Memory: where camera and bodies were at the last image."""

    def __init__(self) -> None:
        self._last: _Moment | None = None

    def save(self) -> Plain:
        """The memory."""
        last = self._last
        if last is None:
            return None
        bodies = [[key, packed(pose)] for key, pose in last.world_from_body.items()]
        return [packed(last.cam_from_world), bodies]

    def restore(self, saved: Plain) -> None:
        """The inverse of `save`."""
        self._last = None
        if saved is not None:
            bodies = {int(key): unpacked(pose, np.float64) for key, pose in saved[1]}
            self._last = _Moment(unpacked(saved[0], np.float64), bodies)

    def payload(self, planes: Planes, view: View, bodies: Instances) -> list[bytes | memoryview]:
        """The image's payload; the first one stands still."""
        poses = bodies.world_from_model.astype(np.float64)
        now = _Moment(
            np.linalg.inv(view.world_from_cam).astype(np.float64),
            {int(key): pose for key, pose in zip(bodies.actor_id, poses, strict=True)},
        )
        last, self._last = self._last or now, now
        ids: U32 = np.unique(bodies.actor_id)
        still = last.cam_from_world @ view.world_from_cam
        moves = [still]
        for key in ids.tolist():
            pose = now.world_from_body[key]
            before = last.world_from_body.get(key, pose)
            moves.append(last.cam_from_world @ before @ np.linalg.inv(pose) @ view.world_from_cam)
        place = np.searchsorted(ids, planes.instance)
        known = place < len(ids)
        known[known] = ids[place[known]] == planes.instance[known]
        number = np.where(known, place + 1, 0)
        out = np.empty((view.height_px, view.width_px, 2), np.float32)
        focal = view.width_px / (2.0 * math.tan(view.fov / 2.0))
        _flow(planes.depth, number, np.array(moves)[:, :3], focal, out)
        return [header(view.width_px, view.height_px, view.fov), out.data.cast("B")]
