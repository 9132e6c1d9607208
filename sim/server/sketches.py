"""Debug drawings in pictures: points, lines, arrows, boxes, hidden by what stands before them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from sim.server.scene import Planes, View

MOST_SKETCHES = 10_000
NEAR = 0.1  # m, nothing nearer is drawn
BIAS = 0.1  # m a drawing may lie behind a surface and still be seen: drawings lie on roads
THICKEST = 24  # pixels, half thickness
MOST_STEPS = 4096  # along one line


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


def drawn(planes: Planes, view: View, sketches: Iterable[Sketch]) -> Planes:
    """A picture with the drawings in its colours; the other planes stay."""
    rgb = planes.rgb.copy()
    cam_from_world = np.linalg.inv(view.world_from_cam)
    for sketch in sketches:
        turned = sketch.lines @ cam_from_world[:3, :3].T + cam_from_world[:3, 3]
        for a, b in turned:
            _line(rgb, planes.depth, view, a, b, sketch)
    return replace(planes, rgb=rgb)


def _line(
    rgb: NDArray[np.uint8], depth: NDArray[np.float32], view: View, a: FloatArray, b: FloatArray,
    sketch: Sketch,
) -> None:  # fmt: skip
    """One line between two points of the optical frame (m)."""
    if max(a[2], b[2]) <= NEAR:
        return
    if a[2] > b[2]:
        a, b = b, a
    if a[2] < NEAR:
        a = a + (b - a) * (NEAR - a[2]) / (b[2] - a[2])
    focal = view.width_px / (2.0 * math.tan(view.fov / 2.0))
    middle = np.array([view.width_px, view.height_px]) / 2.0
    ends = np.array([a[:2] / a[2], b[:2] / b[2]]) * focal + middle
    span = float(np.abs(ends[1] - ends[0]).max())
    steps = int(min(span * 1.5, MOST_STEPS)) + 1
    # even steps on the picture; one over depth is linear there
    along = np.linspace(0.0, 1.0, steps)[:, None]
    places = ends[0] + along * (ends[1] - ends[0])
    far = 1.0 / (1.0 / a[2] + along[:, 0] * (1.0 / b[2] - 1.0 / a[2]))
    inside = (places > -THICKEST).all(axis=1) & (places < 2.0 * middle + THICKEST).all(axis=1)
    places, far = places[inside], far[inside]
    radius = np.clip(0.5 * sketch.thickness * focal / far, 0.5, THICKEST)
    for size in np.unique(np.ceil(radius)).astype(int).tolist():
        some = np.ceil(radius) == size
        reach = np.arange(-size, size + 1)
        disc = np.array([(x, y) for y in reach for x in reach if x * x + y * y < size * size + 0.5])
        spots = np.floor(places[some])[:, None, :].astype(np.int64) + (disc if size > 1 else 0)
        spots = spots.reshape(-1, 2)
        near = np.repeat(far[some], len(spots) // max(int(some.sum()), 1))
        _dots(rgb, depth, spots, near, sketch.colour)


def _dots(
    rgb: NDArray[np.uint8], depth: NDArray[np.float32], spots: NDArray[np.int64], far: FloatArray,
    colour: tuple[int, int, int],
) -> None:  # fmt: skip
    """Colour the pixels (N, 2) that lie on the picture and before what is there."""
    height, width = depth.shape
    x, y = spots[:, 0], spots[:, 1]
    held = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    x, y, far = x[held], y[held], far[held]
    seen = depth[y, x] > far - BIAS
    rgb[y[seen], x[seen]] = colour
