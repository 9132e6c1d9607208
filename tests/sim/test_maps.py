"""The built-in towns, as the genuine client reads them."""

import math

import carla
import pytest

from sim import maps
from sim.iso import transform_pose2
from sim.maps import make_city


@pytest.fixture(scope="module")
def city():
    return carla.Map("city", maps.path("city").read_text())


def ways(road_map):
    """Junction id -> list of (entry, exit) waypoints, every lane through every junction."""
    found = {}
    for begin, end in road_map.get_topology():
        if begin.is_junction:
            found.setdefault(begin.junction_id, []).append((begin, end))
    return found


def test_every_way_through_every_junction_can_be_driven(city):
    for ways_through in ways(city).values():
        for begin, end in ways_through:
            at, goal = begin, (end.road_id, end.lane_id)
            for _ in range(400):
                options = at.next(0.25)
                assert options, f"road {at.road_id} ends"
                step = at.transform.location.distance(options[0].transform.location)
                assert 0.1 < step < 0.4
                turn = transform_pose2(options[0].transform).yaw - transform_pose2(at.transform).yaw
                assert abs(math.remainder(turn, math.tau)) < 0.15
                at = options[0]
                if not at.is_junction:
                    break
            assert not at.is_junction
            assert goal[0] in (begin.road_id, at.road_id)


def test_every_approach_leads_to_all_other_arms_but_its_own(city):
    for ways_through in ways(city).values():
        exits = {}
        for begin, _ in ways_through:
            source = begin.previous(1.0)[0]
            at = begin
            while at.is_junction:
                at = at.next(0.5)[0]
            exits.setdefault(source.road_id, set()).add(at.road_id)
        arms = set(exits)
        for source, reached in exits.items():
            assert reached == arms - {source}


def test_lane_changes_are_allowed_on_the_avenue_only_between_lanes_of_one_direction(city):
    lanes = [w for w in city.generate_waypoints(10.0) if not w.is_junction]
    avenue = [w for w in lanes if abs(w.lane_id) == 2 and w.lane_type == carla.LaneType.Driving]
    assert avenue
    for waypoint in avenue:
        assert waypoint.lane_change == carla.LaneChange.Left
        left = waypoint.get_left_lane()
        assert left.lane_id * waypoint.lane_id > 0
        assert left.lane_change == carla.LaneChange.Right


def test_crossings_lie_inside_junctions_from_kerb_to_kerb(city):
    outlines = city.get_crosswalks()
    assert len(outlines) % 5 == 0
    assert len(outlines) // 5 == sum(len(node_arms(name)) for name in make_city.NODES)
    for k in range(0, len(outlines), 5):
        corners = outlines[k : k + 5]
        assert corners[0].distance(corners[4]) < 1e-3
        middle = carla.Location(
            sum(c.x for c in corners[:4]) / 4, sum(c.y for c in corners[:4]) / 4, 0.0
        )
        assert city.get_waypoint(middle).is_junction


def node_arms(name):
    return [street for street in make_city.STREETS if name in (street.a, street.b)]


def test_signs_and_lights_are_landmarks_of_the_lanes_that_meet_them(city):
    lights = 0
    for waypoint in city.generate_waypoints(5.0):
        if waypoint.is_junction:
            continue
        ahead = [
            mark for mark in waypoint.get_landmarks(400.0, True) if mark.road_id == waypoint.road_id
        ]
        lights += any(mark.type == "1000001" for mark in ahead)
        for mark in ahead:
            heading = transform_pose2(mark.transform).yaw
            lane = transform_pose2(mark.waypoint.transform).yaw
            assert math.cos(heading - lane) > 0.99
    assert lights > 100


def test_there_is_road_for_ten_long_routes(city):
    length = 2.0 * sum(not w.is_junction for w in city.generate_waypoints(2.0))
    assert length > 5000.0
    signalised = sum(node.control == "signals" for node in make_city.NODES.values())
    assert signalised >= 4
