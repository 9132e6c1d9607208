"""Closed loop through a camera's eyes: misses, ghosts, no velocities; the tracker in between."""

import math

import pytest

from tests.planning.closed_loop import (
    Change,
    Eyes,
    Maneuver,
    arrives,
    car,
    check_no_collision,
    keeps,
    line,
    never_below,
    passes_at_most,
    person,
    run,
)

HALF = math.pi / 2
ROAD = line(("straight", 200))
RIGHT = line(("straight", 40), ("right", 6), ("straight", 80))
POLES = tuple((person(20.0 + 25.0 * k, -2.3), 0.7, 0.6) for k in range(6))

MANEUVERS = [
    Maneuver(
        "poles at the kerb that look like walkers",
        ROAD,
        (arrives(150), never_below(3.0)),
        eyes=Eyes(ghosts=POLES),
        seconds=40,
    ),
    Maneuver(
        "a pole on the inside of a turn",
        RIGHT,
        (arrives(100),),
        eyes=Eyes(ghosts=((person(43.0, -3.2), 0.7, 0.6),)),
        seconds=50,
    ),
    Maneuver(
        "things in the lane for single frames",
        ROAD,
        (arrives(120),),
        eyes=Eyes(ghosts=tuple((car(10.0 + 8.0 * k, 0.0), 0.08, 0.4) for k in range(20))),
        seconds=40,
    ),
    Maneuver(
        "a walker waits at the kerb",
        ROAD,
        (check_no_collision, arrives(100), passes_at_most(60.0, 9.5)),
        agents=(person(60, -2.6, HALF, 0.0),),
        eyes=Eyes(),
        seconds=35,
    ),
    Maneuver(
        "a walker steps off the kerb 18 m ahead",
        ROAD,
        (check_no_collision, arrives(60)),
        agents=(person(60, -3, HALF, 0, Change(3, 1.5, near=18)),),
        eyes=Eyes(),
        seconds=35,
    ),
    Maneuver(
        "a walker crosses slowly",
        ROAD,
        (check_no_collision, keeps(0.2), arrives(90)),
        agents=(person(50, -8, HALF, 1.1),),
        eyes=Eyes(),
        seconds=40,
    ),
    Maneuver(
        "a walker stands on the lane",
        ROAD,
        (check_no_collision, keeps(1.0)),
        agents=(person(60, 0.3, HALF, 0.0),),
        eyes=Eyes(),
        seconds=30,
    ),
    Maneuver(
        "the lead brakes at 3 m/s2",
        ROAD,
        (check_no_collision,),
        agents=(car(25, 0, 0, 10, Change(3.0, 0.0, at=3.0)),),
        eyes=Eyes(missed=0.3),
        speed=10.0,
    ),
    Maneuver(
        "a car stands in the lane, first seen 30 m ahead",
        line(("straight", 200), limit=13.9),
        (check_no_collision,),
        agents=(car(120, 0),),
        eyes=Eyes(reach=(30.0, 15.0), missed=0.3),
        speed=13.0,
        seconds=15,
    ),
    Maneuver(
        "a car comes the other way",
        ROAD,
        (check_no_collision, never_below(6.0), arrives(120)),
        agents=(car(150, 3.5, math.pi, 10),),
        eyes=Eyes(),
        seconds=30,
    ),
    Maneuver(
        "oncoming while turning left",
        line(("straight", 50), ("left", 10), ("straight", 80)),
        (check_no_collision, arrives(80)),
        agents=(car(128, 3.5, math.pi, 11),),
        eyes=Eyes(),
        seconds=40,
    ),
]


@pytest.mark.parametrize("maneuver", MANEUVERS, ids=lambda maneuver: maneuver.name)
def test_through_a_camera_s_eyes(maneuver):
    log = run(maneuver)
    for check in maneuver.checks:
        check(log)
