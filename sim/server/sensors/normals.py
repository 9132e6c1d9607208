"""sensor.camera.normals: which way every visible surface faces, from the depth alone.

A pixel's colour is (n + 1) / 2 with the unit normal n in CARLA's world axes: R for x, G for y,
B for z. The sky is black.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from common.jit import helper, maker
from sim.server.scene import F32, U8, Planes, View
from sim.server.sensors.images import header

F64 = NDArray[np.float64]


@helper
def _step(depth: F32, row: int, col: int, down: int, right: int) -> tuple[float, float]:
    """How much deeper the surface is one row below or one column to the right, and the depth there.

    Of the two neighbours the one nearer in depth counts: the other may lie on another surface, and
    on the other side of the pixel. Both are NaN where no neighbour has a depth.
    """
    height, width = depth.shape
    best, slope, there = math.inf, math.nan, math.nan
    for way in (1, -1):
        r, c = row + way * down, col + way * right
        if 0 <= r < height and 0 <= c < width:
            rise = depth[r, c] - depth[row, col]
            if abs(rise) < best:
                best, slope, there = abs(rise), float(way * rise), float(depth[r, c])
    return slope, there


@maker
def _paint(depth: F32, focal: float, turn: F64, out: U8) -> None:
    """Fill `out` (height, width, 4); `turn` (3, 3) is world_from_cam in CARLA's axes.

    A pixel (u, v) from the middle of the picture sees the point (u, v, focal) depth / focal. With
    the slopes s and t and the neighbours' depths p and q, the surface's tangents are
    (u s + p, v s, focal s) along the row and (u t, v t + q, focal t) along the column, each times
    1 / focal. Column x row is a normal that points at the camera.
    """
    height, width = depth.shape
    out[...] = 0
    for row in range(height):
        v = row + 0.5 - 0.5 * height
        for col in range(width):
            out[row, col, 3] = 255
            if not depth[row, col] < math.inf:
                continue
            u = col + 0.5 - 0.5 * width
            s, p = _step(depth, row, col, 0, 1)
            t, q = _step(depth, row, col, 1, 0)
            x, y, z = q * s * focal, p * t * focal, -(q * s * u + p * t * v + p * q)
            length = math.sqrt(x * x + y * y + z * z)
            if not length > 0.0:
                continue
            scale = 127.5 / length
            for k in range(3):
                n = turn[k, 0] * x + turn[k, 1] * y + turn[k, 2] * z
                out[row, col, 2 - k] = int(scale * n + 128.0)


def normals(planes: Planes, view: View) -> list[bytes | memoryview]:
    """The image's payload."""
    out = np.empty((view.height_px, view.width_px, 4), np.uint8)
    turn = view.world_from_cam[:3, :3] * np.array([[1.0], [-1.0], [1.0]])
    _paint(planes.depth, view.width_px / (2.0 * math.tan(view.fov / 2.0)), turn, out)
    return [header(view.width_px, view.height_px, view.fov), out.data.cast("B")]
