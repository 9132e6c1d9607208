"""How surfaces look: base colours, and the procedural detail that a driver sees.

``blur`` is the size (m) of a pixel on the surface: detail finer than that fades to its mean, so
that distant streets do not flicker.
"""

from __future__ import annotations

import numpy as np

from common.jit import inline
from sim.server.render.noise import hash01, noise
from sim.server.scene import F32, Material

Look = tuple[float, float, float, float, float]  # albedo r, g, b; gloss; glow
Triple = tuple[float, float, float]

BASE: dict[Material, tuple[float, float, float]] = {
    Material.PLAIN: (1.0, 1.0, 1.0),
    Material.ASPHALT: (0.105, 0.106, 0.112),
    Material.MARKING_WHITE: (0.78, 0.78, 0.76),
    Material.MARKING_YELLOW: (0.80, 0.52, 0.06),
    Material.KERB: (0.42, 0.41, 0.39),
    Material.PAVEMENT: (0.36, 0.345, 0.32),
    Material.GRASS: (0.105, 0.175, 0.045),
    Material.FACADE_BRICK: (0.40, 0.20, 0.14),
    Material.FACADE_PLASTER: (0.66, 0.60, 0.50),
    Material.FACADE_GLASS: (0.42, 0.45, 0.48),
    Material.ROOF: (0.26, 0.24, 0.23),
    Material.TRUNK: (0.13, 0.09, 0.06),
    Material.FOLIAGE: (0.085, 0.165, 0.035),
    Material.METAL: (0.27, 0.28, 0.29),
    Material.CONCRETE: (0.42, 0.41, 0.39),
    Material.SIGN: (1.0, 1.0, 1.0),
    Material.LAMP: (1.0, 1.0, 1.0),
    Material.STREET_LAMP: (0.85, 0.82, 0.75),
    Material.PAINT: (1.0, 1.0, 1.0),
    Material.GLASS: (0.022, 0.027, 0.032),
    Material.TYRE: (0.022, 0.022, 0.024),
    Material.HEADLIGHT: (0.85, 0.87, 0.90),
    Material.TAILLIGHT: (0.42, 0.012, 0.010),
    Material.INDICATOR_LEFT: (0.70, 0.26, 0.02),
    Material.INDICATOR_RIGHT: (0.70, 0.26, 0.02),
    Material.SKIN: (0.52, 0.34, 0.25),
    Material.CLOTH: (1.0, 1.0, 1.0),
    Material.WATER: (0.03, 0.07, 0.08),
    Material.SOIL: (0.22, 0.16, 0.10),
    Material.GUARD_RAIL: (0.48, 0.50, 0.52),
    Material.BEACON: (1.0, 1.0, 1.0),
}

GLOSS: dict[Material, float] = {
    Material.PAINT: 0.45,
    Material.GLASS: 0.9,
    Material.METAL: 0.15,
    Material.GUARD_RAIL: 0.2,
    Material.WATER: 1.0,
    Material.HEADLIGHT: 0.5,
    Material.TAILLIGHT: 0.3,
}


def base_table() -> F32:
    """Linear RGB (M, 3) by Material."""
    return np.array([BASE[material] for material in Material], np.float32)


GLOSS_TABLE = np.array([GLOSS.get(material, 0.0) for material in Material])

ASPHALT, MARKING_WHITE, MARKING_YELLOW = 1, 2, 3
KERB, PAVEMENT, GRASS = 4, 5, 6
BRICK, PLASTER, GLASS_FRONT, ROOF = 7, 8, 9, 10
TRUNK, FOLIAGE, CONCRETE, SIGN, SOIL, WATER = 11, 12, 14, 15, 28, 27


@inline
def share(x: float) -> float:
    """X limited to 0..1."""
    return min(max(x, 0.0), 1.0)


@inline
def sharpness(blur: float) -> float:
    """`bar`'s, of a pixel ``blur`` wide."""
    return 1.0 / max(blur, 0.01)


@inline
def bar(x: float, low: float, high: float, sharp: float) -> float:
    """How much of a pixel at x, ``1 / sharp`` wide, lies in [low, high]."""
    return share((x - low) * sharp + 0.5) * share((high - x) * sharp + 0.5)


@inline
def ground(tile: F32, material: int, x: float, y: float, blur: float) -> float:
    """Brightness of road, markings, pavement, kerb: patches, grain, slabs."""
    factor = 0.88 + 0.24 * noise(tile, x * 0.37, y * 0.37)
    fine = 1.0 - blur * 6.0
    if fine > 0.0:
        factor += 0.34 * fine * (noise(tile, x * 41.0, y * 41.0) - 0.5)
    if material == PAVEMENT:
        fine = share(1.0 - blur * 4.0)
        if fine > 0.0:
            u, v = x * 1.25, y * 1.25
            u, v = u - np.floor(u), v - np.floor(v)
            sharp = sharpness(blur)
            joint = max(bar(u, -0.03, 0.03, sharp), bar(v, -0.03, 0.03, sharp))
            factor *= 1.0 - 0.35 * fine * joint
    elif material != ASPHALT:
        factor = 0.5 + 0.5 * factor
    return factor


@inline
def flattened(at: Triple, normal: Triple) -> tuple[float, float]:
    """A point in the plane of axes that a face with this normal lies nearest to."""
    nx, ny, nz = abs(normal[0]), abs(normal[1]), abs(normal[2])
    if nz > max(nx, ny):
        return at[0], at[1]
    return (at[1], at[2]) if nx > ny else (at[0], at[2])


@inline
def plants(
    tile: F32, material: int, at: Triple, normal: Triple, blur: float
) -> tuple[float, float]:
    """Brightness and yellowness of grass, leaves, bark, soil."""
    x, y, z = at
    if material in (GRASS, SOIL):
        broad = noise(tile, x * 0.17, y * 0.17)
        fine = share(1.0 - blur * 2.0)
        grain = noise(tile, x * 9.0, y * 9.0) - 0.5
        return 0.72 + 0.5 * broad + 0.5 * fine * grain, 0.6 * broad
    if material == FOLIAGE:
        fine = share(1.0 - blur * 1.2)
        u, v = flattened(at, normal)
        clumps = noise(tile, u * 5.0, v * 5.0) - 0.5
        leaves = noise(tile, u * 19.0 + 60.0, v * 19.0) - 0.5
        return 0.95 + 1.1 * clumps * share(1.5 - blur) + 1.7 * fine * leaves, 0.4 + clumps
    grain = noise(tile, (x + y) * 12.0, z * 2.0) - 0.5
    return 1.0 + 0.8 * grain * share(1.0 - blur * 4.0), 0.0


@inline
def front(
    tile: F32,
    material: int,
    r: float,
    g: float,
    b: float,
    u: float,
    v: float,
    blur: float,
    night: float,
) -> Look:
    """A wall with windows; u (m) runs along it, v (m) up from the ground, below it without."""
    pitch, storey = 2.7, 3.2
    low, high, sill, lintel = 0.24, 0.76, 0.28, 0.80
    if material == GLASS_FRONT:
        pitch, low, high, sill, lintel = 1.6, 0.06, 0.94, 0.22, 0.96
    elif v < storey:
        low, high, sill, lintel = 0.12, 0.88, 0.16, 0.82
    column, floor = np.floor(u / pitch), max(np.floor(v / storey), 0.0)
    fu, fv = u / pitch - column, v / storey - floor
    across, up = sharpness(blur / pitch), sharpness(blur / storey)
    pane = bar(fu, low, high, across) * bar(fv, sill, lintel, up)
    frame = bar(fu, low - 0.04, high + 0.04, across)
    frame *= bar(fv, sill - 0.05, lintel + 0.04, up)
    grain = 0.86 + 0.28 * noise(tile, u * 1.3, v * 1.3)
    fine = 1.0 - blur * 8.0
    if material == BRICK and fine > 0.0:
        row = np.floor(v * 12.0)
        course = bar(v * 12.0 - row, 0.0, 0.16, sharpness(blur * 12.0))
        along = u * 4.0 + 0.5 * (row - 2.0 * np.floor(0.5 * row))
        along -= np.floor(along)
        joint = max(course, bar(along, 0.0, 0.05, sharpness(blur * 4.0)))
        grain *= 1.0 + 0.35 * joint * fine
    trim = grain * (1.0 - frame) + 1.25 * frame
    if pane == 0.0:
        return r * trim, g * trim, b * trim, 0.0, 0.0
    key = hash01(int(column), int(floor) * 31 + 7)
    shade = 0.035 + 0.05 * key
    glow = 0.0
    if night > 0.02 and key > 0.62:
        glow = pane * night * (0.5 + key)
    r = r * trim + (shade - r * trim) * pane
    g = g * trim + (shade * 1.15 - g * trim) * pane
    b = b * trim + (shade * 1.35 - b * trim) * pane
    return r, g, b, 0.75 * pane, glow


@inline
def wetted(
    tile: F32, wet: float, puddles: float, rgb: tuple[float, float, float], x: float, y: float
) -> tuple[float, float, float, float]:
    """Albedo and gloss of level ground in the rain: darker, shiny, mirrors where puddles are."""
    pool = 0.0
    if puddles > 0.0:
        pool = share((noise(tile, x * 0.9 + 31.0, y * 0.9) - 0.95 + 0.65 * puddles) * 9.0)
    dark = 1.0 - 0.5 * wet - (0.6 - 0.5 * wet) * pool
    gloss = min(0.4 * wet + pool, 1.0)
    return rgb[0] * dark, rgb[1] * dark, rgb[2] * dark, gloss


@inline
def look_of(
    tile: F32,
    plates: F32,
    material: int,
    rgb: Triple,
    at: Triple,
    normal: Triple,
    uv: tuple[float, float],
    blur: float,
    night: float,
) -> Look:
    """Albedo, gloss and glow of a material with base colour ``rgb`` at a point."""
    r, g, b = rgb
    x, y, z = at
    u, v = uv
    if ASPHALT <= material <= PAVEMENT or material in (CONCRETE, ROOF):
        f = ground(tile, material, x + z, y - z, blur)
        return r * f, g * f, b * f, 0.0, 0.0
    if BRICK <= material <= GLASS_FRONT:
        return front(tile, material, r, g, b, u, v, blur, night)
    if material in (GRASS, FOLIAGE, TRUNK, SOIL):
        f, yellow = plants(tile, material, at, normal, blur)
        f = max(f, 0.15)
        return r * f * (0.75 + 0.5 * yellow), g * f, b * f, 0.0, 0.0
    if material == SIGN:
        row = min(max(int(v * plates.shape[0]), 0), plates.shape[0] - 1)
        column = min(max(int(u * plates.shape[1]), 0), plates.shape[1] - 1)
        r, g, b = r * plates[row, column, 0], g * plates[row, column, 1], b * plates[row, column, 2]
        return r, g, b, 0.0, 0.04
    return r, g, b, GLOSS_TABLE[material], 0.0
