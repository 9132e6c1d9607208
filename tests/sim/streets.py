"""A map with its lights and vehicles, without a server: where tests and soaks of traffic drive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import carla
import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from common.jit import kernel
from sim import maps
from sim.fleet import Fleet, Others, decide, make_fleet, roll
from sim.kinds import (
    BICYCLE,
    CAR,
    LORRY,
    MOTORCYCLE,
    TRUCK,
    VAN,
    Bodies,
    Body,
    draw_kinds,
)
from sim.lanes import LaneTable, lane_table, settle
from sim.maps.files import read_map
from sim.roads import Roads
from sim.server import opendrive
from sim.server.lights import LightController
from sim.server.signals import signals_of

CARLA_MAPS = Path(__file__).parents[2].parent / "shared/maps/carla"
DT = 0.05  # s
SPACING = 14.0  # m between vehicles at the start
LANE_ENDS = 8.0  # m from a lane's ends where nobody starts
SIZES = {
    CAR: (Body(1.1, 0.74, 1.57), Body(2.8, 1.08, 3.08)),
    VAN: (Body(2.22, 0.89, 2.4), Body(3.18, 1.18, 3.67)),
    TRUCK: (Body(2.6, 1.2, 2.9), LORRY),
    MOTORCYCLE: (Body(0.91, 0.38, 1.28), Body(1.18, 0.43, 1.63)),
    BICYCLE: (Body(0.75, 0.29, 1.0), Body(0.92, 0.43, 1.12)),
}
"""The smallest and the greatest of each kind in CARLA's catalogue."""


def map_file(town: str) -> Path:
    """Where a town lies: a built-in one, one of CARLA's, or a file; it may be absent."""
    if town in maps.names():
        return maps.path(town)
    return CARLA_MAPS / f"{town}.xodr" if "." not in town else Path(town)


class Streets:
    """A map and the lights that the embedded server would show there."""

    def __init__(self, town: str) -> None:
        text = read_map(map_file(town))
        self.map = carla.Map(town, text)
        self.roads = Roads(self.map)
        self.lights = LightController(signals_of(self.map, opendrive.read(text, town)))
        self.ids = tuple(one.opendrive_id for one in self.lights.signals)
        self.table: LaneTable = lane_table(self.roads, self.ids)

    def fleet(self, count: int, rng: np.random.Generator) -> Fleet:
        """Vehicles of all kinds, of CARLA's sizes, at drawn places."""
        roads = self.roads
        free = np.flatnonzero((roads.junction < 0) & (np.diff(self.table.after_first[0]) > 0))
        places = [
            (lane, s)
            for lane in free
            for s in np.arange(LANE_ENDS, roads.length[lane] - LANE_ENDS, SPACING)
        ]
        chosen = np.array(places)[rng.permutation(len(places))]
        lane = chosen[:, 0].astype(np.int32)
        at, kind = settle(self.table, lane, draw_kinds(count, rng))
        least, most = np.array([SIZES[one] for one in kind]).transpose(1, 2, 0)
        bodies = Bodies(kind, *rng.uniform(least, most))
        return make_fleet(self.table, lane[at], chosen[at, 1], bodies, rng)

    def run(self, fleet: Fleet, seconds: float, seed: int, others: Others) -> Iterator[float]:
        """Drives on; gives the time (s) after every tick, beginning with 0 for the first."""
        rng = np.random.default_rng(seed)
        self.lights.reset()
        for tick in range(round(seconds / DT)):
            accel, steer = decide(self.table, fleet, others, self.lights.states, DT, rng)
            roll(fleet, accel, steer, DT)
            self.lights.step(DT)
            yield tick * DT


def overlaps(fleet: Fleet) -> list[tuple[int, int]]:
    """Pairs of vehicles whose boxes meet."""
    size = np.stack([fleet.half_length, fleet.half_width], axis=-1)
    return meeting(np.stack([fleet.x, fleet.y, fleet.z, fleet.yaw], axis=-1), size)


def meeting(pose: FloatArray, half: FloatArray) -> list[tuple[int, int]]:
    """Pairs of boxes that meet: pose (N, 4) x, y, z, yaw; half sizes (N, 2)."""
    meets = np.zeros((len(pose), len(pose)), dtype=np.bool_)
    _overlaps(pose, half, meets)
    return [(int(a), int(b)) for a, b in np.argwhere(meets)]


@kernel
def _overlaps(pose: FloatArray, half: FloatArray, meets: NDArray[np.bool_]) -> None:
    """Fills in which boxes i < j (N, N) meet, by the separating-axis theorem."""
    for i in range(len(pose)):
        for j in range(i + 1, len(pose)):
            dx, dy, dz = pose[j, 0] - pose[i, 0], pose[j, 1] - pose[i, 1], pose[j, 2] - pose[i, 2]
            turn = pose[j, 3] - pose[i, 3]
            reach = half[i, 0] + half[i, 1] + half[j, 0] + half[j, 1]
            if dx * dx + dy * dy > reach * reach or abs(dz) > 3.0:
                continue
            apart = False
            for own, other in ((i, j), (j, i)):
                cos, sin = np.cos(pose[own, 3]), np.sin(pose[own, 3])
                c, s = abs(np.cos(turn)), abs(np.sin(turn))
                long, wide = half[other, 0], half[other, 1]
                along, across = abs(cos * dx + sin * dy), abs(cos * dy - sin * dx)
                apart = apart or along > half[own, 0] + c * long + s * wide
                apart = apart or across > half[own, 1] + s * long + c * wide
            meets[i, j] = not apart
