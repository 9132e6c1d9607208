"""Predicted motion: along the road, round a turn, at a walk, giving way."""

import math

import numpy as np
import pytest

from common.frames import Pose2
from common.messages import EgoState, ObjectEstimate, ObjectKind, Scene
from planning.path import path_of, stretch
from planning.predict import forecast
from tests.planning.closed_loop import line

DT, STEPS = 0.1, 51
HALF = math.pi / 2


def future(*things, ego_speed=0.0, age=0.0, yaw_rate=0.0, route=None, priority=False):
    path = path_of(route or line(("straight", 150)))
    ego = EgoState(age, Pose2(20.0, 0.0, 0.0), ego_speed, 0.0, yaw_rate, 0.0)
    path = stretch(path, ego.world_from_ego.inverse(), 0.0, 130.0)
    scene = Scene(0.0, things, (), None, None, "script")
    return forecast(scene, ego, path, 20.0, STEPS, DT, priority)


def vehicle(x, y, yaw=0.0, speed=0.0, yaw_rate=None):
    velocity = speed * np.array([math.cos(yaw), math.sin(yaw)])
    kind = ObjectKind.VEHICLE
    return ObjectEstimate(kind, Pose2(x, y, yaw), 4.5, 1.9, velocity, 1.0, 3, yaw_rate)


def walker(x, y, yaw, speed):
    velocity = speed * np.array([math.cos(yaw), math.sin(yaw)])
    kind = ObjectKind.WALKER
    return ObjectEstimate(kind, Pose2(x, y, 0.0), 0.5, 0.5, velocity, 1.0, 4)


def test_nobody_is_no_forecast():
    assert len(future()) == 0


def test_a_vehicle_on_the_route_follows_its_bend():
    bend = line(("straight", 30), ("left", 20), ("straight", 60))
    there = future(vehicle(8.0, 0.0, 0.0, 8.0), route=bend).motion[0]
    assert np.abs(there[:, 4]).max() < 0.2
    assert there[-1, 3] - there[0, 3] == pytest.approx(40.0, rel=0.02)
    assert there[-1, 2] > 1.3


def test_an_oncoming_vehicle_keeps_to_its_lane_in_a_bend():
    bend = line(("straight", 30), ("left", 20), ("straight", 60))
    path = path_of(bend)
    row = int(np.searchsorted(path.s, 55.0))
    left = np.array([-math.sin(path.yaw[row]), math.cos(path.yaw[row])])
    x, y = path.xy[row] + 3.5 * left
    there = future(vehicle(x - 20.0, y, path.yaw[row] + math.pi, 8.0, -0.45), route=bend).motion[0]
    assert there[:, 4] == pytest.approx(3.5, abs=0.3)
    assert there[-1, 3] < there[0, 3] - 35.0


def test_a_drift_to_the_side_dies_out():
    there = future(vehicle(10.0, 3.5, -0.15, 10.0)).motion[0]
    assert 1.2 < there[-1, 4] < 2.5
    assert there[-1, 5] == pytest.approx(0.0, abs=0.01)


def test_a_turning_vehicle_turns_until_it_is_along_the_road():
    there = future(vehicle(30.0, -12.0, HALF, 5.0, -0.5)).motion[0]
    assert there[-1, 5] == pytest.approx(0.0, abs=0.06)
    assert there[0, 5] == pytest.approx(HALF)


def test_a_correction_of_the_course_is_no_turn():
    there = future(vehicle(30.0, -30.0, HALF, 5.0, 0.06)).motion[0]
    assert there[-1, 2] - there[0, 2] < 0.1


def test_a_walker_goes_where_it_walks_and_grows_uncertain():
    seen = future(walker(20.0, -6.0, HALF, 1.4))
    assert seen.motion[0, -1, :2] == pytest.approx((20.0, 1.0), abs=0.1)
    assert seen.growth[0, 0] == 0.0 < seen.growth[0, 20] < seen.growth[0, -1]
    assert future(walker(20.0, -6.0, 0.0, 0.0)).growth.max() == 0.0


def test_an_old_scene_is_brought_to_now():
    seen = future(vehicle(30.0, 0.0, 0.0, 5.0), ego_speed=10.0, age=0.2)
    assert seen.motion[0, 0, :2] == pytest.approx((29.0, 0.0), abs=1e-6)
    turned = future(vehicle(30.0, 0.0), ego_speed=0.0, yaw_rate=0.5, age=0.2)
    assert turned.motion[0, 0, 1] == pytest.approx(-30.0 * math.sin(0.1), abs=1e-6)


def test_with_priority_a_crossing_vehicle_that_can_is_expected_to_stop():
    free = future(vehicle(20.0, -30.0, HALF, 8.0))
    gives_way = future(vehicle(20.0, -30.0, HALF, 8.0), priority=True)
    too_near = future(vehicle(20.0, -8.0, HALF, 8.0), priority=True)
    assert free.motion[0, -1, 1] > 5.0
    assert gives_way.motion[0, -1, 1] < -3.0
    assert too_near.motion[0, -1, 1] > 5.0


def test_a_vehicle_that_rolls_backwards_is_predicted_backwards():
    there = future(
        ObjectEstimate(
            ObjectKind.VEHICLE, Pose2(20.0, 0.0, 0.0), 4.5, 1.9, np.array([-2.0, 0.0]), 1.0, None
        )
    )
    assert there.motion[0, -1, 0] == pytest.approx(10.0, abs=0.1)
    assert there.names == ("vehicle",)
