import math

import pytest

from common.vehicle import LINCOLN_MKZ
from sim.server.blueprints import find


def test_the_ego_s_geometry_is_that_of_the_car_the_server_spawns():
    car = find("vehicle.lincoln.mkz_2020")
    size = (LINCOLN_MKZ.length, LINCOLN_MKZ.width, LINCOLN_MKZ.height)
    assert tuple(2.0 * half for half in car.half_extent) == pytest.approx(size)
    front, _, rear, _ = (wheel.position[0] for wheel in car.physics.wheels)
    assert front - rear == pytest.approx(LINCOLN_MKZ.wheelbase, abs=0.01)
    assert LINCOLN_MKZ.max_steer == pytest.approx(car.chassis.lock, abs=0.001)


def test_it_turns_within_the_published_circle():
    rear = LINCOLN_MKZ.wheelbase / math.tan(LINCOLN_MKZ.max_steer)
    outer = math.hypot(rear + 0.42 * LINCOLN_MKZ.width, LINCOLN_MKZ.wheelbase)
    assert 2.0 * outer == pytest.approx(11.6, abs=0.2)
