"""The ground as a raster: heights and what they are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from common.errors import UserError
from common.frames import FloatArray
from common.jit import helper, kernel

CELL = 0.5  # m
MARGIN = 60.0  # m of soil around the outermost road
MOST_CELLS = 1 << 26  # of a map: 16 km2; laying it takes 4 GB
CLEARANCE = 2.5  # m: surfaces farther apart are a bridge and what lies below
BELOW = 6.0  # m beside a road in which a bridge above it has nothing under it
STEP = 1.0  # m above a thing where the higher of two levels ceases to carry it
SOIL, ROAD, PAVEMENT = 0, 1, 2

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Ground:
    """Heights at grid points; under bridges two of them."""

    x: float  # m, of column 0
    y: float  # m, of row 0
    cell: float  # m
    lower: F32  # (rows, columns) m
    upper: F32  # (rows, columns) m; the same where there is one level
    kind: U8  # (rows, columns) SOIL, ROAD or PAVEMENT

    def __call__(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Height (N,) m and normal (N, 3) at points (N, 2) or (N, 3) m.

        Under bridges z decides: the higher level counts where it lies less than STEP above z;
        without z it always does.
        """
        z = points[:, 2] if points.shape[1] > 2 else np.full(len(points), np.inf)
        height, normal = np.empty(len(points)), np.empty((len(points), 3))
        levels = (self.x, self.y, self.cell, self.lower, self.upper)
        points, z = np.ascontiguousarray(points, np.float64), np.ascontiguousarray(z, np.float64)
        _sample(*levels, points, z, height, normal)
        return height, normal

    def lowest(self, xy: FloatArray) -> FloatArray:
        """The lower level (N,) m at the grid points nearest to xy (N, 2) m."""
        rows, columns = self.lower.shape
        column = np.rint((xy[:, 0] - self.x) / self.cell).astype(np.int64)
        row = np.rint((xy[:, 1] - self.y) / self.cell).astype(np.int64)
        found = self.lower[np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)]
        return found.astype(np.float64)

    def kind_at(self, xy: FloatArray) -> U8:
        """What lies at the grid point nearest to each xy (..., 2) m."""
        column = np.rint((xy[..., 0] - self.x) / self.cell).astype(np.int64)
        row = np.rint((xy[..., 1] - self.y) / self.cell).astype(np.int64)
        rows, columns = self.kind.shape
        found: U8 = self.kind[np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)]
        return found


def lay_ground(roads: FloatArray, pavements: FloatArray) -> Ground:
    """The ground under triangles (F, 3, 3) m of road and of pavement, soil around them.

    Raises:
        UserError: they lie too far apart.
    """
    corners = np.concatenate([roads, pavements])[..., :2].reshape(-1, 2)
    low = np.floor(corners.min(axis=0) - MARGIN)
    high = corners.max(axis=0) + MARGIN
    columns, rows = (int(n) for n in np.ceil((high - low) / CELL) + 1)
    if columns * rows > MOST_CELLS:
        wide, long = high - low
        raise UserError(f"expected a map of 16 km2 at most, got {wide:.0f} m x {long:.0f} m")
    lower = np.full((rows, columns), np.inf, np.float32)
    upper = np.full((rows, columns), -np.inf, np.float32)
    kind = np.zeros((rows, columns), np.uint8)
    for triangles, code in ((pavements, PAVEMENT), (roads, ROAD)):
        _rasterise(triangles, low[0], low[1], CELL, lower, upper, kind, code)
    single = upper - lower < CLEARANCE
    lower[single] = upper[single]
    known = kind > 0
    below = ndimage.minimum_filter(np.where(known, lower, np.inf), round(2.0 * BELOW / CELL) + 1)
    lower = np.where(known & (upper - below > CLEARANCE), below, lower)
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    lower = lower[nearest[0], nearest[1]]
    upper = np.where(known, upper, lower)
    return Ground(float(low[0]), float(low[1]), CELL, lower, upper, kind)


@helper
def _place(at: float, last: float) -> float:
    """A grid coordinate held in [0, last]; 0 for one that is no number."""
    if not at > 0.0:
        return 0.0
    return min(at, last)


@helper
def _level(lower: F32, upper: F32, i: int, j: int, z: float) -> float:
    """The height of the level at a grid point that carries what is at z."""
    level = float(upper[i, j])
    return level if level < z + STEP else float(lower[i, j])


@kernel
def _sample(
    x0: float,
    y0: float,
    cell: float,
    lower: F32,
    upper: F32,
    points: FloatArray,
    z: FloatArray,
    height: FloatArray,
    normal: FloatArray,
) -> None:
    """Heights and normals between four grid points each (bilinear)."""
    for n in range(points.shape[0]):
        column = _place((points[n, 0] - x0) / cell, lower.shape[1] - 1.001)
        row = _place((points[n, 1] - y0) / cell, lower.shape[0] - 1.001)
        j, i = int(column), int(row)
        u, v = column - j, row - i
        a, b = _level(lower, upper, i, j, z[n]), _level(lower, upper, i, j + 1, z[n])
        c, d = _level(lower, upper, i + 1, j, z[n]), _level(lower, upper, i + 1, j + 1, z[n])
        near, far = a + u * (b - a), c + u * (d - c)
        slope_x = ((1.0 - v) * (b - a) + v * (d - c)) / cell
        slope_y = (far - near) / cell
        size = np.sqrt(slope_x * slope_x + slope_y * slope_y + 1.0)
        height[n] = near + v * (far - near)
        normal[n, 0], normal[n, 1], normal[n, 2] = -slope_x / size, -slope_y / size, 1.0 / size


@kernel
def _rasterise(
    triangles: FloatArray,
    x0: float,
    y0: float,
    cell: float,
    lower: F32,
    upper: F32,
    kind: U8,
    code: int,
) -> None:
    """Heights of triangles at grid points; road wins over pavement of the same level."""
    for n in range(triangles.shape[0]):
        ax, ay, az = triangles[n, 0, 0], triangles[n, 0, 1], triangles[n, 0, 2]
        bx, by, bz = triangles[n, 1, 0], triangles[n, 1, 1], triangles[n, 1, 2]
        cx, cy, cz = triangles[n, 2, 0], triangles[n, 2, 1], triangles[n, 2, 2]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-9:
            continue
        first = max(int(np.ceil((min(ax, bx, cx) - x0) / cell - 1e-6)), 0)
        last = min(int(np.floor((max(ax, bx, cx) - x0) / cell + 1e-6)), lower.shape[1] - 1)
        bottom = max(int(np.ceil((min(ay, by, cy) - y0) / cell - 1e-6)), 0)
        top = min(int(np.floor((max(ay, by, cy) - y0) / cell + 1e-6)), lower.shape[0] - 1)
        for i in range(bottom, top + 1):
            y = y0 + i * cell
            for j in range(first, last + 1):
                x = x0 + j * cell
                p = ((bx - x) * (cy - y) - (cx - x) * (by - y)) / area
                q = ((cx - x) * (ay - y) - (ax - x) * (cy - y)) / area
                r = 1.0 - p - q
                if p < -1e-6 or q < -1e-6 or r < -1e-6:
                    continue
                z = p * az + q * bz + r * cz
                if code == 1 and kind[i, j] == 2 and z > upper[i, j] - 0.5 and z < upper[i, j]:
                    upper[i, j] = z
                    lower[i, j] = min(lower[i, j], z)
                else:
                    lower[i, j] = min(lower[i, j], z)
                    upper[i, j] = max(upper[i, j], z)
                kind[i, j] = code
