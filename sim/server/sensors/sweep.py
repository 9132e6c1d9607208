"""All beams of a rotating laser at once: triangles are painted on a grid of elevation and azimuth.

The beams leave one point, so each triangle is looked at once and covers the beams in its range of
angles. For unit vector d and corners v0, v1, v2 about the sensor: d meets the triangle where the
three products d . (vi x vj) have one sign, at distance v0 . (v1 x v2) / their sum.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from common.jit import helper, maker
from sim.server.scene import F32, I32

F64 = NDArray[np.float64]

_MARGIN = 1e-4  # rad added to a triangle's range of angles


@helper
def _closest(ax: float, ay: float, bx: float, by: float) -> float:
    """Distance (m) of the origin from a segment in the plane."""
    dx, dy = bx - ax, by - ay
    length = dx * dx + dy * dy
    t = 0.0 if length == 0.0 else min(max(-(ax * dx + ay * dy) / length, 0.0), 1.0)
    return math.hypot(ax + t * dx, ay + t * dy)


@helper
def _elevations(v: F32, span: F64) -> bool:
    """Bounds (rad) of a triangle's elevation to span[0:2]; whether it stands above the origin."""
    s0 = v[0, 0] * v[1, 1] - v[0, 1] * v[1, 0]
    s1 = v[1, 0] * v[2, 1] - v[1, 1] * v[2, 0]
    s2 = v[2, 0] * v[0, 1] - v[2, 1] * v[0, 0]
    around = (s0 >= 0.0 and s1 >= 0.0 and s2 >= 0.0) or (s0 <= 0.0 and s1 <= 0.0 and s2 <= 0.0)
    near = 0.0
    if not around:
        near = min(
            _closest(v[0, 0], v[0, 1], v[1, 0], v[1, 1]),
            _closest(v[1, 0], v[1, 1], v[2, 0], v[2, 1]),
            _closest(v[2, 0], v[2, 1], v[0, 0], v[0, 1]),
        )
    far = 0.0
    for i in range(3):
        far = max(far, math.hypot(v[i, 0], v[i, 1]))
    low, high = min(v[0, 2], v[1, 2], v[2, 2]), max(v[0, 2], v[1, 2], v[2, 2])
    span[0] = math.atan2(low, far if low > 0.0 else near) - _MARGIN
    span[1] = math.atan2(high, near if high > 0.0 else far) + _MARGIN
    span[4] = near
    return bool(around)


@helper
def _azimuths(v: F32, span: F64) -> None:
    """Bounds (rad) of the azimuth of a triangle that does not stand above the origin."""
    first = math.atan2(v[0, 1], v[0, 0])
    low = high = 0.0
    for i in range(1, 3):
        turn = math.atan2(v[i, 1], v[i, 0]) - first
        turn -= 2.0 * math.pi * math.floor((turn + math.pi) / (2.0 * math.pi))
        low, high = min(low, turn), max(high, turn)
    span[2], span[3] = first + low - _MARGIN, first + high + _MARGIN


@helper
def _paint_row(
    n: F32, cos: F32, sin: F32, c: float, s: float, first: int, last: int, number: int,
    depth: F32, which: I32,
) -> None:  # fmt: skip
    """Beams first..last of one channel (elevation's cosine c, sine s) against one triangle.

    n: the three edge normals (9,), then the triple product.
    """
    a0, b0, k0 = np.float32(n[0] * c), np.float32(n[1] * c), np.float32(n[2] * s)
    a1, b1, k1 = np.float32(n[3] * c), np.float32(n[4] * c), np.float32(n[5] * s)
    a2, b2, k2 = np.float32(n[6] * c), np.float32(n[7] * c), np.float32(n[8] * s)
    triple = n[9]
    zero = np.float32(0.0)
    for i in range(first, last + 1):
        e0 = a0 * cos[i] + b0 * sin[i] + k0
        e1 = a1 * cos[i] + b1 * sin[i] + k1
        e2 = a2 * cos[i] + b2 * sin[i] + k2
        total = e0 + e1 + e2
        hit = (e0 >= zero) & (e1 >= zero) & (e2 >= zero) & (triple < depth[i] * total)
        depth[i] = triple / total if hit else depth[i]
        which[i] = number if hit else which[i]


@helper
def _normals(v: F32, n: F32) -> None:
    """Edge normals and triple product of corners (3, 3), turned so that the latter is >= 0."""
    for i in range(3):
        j = (i + 1) % 3
        n[3 * i] = v[i, 1] * v[j, 2] - v[i, 2] * v[j, 1]
        n[3 * i + 1] = v[i, 2] * v[j, 0] - v[i, 0] * v[j, 2]
        n[3 * i + 2] = v[i, 0] * v[j, 1] - v[i, 1] * v[j, 0]
    n[9] = v[2, 0] * n[0] + v[2, 1] * n[1] + v[2, 2] * n[2]
    if n[9] < 0.0:
        for i in range(10):
            n[i] = -n[i]


@helper
def _turn(corners: F32, origin: F64, turn: F64, v: F32) -> None:
    """Corners (3, 3) about the sensor, in its axes, to v."""
    for i in range(3):
        x, y, z = corners[i, 0] - origin[0], corners[i, 1] - origin[1], corners[i, 2] - origin[2]
        for j in range(3):
            v[i, j] = turn[j, 0] * x + turn[j, 1] * y + turn[j, 2] * z


@maker
def paint(
    triangles: F32, numbers: I32, origin: F64, turn: F64, upper: float, pitch: float,
    start: float, step: float, cos: F32, sin: F32, offset: int, depth: F32, which: I32,
) -> None:  # fmt: skip
    """Paint triangles (T, 3, 3) m, world frame, on depth and which (channels, beams).

    `turn` (3, 3) is sensor_from_world. Channel r has elevation upper - r * pitch, beam i azimuth
    start + i * step (rad, positive left; step > 0). Triangle k is written as offset + numbers[k].
    """
    channels, beams = depth.shape
    v, n, span = np.empty((3, 3), np.float32), np.empty(10, np.float32), np.empty(5)
    limit = depth.max()
    circle = 2.0 * math.pi / step
    for k in range(numbers.shape[0]):
        _turn(triangles[numbers[k]], origin, turn, v)
        around = _elevations(v, span)
        top = max(math.ceil((upper - span[1]) / pitch), 0)
        bottom = min(math.floor((upper - span[0]) / pitch), channels - 1)
        _normals(v, n)
        if top > bottom or span[4] > limit or n[9] == 0.0:
            continue
        first, last, turns = 0.0, beams - 1.0, range(1)
        if not around:
            _azimuths(v, span)
            first, last = (span[2] - start) / step, (span[3] - start) / step
            turns = range(math.ceil(-last / circle), math.floor((beams - 1 - first) / circle) + 1)
        for m in turns:
            low = max(math.ceil(first + m * circle), 0)
            high = min(math.floor(last + m * circle), beams - 1)
            for r in range(top, bottom + 1):
                c, s = math.cos(upper - r * pitch), math.sin(upper - r * pitch)
                _paint_row(n, cos, sin, c, s, low, high, offset + numbers[k], depth[r], which[r])
