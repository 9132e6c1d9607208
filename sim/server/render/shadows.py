"""Sun shadows: heights toward the sun, seen along its rays.

One map covers the town and is drawn once per direction of the sun; the moving things of a frame
are drawn over it, and wiped by copying the town's own heights back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.jit import inline, kernel
from sim.server.render.pool import Pool
from sim.server.scene import F32, I32

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

LONGEST = 4096  # pixels, edge of the map at most
FINEST = 7.0  # pixels per metre at most
LOWEST = 0.07  # rad, the sun counts as this high at least
BIAS = 0.10  # m, a surface this little behind the height still is lit


class ShadowMap(NamedTuple):
    """``height[v, u]`` (m along the sun's direction) of the highest thing on each ray."""

    height: F32  # (rows, columns)
    light: F64  # (3, 4) rows give u px, v px, height m of a world point

    # The offset of the last row lowers what is drawn, not what is looked up: level ground must not
    # shade itself across a pixel of the map, and the lower the sun the more it would.


@inline
def lit(shadow: ShadowMap, x: float, y: float, z: float) -> float:
    """The share 0..1 of sun that reaches a point, from the four rays about it."""
    m, height = shadow.light, shadow.height
    u = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3] - 0.5
    v = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3] - 0.5
    limit = np.float32(m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + BIAS)
    column, row = int(np.floor(u)), int(np.floor(v))
    if column < 0 or row < 0 or column >= height.shape[1] - 1 or row >= height.shape[0] - 1:
        return 1.0
    du, dv = u - column, v - row
    share = 0.0
    if height[row, column] <= limit:
        share += (1.0 - du) * (1.0 - dv)
    if height[row, column + 1] <= limit:
        share += du * (1.0 - dv)
    if height[row + 1, column] <= limit:
        share += (1.0 - du) * dv
    if height[row + 1, column + 1] <= limit:
        share += du * dv
    return share


@inline
def along(m: F64, row: int, points: F32, i: int) -> float:
    """Row ``row`` of the matrix m (3, 4) at point i."""
    flat: float = m[row, 0] * points[i, 0] + m[row, 1] * points[i, 1] + m[row, 3]
    height: float = m[row, 2] * points[i, 2]
    return flat + height


@inline
def drop(height: F32, m: F64, points: F32, i: int, j: int, k: int, lane: int, lanes: int) -> None:
    """Raise the map to the triangle i, j, k of ``points``, in this lane's rows alone."""
    v = (along(m, 1, points, i), along(m, 1, points, j), along(m, 1, points, k))
    top = int(np.ceil(max(min(v[0], v[1], v[2]), 0.0) - 0.5))
    end = int(np.ceil(min(max(v[0], v[1], v[2]), float(height.shape[0])) - 0.5))
    first = top + (lane - top) % lanes
    if first >= end:
        return
    u = (along(m, 0, points, i), along(m, 0, points, j), along(m, 0, points, k))
    h = (along(m, 2, points, i), along(m, 2, points, j), along(m, 2, points, k))
    area = (u[1] - u[0]) * (v[2] - v[0]) - (u[2] - u[0]) * (v[1] - v[0])
    if area == 0.0:
        return
    a = ((h[1] - h[0]) * (v[2] - v[0]) - (h[2] - h[0]) * (v[1] - v[0])) / area
    b = ((h[2] - h[0]) * (u[1] - u[0]) - (h[1] - h[0]) * (u[2] - u[0])) / area
    for row in range(first, end, lanes):
        vc = row + 0.5
        left, right = 1e9, -1e9
        for n in range(3):
            n2 = (n + 1) % 3
            if (v[n] <= vc) != (v[n2] <= vc):
                cross = u[n] + (u[n2] - u[n]) * (vc - v[n]) / (v[n2] - v[n])
                left, right = min(left, cross), max(right, cross)
        start = int(np.ceil(max(left, 0.0) - 0.5))
        for column in range(start, int(np.ceil(min(right, float(height.shape[1])) - 0.5))):
            value = h[0] + a * (column + 0.5 - u[0]) + b * (vc - v[0])
            if value > height[row, column]:
                height[row, column] = value


@kernel
def drop_faces(
    height: F32, light: F64, points: F32, corners: I32, spans: I32, lane: int, lanes: int
) -> None:
    """Draw the faces ``spans`` (N, 2: first, last + 1) of ``corners`` (F, 3) into the map."""
    for n in range(len(spans)):
        for f in range(spans[n, 0], spans[n, 1]):
            drop(height, light, points, corners[f, 0], corners[f, 1], corners[f, 2], lane, lanes)


class Movers(NamedTuple):
    """What moves and casts a shadow in a frame."""

    points: F32  # (V, 3) m, world
    corners: I32  # (F, 3)
    spans: I32  # (N, 2) first and last + 1 face of each
    at: F64  # (N, 3) m, world
    radius: F64  # (N,) m


@kernel
def move_faces(
    town: F32, height: F32, light: F64, dirty: I64, movers: Movers, lane: int, lanes: int
) -> None:
    """Copy the ``town`` back over the squares ``dirty`` (N, 4), then draw the movers."""
    for n in range(len(dirty)):
        top, end, left, right = dirty[n]
        for row in range(top + (lane - top) % lanes, end, lanes):
            for column in range(left, right):
                height[row, column] = town[row, column]
    points, corners, spans = movers.points, movers.corners, movers.spans
    for n in range(len(spans)):
        for f in range(spans[n, 0], spans[n, 1]):
            drop(height, light, points, corners[f, 0], corners[f, 1], corners[f, 2], lane, lanes)


@dataclass(slots=True)
class Shadows:
    """Memory: the town's heights for one direction of the sun, and the same with movers on it."""

    town: F32
    height: F32
    light: F64
    key: tuple[float, float]
    dirty: I64  # (N, 4) first and last + 1 row and column of squares with movers on them


def light_matrix(azimuth: float, altitude: float, points: F32) -> tuple[F64, tuple[int, int]]:
    """The map's ``light`` (3, 4) and shape (rows, columns) that hold ``points`` (N, 3)."""
    altitude = max(altitude, LOWEST)
    sun = np.array(
        [np.cos(altitude) * np.cos(azimuth), np.cos(altitude) * np.sin(azimuth), np.sin(altitude)]
    )
    across = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    light = np.zeros((3, 4))
    light[0, :3], light[1, :3], light[2, :3] = across, np.cross(sun, across), sun
    flat = points.astype(np.float64) @ light[:2, :3].T
    low, high = flat.min(axis=0), flat.max(axis=0)
    scale = min(FINEST, float(np.min(LONGEST / np.maximum(high - low, 1.0))))
    light[:2, :3] *= scale
    light[:2, 3] = -low * scale
    light[2, 3] = -min(0.75 / (scale * np.tan(altitude)), 1.5)
    columns, rows = np.ceil((high - low) * scale).astype(int) + 2
    return light, (int(rows), int(columns))


def bake(pool: Pool, key: tuple[float, float], shaded: F32, points: F32, corners: I32) -> Shadows:
    """The town's own shadows for the sun at ``key`` (azimuth, altitude; rad).

    They fall where the points ``shaded`` (N, 3) are, from the triangles ``corners`` of ``points``.
    """
    light, shape = light_matrix(*key, shaded)
    town = np.full(shape, -np.inf, np.float32)
    pool(drop_faces, town, light, points, corners, np.array([[0, len(corners)]], np.int32))
    return Shadows(town, town.copy(), light, key, np.zeros((0, 4), np.int64))


def squares(shadows: Shadows, movers: Movers) -> I64:
    """Where movers may change the map: rows like `Shadows.dirty`."""
    light = shadows.light
    flat = movers.at @ light[:2, :3].T + light[:2, 3]
    reach = (movers.radius * np.linalg.norm(light[0, :3]))[:, None]
    most = np.array(shadows.town.shape)[::-1]
    low = np.clip(np.floor(flat - reach) - 1, 0, most).astype(np.int64)
    high = np.clip(np.ceil(flat + reach) + 1, 0, most).astype(np.int64)
    return np.stack([low[:, 1], high[:, 1], low[:, 0], high[:, 0]], axis=1)


def move(shadows: Shadows, pool: Pool, movers: Movers) -> ShadowMap:
    """The map with moving things on it."""
    height, light, dirty = shadows.height, shadows.light, shadows.dirty
    pool(move_faces, shadows.town, height, light, dirty, movers)
    shadows.dirty = squares(shadows, movers)
    return ShadowMap(height, light)
