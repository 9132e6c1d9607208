"""Background drivers on real maps, without a server."""

from collections.abc import Iterator
from pathlib import Path

import carla
import numpy as np
import pytest

from sim import maps
from sim.fleet import (
    GREEN,
    RED,
    YELLOW,
    Fleet,
    LaneTable,
    Others,
    decide,
    lane_table,
    make_fleet,
    nobody,
    roll,
)
from sim.roads import Roads, StopKind

MAPS = Path(__file__).parents[2].parent / "shared/maps/carla"
DT = 0.05
PHASE, GREEN_TIME, YELLOW_TIME = 15.0, 10.0, 3.0  # s


class Streets:
    """A map, its lights and its dice."""

    def __init__(self, name: str) -> None:
        path = maps.path(name) if name in maps.names() else MAPS / f"{name}.xodr"
        if not path.exists():
            pytest.skip(f"no {path}")
        self.roads = Roads(carla.Map(name, path.read_text()))
        lines = [line for line in self.roads.stop_lines if line.kind is StopKind.SIGNAL]
        self.ids = tuple(sorted({line.opendrive_id for line in lines}))
        self.table: LaneTable = lane_table(self.roads, self.ids)
        groups: dict[int, set[str]] = {}
        for line in lines:
            groups.setdefault(int(self.roads.junction[line.lane]), set()).add(line.opendrive_id)
        self.groups = [sorted(groups[key]) for key in sorted(groups)]

    def lights(self, t: float) -> np.ndarray:
        states = np.full(len(self.ids), RED, np.uint8)
        now = t % PHASE
        show = GREEN if now < GREEN_TIME else YELLOW if now < GREEN_TIME + YELLOW_TIME else RED
        for group in self.groups:
            states[self.ids.index(group[int(t / PHASE) % len(group)])] = show
        return states

    def fleet(self, count: int, rng: np.random.Generator) -> Fleet:
        roads = self.roads
        free = np.flatnonzero((roads.junction < 0) & (np.diff(self.table.after_first) > 0))
        places = [
            (lane, s) for lane in free for s in np.arange(8.0, roads.length[lane] - 8.0, 14.0)
        ]
        chosen = np.array(places)[rng.permutation(len(places))[:count]]
        half = np.stack([rng.uniform(1.8, 2.8, count), rng.uniform(0.9, 1.08, count)], axis=1)
        return make_fleet(self.table, chosen[:, 0].astype(np.int32), chosen[:, 1], half, rng)

    def run(self, fleet: Fleet, seconds: float, seed: int, others: Others) -> Iterator[float]:
        rng = np.random.default_rng(seed)
        for tick in range(round(seconds / DT)):
            accel, steer = decide(self.table, fleet, others, self.lights(tick * DT), DT, rng)
            roll(fleet, accel, steer, DT)
            yield tick * DT


@pytest.fixture(scope="module", params=["Town01", "Town04", "Town10HD", "suburb"])
def streets(request: pytest.FixtureRequest) -> Streets:
    return Streets(request.param)


def overlaps(fleet: Fleet) -> int:
    """Pairs of boxes that meet, by the separating-axis theorem."""
    centre = np.stack([fleet.x, fleet.y], axis=-1)
    apart = np.hypot(*(centre[:, None] - centre[None]).transpose(2, 0, 1))
    level = np.abs(fleet.z[:, None] - fleet.z[None]) < 3.0
    first, second = np.nonzero(np.triu((apart < 7.0) & level, 1))
    axes = np.stack([np.cos(fleet.yaw), np.sin(fleet.yaw)], axis=-1)
    normal = axes[:, ::-1] * (-1.0, 1.0)
    half = np.stack([fleet.half_length, fleet.half_width], axis=-1)
    gap = np.full(len(first), -np.inf)
    for a, b in ((first, second), (second, first)):
        for k, axis in enumerate((axes[a], normal[a])):
            reach = np.abs((axes[b] * axis).sum(-1)) * half[b, 0]
            reach += np.abs((normal[b] * axis).sum(-1)) * half[b, 1]
            along = np.abs(((centre[b] - centre[a]) * axis).sum(-1))
            gap = np.maximum(gap, along - reach - half[a, k])
    return int((gap < 0.0).sum())


def test_traffic_flows_for_minutes_without_a_collision(streets: Streets) -> None:
    assert_flow(streets)


def test_traffic_merges_on_the_motorway_without_a_collision() -> None:
    assert_flow(Streets("motorway"))


def assert_flow(streets: Streets) -> None:
    fleet = streets.fleet(60, np.random.default_rng(5))
    speeds, longest = [], 0.0
    for t in streets.run(fleet, 150.0, 1, nobody()):
        if round(t / DT) % 4 == 0:
            assert overlaps(fleet) == 0, f"at {t:.2f} s"
        speeds.append(fleet.speed.mean())
        longest = max(longest, float(fleet.stood.max()))
    assert np.mean(speeds) > 1.5
    assert longest < 130.0


def test_drivers_keep_to_their_lanes(streets: Streets) -> None:
    fleet = streets.fleet(40, np.random.default_rng(6))
    for t in streets.run(fleet, 60.0, 2, nobody()):
        if round(t) == t:
            at = streets.roads.nearest(np.stack([fleet.x, fleet.y], -1), fleet.yaw)
            assert (at.lane >= 0).all()
            assert np.abs(at.lateral).max() < 1.9  # half a lane, while changing


def test_two_runs_are_identical_and_another_seed_differs() -> None:
    town = Streets("Town10HD")

    def end(seed: int) -> bytes:
        fleet = town.fleet(30, np.random.default_rng(seed))
        for _ in town.run(fleet, 30.0, seed, nobody()):
            pass
        return fleet.x.tobytes() + fleet.y.tobytes() + fleet.speed.tobytes()

    assert end(1) == end(1)
    assert end(1) != end(2)


def test_nobody_enters_on_red(streets: Streets) -> None:
    fleet = streets.fleet(40, np.random.default_rng(7))
    rng = np.random.default_rng(0)
    table = streets.table
    red = np.full(len(streets.ids), RED, np.uint8)
    held_by_light = table.signal >= 0
    for _ in range(800):
        accel, steer = decide(table, fleet, nobody(), red, DT, rng)
        roll(fleet, accel, steer, DT)
    lane = fleet.route[:, 0]
    front = fleet.s + fleet.half_length
    assert not (held_by_light[lane] & (front > table.stop_s[lane] + 1.0)).any()


def test_drivers_stop_behind_a_stranger_and_for_a_walker() -> None:
    town = Streets("Town01")
    lane = int(np.argmax(town.roads.length))
    half = np.array([[2.4, 1.0]])
    here = town.roads.pose(lane, 60.0)
    for size in ((2.4, 1.0), (0.2, 0.2)):
        fleet = make_fleet(
            town.table, np.array([lane], np.int32), np.array([10.0]), half, np.random.default_rng(1)
        )
        one = np.array([1.0])
        others = nobody()._replace(
            x=one * here.x, y=one * here.y, z=one * 0.0, yaw=one * here.yaw,
            half_length=one * size[0], half_width=one * size[1], vx=one * 0.0, vy=one * 0.0,
        )  # fmt: skip
        for _ in town.run(fleet, 30.0, 0, others):
            pass
        gap = 60.0 - size[0] - (fleet.s[0] + 2.4)
        assert fleet.speed[0] < 0.1
        assert 0.5 < gap < 5.0


def test_a_stranger_in_the_junction_keeps_others_out() -> None:
    town = Streets("Town01")
    table = town.table
    row = int(np.argmax(table.meet[:, 1] - table.meet[:, 0] > 2.0))
    lane = int(np.searchsorted(table.meet_first, row, side="right") - 1)
    approach = int(town.roads.predecessors[lane][0])
    stranger = nobody()._replace(
        used_lane=table.meet_lane[[row]], used_rear=np.array([0.0]),
    )  # fmt: skip
    half = np.array([[2.4, 1.0]])
    start = np.array([town.roads.length[approach] - 10.0])
    green = np.full(len(town.ids), GREEN, np.uint8)
    entered = []
    for others in (nobody(), stranger):
        rng = np.random.default_rng(3)
        fleet = make_fleet(table, np.array([approach], np.int32), start, half, rng)
        fleet.route[0, 1] = lane
        fleet.route[0, 2:] = town.roads.successors[lane][0]
        for _ in range(200):
            accel, steer = decide(table, fleet, others, green, DT, rng)
            roll(fleet, accel, steer, DT)
        entered.append(fleet.route[0, 0] != approach)
    assert entered == [True, False]
