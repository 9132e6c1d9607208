"""Trees, hedges and fences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from sim.server.dress.builder import UP, Builder, Look, frame_at
from sim.server.dress.plots import Front, Plots
from sim.server.ground import Ground
from sim.server.scene import Label, Material

STREET_TREE_SPACING = 14.0  # m
CORNER = 18.0  # m before a junction without trees: lights and signs stay in sight
ROOM = 1.1  # m that a trunk keeps free about itself
WILD_SPACING = 11.0  # m between trees off the streets, on average
MOST_WILD = 700
BELT_SPACING = 8.0  # m between trees of the wood around the map
HEDGE_STEP = 4.0  # m
LEAVES = ((1.0, 1.0, 1.0), (0.85, 1.05, 0.9), (1.25, 1.1, 0.9), (0.7, 0.9, 0.8), (1.1, 1.15, 1.0))

Shape = tuple[FloatArray, NDArray[np.int64]]


def sphere(rng: np.random.Generator) -> Shape:
    """A lumpy ball of radius 1: an icosahedron, its faces split in four (80 faces)."""
    g = (1.0 + 5.0**0.5) / 2.0
    points = [(-1, g, 0), (1, g, 0), (-1, -g, 0), (1, -g, 0), (0, -1, g), (0, 1, g),
              (0, -1, -g), (0, 1, -g), (g, 0, -1), (g, 0, 1), (-g, 0, -1), (-g, 0, 1)]  # fmt: skip
    faces = [(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4),
             (11, 10, 2), (10, 7, 6), (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8),
             (3, 8, 9), (4, 9, 5), (2, 4, 11), (6, 2, 10), (8, 6, 7), (9, 8, 1)]  # fmt: skip
    vertices = [np.array(p, float) / np.linalg.norm(p) for p in points]
    middle: dict[tuple[int, int], int] = {}

    def halfway(a: int, b: int) -> int:
        key = (min(a, b), max(a, b))
        if key not in middle:
            between = vertices[a] + vertices[b]
            middle[key] = len(vertices)
            vertices.append(between / np.linalg.norm(between))
        return middle[key]

    split = []
    for a, b, c in faces:
        ab, bc, ca = halfway(a, b), halfway(b, c), halfway(c, a)
        split += [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    lumps = rng.uniform(0.82, 1.12, (len(vertices), 1))
    return np.array(vertices) * lumps, np.array(split)


def cones() -> Shape:
    """A fir of height 1 and radius 1: three cones of 7 sides."""
    vertices: list[tuple[float, float, float]] = []
    faces = []
    for low, high, radius in ((0.12, 0.55, 1.0), (0.36, 0.78, 0.75), (0.6, 1.0, 0.5)):
        base = len(vertices)
        for k in range(7):
            angle = 2.0 * np.pi * k / 7.0
            vertices.append((radius * np.cos(angle), radius * np.sin(angle), low))
        vertices.append((0.0, 0.0, high))
        faces += [(base + k, base + (k + 1) % 7, base + 7) for k in range(7)]
    return np.array(vertices), np.array(faces)


def plant_streets(
    fronts: Sequence[Front], plots: Plots, rng: np.random.Generator, builder: Builder
) -> None:
    """Rows of trees behind the pavements, hedges and fences between the houses."""
    crowns = [sphere(rng) for _ in range(4)]
    for front in fronts:
        start, end = front.section.start + CORNER, front.section.end - CORNER
        if front.fast or end - start < 8.0:
            continue
        if rng.random() < 0.7:
            _avenue(front, np.arange(start, end, STREET_TREE_SPACING), plots, rng, crowns, builder)
        style = rng.random()
        if style < 0.65:
            _hedges(front, plots, style, builder)


def _avenue(
    front: Front,
    s: FloatArray,
    plots: Plots,
    rng: np.random.Generator,
    crowns: Sequence[Shape],
    builder: Builder,
) -> None:
    foot, away = front.edge(s + rng.uniform(-1.0, 1.0, len(s)), 1.3)
    for at, yaw in zip(foot, away, strict=True):
        if plots.claim(at, float(yaw), (0.4, 0.4)):
            _broadleaf(at, float(rng.uniform(0.75, 1.0)), plots, rng, crowns, builder)


def plant_wild(ground: Ground, plots: Plots, rng: np.random.Generator, builder: Builder) -> None:
    """Trees on what ground is left, thinned to a number that a picture can bear."""
    crowns = [sphere(rng) for _ in range(4)]
    rows, columns = ground.kind.shape
    size = np.array([columns, rows]) * ground.cell
    count = min(MOST_WILD, int(size[0] * size[1] / WILD_SPACING**2))
    places = rng.uniform(0.03, 0.97, (count, 2)) * size + [ground.x, ground.y]
    belt = _belt(ground, rng)
    for at in belt:
        if plots.claim(at, 0.0, (ROOM, ROOM)):
            _fir(at, plots, rng, builder)
    for at in places:
        if plots.claim(at, 0.0, (ROOM, ROOM)):
            if rng.random() < 0.3:
                _fir(at, plots, rng, builder)
            else:
                _broadleaf(at, float(rng.uniform(0.8, 1.4)), plots, rng, crowns, builder)


def _belt(ground: Ground, rng: np.random.Generator) -> FloatArray:
    """Places (N, 2) m of a wood around the map: it hides where the soil ends."""
    rows, columns = ground.kind.shape
    wide, high = columns * ground.cell, rows * ground.cell
    along = np.arange(0.0, 2.0 * (wide + high), BELT_SPACING)
    along = np.repeat(along, 2) + rng.uniform(-2.0, 2.0, 2 * len(along))
    depth = np.tile([4.0, 11.0], len(along) // 2) + rng.uniform(-2.0, 2.0, len(along))
    x = np.interp(along, [0, wide, wide + high, 2 * wide + high], [0, wide, wide, 0])
    y = np.interp(
        along, [wide, wide + high, 2 * wide + high, 2 * (wide + high)], [0, high, high, 0]
    )
    middle = np.array([wide, high]) / 2.0
    corner = np.array([ground.x, ground.y])
    inside: FloatArray = (
        corner
        + middle
        + (np.stack([x, y], axis=-1) - middle) * (1.0 - depth[:, None] / middle[None, :])
    )
    return inside


def _trunk(
    at: FloatArray, high: float, thick: float, plots: Plots, builder: Builder
) -> tuple[int, FloatArray]:
    """A trunk and the tree's entry; its id and its foot."""
    base = plots.height(at[0], at[1])
    identity = plots.add(
        Label.VEGETATION, (at[0], at[1], base + high / 2.0), 0.0, (thick, thick, high / 2.0)
    )
    foot = np.array([at[0], at[1], base])
    look = Look(Material.TRUNK, Label.VEGETATION, identity)
    builder.tube(foot - 0.6 * UP, foot + high * UP, thick, look, sides=5)
    return identity, foot


def _broadleaf(
    at: FloatArray,
    size: float,
    plots: Plots,
    rng: np.random.Generator,
    crowns: Sequence[Shape],
    builder: Builder,
) -> None:
    identity, foot = _trunk(at, 3.4 * size, 0.14 * size, plots, builder)
    colour = LEAVES[int(rng.integers(len(LEAVES)))]
    look = Look(Material.FOLIAGE, Label.VEGETATION, identity, colour)
    radius = float(rng.uniform(1.5, 2.0)) * size
    blobs = [(np.array([0.0, 0.0, 3.0 * size + 0.75 * radius]), radius)]
    if rng.random() < 0.5:
        aside = rng.uniform(-0.5, 0.5, 3) * radius
        blobs.append((blobs[0][0] + aside + (0.75 * radius) * UP, 0.7 * radius))
    for middle, r in blobs:
        vertices, faces = crowns[int(rng.integers(len(crowns)))]
        turn = frame_at(0.0, 0.0, 0.0, float(rng.uniform(0.0, 6.28)))[:3, :3]
        points = (vertices @ turn.T) * [r, r, r * rng.uniform(0.9, 1.25)]
        builder.add(points + foot + middle, faces, look)


def _fir(at: FloatArray, plots: Plots, rng: np.random.Generator, builder: Builder) -> None:
    high = float(rng.uniform(6.0, 12.0))
    identity, foot = _trunk(at, 0.2 * high, 0.15, plots, builder)
    vertices, faces = cones()
    look = Look(Material.FOLIAGE, Label.VEGETATION, identity, (0.65, 0.85, 0.75))
    builder.add(vertices * [0.22 * high, 0.22 * high, high] + foot, faces, look)


def _hedges(front: Front, plots: Plots, style: float, builder: Builder) -> None:
    """Short straight pieces at the back of the pavement, wherever nothing else stands."""
    s = np.arange(front.section.start + 4.0, front.section.end - 4.0, HEDGE_STEP)
    foot, away = front.edge(s, 1.0)
    high, thick = (1.0, 0.3) if style < 0.4 else (1.2, 0.05)
    for at, yaw in zip(foot, away, strict=True):
        if not plots.claim(at, float(yaw), (0.3, HEDGE_STEP / 2.0 - 0.3)):
            continue
        frame = frame_at(at[0], at[1], plots.height(at[0], at[1]), float(yaw))
        half = HEDGE_STEP / 2.0
        if style < 0.4:
            look = Look(Material.FOLIAGE, Label.VEGETATION, 0, (0.8, 0.95, 0.8))
            builder.box(frame, (-thick, -half, -0.4), (thick, half, high), look)
        else:
            _fence(frame, half, high, builder)
        label = Label.VEGETATION if style < 0.4 else Label.FENCE
        centre = (at[0], at[1], frame[2, 3] + high / 2.0)
        plots.add(label, centre, float(yaw), (thick, half, high / 2.0))


def _fence(frame: FloatArray, half: float, high: float, builder: Builder) -> None:
    """Two rails and three posts."""
    look = Look(Material.METAL, Label.FENCE, 0, (0.5, 0.55, 0.5))
    for up in (0.45, high - 0.1):
        builder.box(frame, (-0.03, -half, up), (0.03, half, up + 0.08), look)
    for y in (-half + 0.1, 0.0, half - 0.1):
        builder.box(frame, (-0.04, y - 0.04, -0.4), (0.04, y + 0.04, high), look)
