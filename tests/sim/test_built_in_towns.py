"""All built-in towns, as the genuine client reads them."""

import math
from importlib import import_module
from itertools import pairwise

import carla
import numpy as np
import pytest

from sim import maps
from sim.iso import transform_pose
from sim.maps.network import climb
from sim.roads import Roads, StopKind
from sim.routes import make_route

TOWNS = ("city", "mixed", "motorway", "suburb")
STEP = 1.0  # m between waypoints looked at


@pytest.fixture(scope="module", params=TOWNS)
def town(request):
    return carla.Map(request.param, maps.path(request.param).read_text())


def test_the_towns_are_built_in():
    assert maps.names() == TOWNS


@pytest.mark.parametrize("name", TOWNS)
def test_a_committed_town_is_what_its_program_makes(name):
    assert maps.path(name).read_text() == import_module(f"sim.maps.make_{name}").make()


@pytest.mark.parametrize("name", TOWNS)
def test_the_client_reads_a_town_without_a_word(name, capfd):
    carla.Map(name, maps.path(name).read_text())
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""


def lane_of(waypoint):
    return waypoint.road_id, waypoint.section_id, waypoint.lane_id


def apart(a, b):
    """Distance (m), difference of height (m) and of heading (rad) between two waypoints."""
    one, two = transform_pose(a.transform), transform_pose(b.transform)
    turn = math.remainder(two[5] - one[5], math.tau)
    return np.hypot(*(two - one)[:2]), abs(two[2] - one[2]), abs(turn)


def test_no_lane_ends_blind_and_none_is_out_of_reach(town):
    links = {}
    for begin, after in town.get_topology():
        links.setdefault(lane_of(begin), set()).add(lane_of(after))
    reached = set().union(*links.values())
    for lane, onward in links.items():
        assert onward - {lane}, f"{lane} leads nowhere"
        assert lane in reached, f"nothing leads to {lane}"


def test_waypoints_run_on_without_a_step_or_a_kink(town):
    for begin, _ in town.get_topology():
        run = [begin, *begin.next_until_lane_end(STEP)]
        for a, b in pairwise(run):
            distance, rise, turn = apart(a, b)
            assert rise < 0.15 * max(distance, 0.3), lane_of(a)
            assert turn < 0.2, lane_of(a)
        for after in run[-1].next(0.6):
            distance, rise, turn = apart(run[-1], after)
            assert distance < 1.2, (lane_of(begin), lane_of(after))
            assert rise < 0.1, (lane_of(begin), lane_of(after))
            assert turn < 0.15, (lane_of(begin), lane_of(after))


@pytest.mark.parametrize(
    ("name", "kinds", "limits", "climb_m"),
    [
        ("suburb", {StopKind.STOP, StopKind.YIELD}, {30, 40, 50}, 15.0),
        ("motorway", {StopKind.STOP, StopKind.YIELD}, {50, 60, 70, 100}, 6.0),
        ("mixed", {StopKind.STOP, StopKind.YIELD, StopKind.SIGNAL}, {30, 50, 60, 70, 100}, 10.0),
    ],
)
def test_a_town_has_the_signs_limits_and_hills_it_is_for(name, kinds, limits, climb_m):
    road_map = carla.Map(name, maps.path(name).read_text())
    roads = Roads(road_map)
    assert {line.kind for line in roads.stop_lines} == kinds
    assert limits <= {round(3.6 * limit) for limit in roads.speed_limit}
    signs = {int(mark.value) for mark in road_map.get_all_landmarks() if mark.type == "274"}
    assert limits <= signs
    assert np.ptp(roads.z) > climb_m
    assert len(roads.successors) > 80
    for index in range(0, 100, 9):
        assert make_route(roads, index).points.shape[0] >= 399


def test_the_motorway_has_three_lanes_and_roads_above_it():
    road_map = carla.Map("motorway", maps.path("motorway").read_text())
    roads = Roads(road_map)
    fast = np.flatnonzero((roads.speed_limit > 25.0) & (roads.junction < 0))
    assert sorted(set(roads.keys[fast, 2])) == [-4, -3, -2, -1]
    middle = roads.keys[fast, 2] == -2
    assert (roads.left[fast[middle]] >= 0).all()
    assert (roads.right[fast[middle]] >= 0).all()
    near = roads.nearest(roads.xy)
    assert (near.lane >= 0).all()
    xy = np.round(roads.xy / 4.0).astype(int)
    heights: dict[tuple[int, int], list[float]] = {}
    for (i, j), z in zip(xy.tolist(), roads.z.tolist(), strict=True):
        heights.setdefault((i, j), []).append(z)
    assert max(max(one) - min(one) for one in heights.values()) > 5.0


def test_a_climb_goes_through_its_heights_level_at_both_ends():
    knots = [(0.0, 2.0), (40.0, 7.0), (100.0, 3.0)]
    records = climb(knots)
    for k, (s, (z, *_)) in enumerate(records):
        assert (s, z) == knots[k]
    assert records[0][1][1] == 0.0
    s, (a, b, c, d) = records[-1]
    x = 100.0 - s
    assert a + x * (b + x * (c + x * d)) == pytest.approx(3.0)
    assert b + x * (2.0 * c + x * 3.0 * d) == pytest.approx(0.0, abs=1e-12)
