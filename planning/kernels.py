"""Geometry in compiled loops: points on lines, boxes that meet."""

from __future__ import annotations

import math

from common.frames import FloatArray
from common.jit import helper


@helper
def locate(
    line: FloatArray, yaw: FloatArray, x: float, y: float, row: int
) -> tuple[int, float, float]:
    """The row of a line (R, 2) nearest to a point, downhill from `row`; offsets from it."""
    best = (line[row, 0] - x) ** 2 + (line[row, 1] - y) ** 2
    for step in (1, -1):
        while 0 <= row + step < len(line):
            square = (line[row + step, 0] - x) ** 2 + (line[row + step, 1] - y) ** 2
            if square >= best:
                break
            best, row = square, row + step
    c, s = math.cos(yaw[row]), math.sin(yaw[row])
    dx, dy = x - line[row, 0], y - line[row, 1]
    return row, dx * c + dy * s, dy * c - dx * s


@helper
def on_line(line: FloatArray, yaw: FloatArray, position: float) -> tuple[int, float, float, float]:
    """Row, x, y and yaw at a fractional row of a line (R, 2), straight on past its ends."""
    row = min(max(int(position), 0), len(line) - 2)
    share = position - row
    inside = min(max(share, 0.0), 1.0)
    x = line[row, 0] + share * (line[row + 1, 0] - line[row, 0])
    y = line[row, 1] + share * (line[row + 1, 1] - line[row, 1])
    return row, x, y, yaw[row] + inside * (yaw[row + 1] - yaw[row])


@helper
def overlap(
    dx: float,
    dy: float,
    yaw_a: float,
    half_a: tuple[float, float],
    yaw_b: float,
    half_b: tuple[float, float],
) -> bool:
    """Whether two boxes meet, by separating axes; (dx, dy) leads from a's centre to b's."""
    ca, sa = math.cos(yaw_a), math.sin(yaw_a)
    cb, sb = math.cos(yaw_b), math.sin(yaw_b)
    c, s = abs(ca * cb + sa * sb), abs(sa * cb - ca * sb)
    return (
        abs(dx * ca + dy * sa) <= half_a[0] + half_b[0] * c + half_b[1] * s
        and abs(dy * ca - dx * sa) <= half_a[1] + half_b[0] * s + half_b[1] * c
        and abs(dx * cb + dy * sb) <= half_b[0] + half_a[0] * c + half_a[1] * s
        and abs(dy * cb - dx * sb) <= half_b[1] + half_a[0] * s + half_a[1] * c
    )
