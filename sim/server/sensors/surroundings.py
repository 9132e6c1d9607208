"""What rays can meet: the town's triangles in a grid seen from above, and the actors' boxes.

World frame, metres. The triangles are two-sided. Nothing here depends on threads or on order of
calls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.jit import helper, kernel, maker
from sim.server.poses import matrices
from sim.server.scene import F32, I32, U8, U32, Material, Mesh

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_MOST_CELLS = 4096  # per side
_CELL = 6.0  # m: about a lane and a half
_SIDES = np.array(
    [
        [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
        [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
    ]
)  # fmt: skip
"""A box's triangles by its corners; corner i has the signs of i's bits (x, y, z)."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """The actors as oriented boxes, at one moment."""

    pose: F64  # (N, 6) x, y, z m of the box middles, roll, pitch, yaw rad
    half: F64  # (N, 3) m
    actor_id: U32  # (N,)
    label: U8  # (N,)
    velocity: F64  # (N, 3) m/s, world axes

    def without(self, place: F64) -> Boxes:
        """Those that `place` (3,) m does not lie in: nobody sees its own inside."""
        if not len(self.half):
            return self
        turn = matrices(self.pose)[:, :3, :3]
        local = np.einsum("nji,nj->ni", turn, place - self.pose[:, :3])
        return self.only((np.abs(local) > self.half).any(axis=1))

    def only(self, chosen: NDArray[np.bool_]) -> Boxes:
        """Those (N,) that are chosen."""
        return Boxes(
            self.pose[chosen],
            self.half[chosen],
            self.actor_id[chosen],
            self.label[chosen],
            self.velocity[chosen],
        )

    def triangles(self) -> F32:
        """(12 N, 3, 3) m, world frame; box by box."""
        bits = np.array([[(i >> axis) & 1 for axis in (2, 1, 0)] for i in range(8)])
        local = (2.0 * bits - 1.0) * self.half[:, None, :]
        turn = matrices(self.pose)[:, :3, :3]
        corners = np.einsum("nij,nkj->nki", turn, local) + self.pose[:, None, :3]
        sides: F32 = corners[:, _SIDES].reshape(-1, 3, 3).astype(np.float32)
        return sides


NOBODY = Boxes(
    pose=np.zeros((0, 6)),
    half=np.zeros((0, 3)),
    actor_id=np.zeros(0, np.uint32),
    label=np.zeros(0, np.uint8),
    velocity=np.zeros((0, 3)),
)


@helper
def _cells_of(triangle: F32, origin: F64, cell: float, size: I64, out: I64) -> None:
    """First and last row and column (4,) that a triangle's surroundings touch."""
    for axis in range(2):
        low = min(triangle[0, axis], triangle[1, axis], triangle[2, axis])
        high = max(triangle[0, axis], triangle[1, axis], triangle[2, axis])
        out[2 * axis] = min(max(int((low - origin[axis]) // cell), 0), size[axis] - 1)
        out[2 * axis + 1] = min(max(int((high - origin[axis]) // cell), 0), size[axis] - 1)


@helper
def _misses(triangle: F32, x: float, y: float, half: float) -> bool:
    """Whether a triangle seen from above stays out of the square about (x, y)."""
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        nx = triangle[i, 1] - triangle[j, 1]
        ny = triangle[j, 0] - triangle[i, 0]
        third = nx * (triangle[k, 0] - triangle[i, 0]) + ny * (triangle[k, 1] - triangle[i, 1])
        if third < 0.0:
            nx, ny = -nx, -ny
        most = nx * (x - triangle[i, 0]) + ny * (y - triangle[i, 1])
        most += half * (abs(nx) + abs(ny))
        if most < -1e-6:
            return True
    return False


@maker
def _fill(triangles: F32, origin: F64, cell: float, size: I64, cursor: I64, items: I32) -> None:
    """Write every triangle into the cells it meets; with no `items`, only count them."""
    span = np.zeros(4, np.int64)
    for i in range(triangles.shape[0]):
        _cells_of(triangles[i], origin, cell, size, span)
        for col in range(span[0], span[1] + 1):
            for row in range(span[2], span[3] + 1):
                x, y = origin[0] + (col + 0.5) * cell, origin[1] + (row + 0.5) * cell
                if _misses(triangles[i], x, y, 0.5 * cell):
                    continue
                k = row * size[0] + col
                if items.shape[0]:
                    items[cursor[k]] = i
                cursor[k] += 1


@maker
def gather(
    edges: I64, items: I32, size: I64, origin: F64, cell: float, x: float, y: float, reach: float
) -> I32:
    """The numbers of the triangles in all cells within `reach` m of a place, with repeats."""
    col0 = max(int((x - reach - origin[0]) // cell), 0)
    col1 = min(int((x + reach - origin[0]) // cell), size[0] - 1)
    row0 = max(int((y - reach - origin[1]) // cell), 0)
    row1 = min(int((y + reach - origin[1]) // cell), size[1] - 1)
    count = 0
    for row in range(row0, row1 + 1):
        if col1 >= col0:
            count += edges[row * size[0] + col1 + 1] - edges[row * size[0] + col0]
    out = np.empty(count, np.int32)
    count = 0
    for row in range(row0, row1 + 1):
        if col1 >= col0:
            for k in range(edges[row * size[0] + col0], edges[row * size[0] + col1 + 1]):
                out[count] = items[k]
                count += 1
    return out


@helper
def _meet(triangle: F32, o: F64, d: F64, limit: float) -> float:
    """Distance along the unit vector d to a triangle; `limit` where it is not nearer.

    Moeller and Trumbore, Fast, minimum storage ray-triangle intersection, 1997.
    """
    e1x = triangle[1, 0] - triangle[0, 0]
    e1y = triangle[1, 1] - triangle[0, 1]
    e1z = triangle[1, 2] - triangle[0, 2]
    e2x = triangle[2, 0] - triangle[0, 0]
    e2y = triangle[2, 1] - triangle[0, 1]
    e2z = triangle[2, 2] - triangle[0, 2]
    px, py, pz = d[1] * e2z - d[2] * e2y, d[2] * e2x - d[0] * e2z, d[0] * e2y - d[1] * e2x
    det = e1x * px + e1y * py + e1z * pz
    if abs(det) < 1e-12:
        return limit
    tx, ty, tz = o[0] - triangle[0, 0], o[1] - triangle[0, 1], o[2] - triangle[0, 2]
    u = (tx * px + ty * py + tz * pz) / det
    if u < -1e-9 or u > 1.0 + 1e-9:
        return limit
    qx, qy, qz = ty * e1z - tz * e1y, tz * e1x - tx * e1z, tx * e1y - ty * e1x
    v = (d[0] * qx + d[1] * qy + d[2] * qz) / det
    if v < -1e-9 or u + v > 1.0 + 1e-9:
        return limit
    t = (e2x * qx + e2y * qy + e2z * qz) / det
    return float(t) if 1e-6 < t < limit else limit


@helper
def _through(
    o: F64, d: F64, origin: F64, cell: float, size: I64, limit: float
) -> tuple[float, float]:
    """The part (m) of a ray over the cells; empty where the first exceeds the second."""
    here, stop = 0.0, limit
    for axis in range(2):
        low, high = origin[axis], origin[axis] + cell * size[axis]
        if abs(d[axis]) < 1e-12:
            if o[axis] < low or o[axis] > high:
                return 1.0, 0.0
        else:
            one, two = (low - o[axis]) / d[axis], (high - o[axis]) / d[axis]
            here, stop = max(here, min(one, two)), min(stop, max(one, two))
    return here, stop


@helper
def _leave(o: F64, d: F64, origin: F64, cell: float, col: int, row: int, limit: float) -> float:
    """Where (m) a ray leaves a cell."""
    out = limit
    for axis in range(2):
        index = col if axis == 0 else row
        if d[axis] > 1e-12:
            out = min(out, (origin[axis] + (index + 1) * cell - o[axis]) / d[axis])
        elif d[axis] < -1e-12:
            out = min(out, (origin[axis] + index * cell - o[axis]) / d[axis])
    return float(out)


@helper
def _march(
    triangles: F32, edges: I64, items: I32, size: I64, origin: F64, cell: float, o: F64, d: F64,
    limit: float,
) -> tuple[float, int]:  # fmt: skip
    """The nearest triangle along a ray, cell by cell (Amanatides and Woo, 1987)."""
    best, which = limit, -1
    nudge = 1e-6 * cell / max(math.hypot(d[0], d[1]), 1e-9)
    here, stop = _through(o, d, origin, cell, size, limit)
    while here <= stop:
        at = here + 0.1 * nudge
        col = min(max(int((o[0] + at * d[0] - origin[0]) // cell), 0), size[0] - 1)
        row = min(max(int((o[1] + at * d[1] - origin[1]) // cell), 0), size[1] - 1)
        for k in range(edges[row * size[0] + col], edges[row * size[0] + col + 1]):
            t = _meet(triangles[items[k]], o, d, best)
            if t < best:
                best, which = t, items[k]
        leave = _leave(o, d, origin, cell, col, row, limit + cell)
        if best <= leave:
            break
        here = max(leave, here + nudge)
    return best, which


@kernel
def _march_all(
    triangles: F32, edges: I64, items: I32, size: I64, origin: F64, cell: float, o: F64, d: F64,
    limit: float, t: F64, which: I64,
) -> None:  # fmt: skip
    for i in range(d.shape[0]):
        t[i], which[i] = _march(triangles, edges, items, size, origin, cell, o[i], d[i], limit)


@kernel
def _boxes(triangles: F32, o: F64, d: F64, t: F64, which: I64, first: int) -> None:
    """Let the rays meet the boxes' triangles too; they count from `first`."""
    for i in range(d.shape[0]):
        for k in range(triangles.shape[0]):
            nearer = _meet(triangles[k], o[i], d[i], t[i])
            if nearer < t[i]:
                t[i], which[i] = nearer, first + k


@dataclass(frozen=True, slots=True)
class Hits:
    """Where rays ended."""

    distance: F64  # (N,) m; the limit where nothing was met
    met: NDArray[np.bool_]  # (N,)
    label: U8  # (N,)
    object_id: U32  # (N,) actor id, 0 for the town
    box: I64  # (N,) index into the boxes, -1 for the town and for nothing


def unit_normals(triangles: F32) -> F32:
    """(T, 3) of triangles (T, 3, 3); zero where one has no area."""
    one, two = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    normal = np.cross(one, two)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    out: F32 = (normal / np.maximum(length, 1e-12)).astype(np.float32)
    return out


class Surroundings:
    """The town for rays. Memory: the triangles and their grid, made once."""

    def __init__(self, mesh: Mesh) -> None:
        self.triangles: F32 = np.ascontiguousarray(mesh.vertices[mesh.faces], np.float32)
        self.normals = unit_normals(self.triangles)
        self.label: U8 = mesh.label
        # a lamp's number is its lens, not an actor
        self.object_id: U32 = np.where(mesh.material == Material.LAMP, 0, mesh.instance).astype(
            np.uint32
        )
        flat = mesh.vertices[:, :2].astype(np.float64)
        low = flat.min(axis=0) if len(flat) else np.zeros(2)
        high = flat.max(axis=0) if len(flat) else np.zeros(2)
        self.cell = max(_CELL, float((high - low).max()) / _MOST_CELLS)
        self.origin = low
        self.size = np.maximum(np.ceil((high - low) / self.cell), 1.0).astype(np.int64)
        counts = np.zeros(int(self.size.prod()) + 1, np.int64)
        nothing = np.zeros(0, np.int32)
        _fill(self.triangles, self.origin, self.cell, self.size, counts, nothing)
        self.edges = np.concatenate([[0], np.cumsum(counts[:-1])])
        self.items = np.zeros(int(self.edges[-1]), np.int32)
        cursor = np.append(self.edges[:-1], 0)
        _fill(self.triangles, self.origin, self.cell, self.size, cursor, self.items)

    def near(self, place: F64, reach: float) -> I32:
        """Numbers of the triangles that may lie within `reach` m of `place` (2+,), each once."""
        some = gather(
            self.edges, self.items, self.size, self.origin, self.cell,
            float(place[0]), float(place[1]), reach,
        )  # fmt: skip
        seen = np.zeros(len(self.triangles), np.bool_)
        seen[some] = True
        return np.flatnonzero(seen).astype(np.int32)

    def cast(self, origins: F64, directions: F64, limit: float, boxes: Boxes = NOBODY) -> Hits:
        """The first things that rays from (N, 3) m along unit vectors (N, 3) meet.

        No ray goes further than `limit` m.
        """
        count = len(origins)
        t, which = np.full(count, limit), np.full(count, -1, np.int64)
        o, d = np.ascontiguousarray(origins), np.ascontiguousarray(directions)
        if len(self.triangles):
            _march_all(
                self.triangles, self.edges, self.items, self.size, self.origin, self.cell, o, d,
                limit, t, which,
            )  # fmt: skip
        first = len(self.triangles)
        _boxes(boxes.triangles(), o, d, t, which, first)
        return self.describe(t, which, boxes)

    def describe(self, distance: F64, which: I64, boxes: Boxes) -> Hits:
        """Labels and ids of triangles: the town's first, then twelve per box; -1 is nothing."""
        first = len(self.triangles)
        box = np.where(which >= first, (which - first) // 12, -1)
        label = np.zeros(which.shape, np.uint8)
        object_id = np.zeros(which.shape, np.uint32)
        town = (which >= 0) & (which < first)
        label[town], object_id[town] = self.label[which[town]], self.object_id[which[town]]
        actor = box >= 0
        label[actor], object_id[actor] = boxes.label[box[actor]], boxes.actor_id[box[actor]]
        return Hits(distance, which >= 0, label, object_id, box)
