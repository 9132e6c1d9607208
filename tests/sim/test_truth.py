"""Truth: what an all-knowing eye sees."""

import numpy as np
import pytest

from common.frames import SEG_GRID
from common.messages import LightState, ObjectKind
from sim.readings import RoadUsers
from sim.truth import Truth
from tests.sim.drives import Drive
from tests.sim.test_judge import Place


@pytest.fixture(scope="module")
def place() -> Place:
    return Place()


@pytest.fixture(scope="module")
def scenes(place):
    route = place.route(signs=False)
    truth = Truth(place.roads, route, place.signals)
    drive = Drive(route, lights=place.showing(LightState.YELLOW))
    return [truth.scene(readings) for readings in list(drive.readings())[::10]]


def test_the_car_ahead_stands_ahead_and_moves_along(scenes):
    for scene in scenes:
        (other,) = scene.objects
        assert other.kind is ObjectKind.VEHICLE
        assert (other.ego_from_object.x, other.ego_from_object.y) == pytest.approx((12.0, 0.0))
        assert other.velocity == pytest.approx([10.0, 0.0])
        assert (other.length, other.width) == (4.8, 2.0)


def test_parked_cars_are_objects_where_they_are_near(place):
    route = place.route(signs=False)
    readings = next(iter(Drive(route).readings()))
    ego = readings.world_from_ego
    x, y = ego.apply(np.array([[8.0, 3.0], [500.0, 3.0]])).T
    poses = np.zeros((2, 6))
    poses[:, 0], poses[:, 1], poses[:, 5] = x, y, ego.yaw
    parked = RoadUsers(
        ids=np.array([30_007, 30_008]),
        walker=np.zeros(2, bool),
        pose=poses,
        velocity=np.zeros((2, 3)),
        spin=np.zeros((2, 3)),
        half_extent=np.array([[2.2, 0.9, 0.7]] * 2),
        box_centre=np.zeros((2, 3)),
    )
    scene = Truth(place.roads, route, place.signals, parked=parked).scene(readings)
    _, car = scene.objects
    assert (car.track_id, car.length, car.width) == (30_007, 4.4, 1.8)
    assert (car.ego_from_object.x, car.ego_from_object.y) == pytest.approx((8.0, 3.0))
    assert not car.velocity.any()


def test_the_own_lane_runs_under_the_ego_along_the_route(scenes):
    for scene in scenes:
        own = next(lane for lane in scene.lanes if lane.index == 0)
        nearest = np.abs(own.centre).sum(axis=1).argmin()
        assert np.hypot(*own.centre[nearest]) < 1.0
        assert own.centre[0, 0] < own.centre[nearest + 3, 0]


def test_the_ground_under_the_ego_is_drivable_and_a_house_away_is_not_all(scenes):
    row, column = SEG_GRID.cells(np.zeros(2)).astype(int)
    for scene in scenes:
        assert scene.drivable.shape == SEG_GRID.shape
        assert scene.drivable[row, column] == 1.0
        assert scene.drivable.mean() < 0.7


def test_the_light_comes_nearer_until_it_is_passed(scenes):
    distances = [scene.light.distance for scene in scenes if scene.light is not None]
    steps = np.diff(distances)
    assert len(distances) > 10
    assert np.all((np.abs(steps + 5.0) < 0.5) | (steps > 5.0))
    assert all(scene.light.state is LightState.YELLOW for scene in scenes if scene.light)
