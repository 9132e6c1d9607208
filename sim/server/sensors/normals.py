"""sensor.camera.normals: which way every visible surface faces, from the depth alone.

A pixel's colour is (n + 1) / 2 with the unit normal n in CARLA's world axes: R for x, G for y,
B for z. The sky is black.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sim.server.jit import helper, kernel
from sim.server.scene import F32, U8, Planes, View
from sim.server.sensors.images import header

F64 = NDArray[np.float64]


@helper
def _step(depth: F32, row: int, col: int, down: int, right: int, focal: float, out: F64) -> None:
    """The surface's tangent along a row or column of pixels, to out (3,), camera axes.

    Of the two neighbours the one nearer in depth counts: the other may lie on another surface.
    """
    height, width = depth.shape
    here = depth[row, col]
    best, sign = math.inf, 0
    for way in (1, -1):
        r, c = row + way * down, col + way * right
        if 0 <= r < height and 0 <= c < width and abs(depth[r, c] - here) < best:
            best, sign = abs(depth[r, c] - here), way
    out[:] = 0.0
    if sign == 0:
        return
    r, c = row + sign * down, col + sign * right
    there = depth[r, c]
    x0, y0 = col + 0.5 - 0.5 * width, row + 0.5 - 0.5 * height
    x1, y1 = c + 0.5 - 0.5 * width, r + 0.5 - 0.5 * height
    out[0] = sign * (x1 * there - x0 * here) / focal
    out[1] = sign * (y1 * there - y0 * here) / focal
    out[2] = sign * (there - here)


@kernel
def _paint(depth: F32, focal: float, turn: F64, out: U8) -> None:
    """Fill `out` (height, width, 4); `turn` (3, 3) is world_from_cam in CARLA's axes."""
    a, b = np.zeros(3), np.zeros(3)
    out[...] = 0
    for row in range(depth.shape[0]):
        for col in range(depth.shape[1]):
            out[row, col, 3] = 255
            if not depth[row, col] < math.inf:
                continue
            _step(depth, row, col, 0, 1, focal, a)
            _step(depth, row, col, 1, 0, focal, b)
            # rows x columns points away from the camera, so columns x rows points at it
            x = b[1] * a[2] - b[2] * a[1]
            y = b[2] * a[0] - b[0] * a[2]
            z = b[0] * a[1] - b[1] * a[0]
            length = math.sqrt(x * x + y * y + z * z)
            if length == 0.0:
                continue
            for k in range(3):
                n = (turn[k, 0] * x + turn[k, 1] * y + turn[k, 2] * z) / length
                out[row, col, 2 - k] = int(127.5 * (n + 1.0) + 0.5)


def normals(planes: Planes, view: View) -> list[bytes | memoryview]:
    """The image's payload."""
    out = np.empty((view.height_px, view.width_px, 4), np.uint8)
    turn = view.world_from_cam[:3, :3] * np.array([[1.0], [-1.0], [1.0]])
    _paint(planes.depth, view.width_px / (2.0 * math.tan(view.fov / 2.0)), turn, out)
    return [header(view.width_px, view.height_px, view.fov), out.data.cast("B")]
