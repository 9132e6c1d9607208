"""Where things may stand: the fronts of the streets, and which ground is still free."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from common.frames import FloatArray
from sim.server.dress.surfaces import PAVED, RAISED
from sim.server.ground import Ground
from sim.server.opendrive import Network, Road, Section
from sim.server.scene import Label, StaticObject

FIRST_OBJECT = 30_000  # ids of static things; actors count from 1
TOWN_SPEED = 19.0  # m/s: a faster road has no houses along it
COUNTRY = ("rural", "motorway")  # OpenDRIVE road types without houses
QUIET = "lowSpeed"  # OpenDRIVE road type of zones of 30 km/h
BESIDE_ROAD = 0.7  # m that free ground keeps from road and pavement


@dataclass(frozen=True)
class Front:
    """One side of a road between junctions."""

    road: Road
    section: Section
    sign: int  # 1 left, -1 right of the reference line
    paved: bool  # it has a pavement
    lanes: int  # driving lanes on this side
    speed: float  # m/s; 0 where the map has no limit

    @property
    def fast(self) -> bool:
        """A road outside of towns."""
        return self.speed > TOWN_SPEED or self.road.kind in COUNTRY

    @property
    def quiet(self) -> bool:
        """A street of houses with gardens."""
        return self.road.kind == QUIET

    def edge(self, s: FloatArray, out: float) -> tuple[FloatArray, FloatArray]:
        """Points (N, 3) m, `out` m beyond the road's outer border, and directions away (rad)."""
        return self._beside(s, self._borders(s)[1], out)

    def kerb(self, s: FloatArray, out: float) -> tuple[FloatArray, FloatArray]:
        """The same beyond the kerb, or beyond the border where there is no pavement."""
        return self._beside(s, self._borders(s)[0], out)

    def _borders(self, s: FloatArray) -> tuple[FloatArray, FloatArray]:
        borders = self.section.borders(s)
        lanes = sorted((lane for lane in borders if lane * self.sign > 0), key=abs)
        raised = [lane for lane in lanes if self.section.lanes[lane].kind in RAISED]
        outer = borders[lanes[-1]][1]
        return (borders[raised[-1]][0] if self.paved else outer), outer

    def _beside(self, s: FloatArray, t: FloatArray, out: float) -> tuple[FloatArray, FloatArray]:
        line = self.road.along(s)
        return line.at(t + self.sign * out), line.heading + self.sign * np.pi / 2.0


def fronts(network: Network) -> Iterator[Front]:
    """All of them, in the file's order."""
    for road in network.roads.values():
        if road.junction >= 0:
            continue
        for section in road.sections:
            for sign in (1, -1):
                lanes = [section.lanes[i] for i in sorted(section.lanes, key=abs) if i * sign > 0]
                if not any(lane.kind in PAVED for lane in lanes):
                    continue
                speed = float(road.speed(np.array([section.start]))[0])
                driving = sum(lane.kind == "driving" for lane in lanes)
                yield Front(road, section, sign, lanes[-1].kind in RAISED, driving, speed)


class Plots:
    """Memory: which ground is taken, and the things that stand on it."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        reach = round(2 * BESIDE_ROAD / ground.cell)
        self.taken: NDArray[np.bool_] = ndimage.binary_dilation(
            ground.kind > 0, np.ones((reach, reach), np.bool_)
        )
        self.objects: list[StaticObject] = []

    def claim(self, middle: FloatArray, yaw: float, half: tuple[float, float]) -> bool:
        """Take a rectangle (half sizes along yaw and across, m) if all of it is free."""
        if not self.is_free(middle, yaw, half):
            return False
        self.take(middle, yaw, half)
        return True

    def is_free(self, middle: FloatArray, yaw: float, half: tuple[float, float]) -> bool:
        """Whether a rectangle lies on the map and nothing has taken any of it."""
        i, j = self._inside(middle, yaw, half)
        rows, columns = self.taken.shape
        if i.min() < 0 or j.min() < 0 or i.max() >= rows or j.max() >= columns:
            return False
        return not bool(self.taken[i, j].any())

    def take(self, middle: FloatArray, yaw: float, half: tuple[float, float]) -> None:
        """Keep others off a rectangle."""
        i, j = self._inside(middle, yaw, half)
        self.taken[i, j] = True

    def _inside(
        self, middle: FloatArray, yaw: float, half: tuple[float, float]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The cells of a rectangle."""
        u = np.arange(-half[0], half[0] + 0.49, 0.5)
        v = np.arange(-half[1], half[1] + 0.49, 0.5)
        uu, vv = (grid.ravel() for grid in np.meshgrid(u, v))
        c, s = np.cos(yaw), np.sin(yaw)
        return self._cells(middle[0] + c * uu - s * vv, middle[1] + s * uu + c * vv)

    def _cells(self, x: FloatArray, y: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        ground = self.ground
        i = np.rint((y - ground.y) / ground.cell).astype(np.int64)
        j = np.rint((x - ground.x) / ground.cell).astype(np.int64)
        return i, j

    def add(
        self,
        label: Label,
        middle: tuple[float, float, float],
        yaw: float,
        extent: tuple[float, float, float],
        solid: bool = True,
    ) -> int:
        """Enter a thing (centre and half sizes in m); its id."""
        identity = FIRST_OBJECT + len(self.objects)
        x, y, z = (float(value) for value in middle)
        self.objects.append(StaticObject(identity, int(label), x, y, z, float(yaw), extent, solid))
        return identity

    def height(self, x: float, y: float, z: float | None = None) -> float:
        """The ground (m) at x, y; z tells a bridge from what lies below."""
        point = [[x, y]] if z is None else [[x, y, z + 0.5]]
        return float(self.ground(np.array(point))[0][0])
