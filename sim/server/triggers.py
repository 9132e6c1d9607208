"""Trigger boxes of the map, seen from above: which one holds a vehicle."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.jit import helper, kernel

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

NOWHERE = -1  # the index of no box


@dataclass(frozen=True, slots=True)
class Triggers:
    """K boxes."""

    centre: F64  # (K, 2) m
    heading: F64  # (K,) rad
    axis: F64  # (K, 2) unit vectors of the headings
    half: F64  # (K, 2) m along the heading and across it

    @staticmethod
    def at(centre: F64, heading: F64, half: F64) -> Triggers:
        """Boxes by their places, headings and half sizes."""
        axis = np.stack([np.cos(heading), np.sin(heading)], axis=-1)
        return Triggers(centre, heading, axis, half)

    def last_around(self, points: F64) -> I64:
        """The last box that holds each of the points (N, 2) m, or NOWHERE: (N,)."""
        out = np.full(len(points), NOWHERE, np.int64)
        _last_around(points, self.centre, self.axis, self.half, out)
        return out

    def first_ahead(self, xy: F64, yaw: F64, reach: F64, nose: float, most: float) -> I64:
        """The first box of about its own heading that holds each vehicle's nose: (N,).

        NOWHERE where there is none. The nose is held by either of its ends.

        Args:
            xy: (N, 2) m, the vehicles' centres.
            yaw: (N,) rad.
            reach: (N,) m from the centre to the front end of the nose.
            nose: m, its length.
            most: rad between a vehicle's heading and the box's.
        """
        out = np.full(len(xy), NOWHERE, np.int64)
        boxes = (self.centre, self.heading, self.axis, self.half)
        _first_ahead(xy, yaw, reach, nose, most, *boxes, out)
        return out


@helper
def _holds(k: int, centre: F64, axis: F64, half: F64, x: float, y: float) -> bool:
    dx, dy = x - centre[k, 0], y - centre[k, 1]
    along, across = dx * axis[k, 0] + dy * axis[k, 1], dy * axis[k, 0] - dx * axis[k, 1]
    return bool(abs(along) <= half[k, 0] and abs(across) <= half[k, 1])


@kernel
def _last_around(points: F64, centre: F64, axis: F64, half: F64, out: I64) -> None:
    for i in range(points.shape[0]):
        for k in range(centre.shape[0]):
            if _holds(k, centre, axis, half, points[i, 0], points[i, 1]):
                out[i] = k


@kernel
def _first_ahead(
    xy: F64,
    yaw: F64,
    reach: F64,
    nose: float,
    most: float,
    centre: F64,
    heading: F64,
    axis: F64,
    half: F64,
    out: I64,
) -> None:
    for i in range(xy.shape[0]):
        cos, sin = math.cos(yaw[i]), math.sin(yaw[i])
        front_x, front_y = xy[i, 0] + cos * reach[i], xy[i, 1] + sin * reach[i]
        for k in range(centre.shape[0]):
            held = _holds(k, centre, axis, half, front_x, front_y)
            if held or _holds(k, centre, axis, half, front_x - cos * nose, front_y - sin * nose):
                turn = yaw[i] - heading[k]
                turn -= 2.0 * math.pi * math.floor((turn + math.pi) / (2.0 * math.pi))
                if abs(turn) < most:
                    out[i] = k
                    break
