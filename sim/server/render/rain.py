"""Falling rain: streaks before what a camera sees.

Two sheets of drops hang before a camera. A sheet is a grid of cells over the picture, and a hash of
the cell says whether a drop falls in it and where: nothing repeats, whatever the picture's size.
"""

from __future__ import annotations

import numpy as np

from common.jit import inline
from sim.server.render.lamps import LAMP, LampMap, lamp_light
from sim.server.render.noise import hash01
from sim.server.render.raster import Cameras, ray
from sim.server.render.sky import Colour, Light
from sim.server.scene import F32

SHEETS = ((3.0, 64.0, 11.0, 0.14, 0.0011), (9.0, 230.0, 22.0, 0.22, 0.0006))
"""Of each: m ahead; cells across the picture, and in as much height; the share of cells with a drop
in the hardest rain; a drop's width as a share of the picture's, one pixel at least."""
SLANT = 0.035  # across per down
LIT_DROP = 0.3  # light of a drop in lamp light of 1

Sheet = tuple[float, float, float, float, float]


@inline
def streak(sheet: Sheet, light: Light, column: int, v: float) -> tuple[float, float]:
    """Where in a column of cells a drop crosses height v, and how much of it; all shares.

    Places and v are shares of the picture's width, the place that of the drop's middle.
    """
    ahead, columns, rows, share, _ = sheet
    share *= 0.25 + 0.75 * light.rain
    key = hash01(column, int(columns))
    y = (v - light.fallen / (2.0 * ahead) * (0.85 + 0.3 * key)) * rows + 9.0 * key
    row = np.floor(y)
    chance = hash01(column + 7919 * int(columns), int(row))
    if chance >= share:
        return 0.0, 0.0
    place = (column + 0.15 + 0.7 * chance / share) / columns - SLANT * v
    return place, 4.0 * (y - row) * (1.0 - (y - row))


@inline
def glint(light: Light, lamps: LampMap, x: float, y: float, z: float) -> Colour:
    """Light of a drop at a point: from the horizon, at night from lamps near by."""
    lit = 0.0
    if light.night > 0.0:
        lit = LIT_DROP * light.night * lamp_light(lamps, x, y, z)
    return (
        light.horizon[0] + lit * LAMP[0],
        light.horizon[1] + lit * LAMP[1],
        light.horizon[2] + lit * LAMP[2],
    )


@inline
def rain_on(
    light: Light, lamps: LampMap, cameras: Cameras, view: int, sums: F32, y: int, depth: F32
) -> None:
    """Drops before row y, whose light is the sums of four samples; ``depth`` (N,) behind them."""
    wide, v = len(sums), y / len(sums)
    for k in range(len(SHEETS)):
        ahead, columns = SHEETS[k][0], SHEETS[k][1]
        reach = 0.5 * max(SHEETS[k][4] * wide, 1.0) + 0.5
        first = int(SLANT * v * columns)
        for column in range(first, first + int(columns) + 2):
            place, share = streak(SHEETS[k], light, column, v)
            middle = place * wide - 0.5
            for x in range(max(int(middle - reach) + 1, 0), min(int(middle + reach) + 1, wide)):
                covered = min(reach - abs(x - middle), 1.0) * share
                if covered > 0.0 and ahead < depth[x]:
                    drop_on(light, lamps, cameras, view, sums, (x, y), (ahead, covered))


@inline
def drop_on(
    light: Light,
    lamps: LampMap,
    cameras: Cameras,
    view: int,
    sums: F32,
    pixel: tuple[int, int],
    drop: tuple[float, float],
) -> None:
    """A drop so far ahead (m) covers a share of a pixel; it never is darker than what it covers."""
    (x, y), (ahead, covered) = pixel, drop
    eye, d = cameras.eye, ray(cameras, view, 2.0 * x + 1.0, 2.0 * y + 1.0)
    lit = glint(
        light,
        lamps,
        eye[view, 0] + ahead * d[0],
        eye[view, 1] + ahead * d[1],
        eye[view, 2] + ahead * d[2],
    )
    covered *= 0.25 + 0.3 * light.rain
    for k in range(3):
        sums[x, k] += max(4.0 * lit[k] - sums[x, k], 0.0) * covered
