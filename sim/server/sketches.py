"""Debug drawings in pictures: points, lines, arrows, boxes, hidden by what stands before them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from common.jit import helper, kernel
from sim.server.scene import F32, Planes, View

MOST_SKETCHES = 10_000
NEAR = 0.1  # m, nothing nearer is drawn
BIAS = 0.1  # m a drawing may lie behind a surface and still be seen: drawings lie on roads
THINNEST, THICKEST = 0.71, 24.0  # pixels, half thickness: no pixel of a line is left out
U8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sketch:
    """One drawing in the world frame."""

    lines: FloatArray  # (N, 2, 3) m
    thickness: float  # m
    colour: tuple[int, int, int]
    until: float  # s of simulation time; inf: for good
    frames: int = 0  # it is drawn for at least so many more


def after(sketches: list[Sketch], t: float) -> list[Sketch]:
    """Those that are still drawn when a step has led to the time t (s)."""
    kept = (s for s in sketches if s.frames > 0 or s.until >= t)
    return [replace(s, frames=s.frames - 1) if s.frames > 0 else s for s in kept]


def arrow(begin: FloatArray, end: FloatArray, size: float) -> FloatArray:
    """The lines (5, 2, 3) of an arrow whose head is so long (m)."""
    way = end - begin
    length = float(np.linalg.norm(way))
    way = way / length if length > 1e-9 else np.array([1.0, 0.0, 0.0])
    side = np.cross(way, [0.0, 0.0, 1.0] if abs(way[2]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    up = np.cross(side, way)
    barbs = [end + size * (turn - way) for turn in (side, -side, up, -up)]
    return np.array([[begin, end], *([end, barb] for barb in barbs)])


def box(centre: FloatArray, half: FloatArray, turn: FloatArray) -> FloatArray:
    """The edges (12, 2, 3) of a box with half sizes (3,) m and axes `turn` (3, 3)."""
    signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)
    corners = centre + (signs * half) @ turn.T
    pairs = [(i, j) for i in range(8) for j in range(i) if (signs[i] != signs[j]).sum() == 1]
    edges: FloatArray = corners[np.array(pairs)]
    return edges


def drawn(planes: Planes, view: View, sketches: Sequence[Sketch]) -> Planes:
    """A picture with the drawings in its colours; the other planes stay."""
    rgb = planes.rgb.copy()
    cam_from_world = np.linalg.inv(view.world_from_cam)
    lines = np.concatenate([sketch.lines for sketch in sketches])
    lines = lines @ cam_from_world[:3, :3].T + cam_from_world[:3, 3]
    counts = [len(sketch.lines) for sketch in sketches]
    half = np.repeat([0.5 * sketch.thickness for sketch in sketches], counts)
    colours = np.repeat(np.array([s.colour for s in sketches], np.uint8), counts, axis=0)
    focal = view.width_px / (2.0 * math.tan(view.fov / 2.0))
    _draw_all(rgb, planes.depth, lines, half, colours, focal)
    return replace(planes, rgb=rgb)


def warm_up() -> None:
    """Load or compile the kernel before somebody waits for it."""
    rgb, depth = np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.float32)
    _draw_all(rgb, depth, np.zeros((1, 2, 3)), np.zeros(1), np.zeros((1, 3), np.uint8), 1.0)


@helper
def _columns(
    x: float, y: float, dx: float, dy: float, row: float, reach: float
) -> tuple[float, float]:
    """Where a line from (x, y) along (dx, dy) may come within `reach` of a row (all pixels)."""
    first, last = 0.0, 1.0
    if abs(dy) > 1e-9:
        first, last = (row - reach - y) / dy, (row + reach - y) / dy
        first, last = min(first, last), max(first, last)
        first, last = min(max(first, 0.0), 1.0), min(max(last, 0.0), 1.0)
    left, right = x + first * dx, x + last * dx
    return min(left, right) - reach, max(left, right) + reach


@helper
def _stroke(
    rgb: U8, depth: F32, x: float, y: float, near: float, dx: float, dy: float, along: float,
    half: float, colour: U8,
) -> None:  # fmt: skip
    """Colour a line's pixels that lie before what is there.

    It goes from (x, y) along (dx, dy), in pixels; one over its depth (1/m) begins as `near` and
    grows by `along`; `half` is its half thickness (pixels) at a depth of 1 m.
    """
    height, width = depth.shape
    square = max(dx * dx + dy * dy, 1e-12)
    reach = min(max(half * max(near, near + along), THINNEST), THICKEST)
    top, bottom = max(min(y, y + dy) - reach, 0.0), min(max(y, y + dy) + reach, height - 1.0)
    for i in range(int(min(top, height)), int(bottom) + 1):
        left, right = _columns(x, y, dx, dy, i + 0.5, reach)
        for j in range(
            int(min(max(left, 0.0), width)), int(max(min(right, width - 1.0), -1.0)) + 1
        ):
            u, v = j + 0.5 - x, i + 0.5 - y
            t = min(max((u * dx + v * dy) / square, 0.0), 1.0)
            inverse = near + t * along
            radius = min(max(half * inverse, THINNEST), THICKEST)
            inside = (u - t * dx) ** 2 + (v - t * dy) ** 2 <= radius * radius
            if inside and depth[i, j] > 1.0 / inverse - BIAS:
                for k in range(3):
                    rgb[i, j, k] = colour[k]


@kernel
def _draw_all(
    rgb: U8, depth: F32, lines: FloatArray, half: FloatArray, colours: U8, focal: float
) -> None:
    """Draw lines (N, 2, 3) m of the optical frame, half as thick as `half` (N,) m."""
    height, width = depth.shape
    for n in range(len(lines)):
        a, b = lines[n, 0], lines[n, 1]
        if a[2] > b[2]:
            a, b = b, a
        if b[2] <= NEAR:
            continue
        ax, ay, az = a[0], a[1], a[2]
        if az < NEAR:
            share = (NEAR - az) / (b[2] - az)
            ax, ay, az = ax + (b[0] - ax) * share, ay + (b[1] - ay) * share, NEAR
        x, y = ax / az * focal + 0.5 * width, ay / az * focal + 0.5 * height
        dx, dy = b[0] / b[2] * focal + 0.5 * width - x, b[1] / b[2] * focal + 0.5 * height - y
        along = 1.0 / b[2] - 1.0 / az
        _stroke(rgb, depth, x, y, 1.0 / az, dx, dy, along, half[n] * focal, colours[n])
