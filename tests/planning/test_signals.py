"""The next light: what is seen badly is kept well."""

import math

import pytest

from common.messages import LightEstimate, LightState
from planning.rules import LINE_MARGIN
from planning.signals import GIVE_UP, GREEN_KEPT, IN_VIEW, YELLOW_TIME, Signal, hold, watch
from tests.planning.closed_loop import (
    Change,
    Light,
    Maneuver,
    arrives,
    car,
    check_comfort,
    check_no_collision,
    line,
    person,
    run,
    says,
    stops_before,
)

RED, YELLOW, GREEN, OFF = LightState.RED, LightState.YELLOW, LightState.GREEN, LightState.OFF
HALF = 2.45
LINES = (60.0, 75.0)
CROSSING = (("straight", 60), ("cross", 20), ("straight", 100))
MAPPED, BLIND = line(*CROSSING, signals=(60.0,)), line(*CROSSING)


def seen(signal=None, *frames, s=20.0, speed=0.0, lines=LINES, dt=0.1):
    """The memory after frames of (state, distance) or None, one every `dt`."""
    signal = signal or Signal()
    for frame in frames:
        light = None if frame is None else LightEstimate(frame[0], frame[1], 0.9)
        t = 0.0 if math.isinf(signal.t) else signal.t + dt
        signal = watch(signal, lines, s, speed, t, light, 60.0, HALF)
    return signal


def test_a_red_is_kept_while_nothing_is_seen():
    signal = seen(None, (RED, 40.0), *[None] * 300)
    assert signal.state is RED and signal.bound


def test_green_needs_more_than_a_frame_to_release_the_car():
    red = seen(None, (RED, 40.0))
    assert seen(red, (GREEN, 40.0), (GREEN, 40.0)).bound
    assert seen(red, (GREEN, 40.0), (GREEN, 40.0), (RED, 40.0), (GREEN, 40.0)).bound
    assert not seen(red, *[(GREEN, 40.0)] * 4).bound


def test_one_frame_of_red_is_enough_to_brake():
    green = seen(None, *[(GREEN, 40.0)] * 5)
    assert not green.bound and seen(green, (RED, 40.0)).bound


def test_a_green_out_of_sight_counts_for_a_while():
    green = seen(None, *[(GREEN, 12.0)] * 5, s=48.0)
    frames = round(GREEN_KEPT / 0.1)
    assert seen(green, *[None] * (frames - 1), s=48.0).state is GREEN
    assert seen(green, *[None] * (frames + 2), s=48.0).state is None


def test_the_next_line_is_another_light():
    red = seen(None, (RED, 40.0))
    after = seen(red, None, s=60.5)
    assert after.line == 75.0 and after.state is None


def test_a_light_at_another_place_is_not_this_one():
    assert seen(None, (RED, 1.0), s=35.0).state is None
    assert seen(None, (RED, 27.0), s=35.0).state is RED


def test_who_has_begun_to_stop_goes_on_stopping_however_near_the_line():
    bound = seen(None, (RED, 15.0), s=45.0, speed=5.0)
    assert bound.bound and seen(bound, (RED, 2.0), s=58.0, speed=5.0).bound
    assert hold(bound, 58.0, 0.0, HALF).stop == 58.0


def test_a_yellow_too_near_to_stop_at_is_passed():
    assert not seen(None, (YELLOW, 8.0), s=52.0, speed=8.0).bound
    assert seen(None, (YELLOW, 20.0), s=40.0, speed=8.0).bound


@pytest.mark.parametrize("speed", [8.0, 10.0])
@pytest.mark.parametrize("late", [0.0, 0.2, 0.4, 0.6, 0.8])
def test_who_is_slowed_on_yellow_is_over_the_line_before_red_or_stops(speed, late):
    yellow = 32.0 / speed - 0.4 + late
    light = Light(56.0, ((0, GREEN), (yellow, YELLOW), (yellow + YELLOW_TIME, RED)))
    slow = (person(71.0, -16.0, math.pi, 0.6),)
    route = line(("straight", 60), ("right", 6), ("straight", 80), signals=(56.0,))
    log = run(Maneuver("slowed", route, (), slow, light, speed, seconds=14.0))
    s = log.s[log.t >= yellow + YELLOW_TIME]
    assert not ((s - HALF - 1.0 <= 56.0) & (s - 0.8 * HALF >= 56.0)).any(), "ran the red light"
    check_no_collision(log)
    assert log.accel.min() > -5.0


def test_who_would_stand_in_the_junction_stops_at_the_yellow():
    light = Light(60.0, ((0, GREEN), (2.6, YELLOW), (5.6, RED)))
    walks_up = (Change(3.0, 1.2, at=2.1), Change(3.0, 0.0, at=4.9))
    walker = (person(77.0, -3.9, math.pi / 2, 0.0, *walks_up),)
    log = run(Maneuver("blocked", MAPPED, (), walker, light, 12.0, seconds=9.0))
    for check in (stops_before(60, 7.0), check_no_collision):
        check(log)


@pytest.mark.parametrize("room", [9.0, 13.0, 17.0])
def test_who_stands_beyond_the_junction_is_not_what_holds_the_car_at_the_red(room):
    route = line(("straight", room), ("cross", 20), ("straight", 80), signals=(room,))
    beyond = (car(room + 24.0, 0.0),)
    light = Light(room, ((0, RED),))
    log = run(Maneuver("red", route, (), beyond, light, speed=0.0, seconds=4.0))
    assert set(log.reasons) == {"stop for red light"}


def test_a_car_far_ahead_holds_nobody_who_starts():
    ahead = (car(55.0, 0.0, 0.0, 12.0),)
    log = run(Maneuver("start", line(("straight", 120)), (), ahead, speed=0.0))
    assert set(log.reasons) == {"follow route"}


def test_a_late_red_is_braked_for_even_over_the_line():
    assert seen(None, (RED, 5.0), s=55.0, speed=7.5).bound
    assert not seen(None, (RED, 5.0), s=55.0, speed=12.0).bound


def test_a_light_never_seen_is_braked_for_and_then_passed_with_care():
    far, near = seen(None, None, s=5.0, speed=8.0), seen(None, None, s=42.0, speed=8.0)
    assert not far.bound and near.bound and "look" in hold(near, 42.0, 8.0, HALF).reason
    waits = seen(near, *[None] * round(GIVE_UP[None] / 0.1 + 5), s=56.0)
    assert waits.state is OFF and not waits.bound
    assert seen(waits, (RED, 4.0), s=56.0).bound


def test_a_dark_light_does_not_end_a_red():
    assert seen(None, (RED, 20.0), *[(OFF, 20.0)] * 20, s=40.0).bound
    assert not seen(None, *[(OFF, 20.0)] * 20, s=40.0).bound


def test_without_lines_the_seen_one_is_kept():
    signal = seen(None, (RED, 20.0), None, (RED, 21.0), None, s=40.0, lines=())
    assert signal.bound and signal.line == pytest.approx(60.3, abs=0.1)
    assert seen(signal, (RED, None), None, s=40.0, lines=()).line == signal.line
    assert math.isinf(seen(None, None, s=40.0, lines=()).line)


def test_the_car_waits_where_it_sees_the_lamp_unless_it_learns_too_late():
    early, late = seen(None, (RED, 40.0)), seen(None, (RED, 9.0), s=51.0, speed=5.0)
    assert hold(early, 20.0, 8.0, HALF).stop == pytest.approx(60.0 - HALF - IN_VIEW)
    assert hold(late, 51.0, 5.0, HALF).stop == pytest.approx(60.0 - HALF - LINE_MARGIN)
    assert hold(late, 56.0, 0.0, HALF).stop == 56.0


STOP = (stops_before(60, 7.0), check_comfort)
TURNS_GREEN = ((0, RED), (14, GREEN))
ALL_RED = ((0, RED),)


@pytest.mark.parametrize("route", [MAPPED, BLIND], ids=["lines on the map", "lines seen"])
@pytest.mark.parametrize(
    "light",
    [
        Light(60.0, ALL_RED, hidden=(-10.0, 7.0)),
        Light(60.0, ALL_RED, missed=0.4, wrong=0.03, off=0.5),
        Light(60.0, ALL_RED, off=2.0),
    ],
    ids=["hidden from 7 m on", "flickering", "line seen two metres off"],
)
def test_a_red_that_is_seen_badly_is_stopped_at(route, light):
    if route is BLIND and light.off == 2.0:
        pytest.skip("nothing but the eyes knows the line")
    for seed in range(3):
        log = run(Maneuver("red", route, (), light=light, seconds=25.0, seed=seed))
        for check in STOP:
            check(log)


def test_a_light_seen_late_is_approached_with_care():
    log = run(Maneuver("late", MAPPED, (), light=Light(60.0, ALL_RED, hidden=(22.0, 90.0))))
    for check in (*STOP, says("look for the light")):
        check(log)


def test_a_flickering_green_lets_pass():
    light = Light(60.0, TURNS_GREEN, hidden=(-10.0, 7.0), missed=0.2)
    for check in (arrives(120), check_comfort):
        check(run(Maneuver("green", MAPPED, (), light=light, seconds=35.0)))
