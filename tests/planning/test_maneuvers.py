"""Closed-loop manoeuvres: planner, follower and gate together in a small world."""

import math

import numpy as np
import pytest

from common.messages import LightState
from tests.planning.closed_loop import (
    Change,
    Light,
    Maneuver,
    arrives,
    car,
    check_comfort,
    check_finds_the_lane,
    check_no_collision,
    check_on_line,
    keeps,
    line,
    never_below,
    passes_at_most,
    person,
    run,
    says,
    stops_before,
)

RED, YELLOW, GREEN = LightState.RED, LightState.YELLOW, LightState.GREEN
HALF = math.pi / 2
ROAD = line(("straight", 200))
CROSSING = line(("straight", 60), ("cross", 20), ("straight", 100))
LEFT = line(("straight", 50), ("left", 10), ("straight", 80))
RIGHT = line(("straight", 40), ("right", 6), ("straight", 80))
CALM = (check_no_collision, check_comfort, check_on_line)

MANEUVERS = [
    Maneuver("a free road", ROAD, (*CALM, arrives(150))),
    Maneuver("a left turn", LEFT, (*CALM, arrives(100), says("turn left"))),
    Maneuver("a right turn", RIGHT, (*CALM, arrives(100), says("turn right"))),
    Maneuver("a start one metre beside the lane", ROAD, (arrives(150),), start=(1.0, 0.1)),
    Maneuver(
        "lead brakes at 3 m/s2",
        ROAD,
        (*CALM, says("follow vehicle 0")),
        agents=(car(30, 0, 0, 10, Change(3.0, 0.0, at=3.0)),),
        speed=10.0,
    ),
    Maneuver(
        "red light",
        CROSSING,
        (*CALM, stops_before(60, 7.0), says("stop for red light")),
        light=Light(60.0, ((0, RED),)),
    ),
    Maneuver(
        "red light turns green",
        CROSSING,
        (*CALM, arrives(120)),
        light=Light(60.0, ((0, RED), (12, GREEN))),
        seconds=30,
    ),
    Maneuver(
        "yellow far away",
        CROSSING,
        (*CALM, stops_before(60, 7.0), says("stop for yellow light")),
        light=Light(60.0, ((0, GREEN), (1.5, YELLOW), (4.5, RED))),
    ),
    Maneuver(
        "yellow too near to stop",
        CROSSING,
        (*CALM, arrives(120)),
        light=Light(60.0, ((0, GREEN), (4.8, YELLOW), (8, RED))),
    ),
    Maneuver(
        "a queue at the red light",
        CROSSING,
        (*CALM, keeps(1.5)),
        agents=(car(55, 0), car(47, 0)),
        light=Light(60.0, ((0, RED),)),
    ),
    Maneuver(
        "a queue behind the junction",
        CROSSING,
        (*CALM, stops_before(60, 3.0), says("keep the junction clear")),
        agents=(car(84, 0), car(92, 0), car(100, 0)),
        light=Light(60.0, ((0, GREEN),)),
    ),
    Maneuver(
        "a car cuts in",
        ROAD,
        (check_no_collision, check_on_line, keeps(1.0)),
        agents=(
            car(
                14,
                3.5,
                0,
                8,
                Change(0, 8, at=1.0, yaw_rate=-0.4, turn=0.25),
                Change(0, 8, at=2.8, yaw_rate=0.4, turn=0.25),
            ),
        ),
        speed=10.0,
    ),
    Maneuver(
        "a walker steps out 25 m ahead",
        ROAD,
        (check_no_collision, keeps(1.0), arrives(60), says("walker 0")),
        agents=(person(60, -4, HALF, 0, Change(3, 1.5, near=25)),),
        speed=10.0,
        seconds=25,
    ),
    Maneuver(
        "a walker steps out 14 m ahead where 50 km/h are allowed",
        ROAD,
        (check_no_collision, arrives(60)),
        agents=(person(90, -3, HALF, 0, Change(3, 1.5, near=14)),),
        speed=13.0,
        seconds=30,
    ),
    Maneuver(
        "a walker steps out 14 m ahead at 30 km/h",
        line(("straight", 120), limit=8.3),
        (check_no_collision, arrives(60)),
        agents=(person(60, -3, HALF, 0, Change(3, 1.5, near=14)),),
        seconds=25,
    ),
    Maneuver(
        "a walker crosses slowly",
        ROAD,
        (*CALM, keeps(1.0), arrives(90)),
        agents=(person(50, -8, HALF, 1.1),),
        seconds=30,
    ),
    Maneuver(
        "a walker waits at the kerb",
        ROAD,
        (*CALM, never_below(6.0), passes_at_most(50.0, 9.5), arrives(100)),
        agents=(person(50, -2.8, HALF, 0.0),),
    ),
    Maneuver(
        "walkers on the pavement",
        ROAD,
        (*CALM, never_below(7.5), arrives(120)),
        agents=(person(40, -3.2, 0.05, 1.4), person(70, -3.0, math.pi, 1.4)),
    ),
    Maneuver(
        "oncoming while turning left",
        LEFT,
        (check_no_collision, check_on_line, keeps(1.2), arrives(80), says("vehicle 0")),
        agents=(car(128, 3.5, math.pi, 11),),
        light=Light(50.0, ((0, GREEN),)),
    ),
    Maneuver(
        "a stream oncoming while turning left",
        LEFT,
        (check_no_collision, check_on_line, keeps(1.0), arrives(80)),
        agents=tuple(car(95 + 22 * k, 3.5, math.pi, 10) for k in range(4)),
        light=Light(50.0, ((0, GREEN),)),
        seconds=30,
    ),
    Maneuver(
        "oncoming far away while turning left",
        LEFT,
        (*CALM, arrives(80), never_below(3.5)),
        agents=(car(170, 3.5, math.pi, 10),),
        light=Light(50.0, ((0, GREEN),)),
    ),
    Maneuver(
        "oncoming on a bend",
        line(("straight", 20), ("left", 40), ("straight", 60)),
        (*CALM, arrives(110), never_below(7.0)),
        agents=(car(56.5, 60, -HALF, 9, Change(0, 9, at=2.2, yaw_rate=-9 / 36.5, turn=HALF)),),
    ),
    Maneuver(
        "a crossing car runs its red light",
        CROSSING,
        (check_no_collision, keeps(0.5), arrives(100)),
        agents=(car(72, -36, HALF, 8),),
        light=Light(60.0, ((0, GREEN),)),
        seconds=25,
        speed=10,
    ),
    Maneuver(
        "crossing cars stop at their red light",
        CROSSING,
        (*CALM, never_below(9.0), arrives(120)),
        agents=(
            car(72, -45, HALF, 9, Change(1.5, 0, at=0.5)),
            car(68, 45, -HALF, 9, Change(1.5, 0, at=0.5)),
        ),
        light=Light(60.0, ((0, GREEN),)),
        speed=10,
    ),
    Maneuver(
        "a walker crosses the street turned into",
        RIGHT,
        (check_no_collision, keeps(1.0), check_on_line, arrives(80)),
        agents=(person(50, -16, math.pi, 1.3),),
        seconds=30,
    ),
    Maneuver(
        "a car half in the lane is passed",
        ROAD,
        (*CALM, keeps(0.4), arrives(100)),
        agents=(car(60, -1.9),),
        drivable=(5.2, 1.75),
        seconds=30,
    ),
    Maneuver(
        "a car left standing in the lane is passed",
        ROAD,
        (check_no_collision, keeps(0.4), arrives(100), says("pass vehicle 0")),
        agents=(car(60, -0.4),),
        drivable=(5.2, 1.75),
        seconds=40,
    ),
    Maneuver(
        "a standing car is not passed against oncoming ones",
        ROAD,
        (check_no_collision, keeps(0.4)),
        agents=(car(60, -0.4), *(car(100 + 30 * k, 3.5, math.pi, 9) for k in range(5))),
        drivable=(5.2, 1.75),
        seconds=40,
    ),
    Maneuver(
        "a queue in the next lane",
        ROAD,
        (*CALM, never_below(7.5), arrives(120)),
        agents=tuple(car(30 + 7 * k, 3.5) for k in range(6)),
    ),
    Maneuver(
        "the lead turns off",
        ROAD,
        (*CALM, never_below(3.0), arrives(100)),
        agents=(
            car(15, 0, 0, 7, Change(1.5, 4, at=2), Change(0, 4, at=4, yaw_rate=-0.6, turn=HALF)),
        ),
        seconds=25,
    ),
    Maneuver(
        "a standing crossing car that waits for us",
        line(("straight", 40), ("cross", 20), ("straight", 80)),
        (*CALM, never_below(7.0), arrives(100)),
        agents=(car(50, -6.0, HALF, 0.0),),
    ),
    Maneuver(
        "a car's nose reaches to the lane and stays",
        ROAD,
        (check_no_collision, arrives(90)),
        agents=(car(50, -3.55, HALF, 0.0), car(50, 3.75, -HALF, 0.0)),
        seconds=40,
    ),
    Maneuver(
        "the localiser is half a metre astray, the lane is seen",
        line(("straight", 120), limit=10.0),
        (check_comfort, check_finds_the_lane, arrives(90)),
        astray=(0.3, 0.5),
    ),
    Maneuver(
        "positions are wrong by decimetres",
        CROSSING,
        (check_no_collision, check_on_line, keeps(1.0), arrives(100)),
        agents=(
            car(25, 0, 0, 8, Change(2.5, 0.0, at=2.0), Change(1.5, 9, at=8.0)),
            person(30, -3.5),
        ),
        light=Light(60.0, ((0, RED), (9, GREEN))),
        noise=0.3,
        seconds=30,
    ),
]


def test_the_same_drive_twice_is_the_same_to_the_bit():
    maneuver = MANEUVERS[-1]
    first, second = run(maneuver), run(maneuver)
    assert first.reasons == second.reasons
    assert np.array_equal(first.x, second.x) and np.array_equal(first.accel, second.accel)


@pytest.mark.parametrize("maneuver", MANEUVERS, ids=lambda maneuver: maneuver.name)
def test_maneuver(maneuver):
    log = run(maneuver)
    for check in maneuver.checks:
        check(log)
