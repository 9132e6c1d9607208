"""Buildings along the streets, where there is room."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from common.frames import FloatArray
from sim.server.dress.builder import Builder, Colour, Look, frame_at
from sim.server.dress.plots import Front, Plots
from sim.server.scene import Label, Material

STOREY = 3.2  # m, the renderer's windows count on it
BAY, GLASS_BAY = 2.7, 1.6  # m of u from window to window, in the renderer too
CORNER = -8.0  # m of a street's end without houses; less than none: round the corner
UNPAVED = 7.0  # m more between a house and a road without pavement
GARDEN = (4.0, 7.0)  # m before a house with a garden
REAR = 24.0  # m that a second row stands behind the first
FOOTING = 1.5  # m that walls reach into the ground
RIDGE = 0.38  # m that a gabled roof rises per m of half its depth

PLASTER = (
    (1.05, 1.02, 0.95), (1.08, 0.98, 0.78), (1.05, 0.84, 0.68), (0.92, 0.92, 0.94),
    (0.86, 0.95, 0.90), (1.12, 1.10, 1.06), (0.98, 0.80, 0.66), (0.80, 0.84, 0.92),
)  # fmt: skip
BRICK = ((1.0, 1.0, 1.0), (1.15, 0.95, 0.85), (0.8, 0.85, 0.9), (1.3, 1.25, 1.15))
GLASS = ((1.0, 1.0, 1.0), (0.85, 0.95, 1.05), (1.1, 1.05, 0.95))
TILES = ((1.9, 0.75, 0.5), (1.5, 0.7, 0.55), (0.8, 0.8, 0.85), (1.2, 0.9, 0.75))


def build_houses(
    fronts: Sequence[Front], plots: Plots, rng: np.random.Generator, builder: Builder
) -> None:
    """Rows of houses along both sides of the streets."""
    for front in fronts:
        if front.fast or front.section.end - front.section.start < 12.0:
            continue
        if front.quiet:
            _homes(front, plots, rng, builder)
            continue
        setback = float(rng.choice([1.2, 2.4, 4.0]))
        _row(front, setback if front.paved else setback + UNPAVED, plots, rng, builder)
    for front in fronts:
        if front.paved and not (front.fast or front.quiet) and rng.random() < 0.6:
            _row(front, REAR, plots, rng, builder)


def _homes(front: Front, plots: Plots, rng: np.random.Generator, builder: Builder) -> None:
    """One side of a quiet street: houses of a family or two, each in its garden."""
    s = front.section.start
    while s < front.section.end - 8.0:
        wide, deep = float(rng.uniform(9.0, 14.0)), float(rng.uniform(8.0, 11.0))
        foot, away = front.edge(
            np.array([s + wide / 2.0]), float(rng.uniform(*GARDEN)) + deep / 2.0
        )
        if plots.claim(foot[0], away[0], (deep / 2.0 + 0.5, wide / 2.0 + 1.0)):
            storeys = 1 if rng.random() < 0.35 else 2
            _house(foot[0], float(away[0]), (deep, wide, storeys), plots, rng, builder)
            s += wide + float(rng.uniform(5.0, 12.0))
        else:
            s += 2.5


def _row(
    front: Front, setback: float, plots: Plots, rng: np.random.Generator, builder: Builder
) -> None:
    """One side of a street: a common building line, heights that vary about a common one."""
    tall = front.lanes >= 2
    usual = int(rng.integers(4, 8)) if tall else int(rng.integers(2, 5))
    joined = rng.random() < (0.75 if tall else 0.5) and front.paved
    s = front.section.start + CORNER
    while s < front.section.end - CORNER - 8.0:
        wide = float(rng.uniform(14.0, 26.0) if tall else rng.uniform(9.0, 17.0))
        deep = float(rng.uniform(12.0, 17.0) if tall else rng.uniform(9.0, 12.0))
        wide = min(wide, front.section.end - CORNER - s)
        foot, away = front.edge(np.array([s + wide / 2.0]), setback + deep / 2.0)
        if plots.claim(foot[0], away[0], (deep / 2.0 - 0.2, wide / 2.0 - 0.3)):
            storeys = max(1, usual + int(rng.integers(-1, 2)) + (3 if rng.random() < 0.08 else 0))
            _house(foot[0], float(away[0]), (deep, wide, storeys), plots, rng, builder)
            s += wide + (0.0 if joined and rng.random() < 0.8 else float(rng.uniform(3.0, 7.0)))
        else:
            s += 2.5


def _pick(rng: np.random.Generator, choices: Sequence[Colour]) -> Colour:
    red, green, blue = choices[int(rng.integers(len(choices)))]
    light = float(rng.uniform(0.9, 1.08))
    return (red * light, green * light, blue * light)


def _facade(rng: np.random.Generator, storeys: int) -> tuple[Material, Colour]:
    kind = rng.random()
    if storeys >= 6 and kind < 0.55:
        return Material.FACADE_GLASS, _pick(rng, GLASS)
    if kind < 0.6:
        return Material.FACADE_PLASTER, _pick(rng, PLASTER)
    return Material.FACADE_BRICK, _pick(rng, BRICK)


def _house(
    middle: FloatArray,
    away: float,
    size: tuple[float, float, int],
    plots: Plots,
    rng: np.random.Generator,
    builder: Builder,
) -> None:
    """A block `deep` along `away` and `wide` across, with its roof."""
    deep, wide, storeys = size
    high = storeys * STOREY
    base = plots.height(middle[0], middle[1])
    frame = frame_at(middle[0], middle[1], base, away)
    identity = plots.add(
        Label.BUILDING,
        (middle[0], middle[1], base + high / 2.0),
        away,
        (deep / 2.0, wide / 2.0, high / 2.0),
    )
    material, colour = _facade(rng, storeys)
    _walls(frame, (deep, wide, high), Look(material, Label.BUILDING, identity, colour), builder)
    if storeys <= 4 and rng.random() < 0.75:
        roof = Look(Material.ROOF, Label.BUILDING, identity, _pick(rng, TILES))
        wall = Look(Material.CONCRETE, Label.BUILDING, identity, colour)
        _gabled(frame, (deep, wide, high), roof, wall, builder)
    else:
        _flat(frame, (deep, wide, high), identity, rng, builder)


def _walls(
    frame: FloatArray, size: tuple[float, float, float], look: Look, builder: Builder
) -> None:
    """Four walls; uv in m: u along the wall, v up from the ground.

    A wall's u is stretched to whole bays, so that no window is cut off at a corner.
    """
    deep, wide, high = size
    bay = GLASS_BAY if look.material == Material.FACADE_GLASS else BAY
    ring = np.array([(-deep, -wide), (deep, -wide), (deep, wide), (-deep, wide)]) / 2.0
    corners, uv = [], []
    for k in range(4):
        (x0, y0), (x1, y1) = ring[k], ring[(k + 1) % 4]
        end = bay * max(round(float(np.hypot(x1 - x0, y1 - y0)) / bay), 1)
        corners.append([(x0, y0, -FOOTING), (x1, y1, -FOOTING), (x1, y1, high), (x0, y0, high)])
        uv.append([(0.0, -FOOTING), (end, -FOOTING), (end, high), (0.0, high)])
    points = np.array(corners) @ frame[:3, :3].T + frame[:3, 3]
    builder.quads(points, look, np.array(uv))


def _gabled(
    frame: FloatArray,
    size: tuple[float, float, float],
    roof: Look,
    wall: Look,
    builder: Builder,
) -> None:
    """A roof whose ridge runs along the street."""
    deep, wide, high = size
    x, y = deep / 2.0 + 0.4, wide / 2.0
    low, top = high - 0.4 * RIDGE, high + RIDGE * deep / 2.0
    slopes = np.array(
        [
            [(-x, y, low), (-x, -y, low), (0.0, -y, top), (0.0, y, top)],
            [(x, -y, low), (x, y, low), (0.0, y, top), (0.0, -y, top)],
        ]
    )
    along = float(np.hypot(x, top - low))
    uv = np.array([(0.0, 0.0), (wide, 0.0), (wide, along), (0.0, along)])
    builder.quads(slopes @ frame[:3, :3].T + frame[:3, 3], roof, uv)
    half = deep / 2.0
    gables = np.array(
        [
            [(-half, -y, high), (half, -y, high), (0.0, -y, top)],
            [(half, y, high), (-half, y, high), (0.0, y, top)],
        ]
    )
    points = (gables @ frame[:3, :3].T + frame[:3, 3]).reshape(-1, 3)
    builder.add(points, np.array([[0, 1, 2], [3, 4, 5]]), wall)


def _flat(
    frame: FloatArray,
    size: tuple[float, float, float],
    identity: int,
    rng: np.random.Generator,
    builder: Builder,
) -> None:
    """A flat roof behind a parapet, with a plant room on top."""
    deep, wide, high = size
    edge = Look(Material.CONCRETE, Label.BUILDING, identity)
    x, y = deep / 2.0 + 0.15, wide / 2.0
    builder.box(frame, (-x, -y, high), (x, y, high + 0.5), edge, bottom=True)
    if min(deep, wide) > 9.0:
        top = Look(Material.ROOF, Label.BUILDING, identity)
        at = rng.uniform(-0.2, 0.2, 2) * [deep, wide]
        low = (at[0] - 2.0, at[1] - 2.5, high + 0.5)
        builder.box(frame, low, (at[0] + 2.0, at[1] + 2.5, high + 2.8), top)
