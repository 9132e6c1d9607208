"""Which vehicles the traffic consists of, and where each of them drives."""

import numpy as np
import pytest

from sim.fleet import make_fleet, nobody
from sim.kinds import BICYCLE, KINDS, LORRY, TRUCK, Bodies, Way, draw_kinds, swept
from sim.lanes import settle
from sim.roads import Roads
from tests.sim.streets import Streets


@pytest.fixture(scope="module")
def town() -> Streets:
    return Streets("mixed")


def sharpest(roads: Roads) -> np.ndarray:
    """The smallest radius (m) of every lane: from three of its samples, two metres apart."""
    out = np.full(len(roads), np.inf)
    for lane in range(len(roads)):
        yaw, s = np.unwrap(roads.yaw[roads.samples(lane)]), roads.s[roads.samples(lane)]
        turn = np.abs(np.interp(s + 2.0, s, yaw) - np.interp(s - 2.0, s, yaw))
        way = np.minimum(s + 2.0, s[-1]) - np.maximum(s - 2.0, s[0])
        out[lane] = 1.0 / max(float((turn / np.maximum(way, 1.0)).max()), 1e-4)
    return out


def all_of(kind: int, town: Streets, count: int, seed: int):
    rng = np.random.default_rng(seed)
    roads = town.roads
    lanes = np.flatnonzero((roads.length > 30.0) & (roads.junction < 0)).astype(np.int32)
    at, kinds = settle(town.table, rng.permutation(lanes), np.full(count, kind, np.int32))
    lanes = np.random.default_rng(seed).permutation(lanes)[at]
    n = len(at)
    bodies = Bodies(kinds, *(np.full(n, one) for one in LORRY))
    return kinds, make_fleet(town.table, lanes, np.full(n, 15.0), bodies, rng)


def test_kinds_are_as_common_as_their_shares_say() -> None:
    kinds = draw_kinds(20000, np.random.default_rng(0))
    assert sum(one.share for one in KINDS) == pytest.approx(1.0)
    for row, one in enumerate(KINDS):
        assert np.mean(kinds == row) == pytest.approx(one.share, abs=0.01)


def test_bicycles_keep_off_fast_roads_and_lorries_out_of_tight_bends(town: Streets) -> None:
    radius, inside = sharpest(town.roads), town.roads.junction >= 0
    fits = {
        BICYCLE: town.roads.speed_limit <= 18.0,
        TRUCK: radius >= np.where(inside, 11.0, 33.0),
    }
    for kind, fit in fits.items():
        kinds, fleet = all_of(kind, town, 12, kind)
        seen = set()
        for _ in town.run(fleet, 60.0, 1, nobody()):
            seen |= set(fleet.route[kinds == kind].ravel().tolist())
        assert len(seen) > 12
        assert fit[sorted(seen)].all()
        assert not fit.all()


def test_who_finds_no_place_to_drive_is_a_car() -> None:
    motorway = Streets("motorway")
    fast = np.flatnonzero(motorway.roads.speed_limit > 18.0)[:5].astype(np.int32)
    _, kinds = settle(motorway.table, fast, np.full(9, BICYCLE, np.int32))
    assert [KINDS[one].name for one in kinds] == ["car"] * 5


def test_lorries_reach_no_farther_beside_their_lanes_than_is_kept_free(town: Streets) -> None:
    kinds, fleet = all_of(TRUCK, town, 12, 3)
    radius = sharpest(town.roads)
    lorries = np.flatnonzero(kinds == TRUCK)
    corners = [(a * LORRY.half_length, b * LORRY.half_width) for a in (-1, 1) for b in (-1, 1)]
    farthest, turned = 0.0, 0
    for _ in town.run(fleet, 90.0, 2, nobody()):
        for i in lorries:
            lane = int(fleet.route[i, 0])
            if town.roads.junction[lane] < 0 or radius[lane] > 30.0:
                continue
            own = town.roads.samples(lane)
            reach = swept(LORRY, radius[[lane]])[0]
            cos, sin = np.cos(fleet.yaw[i]), np.sin(fleet.yaw[i])
            for a, b in corners:
                corner = fleet.x[i] + a * cos - b * sin, fleet.y[i] + a * sin + b * cos
                away = np.hypot(*(town.roads.xy[own] - corner).T)
                k = int(np.argmin(away))
                if 0 < k < len(away) - 1:
                    farthest = max(farthest, float(away[k]) - reach)
                    turned += 1
    assert turned > 100
    assert farthest < 0.25


def test_where_cars_meet_in_a_junction_lorries_meet_too(town: Streets) -> None:
    table, lanes = town.table, len(town.roads)

    def meetings(size: int) -> set[tuple[int, int]]:
        first = table.meet_first[size]
        lane = np.repeat(np.arange(lanes), np.diff(first))
        return set(zip(lane, table.meet_lane[first[0] : first[-1]], strict=True))

    inside = town.roads.junction >= 0
    cars = {(a, b) for a, b in meetings(0) if inside[a] and inside[b]}
    assert cars < meetings(1)
    assert KINDS[TRUCK].way == Way.LONG
