"""Closed-loop manoeuvres: planner, follower and gate together in a small world."""

import pytest
from closed_loop import (
    Change,
    Light,
    Maneuver,
    arrives,
    car,
    check_comfort,
    check_no_collision,
    check_on_line,
    line,
    run,
    says,
    stops_before,
)

from common.messages import LightState

RED, YELLOW, GREEN = LightState.RED, LightState.YELLOW, LightState.GREEN
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
        (*CALM, stops_before(60, 2.5), says("stop for red light")),
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
        (*CALM, stops_before(60, 2.5), says("stop for yellow light")),
        light=Light(60.0, ((0, GREEN), (1.5, YELLOW), (4.5, RED))),
    ),
    Maneuver(
        "yellow too near to stop",
        CROSSING,
        (*CALM, arrives(120)),
        light=Light(60.0, ((0, GREEN), (4.8, YELLOW), (8, RED))),
    ),
]


@pytest.mark.parametrize("maneuver", MANEUVERS, ids=lambda maneuver: maneuver.name)
def test_maneuver(maneuver):
    log = run(maneuver)
    for check in maneuver.checks:
        check(log)
