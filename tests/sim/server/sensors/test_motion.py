import math
from pathlib import Path

import carla
import msgpack
import numpy as np
import pytest

from sim.server.sensors.attributes import generator
from sim.server.sensors.motion import Accelerometer, Gnss, Imu, point_velocity

TOWN01 = Path(__file__).parents[5] / "shared/maps/carla/Town01.xodr"
REST = np.zeros(3)


def attributes(**values):
    return lambda key: str(values.get(key, ""))


def rng():
    return np.random.default_rng(0)


def imu(pose, acceleration=REST, rates=REST, **noise):
    sensor = Imu.read(attributes(**noise))
    data = sensor.payload(np.array(pose, float), np.array(acceleration), np.array(rates), rng())
    return msgpack.unpackb(data)


def test_a_resting_imu_feels_gravity_upwards():
    force, gyro, _ = imu([0, 0, 0, 0, 0, 0])
    assert force == pytest.approx([0.0, 0.0, 9.81])
    assert gyro == pytest.approx([0.0, 0.0, 0.0])


def test_force_and_turn_are_right_handed_no_more_on_the_wire():
    # heading along world y, speeding up along it, pushed to its left, turning left
    force, gyro, _ = imu([0, 0, 0, 0, 0, math.pi / 2], [-2.0, 3.0, 0.0], [0.0, 0.0, 0.4])
    assert force == pytest.approx([3.0, -2.0, 9.81])  # CARLA's y points right
    assert gyro == pytest.approx([0.0, 0.0, -0.4])  # CARLA's yaw turns right


def test_a_nose_up_imu_feels_gravity_forward():
    force, _, _ = imu([0, 0, 0, 0, -0.2, 0])
    assert force[0] == pytest.approx(9.81 * math.sin(0.2))


@pytest.mark.parametrize(
    ("yaw", "compass"),
    [(0.0, math.pi / 2), (math.pi / 2, 0.0), (math.pi, 1.5 * math.pi), (-math.pi / 2, math.pi)],
)
def test_the_compass_counts_clockwise_from_north(yaw, compass):
    _, _, angle = imu([0, 0, 0, 0, 0, yaw])
    assert math.remainder(angle - compass, 2 * math.pi) == pytest.approx(0.0, abs=1e-9)
    assert 0.0 <= angle < 2 * math.pi


def test_noise_and_bias_follow_their_attributes_and_the_seed():
    get = attributes(noise_accel_stddev_x=0.5, noise_gyro_bias_z=0.1, noise_seed=3)
    sensor = Imu.read(get)

    def series(actor):
        source = generator(get, actor)
        pose = np.zeros(6)
        return [msgpack.unpackb(sensor.payload(pose, REST, REST, source)) for _ in range(400)]

    one = series(7)
    assert series(7) == one
    assert series(8) != one
    x = np.array([force[0] for force, _, _ in one])
    assert x.std() == pytest.approx(0.5, rel=0.1)
    assert all(force[1] == 0.0 for force, _, _ in one)
    assert all(gyro[2] == pytest.approx(0.1) for _, gyro, _ in one)


def test_a_point_ahead_of_a_turning_body_moves_sideways():
    velocity = point_velocity(np.array([5.0, 0, 0]), np.array([0, 0, 1.0]), np.array([2.0, 0, 0]))
    assert velocity == pytest.approx([5.0, 2.0, 0.0])


def test_a_point_on_a_turning_body_feels_the_pull_to_the_middle():
    radius, rate = 2.0, 0.5
    sensor, felt = Accelerometer(), []
    for t in np.arange(0.0, 1.0, 0.01):
        arm = radius * np.array([math.cos(rate * t), math.sin(rate * t), 0.0])
        velocity = point_velocity(REST, np.array([0.0, 0.0, rate]), arm)
        felt.append(sensor.read(t, velocity, np.full(3, 99.0)))
    assert felt[0] == pytest.approx([99.0] * 3)
    assert np.linalg.norm(felt[1:], axis=1) == pytest.approx(radius * rate**2, rel=1e-3)
    assert sensor.read(9.0, REST, np.full(3, 7.0)) == pytest.approx([7.0] * 3)


def test_a_fix_is_the_one_that_the_clients_map_gives():
    if not TOWN01.exists():
        pytest.skip(f"no {TOWN01}")
    town = carla.Map("Town01", TOWN01.read_text())
    sensor = Gnss.read(attributes(noise_alt_bias=2.0))
    data = sensor.payload(np.array([100.0, -50.0, 1.0]), town, rng())
    latitude, longitude, altitude = msgpack.unpackb(data)
    fix = town.transform_to_geolocation(carla.Location(100.0, 50.0, 1.0))
    assert (latitude, longitude) == pytest.approx((fix.latitude, fix.longitude), abs=1e-12)
    assert altitude == pytest.approx(fix.altitude + 2.0)
