"""The referee, on made-up drives through a real map."""

from pathlib import Path

import carla
import numpy as np
import pytest

from common.messages import LightState, Outcome, Route
from sim.judge import Judge
from sim.line import line_of, signals_on
from sim.readings import Contact
from sim.roads import Roads, StopKind
from sim.routes import make_route
from tests.sim.drives import OTHER, Drive

MAP = Path(__file__).parents[2] / "sim/maps/city.xodr"


class Place:
    def __init__(self) -> None:
        self.map = carla.Map("city", MAP.read_text())
        self.roads = Roads(self.map)
        ids = sorted({s.opendrive_id for s in self.roads.stop_lines if s.kind is StopKind.SIGNAL})
        self.signals = tuple((1000 + i, one) for i, one in enumerate(ids))
        self.greens = self.showing(LightState.GREEN)

    def showing(self, state: LightState):
        return tuple((actor, state) for actor, _ in self.signals)

    def route(self, *, signs: bool) -> Route:
        every = (make_route(self.roads, i) for i in range(100))
        return next(one for one in every if bool(one.stops) is signs)

    def judge(self, drive: Drive) -> Judge:
        judge = Judge(self.map, self.roads, drive.route, self.signals)
        for readings in drive.readings():
            judge.step(readings)
            if judge.ending is not None:
                break
        return judge


@pytest.fixture(scope="module")
def place() -> Place:
    return Place()


def test_a_clean_drive_to_the_end_is_a_success(place):
    judge = place.judge(Drive(place.route(signs=False), lights=place.greens))
    outcome, _, infractions = judge.verdict()
    assert outcome is Outcome.SUCCESS, infractions
    assert infractions == ()
    assert judge.route_completion == 100.0


def test_a_red_light_is_run_once_per_light(place):
    route = place.route(signs=False)
    judge = place.judge(Drive(route, lights=place.showing(LightState.RED)))
    outcome, _, infractions = judge.verdict()
    lights = {one for _, one in signals_on(place.roads, route, line_of(route), place.signals)}
    assert outcome is Outcome.RED_LIGHT
    assert [one.kind for one in infractions] == ["red_light"] * len(lights)


def test_a_stop_sign_asks_for_a_halt(place):
    route = place.route(signs=True)
    passed = place.judge(Drive(route, lights=place.greens)).verdict()
    halted = place.judge(
        Drive(route, lights=place.greens, halts=tuple(s - 4.0 for s in route.stops))
    ).verdict()
    assert passed[0] is Outcome.STOP_SIGN
    assert halted[0] is Outcome.SUCCESS


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        ("vehicle.audi.tt", "collision_vehicle"),
        ("walker.pedestrian.0001", "collision_walker"),
        ("static.prop.barrel", "collision_static"),
    ],
)
def test_a_contact_is_one_collision_however_many_events_it_sends(place, other, kind):
    hit = Contact(0, OTHER, other, np.zeros(3))
    contacts = dict.fromkeys(range(100, 130), hit)
    judge = place.judge(Drive(place.route(signs=False), lights=place.greens, contacts=contacts))
    outcome, _, infractions = judge.verdict()
    assert outcome is Outcome.COLLISION
    assert [one.kind for one in infractions] == [kind]
    assert infractions[0].at_fault


def test_who_is_hit_while_standing_is_not_to_blame(place):
    hit = Contact(0, OTHER, "vehicle.audi.tt", np.zeros(3))
    drive = Drive(place.route(signs=False), lights=place.greens, halts=(50.0,), contacts={115: hit})
    outcome, _, infractions = place.judge(drive).verdict()
    assert outcome is Outcome.SUCCESS
    assert [(one.kind, one.at_fault) for one in infractions] == [("hit_while_standing", False)]


def test_beside_the_lanes_is_off_road_by_its_share(place):
    route = place.route(signs=False)
    judge = place.judge(Drive(route, lights=place.greens, shift=(20.0, 30.0, -9.0)))
    outcome, _, infractions = judge.verdict()
    assert outcome is Outcome.OFF_ROAD
    assert 0.0 < infractions[0].share < 0.1


def pace_of(place, begin: float, end: float, completed: float = 1.0) -> list[float]:
    """Shares of the min_speed infractions where others are twice as fast on a part of the route."""
    route = place.route(signs=False)
    length = line_of(route).length

    class Part(Drive):
        def readings(self):
            for readings in super().readings():
                if readings.t * self.speed > completed * length:
                    return
                yield readings

    drive = Part(route, lights=place.greens, outpaced=(begin * length, end * length, 2.0))
    found = place.judge(drive).verdict()[2]
    return [one.share for one in found if one.kind == "min_speed"]


def test_each_quarter_of_a_route_is_a_checkpoint_of_speed(place):
    assert pace_of(place, 0.26, 0.49) == [pytest.approx(0.52, abs=0.02)]
    assert len(pace_of(place, 0.3, 0.7)) == 2
    assert pace_of(place, 2.0, 2.0) == []


def test_a_checkpoint_counts_once_it_is_passed_and_the_last_one_from_95_per_cent(place):
    assert len(pace_of(place, 0.0, 0.2, completed=0.24)) == 0
    assert len(pace_of(place, 0.0, 0.2, completed=0.3)) == 1
    assert len(pace_of(place, 0.8, 0.9, completed=0.94)) == 0
    assert len(pace_of(place, 0.8, 0.9, completed=0.97)) == 1


def test_far_from_the_route_ends_the_episode(place):
    drive = Drive(place.route(signs=False), lights=place.greens, shift=(50.0, 90.0, 45.0))
    assert place.judge(drive).ending is Outcome.ROUTE_DEVIATION


def test_who_stands_for_ever_is_stuck(place):
    class ForAWhile(Drive):
        def readings(self):
            for readings in super().readings():
                yield readings
                if readings.t > 200.0:
                    return

    drive = ForAWhile(place.route(signs=False), lights=place.greens, until=60.0)
    judge = place.judge(drive)
    assert judge.ending is Outcome.STUCK
    assert "180 s" in judge.detail
    assert judge.route_completion < 20.0
