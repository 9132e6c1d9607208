"""Background drivers on real maps, without a server."""

import numpy as np
import pytest

from sim.fleet import GREEN, RED, decide, make_fleet, nobody, nothing_ahead, roll
from sim.following import look, track
from sim.kinds import cars
from sim.right_of_way import turns_on
from tests.sim.streets import DT, Streets, map_file, overlaps


def streets_of(town: str) -> Streets:
    if not map_file(town).exists():
        pytest.skip(f"no {map_file(town)}")
    return Streets(town)


@pytest.fixture(scope="module", params=["Town01", "Town04", "Town10HD", "suburb"])
def streets(request: pytest.FixtureRequest) -> Streets:
    return streets_of(request.param)


def test_traffic_flows_for_minutes_without_a_collision(streets: Streets) -> None:
    assert_flow(streets)


def test_traffic_merges_on_the_motorway_without_a_collision() -> None:
    assert_flow(streets_of("motorway"))


def assert_flow(streets: Streets) -> None:
    fleet = streets.fleet(60, np.random.default_rng(5))
    speeds, longest = [], 0.0
    for t in streets.run(fleet, 150.0, 1, nobody()):
        if round(t / DT) % 4 == 0:
            assert not overlaps(fleet), f"at {t:.2f} s"
        speeds.append(fleet.speed.mean())
        longest = max(longest, float(fleet.stood.max()))
    assert np.mean(speeds) > 1.5
    assert longest < 130.0


def test_a_roundabout_keeps_a_lane_free() -> None:
    town = streets_of("suburb")
    table, roads = town.table, town.roads
    arcs = np.flatnonzero((table.ring >= 0) & (roads.junction < 0))
    assert table.ring_room.tolist() == [len(arcs) - 2]  # one arc is too short to wait on
    entry = next(
        lane
        for lane in np.flatnonzero((table.ring < 0) & (roads.junction >= 0))
        if any(table.ring[one] >= 0 for one in roads.successors[lane])
    )
    approach = roads.predecessors[entry][0]
    lanes = np.array([approach, *arcs], np.int32)
    for inside in range(len(arcs)):
        count = 1 + inside
        s = np.array([roads.length[approach] - 6.0, *np.full(inside, 3.0)])
        half = np.tile((1.8, 0.9), (count, 1))
        fleet = make_fleet(table, lanes[:count], s, cars(half), np.random.default_rng(0))
        fleet.min_gap[0] = 1.5
        fleet.route[0, 1] = entry
        for k in range(2, fleet.route.shape[1]):
            fleet.route[0, k] = table.after[table.after_first[0, fleet.route[0, k - 1]]]
        fleet.route[0, 2] = next(one for one in roads.successors[entry] if table.ring[one] >= 0)
        ahead = nothing_ahead(count)
        look(table, fleet, nobody(), town.lights.states, ahead)
        enters_round = bool(table.ring[fleet.route[0, ahead.end[0] + 1]] >= 0)
        assert enters_round
        assert turns_on(table, fleet, ahead, 0) == (inside < table.ring_room[0])


def test_a_kink_in_a_lane_ends_no_drive() -> None:
    town = streets_of("suburb")
    fleet = town.fleet(1, np.random.default_rng(0))
    first = int(town.table.first[fleet.route[0, 0]])
    xy, ahead = town.table.xy.copy(), town.table.ahead.copy()
    xy[first + 1] = xy[first] + (2.0, 0.0)
    ahead[first : first + 2] = 1.0, 0.0
    fleet.x[0], fleet.y[0], fleet.sample[0] = xy[first, 0] + 0.9, xy[first, 1], first
    track(town.table._replace(xy=xy, ahead=ahead), fleet, np.zeros(1), DT)
    assert fleet.sample[0] in (first, first + 1)


def test_drivers_keep_to_their_lanes(streets: Streets) -> None:
    fleet = streets.fleet(40, np.random.default_rng(6))
    for t in streets.run(fleet, 60.0, 2, nobody()):
        if round(t) == t:
            at = streets.roads.nearest(np.stack([fleet.x, fleet.y], -1), fleet.yaw)
            assert (at.lane >= 0).all()
            assert np.abs(at.lateral).max() < 1.9  # half a lane, while changing


def test_two_runs_are_identical_and_another_seed_differs() -> None:
    town = streets_of("Town10HD")

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
    town = streets_of("Town01")
    lane = int(np.argmax(town.roads.length))
    half = np.array([[2.4, 1.0]])
    here = town.roads.pose(lane, 60.0)
    for size in ((2.4, 1.0), (0.2, 0.2)):
        fleet = make_fleet(
            town.table, np.array([lane], np.int32), np.array([10.0]), cars(half),
            np.random.default_rng(1),
        )  # fmt: skip
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
    town = streets_of("Town01")
    table = town.table
    row = int(np.argmax(table.meet[:, 1] - table.meet[:, 0] > 2.0))
    lane = int(np.searchsorted(table.meet_first[0], row, side="right") - 1)
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
        fleet = make_fleet(table, np.array([approach], np.int32), start, cars(half), rng)
        fleet.route[0, 1] = lane
        fleet.route[0, 2:] = town.roads.successors[lane][0]
        for _ in range(200):
            accel, steer = decide(table, fleet, others, green, DT, rng)
            roll(fleet, accel, steer, DT)
        entered.append(fleet.route[0, 0] != approach)
    assert entered == [True, False]
