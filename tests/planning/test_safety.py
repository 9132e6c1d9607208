"""The gate: every rule has a test that dies with it, and no input exceeds the limits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.frames import Pose2
from common.messages import (
    ControlCommand,
    EgoState,
    ObjectEstimate,
    ObjectKind,
    Scene,
    Source,
)
from common.vehicle import LINCOLN_MKZ
from planning.safety import IMPOSSIBLE, Limits, SafetyGate, rss_distance, stop_distance

LIMITS = Limits()
DT = 0.05


def ego(speed=0.0, t=0.0, steer=0.0):
    return EgoState(t, Pose2(0.0, 0.0, 0.0), speed, 0.0, 0.0, steer)


def command(steer=0.0, accel=0.0, t=0.0, source=Source.PLANNER, reverse=False):
    return ControlCommand(t, steer, accel, reverse, source)


def thing(x, y=0.0, yaw=0.0, velocity=(0.0, 0.0), kind=ObjectKind.VEHICLE):
    size = (4.5, 1.9) if kind is ObjectKind.VEHICLE else (0.5, 0.5)
    return ObjectEstimate(kind, Pose2(x, y, yaw), *size, np.array(velocity), 1.0, 7)


def scene(*objects, t=0.0):
    return Scene(t, tuple(objects), (), None, None, "script")


def lateral(steer, speed):
    return speed**2 * math.tan(abs(steer)) / LINCOLN_MKZ.wheelbase


numbers = st.floats(allow_nan=True, allow_infinity=True)
commands = st.none() | st.builds(
    ControlCommand, numbers, numbers, numbers, st.booleans(), st.sampled_from(Source)
)
egos = st.builds(ego, numbers, numbers, numbers)
objects = st.builds(
    thing, numbers.filter(math.isfinite), numbers, st.just(0.5), st.tuples(numbers, numbers)
)
scenes = st.none() | st.builds(scene, objects, t=numbers)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(commands, egos, scenes), min_size=1, max_size=6))
def test_no_input_whatsoever_makes_the_output_exceed_the_limits(inputs):
    gate = SafetyGate()
    before, speed = None, 0.0
    for tick, (one, state, around) in enumerate(inputs):
        out = gate.check(one, state, around, tick * DT)
        speed = state.speed if abs(state.speed) < IMPOSSIBLE else speed
        assert math.isfinite(out.steer) and math.isfinite(out.accel)
        assert abs(out.steer) <= LINCOLN_MKZ.max_steer
        assert -LIMITS.brake <= out.accel <= LIMITS.accel
        assert lateral(out.steer, abs(speed)) <= LIMITS.lateral_accel * 1.001 or abs(speed) < 0.1
        if before is not None and lateral(before, abs(speed)) <= LIMITS.lateral_accel:
            assert abs(out.steer - before) <= LIMITS.steer_rate * DT + 1e-9
        before = out.steer


@settings(max_examples=50, deadline=None)
@given(numbers, numbers, st.floats(-25, 25))
def test_an_operator_gets_no_more_than_the_planner(steer, accel, speed):
    outs = [
        SafetyGate().check(command(steer, accel, source=source), ego(speed), scene(), 0.0)
        for source in (Source.PLANNER, Source.OPERATOR)
    ]
    assert outs[0].steer == outs[1].steer and outs[0].accel == outs[1].accel


def test_a_fair_command_passes_unchanged():
    out = SafetyGate().check(command(0.02, 1.0), ego(8.0), scene(), 0.0)
    assert out == command(0.02, 1.0)


def test_lateral_acceleration_is_kept():
    gate = SafetyGate()
    for tick in range(100):
        out = gate.check(command(0.5, t=tick * DT), ego(15.0), scene(t=tick * DT), tick * DT)
    assert lateral(out.steer, 15.0) == pytest.approx(LIMITS.lateral_accel, rel=1e-3)


def test_the_wheels_turn_no_faster_than_their_rate():
    out = SafetyGate().check(command(1.0), ego(1.0), scene(), 0.0)
    assert out.steer == pytest.approx(LIMITS.steer_rate * DT)


@pytest.mark.parametrize("accel, most", [(9.0, 3.0), (-20.0, -8.0)])
def test_accelerations_are_kept_in_range(accel, most):
    assert SafetyGate().check(command(accel=accel), ego(5.0), scene(), 0.0).accel == most


def test_nobody_drives_faster_than_the_law_allows_remote_drivers():
    out = SafetyGate().check(command(accel=2.0, source=Source.OPERATOR), ego(23.0), scene(), 0.0)
    assert out.accel == 0.0


@pytest.mark.parametrize(
    "one, around, cause",
    [
        (None, scene(), "no command"),
        (command(math.nan), scene(), "not a number"),
        (command(accel=math.inf), scene(), "not a number"),
        (command(t=-0.5), scene(), "command is stale"),
        (command(t=1.0), scene(), "command is stale"),
        (command(), scene(t=-1.0), "scene is stale"),
        (command(), None, "scene is stale"),
    ],
)
def test_a_fault_stops_the_car_for_good(one, around, cause):
    gate = SafetyGate()
    out = gate.check(one, ego(10.0), around, 0.0)
    assert out.source is Source.SAFETY and out.accel < 0.0 and cause in (gate.stopping or "")
    out = gate.check(command(accel=2.0, t=DT), ego(9.9, DT), scene(t=DT), DT)
    assert out.source is Source.SAFETY and out.accel < 0.0
    gate.reset()
    assert gate.check(command(accel=2.0, t=DT), ego(9.0, DT), scene(t=DT), DT).accel == 2.0


def test_a_state_that_is_not_a_number_stops_the_car():
    for state, cause in ((ego(math.nan), "speed"), (ego(steer=math.inf), "not a number")):
        gate = SafetyGate()
        gate.check(command(), state, scene(), 0.0)
        assert cause in (gate.stopping or "")


def test_an_operator_may_drive_without_a_scene_but_not_with_a_stale_one():
    free = command(accel=1.0, source=Source.OPERATOR)
    assert SafetyGate().check(free, ego(3.0), None, 0.0).accel == 1.0
    assert SafetyGate().check(free, ego(3.0), scene(t=-1.0), 0.0).accel < 0.0


def test_the_minimum_risk_stop_takes_the_published_distance():
    """Autoware's emergency stop from 50 km/h: 49.86 m in 6.39 s."""
    gate, speed, distance, t = SafetyGate(), 50 / 3.6, 0.0, 0.0
    while speed > 0.0 and t < 10.0:
        accel = gate.check(None, ego(speed), None, t).accel
        assert accel >= -LIMITS.stop_decel
        distance += speed * DT + 0.5 * accel * DT**2
        speed, t = speed + accel * DT, t + DT
    assert distance == pytest.approx(49.86, abs=1.0)
    assert t == pytest.approx(6.39, abs=0.2)


def test_stop_distances_agree_with_the_reference():
    speed = 50 / 3.6
    assert stop_distance(speed, 1.0, 0.3) == pytest.approx(119.14, abs=0.05)
    assert stop_distance(speed, 2.5, 1.5) == pytest.approx(49.86, abs=0.05)
    assert stop_distance(speed, 5.0, 10.0) == pytest.approx(22.71, abs=0.05)
    assert stop_distance(0.5, 2.5, 1.5) < 0.5


@pytest.mark.parametrize(
    "arguments, gap",
    [
        ((50 / 3.6, 50 / 3.6, 2.0, 0.0, 4.0, 8.0), 39.8341),
        ((50 / 3.6, 50 / 3.6, 2.0, 4.0, 4.0, 8.0), 83.6119),
        ((50 / 3.6, 50 / 3.6, 1.0, 3.5, 4.0, 8.0), 41.3792),
        ((20.0, 15.0, 0.5, 2.0, 4.0, 8.0), 51.3125),
    ],
)
def test_rss_distances_agree_with_the_reference(arguments, gap):
    assert rss_distance(*arguments) == pytest.approx(gap, abs=1e-3)


@pytest.mark.parametrize(
    "state, one, around",
    [
        (ego(12.0), command(), thing(16.0)),
        (ego(10.0), command(accel=2.0), thing(13.0, velocity=(2.0, 0.0))),
        (ego(8.0), command(), thing(7.0, 0.5, kind=ObjectKind.WALKER)),
        (ego(8.0), command(), thing(8.5, -1.5, 1.6, (0.0, 1.4), ObjectKind.WALKER)),
        (ego(6.0, steer=0.3), command(0.3), thing(7.5, 2.5)),
        (ego(12.0), command(), thing(10.0, velocity=(10.5, 0.0))),
        (ego(-4.0), command(reverse=True), thing(-6.0)),
    ],
    ids=["standing", "slower", "walker", "walker enters", "in the bend", "rss", "behind"],
)
def test_emergency_braking_for_what_the_car_would_drive_into(state, one, around):
    gate = SafetyGate()
    out = gate.check(one, state, scene(around), 0.0)
    assert out.accel == -LIMITS.brake and out.source is Source.SAFETY
    assert gate.braking is not None and gate.stopping is None
    assert gate.check(one, state, scene(), 0.0).accel == one.accel


@pytest.mark.parametrize(
    "state, around",
    [
        (ego(12.0), thing(40.0)),
        (ego(12.0), thing(14.0, velocity=(12.0, 0.0))),
        (ego(12.0), thing(8.0, 3.0)),
        (ego(12.0), thing(8.0, 3.5, math.pi, (-12.0, 0.0))),
        (ego(8.0), thing(7.0, 3.0, 1.6, (0.0, 1.4), ObjectKind.WALKER)),
        (ego(8.0), thing(-6.0, velocity=(12.0, 0.0))),
        (ego(0.1), thing(3.5)),
    ],
    ids=["far", "same speed", "beside", "oncoming", "walks away", "from behind", "standing"],
)
def test_no_emergency_braking_in_ordinary_traffic(state, around):
    gate = SafetyGate()
    assert gate.check(command(), state, scene(around), 0.0).accel == 0.0
    assert gate.braking is None


def test_the_gear_changes_only_at_standstill():
    gate = SafetyGate()
    out = gate.check(command(accel=1.0, reverse=True), ego(5.0), scene(), 0.0)
    assert not out.reverse and out.accel < 0.0
    out = gate.check(command(accel=1.0, reverse=True, t=DT), ego(0.0), scene(t=DT), DT)
    assert out.reverse and out.accel == 1.0
