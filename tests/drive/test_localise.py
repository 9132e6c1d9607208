"""Simulated drives with noisy sensors: the filter's error stays within bounds."""

import math

import numpy as np
import pytest

from common.frames import Pose2, wrap_angle
from common.messages import EgoState, Proprioception
from common.vehicle import LINCOLN_MKZ
from drive.localise import Localiser

DT = 0.05
WHEEL_RATE = 0.8  # rad/s, as fast as the safety gate lets the wheels turn


def drive(seed, seconds=60.0, gnss_sigma=0.5, bias=0.01, outage=(math.inf, math.inf), wild=None):
    """True and estimated poses of a drive with stops and turns: rows x, y, yaw, speed (2, N, 4)."""
    rng = np.random.default_rng(seed)
    localiser = Localiser()
    pose, speed, steer = Pose2(100.0, -50.0, 0.5), 0.0, 0.0
    localiser.reset(pose, speed)
    truth, seen = [], []
    for tick in range(round(seconds / DT)):
        t = tick * DT
        wished = 0.0 if 25.0 < t < 32.0 else 9.0
        accel = max(min(wished - speed, 2.0), -3.0)
        rate = speed * math.tan(steer) / LINCOLN_MKZ.wheelbase
        fix = None
        if tick % 2 == 0 and not outage[0] <= t < outage[1]:
            fix = np.array([pose.x, pose.y]) + rng.normal(0.0, gnss_sigma, 2)
            if wild is not None and tick == wild:
                fix = fix + 80.0
        p = Proprioception(
            t,
            speed + rng.normal(0.0, 0.05) * (speed > 0),
            steer,
            np.array([accel, speed * rate, 9.81]),
            np.array([0.0, 0.0, rate + bias + rng.normal(0.0, 0.01)]),
            fix,
        )
        state = localiser.update(p)
        assert isinstance(state, EgoState)
        truth.append((pose.x, pose.y, pose.yaw, speed))
        estimate = state.world_from_ego
        seen.append((estimate.x, estimate.y, estimate.yaw, state.speed))
        faster = max(speed + accel * DT, 0.0)
        wheels = 0.25 * math.sin(0.3 * t) if int(t / 12) % 2 else 0.0
        steer += max(min(wheels - steer, WHEEL_RATE * DT), -WHEEL_RATE * DT)
        after = faster * math.tan(steer) / LINCOLN_MKZ.wheelbase
        drove, turned = 0.5 * (speed + faster) * DT, 0.5 * (rate + after) * DT
        rear = LINCOLN_MKZ.rear_axle
        arc = Pose2(drove * math.cos(turned / 2), drove * math.sin(turned / 2), turned)
        pose = pose @ Pose2(-rear, 0, 0) @ arc @ Pose2(rear, 0, 0)
        speed = faster
    return np.array([truth, seen])


def errors(rows):
    truth, seen = rows
    position = np.hypot(*(truth - seen)[:, :2].T)
    yaw = np.array([abs(wrap_angle(a - b)) for a, b in zip(truth[:, 2], seen[:, 2], strict=True)])
    return position, yaw, np.abs(truth[:, 3] - seen[:, 3])


@pytest.mark.parametrize("seed", range(4))
def test_half_metre_fixes_give_a_position_within_decimetres(seed):
    position, yaw, speed = errors(drive(seed))
    assert np.sqrt((position[200:] ** 2).mean()) < 0.2
    assert position[200:].max() < 0.7
    assert np.sqrt((yaw[200:] ** 2).mean()) < 0.012
    assert speed[20:].max() < 0.25


def test_the_gyro_bias_is_found():
    localiser = Localiser()
    for tick in range(400):
        gyro = np.array([0.0, 0.0, 0.03])
        localiser.update(Proprioception(tick * DT, 0.0, 0.0, np.zeros(3), gyro, np.zeros(2)))
    assert localiser.state[4] == pytest.approx(0.03, abs=0.002)
    assert errors(drive(7, bias=0.03, seconds=40.0))[1][-1] < 0.05


def test_ten_seconds_without_fixes_cost_less_than_two_metres():
    position, _, _ = errors(drive(3, outage=(40.0, 50.0)))
    assert position[:1000].max() < 2.0


def test_one_wild_fix_is_not_believed():
    position, _, _ = errors(drive(5, wild=600))
    assert position.max() < 1.0


def test_a_wrong_start_is_left_when_fixes_insist():
    localiser = Localiser()
    localiser.reset(Pose2(30.0, 30.0, 0.0), 0.0)
    still = np.zeros(3)
    for tick in range(100):
        p = Proprioception(tick * DT, 0.0, 0.0, still, still, np.zeros(2))
        state = localiser.update(p)
    assert math.hypot(state.world_from_ego.x, state.world_from_ego.y) < 1.0


def test_measurements_that_are_not_numbers_do_not_reach_the_state():
    localiser = Localiser()
    localiser.reset(Pose2(1.0, 2.0, 0.3), 5.0)
    nan = np.full(2, np.nan)
    p = Proprioception(0.0, math.nan, 0.0, np.zeros(3), np.zeros(3), nan)
    localiser.update(p)
    assert np.isfinite(localiser.state).all()
