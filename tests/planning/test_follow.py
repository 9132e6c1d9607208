"""From plan to command: steering, acceleration, holding, late plans."""

import math

import numpy as np
import pytest

from common.frames import Pose2
from common.messages import EgoState, Plan
from common.vehicle import LINCOLN_MKZ
from planning.follow import BRAKE_JERK, JERK, STEER_RATE, Follower
from planning.path import slip

DT = 0.05


def plan(speed=8.0, curvature=0.0, accel=0.0, t=0.0):
    """An arc, as the planner gives it: its first direction is the way the car's origin moves."""
    times = np.arange(51) * 0.1
    speeds = np.maximum(speed + accel * times, 0.0)
    s = np.concatenate([[0.0], np.cumsum(0.05 * (speeds[1:] + speeds[:-1]))])
    course = slip(math.atan(curvature * LINCOLN_MKZ.wheelbase), LINCOLN_MKZ)
    chord = s * np.sinc(curvature * s / 2 / np.pi)
    middle = course + curvature * s / 2
    xy = np.stack([chord * np.cos(middle), chord * np.sin(middle)], axis=-1)
    return Plan(t, 0.1, xy, course + curvature * s, speeds, "test")


HERE = Pose2(0.0, 0.0, 0.0)


def ego(speed=8.0, t=0.0, pose=HERE):
    return EgoState(t, pose, speed, 0.0, 0.0, 0.0)


def test_straight_on_needs_no_steering():
    out = Follower().command(plan(), ego())
    assert out.steer == pytest.approx(0.0, abs=1e-6) and out.accel == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("curvature", [0.05, -0.1])
def test_a_bend_is_steered_as_the_bicycle_says(curvature):
    follower, out = Follower(), None
    for tick in range(20):
        t = tick * DT
        out = follower.command(plan(5.0, curvature, t=t), ego(5.0, t))
    wanted = math.atan(curvature * LINCOLN_MKZ.wheelbase)
    assert out.steer == pytest.approx(wanted, rel=0.1)


def test_the_plan_s_acceleration_is_kept():
    follower = Follower()
    for tick in range(40):
        t = tick * DT
        out = follower.command(plan(8.0, accel=-2.0, t=t), ego(8.0, t))
    assert out.accel == pytest.approx(-2.0, abs=0.2)


def test_a_speed_below_the_plan_s_is_caught_up():
    follower = Follower()
    for tick in range(20):
        out = follower.command(plan(8.0, t=tick * DT), ego(7.0, tick * DT))
    assert out.accel == pytest.approx(0.8, abs=0.1)


def test_a_car_beside_its_old_plan_steers_back():
    follower = Follower()
    follower.command(plan(), ego())
    left = follower.command(plan(), ego(t=0.1, pose=Pose2(0.8, 0.5, 0.0)))
    assert left.steer < 0.0


def test_steering_and_acceleration_change_gently():
    follower = Follower()
    first = follower.command(plan(), ego())
    second = follower.command(plan(8.0, 0.3, 2.0, DT), ego(t=DT))
    assert abs(second.steer - first.steer) <= STEER_RATE * DT + 1e-9
    assert second.accel - first.accel <= JERK * DT + 1e-9
    third = follower.command(plan(8.0, 0.0, -8.0, 2 * DT), ego(t=2 * DT))
    assert second.accel - third.accel == pytest.approx(BRAKE_JERK * DT)


def test_a_standing_car_is_held():
    follower = Follower()
    for tick in range(30):
        out = follower.command(plan(0.0, t=tick * DT), ego(0.0, tick * DT))
    assert out.accel == -1.0


def test_the_brake_is_let_go_at_once_when_the_plan_starts():
    follower = Follower()
    for tick in range(30):
        follower.command(plan(0.0, t=tick * DT), ego(0.0, tick * DT))
    out = follower.command(plan(0.0, accel=1.0, t=1.5), ego(0.0, 1.5))
    assert 0.0 <= out.accel <= JERK * DT + 1e-9
