"""Triangles to visibility: which face each sample of a picture sees.

Coordinates: a camera's samples, x right and y down, sample (i, j) at (j + 0.5, i + 0.5). A vertex
in homogeneous sample coordinates is (x w, y w, w) with w the depth along the optical axis; 1/w is
affine over the picture, so a face is the plane 1/w = A x + B y + C (Olano and Greer, "Triangle
scan conversion using 2D homogeneous coordinates", 1997).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.jit import inline, kernel
from sim.server.scene import F32, I32

I16 = NDArray[np.int16]
F64 = NDArray[np.float64]

NEAR = 0.1  # m, nothing nearer is drawn
EDGE = 11  # numbers of a triangle: see `emit`


class Cameras(NamedTuple):
    """The views of one frame; sizes in samples."""

    eye: F64  # (K, 3) m, world
    axes: F64  # (K, 3, 3) rows right, down, forward in the world
    lens: F64  # (K, 4) focal length, centre x, centre y, 1 / focal length
    size: I32  # (K, 2) height, width


@inline
def ray(cameras: Cameras, view: int, x: float, y: float) -> tuple[float, float, float]:
    """World direction, one metre deep, through sample coordinates (x, y)."""
    axes = cameras.axes
    a = (x - cameras.lens[view, 1]) * cameras.lens[view, 3]
    b = (y - cameras.lens[view, 2]) * cameras.lens[view, 3]
    return (
        axes[view, 0, 0] * a + axes[view, 1, 0] * b + axes[view, 2, 0],
        axes[view, 0, 1] * a + axes[view, 1, 1] * b + axes[view, 2, 1],
        axes[view, 0, 2] * a + axes[view, 1, 2] * b + axes[view, 2, 2],
    )


class Triangles(NamedTuple):
    """Set-up triangles of a frame, one stretch per block."""

    edge: F32  # (T, EDGE)
    face: I32  # (T,)
    row: I16  # (T, 2) first and last + 1 row of samples
    found: I32  # (B,) triangles of a block
    rows: I32  # (B, 2) rows that a block touches


class Shape(NamedTuple):
    """Vertices and faces, static then moving."""

    vertices: F32  # (V, 3) m, world
    faces: I32  # (F, 3) counted from the block's first vertex


@inline
def emit(out: Triangles, k: int, face: int, p: F32, a: int, b: int, c: int, size: I32) -> int:
    """Write the triangle of points a, b, c (rows of ``p``: xw, yw, w, x, y); the new count."""
    e1x, e1y, e1w = p[b, 0] - p[a, 0], p[b, 1] - p[a, 1], p[b, 2] - p[a, 2]
    e2x, e2y, e2w = p[c, 0] - p[a, 0], p[c, 1] - p[a, 1], p[c, 2] - p[a, 2]
    nx, ny, nw = e1y * e2w - e1w * e2y, e1w * e2x - e1x * e2w, e1x * e2y - e1y * e2x
    volume = nx * p[a, 0] + ny * p[a, 1] + nw * p[a, 2]
    if volume >= 0.0:  # seen from behind
        return k
    if p[b, 4] < p[a, 4]:
        a, b = b, a
    if p[c, 4] < p[a, 4]:
        a, c = c, a
    if p[c, 4] < p[b, 4]:
        b, c = c, b
    x0, y0, x1, y1, x2, y2 = p[a, 3], p[a, 4], p[b, 3], p[b, 4], p[c, 3], p[c, 4]
    top = np.ceil(max(y0, np.float32(0.0)) - np.float32(0.5))
    end = np.ceil(min(y2, np.float32(size[0])) - np.float32(0.5))
    left = np.ceil(max(min(x0, x1, x2), np.float32(0.0)) - np.float32(0.5))
    right = np.ceil(min(max(x0, x1, x2), np.float32(size[1])) - np.float32(0.5))
    if top >= end or left >= right:
        return k
    zero = np.float32(0.0)
    out.edge[k, 0], out.edge[k, 1], out.edge[k, 2] = x0, y0, (x2 - x0) / (y2 - y0)
    out.edge[k, 3], out.edge[k, 4] = x1, y1
    out.edge[k, 5] = (x1 - x0) / (y1 - y0) if y1 > y0 else zero
    out.edge[k, 6] = (x2 - x1) / (y2 - y1) if y2 > y1 else zero
    out.edge[k, 7], out.edge[k, 8], out.edge[k, 9] = nx / volume, ny / volume, nw / volume
    out.face[k] = face
    out.row[k, 0], out.row[k, 1] = np.int16(top), np.int16(end)
    return k + 1


@inline
def clip(p: F32, i: int, j: int, k: int) -> None:
    """Row k of ``p`` becomes the point where the edge from i (seen) to j (not) meets the plane."""
    t = (np.float32(NEAR) - p[i, 2]) / (p[j, 2] - p[i, 2])
    p[k, 0] = p[i, 0] + t * (p[j, 0] - p[i, 0])
    p[k, 1] = p[i, 1] + t * (p[j, 1] - p[i, 1])
    p[k, 2] = NEAR
    p[k, 3], p[k, 4] = p[k, 0] / p[k, 2], p[k, 1] / p[k, 2]


@inline
def cut(p: F32, corners: tuple[int, int, int]) -> int:
    """Cut a face at the near plane, into the last four rows of ``p``; how many corners are left."""
    near = np.float32(NEAR)
    base = len(p) - 4
    n = base
    for e in range(3):
        i, j = corners[e], corners[(e + 1) % 3]
        seen, next_seen = p[i, 2] > near, p[j, 2] > near
        if seen:
            for m in range(5):
                p[n, m] = p[i, m]
            n += 1
        if seen and not next_seen:
            clip(p, i, j, n)
            n += 1
        elif next_seen and not seen:
            clip(p, j, i, n)
            n += 1
    return n - base


@inline
def project(p: F32, shape: Shape, first: int, count: int, cameras: Cameras, view: int) -> None:
    """Vertices of a block in sample coordinates, into ``p``."""
    eye, axes = cameras.eye[view], cameras.axes[view]
    focal, cx, cy = cameras.lens[view, 0], cameras.lens[view, 1], cameras.lens[view, 2]
    for i in range(count):
        x = shape.vertices[first + i, 0] - eye[0]
        y = shape.vertices[first + i, 1] - eye[1]
        z = shape.vertices[first + i, 2] - eye[2]
        w = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z
        u = focal * (axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z) + cx * w
        v = focal * (axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z) + cy * w
        p[i, 0], p[i, 1], p[i, 2] = u, v, w
        p[i, 3], p[i, 4] = u / w, v / w


@kernel
def set_up(
    blocks: I32, shape: Shape, cameras: Cameras, out: Triangles, room: F32, lane: int, lanes: int
) -> None:
    """Project, clip and set up every block.

    ``blocks`` (B, 6): view, first vertex, vertices, first face, faces, first triangle.
    ``room`` (lanes, N, 5) holds the vertices of a block and four more.
    """
    near = np.float32(NEAR)
    p = room[lane]
    base = len(p) - 4
    for b in range(lane, len(blocks), lanes):
        view, v0, nv, f0, nf, start = blocks[b]
        project(p, shape, v0, nv, cameras, view)
        size = cameras.size[view]
        k = max(start, 0)  # of 64 bits from here on: `emit` is compiled for one kind of numbers
        for f in range(f0, f0 + nf):
            i, j, m = shape.faces[f, 0], shape.faces[f, 1], shape.faces[f, 2]
            seen = int(p[i, 2] > near) + int(p[j, 2] > near) + int(p[m, 2] > near)
            if seen == 0:
                continue
            corners = 3
            if seen < 3:
                corners = cut(p, (i, j, m))
                i, j, m = base, base + 1, base + 2
            for _ in range(corners - 2):
                k = emit(out, k, f, p, i, j, m, size)
                j, m = m, m + 1
        out.found[b] = k - start
        low, high = 32767, 0
        for q in range(start, k):
            low, high = min(low, out.row[q, 0]), max(high, out.row[q, 1])
        out.rows[b, 0], out.rows[b, 1] = low, high


@inline
def fill(out: Triangles, k: int, top: int, end: int, inverse: F32, ids: I32, width: int) -> None:
    """Draw triangle k into the band of rows [top, end); the nearest wins, the first on a tie."""
    x0, y0, slope = out.edge[k, 0], out.edge[k, 1], out.edge[k, 2]
    x1, y1, upper, lower = out.edge[k, 3], out.edge[k, 4], out.edge[k, 5], out.edge[k, 6]
    a, b, c = out.edge[k, 7], out.edge[k, 8], out.edge[k, 9]
    face = out.face[k]
    half, zero, limit = np.float32(0.5), np.float32(0.0), np.float32(width)
    for y in range(max(top, int(out.row[k, 0])), min(end, int(out.row[k, 1]))):
        yc = np.float32(y) + half
        xa = x0 + slope * (yc - y0)
        xb = x0 + upper * (yc - y0) if yc < y1 else x1 + lower * (yc - y1)
        left = np.int32(np.ceil(max(min(xa, xb), zero) - half))
        right = np.int32(np.ceil(min(max(xa, xb), limit) - half))
        at_left = b * yc + c + a * half
        for x in range(left, right):
            z = at_left + a * np.float32(x)
            if z > inverse[y - top, x]:
                inverse[y - top, x] = z
                ids[y - top, x] = face


@inline
def fill_band(
    out: Triangles,
    blocks: I32,
    b0: int,
    b1: int,
    top: int,
    end: int,
    inverse: F32,
    ids: I32,
    width: int,
) -> None:
    """Visibility of the rows [top, end) of a view whose blocks are [b0, b1)."""
    for y in range(end - top):
        for x in range(width):
            inverse[y, x] = np.float32(0.0)
            ids[y, x] = -1
    for b in range(b0, b1):
        if out.rows[b, 0] >= end or out.rows[b, 1] <= top:
            continue
        for k in range(blocks[b, 5], blocks[b, 5] + out.found[b]):
            if out.row[k, 0] < end and out.row[k, 1] > top:
                fill(out, k, top, end, inverse, ids, width)
