"""Which bodies may meet in a step: those whose surroundings overlap.

The surroundings of a body are a rectangle along the world's axes that holds it wherever it is in
the step: low x, low y, high x, high y (m). Bodies are records of `contact_step.BODY`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.jit import helper, kernel, maker
from sim.server.vehicle_arrays import Records

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_CELL = 8.0  # m
_MOST_CELLS = 512  # along an axis; what lies beyond them counts to those at the rim


@dataclass(frozen=True, slots=True)
class Grid:
    """What stands still, by cell."""

    bounds: F64  # (K, 4) surroundings, by number
    origin: F64  # (2,) m
    cells: I64  # (rows, columns, 2) first and one past the last item
    items: I64  # numbers


def grid_of(obstacles: Records, present: NDArray[np.bool_]) -> Grid:
    """Every present obstacle in all cells that its surroundings touch."""
    reach = np.hypot(obstacles["half_x"], obstacles["half_y"])
    cos, sin = np.abs(np.cos(obstacles["yaw"])), np.abs(np.sin(obstacles["yaw"]))
    wide = np.minimum(cos * obstacles["half_x"] + sin * obstacles["half_y"], reach)
    high = np.minimum(sin * obstacles["half_x"] + cos * obstacles["half_y"], reach)
    x, y = obstacles["x"], obstacles["y"]
    bounds = np.stack([x - wide, y - high, x + wide, y + high], axis=-1)
    numbers = np.flatnonzero(present)
    if not len(numbers):
        return Grid(bounds, np.zeros(2), np.zeros((0, 0, 2), np.int64), numbers)
    low = bounds[numbers, :2]
    origin = np.maximum(low.min(axis=0), np.median(low, axis=0) - 0.5 * _MOST_CELLS * _CELL)
    low_col, low_row, high_col, high_row = (
        ((bounds[numbers, k] - origin[k % 2]) // _CELL).clip(0, _MOST_CELLS - 1).astype(int)
        for k in range(4)
    )
    shape = (high_row.max() + 1, high_col.max() + 1)
    entries = [
        (row * shape[1] + col, number)
        for number, r0, r1, c0, c1 in zip(
            numbers, low_row, high_row, low_col, high_col, strict=True
        )
        for row in range(r0, r1 + 1)
        for col in range(c0, c1 + 1)
    ]
    entries.sort()
    keys = np.array([key for key, _ in entries])
    edges = np.searchsorted(keys, np.arange(shape[0] * shape[1] + 1))
    cells = np.stack([edges[:-1], edges[1:]], axis=-1).reshape(*shape, 2)
    items = np.array([number for _, number in entries], np.int64)
    return Grid(bounds, origin, cells, items)


def pairs_of(moving: Records, grid: Grid) -> I64:
    """The pairs (P, 2) that may meet, each once, in order: by the first, obstacles last.

    An obstacle goes by its number; the moving bodies' numbers follow those of the obstacles.
    """
    around = np.empty((len(moving), 4))
    _surround(moving, around)
    among = _moving_pairs(around, np.argsort(around[:, 0], kind="stable"))
    still = _standing_pairs(around, grid.bounds, grid.origin, grid.cells, grid.items)
    pairs = np.concatenate([among, still])
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    first = len(grid.bounds)
    return np.where(pairs < len(moving), pairs + first, pairs - len(moving))


@kernel
def _surround(bodies: Records, out: F64) -> None:
    """The surroundings (N, 4) of moving bodies."""
    for i in range(bodies.shape[0]):
        s = bodies[i]
        reach = math.hypot(s.half_x, s.half_y)
        out[i, 0], out[i, 1] = min(s.x, s.x0) - reach, min(s.y, s.y0) - reach
        out[i, 2], out[i, 3] = max(s.x, s.x0) + reach, max(s.y, s.y0) + reach


@maker
def _appended(pairs: I64, count: int, a: int, b: int) -> I64:
    """`pairs` with (a, b) at `count`; twice as long where it was full."""
    if count == pairs.shape[0]:
        longer = np.empty((2 * count, 2), np.int64)
        for k in range(count):
            longer[k, 0], longer[k, 1] = pairs[k, 0], pairs[k, 1]
        pairs = longer
    pairs[count, 0], pairs[count, 1] = a, b
    return pairs


@maker
def _moving_pairs(around: F64, order: I64) -> I64:
    """Pairs among moving bodies (by index); `order` sorts them by their low x."""
    pairs, count = np.empty((64, 2), np.int64), 0
    for i in range(order.shape[0]):
        a = order[i]
        for j in range(i + 1, order.shape[0]):
            b = order[j]
            if around[b, 0] > around[a, 2]:
                break
            if around[a, 1] <= around[b, 3] and around[b, 1] <= around[a, 3]:
                pairs = _appended(pairs, count, min(a, b), max(a, b))
                count += 1
    return pairs[:count]


@helper
def _cell(at: float, first: float, count: int) -> int:
    """The row or column, of so many, that a coordinate (m) counts to; `first` is where they begin.

    Numbers that no integer can hold count to the rim, and what is no number to the first.
    """
    cell = (at - first) // _CELL
    if not cell > 0.0:
        return 0
    return int(min(cell, float(count - 1)))


@maker
def _standing_pairs(around: F64, bounds: F64, origin: F64, cells: I64, items: I64) -> I64:
    """Pairs of moving bodies (by index) and obstacles (by their count + number).

    Each is found in the first cell that both share.
    """
    pairs, count = np.empty((64, 2), np.int64), 0
    rows, columns = cells.shape[0], cells.shape[1]
    for a in range(around.shape[0] if rows > 0 else 0):
        row0 = _cell(around[a, 1], origin[1], rows)
        row1 = _cell(around[a, 3], origin[1], rows)
        col0 = _cell(around[a, 0], origin[0], columns)
        col1 = _cell(around[a, 2], origin[0], columns)
        for row in range(row0, row1 + 1):
            for col in range(col0, col1 + 1):
                for k in range(cells[row, col, 0], cells[row, col, 1]):
                    b = items[k]
                    if around[a, 0] > bounds[b, 2] or bounds[b, 0] > around[a, 2]:
                        continue
                    if around[a, 1] > bounds[b, 3] or bounds[b, 1] > around[a, 3]:
                        continue
                    first_row = max(row0, _cell(bounds[b, 1], origin[1], rows))
                    first_col = max(col0, _cell(bounds[b, 0], origin[0], columns))
                    if row == first_row and col == first_col:
                        pairs = _appended(pairs, count, a, around.shape[0] + b)
                        count += 1
    return pairs[:count]
