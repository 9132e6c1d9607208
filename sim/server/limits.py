"""Speed limits: as in CARLA a vehicle's limit is that of the last sign whose trigger it touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from sim.server.scene import Sign
from sim.server.triggers import Triggers

PREFIX = "traffic.speed_limit."


@dataclass(frozen=True, slots=True)
class Limits:
    """The triggers of the speed limit signs."""

    triggers: Triggers
    limit: FloatArray  # (K,) km/h, as on the plate

    def passed(self, xy: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
        """Which of the points (N, 2) m lie in a trigger, and its limit: (M,) indices, (M,) km/h."""
        sign = self.triggers.last_around(xy)
        held = np.flatnonzero(sign >= 0)
        return held, self.limit[sign[held]]


def limits_of(signs: Sequence[Sign]) -> Limits:
    """The triggers of those signs that limit the speed."""
    those = [sign for sign in signs if sign.kind.startswith(PREFIX)]
    yaw = np.array([sign.yaw for sign in those])
    c, s = np.cos(yaw), np.sin(yaw)
    local = np.array([sign.trigger_centre[:2] for sign in those]).reshape(-1, 2)
    foot = np.array([(sign.x, sign.y) for sign in those]).reshape(-1, 2)
    turned = np.stack([c * local[:, 0] - s * local[:, 1], s * local[:, 0] + c * local[:, 1]], -1)
    half = np.array([sign.trigger_extent[:2] for sign in those]).reshape(-1, 2)
    limit = np.array([float(sign.kind.removeprefix(PREFIX)) for sign in those])
    return Limits(Triggers.at(foot + turned, yaw, half), limit)
