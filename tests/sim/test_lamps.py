"""The lamps of background vehicles."""

import carla
import numpy as np
import pytest

from common.frames import Pose2
from common.messages import ControlCommand, Route, RouteCommand, Source
from sim.fleet import Fleet, make_fleet
from sim.kinds import cars
from sim.lamps import Lamp, lamps_of, pedal_lamps, seen_lamps, turn_ahead
from sim.line import line_of
from tests.sim.streets import Streets

NONE = np.zeros(1, np.int32)


@pytest.fixture(scope="module")
def city() -> Streets:
    return Streets("city")


def before_turn(city: Streets, turn: int, distance: float) -> Fleet:
    """One car, so far before a connection that turns left (+1) or right (-1)."""
    lane = int(np.flatnonzero(city.table.turn == turn)[0])
    approach = city.roads.predecessors[lane][0]
    s = np.array([city.roads.length[approach] - distance])
    half = np.array([[2.4, 1.0]])
    rng = np.random.default_rng(0)
    fleet = make_fleet(city.table, np.array([approach], np.int32), s, cars(half), rng)
    fleet.route[0, 1] = lane
    return fleet


@pytest.mark.parametrize(
    ("preset", "lamps"),
    [
        ("ClearNoon", Lamp(0)),
        ("ClearSunset", Lamp.POSITION | Lamp.LOW_BEAM),
        ("ClearNight", Lamp.POSITION | Lamp.LOW_BEAM),
        ("HardRainNoon", Lamp.POSITION | Lamp.LOW_BEAM),
    ],
)
def test_head_lamps_are_on_in_the_dark_and_in_heavy_rain(preset: str, lamps: Lamp) -> None:
    assert seen_lamps(getattr(carla.WeatherParameters, preset)) & ~Lamp.FOG == lamps


def test_fog_lamps_are_on_in_fog() -> None:
    assert seen_lamps(carla.WeatherParameters(fog_density=40.0, sun_altitude_angle=60.0)) & Lamp.FOG


@pytest.mark.parametrize(("turn", "lamp"), [(1, Lamp.LEFT), (-1, Lamp.RIGHT)])
def test_the_side_of_the_next_turn_is_shown_near_it(city: Streets, turn: int, lamp: Lamp) -> None:
    near, far = before_turn(city, turn, 10.0), before_turn(city, turn, 40.0)
    assert lamps_of(city.table, near, np.zeros(1), NONE, 0).tolist() == [lamp]
    assert lamps_of(city.table, far, np.zeros(1), NONE, 0).tolist() == [0]
    far.speed[0] = 14.0
    assert lamps_of(city.table, far, np.zeros(1), NONE, 0).tolist() == [lamp]


def test_who_moves_over_shows_the_side(city: Streets) -> None:
    fleet = before_turn(city, 1, 40.0)
    for left, lamp in ((1.5, Lamp.RIGHT), (-1.5, Lamp.LEFT)):
        aside = fleet._replace(
            x=fleet.x - left * np.sin(fleet.yaw), y=fleet.y + left * np.cos(fleet.yaw)
        )
        assert lamps_of(city.table, aside, np.zeros(1), NONE, 0).tolist() == [lamp]


def test_brake_lamps_follow_the_pedal_without_flicker(city: Streets) -> None:
    fleet, lamps, shown = before_turn(city, 1, 40.0), NONE, []
    for brake in (0.0, 0.05, 0.2, 0.05, 0.0, 0.05):
        lamps = lamps_of(city.table, fleet, np.array([brake]), lamps, int(Lamp.POSITION))
        shown.append(bool(lamps[0] & Lamp.BRAKE))
        assert lamps[0] & Lamp.POSITION
    assert shown == [False, False, True, True, False, False]


def test_the_egos_brake_lamps_come_on_at_firm_braking_and_do_not_flicker() -> None:
    lamps, shown = Lamp(0), []
    for accel in (1.0, -0.5, -1.0, -0.5, 0.0, -0.5):
        lamps = pedal_lamps(ControlCommand(0.0, 0.0, accel, False, Source.PLANNER), lamps)
        shown.append(Lamp.BRAKE in lamps)
    assert shown == [False, False, True, True, False, False]


def test_the_ego_shows_that_it_backs_up() -> None:
    back = ControlCommand(0.0, 0.0, 1.0, True, Source.OPERATOR)
    assert pedal_lamps(back, Lamp(0)) == Lamp.REVERSE


@pytest.mark.parametrize(
    ("turn", "lamp"),
    [("left", Lamp.LEFT), ("right", Lamp.RIGHT), ("straight", Lamp(0))],
)
def test_the_ego_shows_its_next_turn_before_and_inside_it_and_not_beyond(turn, lamp) -> None:
    points = np.column_stack([np.arange(100.0), np.zeros(100)])
    inside, outside = RouteCommand(turn), RouteCommand.LANE_FOLLOW
    route = Route(points, np.full(100, 9.0), (outside,) * 50 + (inside,) * 20 + (outside,) * 30)
    line = line_of(route)

    def shown(x: float, speed: float) -> Lamp:
        return turn_ahead(route, line, Pose2(x, 0.0, 0.0), speed)

    assert [shown(x, 4.0) for x in (20.0, 40.0, 65.0, 75.0)] == [Lamp(0), lamp, lamp, Lamp(0)]
    assert shown(20.0, 12.0) == lamp
