"""Street lamps and head lights: pools of light on a map of the ground.

A cheap stand-in for real lights: the map holds how bright a place is and up to which height, so
walls and people near a lamp catch its light too, but nothing casts a shadow in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.jit import inline, kernel
from sim.server.scene import F32, Instances, Material, Mesh

F64 = NDArray[np.float64]
Rows = list[tuple[int, int, int, int]]

CELL = 1.0  # m
LAMP = (1.0, 0.84, 0.62)  # their colour
STREET_REACH = 22.0  # m
STREET = 1.2  # light under a lamp
BEAM_REACH = 48.0  # m, of low beams
BEAM = 1.6  # light some metres ahead of a car
BEAM_WIDE = 0.42  # rad, half width
BEAM_HIGH = 2.2  # m above the road
LOW_BEAM, HIGH_BEAM = 2, 4  # CARLA's VehicleLightState
GLARE = 2.0  # light of a lamp that a perfect mirror would show
GLARES, LOWEST_GLARE, GLARE_STEP = 5, 4.0, 1.2  # heights it is sought at; m, m
FARTHEST_GLARE = 90.0  # m along the ray
DARK_ENOUGH = 0.02  # share of night from which lamps matter


class LampMap(NamedTuple):
    """Lamp light over the ground."""

    light: F32  # (rows, columns)
    ceiling: F32  # (rows, columns) m, light reaches this high
    origin: F64  # (2,) m, world x, y of cell (0, 0)
    street: F32  # (rows, columns) light of the street lamps alone


@inline
def mixed(grid: F32, u: float, v: float) -> float:
    """A grid's value between its cells, column u and row v; 0 outside."""
    i, j = int(np.floor(u)), int(np.floor(v))
    if i < 0 or j < 0 or i >= grid.shape[1] - 1 or j >= grid.shape[0] - 1:
        return 0.0
    du, dv = u - i, v - j
    low = grid[j, i] + (grid[j, i + 1] - grid[j, i]) * du
    high = grid[j + 1, i] + (grid[j + 1, i + 1] - grid[j + 1, i]) * du
    value: float = low + (high - low) * dv
    return value


@inline
def lamp_light(lamps: LampMap, x: float, y: float, z: float) -> float:
    """Lamp light at a point."""
    u, v = (x - lamps.origin[0]) / CELL, (y - lamps.origin[1]) / CELL
    value = mixed(lamps.light, u, v)
    if value > 0.0:
        value *= min(max(lamps.ceiling[int(v), int(u)] - z + 0.5, 0.0), 1.0)
    return value


@inline
def lamp_glare(lamps: LampMap, x: float, y: float, d: tuple[float, float, float]) -> float:
    """What wet ground at (x, y) mirrors of street lamps in the unit direction d, upward.

    A ray that at a lamp's height is over the middle of a pool of light meets the lamp, and waves
    on the water draw it out over a range of heights.
    """
    glare, rise = 0.0, max(d[2], 0.02)
    for step in range(GLARES):
        away = min((LOWEST_GLARE + step * GLARE_STEP) / rise, FARTHEST_GLARE)
        u = (x + d[0] * away - lamps.origin[0]) / CELL
        v = (y + d[1] * away - lamps.origin[1]) / CELL
        near = min(max(mixed(lamps.street, u, v) / STREET - 0.6, 0.0) / 0.4, 1.0)
        glare += near * near
    return GLARE * glare / GLARES


@dataclass(slots=True)
class Lamps:
    """Memory: the town's lamp light, and the same with this frame's beams on it."""

    town: LampMap
    frame: LampMap
    dirty: Rows


def street_lamps(mesh: Mesh) -> F64:
    """Where the street lamps are (N, 3) m: faces of STREET_LAMP gathered within 2 m."""
    faces = mesh.faces[mesh.material == Material.STREET_LAMP]
    if not len(faces):
        return np.zeros((0, 3))
    middle = mesh.vertices[faces].mean(axis=1).astype(np.float64)
    keys = np.round(middle[:, :2] / 2.0).astype(np.int64)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    group = group.ravel()
    count = np.bincount(group)
    return np.stack([np.bincount(group, middle[:, k]) / count for k in range(3)], axis=1)


def town_lamps(mesh: Mesh) -> Lamps:
    """The light of all street lamps of a town."""
    low = mesh.vertices[:, :2].min(axis=0).astype(np.float64)
    high = mesh.vertices[:, :2].max(axis=0)
    columns, rows = (np.ceil((high - low) / CELL).astype(int) + 2).tolist()
    light = np.zeros((rows, columns), np.float32)
    ceiling = np.full((rows, columns), -np.inf, np.float32)
    for x, y, z in street_lamps(mesh):
        i0, i1 = span((x - low[0]) / CELL, STREET_REACH / CELL, columns)
        j0, j1 = span((y - low[1]) / CELL, STREET_REACH / CELL, rows)
        dx = low[0] + np.arange(i0, i1) * CELL - x
        dy = low[1] + np.arange(j0, j1) * CELL - y
        away2 = dx[None, :] ** 2 + dy[:, None] ** 2
        fade = np.clip(1.0 - away2 / STREET_REACH**2, 0.0, 1.0)
        light[j0:j1, i0:i1] += (STREET * fade**2 * (1.0 + away2 / 49.0) ** -0.8).astype(np.float32)
        part = ceiling[j0:j1, i0:i1]
        ceiling[j0:j1, i0:i1] = np.where(fade > 0.0, np.maximum(part, z), part)
    town = LampMap(light, ceiling, low, light)
    return Lamps(town, LampMap(light.copy(), ceiling.copy(), low, light), [])


def span(middle: float, reach: float, size: int) -> tuple[int, int]:
    """Cells within reach of the middle, inside 0..size."""
    first = min(max(int(middle - reach), 0), size)
    return first, min(max(int(middle + reach) + 2, first), size)


@kernel
def shine(lamps: LampMap, beams: F64, lane: int, lanes: int) -> None:
    """Add head lights; ``beams`` (N, 6): x, y, z (m), unit direction x, y, strength."""
    rows, columns = lamps.light.shape
    reach = int(BEAM_REACH / CELL)
    for n in range(len(beams)):
        x, y, z = beams[n, 0], beams[n, 1], beams[n, 2]
        i0 = int((x - lamps.origin[0]) / CELL)
        j0 = int((y - lamps.origin[1]) / CELL)
        for j in range(max(j0 - reach, 0), min(j0 + reach, rows)):
            if j % lanes != lane:
                continue
            for i in range(max(i0 - reach, 0), min(i0 + reach, columns)):
                dx = lamps.origin[0] + i * CELL - x
                dy = lamps.origin[1] + j * CELL - y
                ahead = dx * beams[n, 3] + dy * beams[n, 4]
                if ahead < 0.3 or ahead > BEAM_REACH:
                    continue
                aside = (dy * beams[n, 3] - dx * beams[n, 4]) / (BEAM_WIDE * ahead + 0.8)
                far = ahead / BEAM_REACH
                value = beams[n, 5] * BEAM * np.exp(-aside * aside) * (1.0 - far) * (1.0 - far)
                value *= min(ahead / 3.0, 1.0)
                if value > 0.004:
                    lamps.light[j, i] += value
                    lamps.ceiling[j, i] = max(lamps.ceiling[j, i], z + BEAM_HIGH)


def beams_of(instances: Instances, near: NDArray[np.int64], reach: F64) -> F64:
    """`shine`'s beams of the instances ``near`` that have their lights on; ``reach`` (m)."""
    flags = instances.lights[near]
    on = (flags & np.uint32(LOW_BEAM | HIGH_BEAM)) != 0
    pose = instances.world_from_model[near][on].astype(np.float64)
    ahead = pose[:, :2, 0] / np.maximum(np.linalg.norm(pose[:, :2, 0], axis=1), 1e-9)[:, None]
    strong = np.where((flags[on] & np.uint32(HIGH_BEAM)) != 0, 1.6, 1.0)
    at = pose[:, :3, 3].copy()
    at[:, :2] += ahead * (reach[on, None] - 0.3)
    return np.concatenate([at, ahead, strong[:, None]], axis=1)


def wipe(lamps: Lamps, beams: F64) -> None:
    """Restore the town's own light where the last frame's beams were; note the new ones."""
    for top, end, left, right in lamps.dirty:
        part = (slice(top, end), slice(left, right))
        lamps.frame.light[part] = lamps.town.light[part]
        lamps.frame.ceiling[part] = lamps.town.ceiling[part]
    lamps.dirty = []
    rows, columns = lamps.town.light.shape
    for x, y in (beams[:, :2] - lamps.town.origin) / CELL:
        top, end = span(float(y), BEAM_REACH / CELL + 1.0, rows)
        left, right = span(float(x), BEAM_REACH / CELL + 1.0, columns)
        lamps.dirty.append((top, end, left, right))
