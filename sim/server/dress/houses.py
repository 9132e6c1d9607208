"""Buildings along the streets, where there is room."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from common.frames import FloatArray
from sim.server.dress.builder import Builder, Look, frame_at
from sim.server.dress.furniture import FIRST_OBJECT
from sim.server.ground import Ground
from sim.server.opendrive import Network
from sim.server.scene import Label, Material, StaticObject

STOREY = 3.2  # m
SETBACK = 2.5  # m between pavement and wall
ROOM = 2.0  # m kept clear around a building's walls
FACADES = (Material.FACADE_BRICK, Material.FACADE_PLASTER, Material.FACADE_GLASS)


def build_houses(
    network: Network,
    ground: Ground,
    rng: np.random.Generator,
    builder: Builder,
    objects: list[StaticObject],
) -> None:
    """A row of houses along both sides of every road outside of junctions."""
    reach = round(ROOM / ground.cell)
    taken = ndimage.binary_dilation(ground.kind > 0, iterations=reach)
    for foot, yaw in _fronts(network):
        wide, deep = rng.uniform(10.0, 24.0), rng.uniform(10.0, 16.0)
        storeys = int(rng.integers(2, 8))
        middle = foot + (SETBACK + deep / 2.0) * np.array([np.cos(yaw), np.sin(yaw)])
        if _claim(taken, ground, middle, yaw, (deep / 2.0, wide / 2.0)):
            _house(middle, yaw, (deep, wide, storeys * STOREY), ground, rng, builder, objects)


def _fronts(network: Network) -> Iterator[tuple[FloatArray, float]]:
    """Points on the outer borders of roads and the direction (rad) away from the road."""
    for road in network.roads.values():
        if road.junction >= 0:
            continue
        for section in road.sections:
            s = np.arange(section.start + 4.0, section.end - 4.0, 6.0)
            if not len(s):
                continue
            borders = section.borders(s)
            heading = road.heading(s)
            for sign in (1, -1):
                lanes = [lane for lane in borders if lane * sign > 0]
                if not lanes:
                    continue
                edge = road.surface(s, borders[max(lanes, key=abs)][1])
                for point, angle in zip(edge, heading, strict=True):
                    yield point[:2], float(angle + sign * np.pi / 2.0)


def _claim(
    taken: NDArray[np.bool_],
    ground: Ground,
    middle: FloatArray,
    yaw: float,
    half: tuple[float, float],
) -> bool:
    """Take a rectangle of ground if all of it is free."""
    u = np.arange(-half[0], half[0] + 0.49, 0.5)
    v = np.arange(-half[1], half[1] + 0.49, 0.5)
    uu, vv = (grid.ravel() for grid in np.meshgrid(u, v))
    c, s = np.cos(yaw), np.sin(yaw)
    x, y = middle[0] + c * uu - s * vv, middle[1] + s * uu + c * vv
    j = np.rint((x - ground.x) / ground.cell).astype(int)
    i = np.rint((y - ground.y) / ground.cell).astype(int)
    rows, columns = taken.shape
    if i.min() < 0 or j.min() < 0 or i.max() >= rows or j.max() >= columns or taken[i, j].any():
        return False
    taken[i, j] = True
    return True


def _house(
    middle: FloatArray,
    yaw: float,
    size: tuple[float, float, float],
    ground: Ground,
    rng: np.random.Generator,
    builder: Builder,
    objects: list[StaticObject],
) -> None:
    deep, wide, high = size
    identity = FIRST_OBJECT + len(objects)
    base = float(ground(middle[None])[0][0])
    frame = frame_at(middle[0], middle[1], base, yaw)
    tint = rng.uniform(0.75, 1.15, 3)
    colour = (float(tint[0]), float(tint[1]), float(tint[2]))
    facade = FACADES[int(rng.integers(len(FACADES)))]
    look = Look(facade, Label.BUILDING, identity, colour)
    low, top = (-deep / 2, -wide / 2, -1.0), (deep / 2, wide / 2, high)
    builder.box(frame, low, top, look)
    roof = Look(Material.ROOF, Label.BUILDING, identity)
    builder.box(
        frame, (low[0] - 0.2, low[1] - 0.2, high), (top[0] + 0.2, top[1] + 0.2, high + 0.4), roof
    )
    objects.append(
        StaticObject(
            identity, int(Label.BUILDING), float(middle[0]), float(middle[1]),
            base + high / 2.0, yaw, (deep / 2.0, wide / 2.0, high / 2.0), True,
        )
    )  # fmt: skip
