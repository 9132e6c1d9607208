"""Rigid transforms in the plane and in space, and the bird's-eye-view grids.

Frames (ISO 8855: x forward, y left, z up, right-handed; radians, positive left):

- ``world``: the map's OpenDRIVE axes.
- ``ego``: the vehicle actor's origin, on the ground.
- ``object``: the centre of a detected box.
- ``cam``: a camera's optical frame, x right, y down, z forward.

Names carry frames so that chains cancel: ``cam_from_world = cam_from_ego @ ego_from_world``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def wrap_angle(angle: float) -> float:
    """The same direction (rad) in (-pi, pi]."""
    wrapped = math.remainder(angle, 2.0 * math.pi)
    return math.pi if wrapped <= -math.pi else wrapped


def wrap_angles(angles: FloatArray) -> FloatArray:
    """`wrap_angle` for arrays of any shape."""
    return np.pi - np.mod(np.pi - angles, 2.0 * np.pi)


@dataclass(frozen=True, slots=True)
class Pose2:
    """A rigid transform of the plane; the variable's name says which, as in ``world_from_ego``."""

    x: float  # m
    y: float  # m
    yaw: float  # rad in (-pi, pi]

    def __post_init__(self) -> None:
        object.__setattr__(self, "yaw", wrap_angle(self.yaw))

    def __matmul__(self, other: Pose2) -> Pose2:
        """``a_from_c = a_from_b @ b_from_c``."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        return Pose2(
            self.x + c * other.x - s * other.y,
            self.y + s * other.x + c * other.y,
            self.yaw + other.yaw,
        )

    def inverse(self) -> Pose2:
        """``b_from_a`` of an ``a_from_b``."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        return Pose2(-c * self.x - s * self.y, s * self.x - c * self.y, -self.yaw)

    def apply(self, points: FloatArray) -> FloatArray:
        """Points (..., 2) m of the right-hand frame, in the left-hand frame."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        x, y = points[..., 0], points[..., 1]
        return np.stack([self.x + c * x - s * y, self.y + s * x + c * y], axis=-1)

    def matrix(self) -> FloatArray:
        """The homogeneous transform (4, 4) that keeps z."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        out = np.eye(4)
        out[:2, :2] = [[c, -s], [s, c]]
        out[:2, 3] = self.x, self.y
        return out


def transform_from_euler(
    xyz: tuple[float, float, float], roll: float, pitch: float, yaw: float
) -> FloatArray:
    """The transform (4, 4) of intrinsic z-y'-x'' angles (rad; pitch positive nose-down)."""
    cr, sr = math.cos(roll), math.sin(roll)
    cp, sp = math.cos(pitch), math.sin(pitch)
    cy, sy = math.cos(yaw), math.sin(yaw)
    out = np.eye(4)
    out[:3, :3] = [
        [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
        [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
        [-sp, cp * sr, cp * cr],
    ]
    out[:3, 3] = xyz
    return out


@dataclass(frozen=True, slots=True)
class BevGrid:
    """A raster over the ground in the ego frame; row 0 lies far ahead, column 0 far left."""

    x_min: float  # m, rear edge
    x_max: float  # m, front edge
    y_min: float  # m, right edge
    y_max: float  # m, left edge
    cell: float  # m

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        rows = round((self.x_max - self.x_min) / self.cell)
        return rows, round((self.y_max - self.y_min) / self.cell)

    def centres(self) -> FloatArray:
        """Cell centres (rows, columns, 2) m, ego frame."""
        rows, columns = self.shape
        x = self.x_max - (np.arange(rows) + 0.5) * self.cell
        y = self.y_max - (np.arange(columns) + 0.5) * self.cell
        return np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)

    def cells(self, points: FloatArray) -> FloatArray:
        """Fractional (row, column) of ego-frame points (..., 2) m; floor gives the cell."""
        return np.stack(
            [
                (self.x_max - points[..., 0]) / self.cell,
                (self.y_max - points[..., 1]) / self.cell,
            ],
            axis=-1,
        )


SEG_GRID = BevGrid(x_min=-20.0, x_max=60.0, y_min=-24.0, y_max=24.0, cell=0.5)
"""Drivable area, markings, stop lines: (160, 96)."""

OBJECT_GRID = BevGrid(x_min=-20.0, x_max=60.0, y_min=-24.0, y_max=24.0, cell=1.0)
"""Object heat maps: (80, 48)."""
