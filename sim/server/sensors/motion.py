"""Inertial and satellite sensors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import carla
import msgpack
import numpy as np
from numpy.typing import NDArray

from sim import iso
from sim.server.poses import matrices
from sim.server.sensors.attributes import Attributes, number, vector
from sim.server.sensors.memory import Plain

F64 = NDArray[np.float64]
_GRAVITY = 9.81  # m/s2, CARLA's
_LAPSE = 0.5  # s


def point_velocity(velocity: F64, rates: F64, offset: F64) -> F64:
    """Velocity (3,) m/s of a point fixed to a body at `offset` (3,) m, all in world axes."""
    return velocity + np.cross(rates, offset)


class Accelerometer:
    """Acceleration of a point from its velocities. Memory: the last velocity, and when it was."""

    def __init__(self) -> None:
        self._last: tuple[float, F64] | None = None

    def read(self, t: float, velocity: F64, otherwise: F64) -> F64:
        """The mean acceleration (3,) m/s2 since the last call.

        `otherwise` where that was more than `_LAPSE` s ago, or never.
        """
        last, self._last = self._last, (t, velocity)
        if last is None or not 0.0 < t - last[0] <= _LAPSE:
            return otherwise
        return (velocity - last[1]) / (t - last[0])

    def save(self) -> Plain:
        """The memory."""
        return None if self._last is None else [self._last[0], self._last[1].tolist()]

    def restore(self, saved: Plain) -> None:
        """The inverse of `save`."""
        self._last = None if saved is None else (float(saved[0]), np.array(saved[1], np.float64))


def geolocation(place: F64, road_map: carla.Map) -> F64:
    """Latitude deg, longitude deg, altitude m (3,) of `place` (3,) m, world frame.

    The projection is the client's own, fed by the map's <geoReference>, so that
    `Map.transform_to_geolocation` and the sensors agree, as in CARLA. In 0.9.16 it takes CARLA's
    y for north, so latitude falls towards the north (carla-simulator/carla pull request 9552).
    """
    x, y, z = iso.mirror(place).tolist()
    fix = road_map.transform_to_geolocation(carla.Location(x, y, z))
    return np.array([fix.latitude, fix.longitude, fix.altitude])


def compass(yaw: float) -> float:
    """The angle (rad) of a heading from north (world y in ISO axes) clockwise, as in CARLA."""
    return math.fmod(2.5 * math.pi - yaw, 2.0 * math.pi) % (2.0 * math.pi)


def _packed(value: list[object]) -> bytes:
    data: bytes = msgpack.packb(value, use_single_float=False)
    return data


@dataclass(frozen=True, slots=True)
class Imu:
    """Settings of sensor.other.imu, in CARLA's axes."""

    accel_stddev: F64  # (3,) m/s2
    gyro_stddev: F64  # (3,) rad/s
    gyro_bias: F64  # (3,) rad/s

    @staticmethod
    def read(get: Attributes) -> Imu:
        """From the blueprint's attributes."""
        return Imu(
            accel_stddev=vector(get, "noise_accel_stddev"),
            gyro_stddev=vector(get, "noise_gyro_stddev"),
            gyro_bias=vector(get, "noise_gyro_bias"),
        )

    def payload(
        self,
        pose: F64,
        acceleration: F64,
        rates: F64,
        rng: np.random.Generator,
        gravity: float = _GRAVITY,
    ) -> bytes:
        """Specific force, angular velocity, compass.

        `pose` (6,) of the sensor in the world, `acceleration` (3,) m/s2 of its place and `rates`
        (3,) rad/s in world axes.
        """
        sensor_from_world = matrices(pose)[:3, :3].T
        force = iso.mirror(sensor_from_world @ (acceleration + np.array([0.0, 0.0, gravity])))
        gyro = iso.mirror_axial(sensor_from_world @ rates)
        force = force + rng.normal(size=3) * self.accel_stddev
        gyro = gyro + rng.normal(size=3) * self.gyro_stddev + self.gyro_bias
        return _packed([force.tolist(), gyro.tolist(), compass(float(pose[5]))])


@dataclass(frozen=True, slots=True)
class Gnss:
    """Settings of sensor.other.gnss: degrees and metres as in CARLA."""

    stddev: F64  # (3,) latitude deg, longitude deg, altitude m
    bias: F64  # (3,)

    @staticmethod
    def read(get: Attributes) -> Gnss:
        """From the blueprint's attributes."""
        axes = ("lat", "lon", "alt")
        return Gnss(
            stddev=np.array([number(get, f"noise_{axis}_stddev") for axis in axes]),
            bias=np.array([number(get, f"noise_{axis}_bias") for axis in axes]),
        )

    def payload(self, place: F64, road_map: carla.Map, rng: np.random.Generator) -> bytes:
        """Latitude, longitude, altitude of `place` (3,) m, world frame."""
        true = geolocation(place, road_map)
        return _packed((true + self.bias + rng.normal(size=3) * self.stddev).tolist())
