"""Where the car is: wheel speed, gyro and GNSS fused by an extended Kalman filter."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from common.frames import FloatArray, Pose2, wrap_angle
from common.messages import EgoState, Proprioception
from common.vehicle import LINCOLN_MKZ, VehicleGeometry

X, Y, YAW, SPEED, BIAS = range(5)
"""Rows of the filter's state: m, m, rad, m/s, rad/s."""


@dataclass(frozen=True, slots=True)
class LocaliserConfig:
    """Standard deviations of what the filter is told."""

    gnss: float = 0.5  # m; a good automotive receiver's
    wheel: float = 0.1  # m/s
    gyro: float = 0.01  # rad/s in each sample
    bias_walk: float = 0.0005  # rad/s per square root of a second
    accel: float = 3.0  # m/s2, what the speed may do between wheel samples
    slide: float = 0.05  # m per square root of a second, wheel slip and side slip
    outlier: float = 5.0  # standard deviations from which a fix is not believed
    start: tuple[float, float, float, float, float] = (0.3, 0.3, 0.05, 0.3, 0.01)
    vehicle: VehicleGeometry = LINCOLN_MKZ


class Localiser:
    """EKF on x, y, yaw, speed and gyro bias; its memory is the state and its covariance."""

    def __init__(self, config: LocaliserConfig = LocaliserConfig()) -> None:
        self.config = config
        self.reset(Pose2(0.0, 0.0, 0.0), 0.0)

    def reset(self, world_from_ego: Pose2, speed: float) -> None:
        """Begin at a known pose (m, rad) and speed (m/s)."""
        pose = world_from_ego
        self.state: FloatArray = np.array([pose.x, pose.y, pose.yaw, speed, 0.0])
        self.covariance: FloatArray = np.diag(np.square(self.config.start))
        self._t: float | None = None
        self._rate: float | None = None
        self._missed = 0

    def update(self, p: Proprioception) -> EgoState:
        """One tick's measurements in, the state at ``p.t`` out."""
        dt = 0.0 if self._t is None else min(max(p.t - self._t, 0.0), 1.0)
        self._t = p.t
        rate = float(p.gyro[2])
        before, self._rate = self._rate, rate
        if dt > 0.0:
            self._predict(rate if before is None else 0.5 * (before + rate), dt)
        self._measure_speed(p.wheel_speed)
        if abs(p.wheel_speed) < 0.01 and abs(self.state[SPEED]) < 0.1:
            self._measure(BIAS, rate, self.config.gyro)
        if p.gnss is not None:
            self._fix(np.asarray(p.gnss, dtype=np.float64))
        x, y, yaw, speed, bias = (float(value) for value in self.state)
        return EgoState(p.t, Pose2(x, y, yaw), speed, float(p.accel[0]), rate - bias, p.steer)

    def _predict(self, rate: float, dt: float) -> None:
        """The origin moves along x with the speed, sideways with the turn about the rear axle.

        `rate` is the mean of the gyro's samples at both ends of the interval. The acceleration in
        it is unknown but constant, so the next wheel sample also says how far the car came.
        """
        config = self.config
        yaw, speed = self.state[YAW], self.state[SPEED]
        turn = rate - self.state[BIAS]
        middle = yaw + 0.5 * turn * dt
        c, s = math.cos(middle), math.sin(middle)
        side = turn * config.vehicle.rear_axle
        dx, dy = (speed * c - side * s) * dt, (speed * s + side * c) * dt
        jacobian = np.eye(5)
        jacobian[X, YAW], jacobian[Y, YAW] = -dy, dx
        jacobian[X, SPEED], jacobian[Y, SPEED] = c * dt, s * dt
        lever = config.vehicle.rear_axle * dt
        jacobian[X, BIAS], jacobian[Y, BIAS] = s * lever, -c * lever
        jacobian[YAW, BIAS] = -dt
        self.state = self.state + np.array([dx, dy, turn * dt, 0.0, 0.0])
        slid, turned, drifted = (
            config.slide**2 * dt,
            (config.gyro * dt) ** 2,
            config.bias_walk**2 * dt,
        )
        push = config.accel * dt * np.array([0.5 * c * dt, 0.5 * s * dt, 0.0, 1.0, 0.0])
        noise = np.diag([slid, slid, turned, 0.0, drifted]) + np.outer(push, push)
        self.covariance = jacobian @ self.covariance @ jacobian.T + noise

    def _measure_speed(self, wheel_speed: float) -> None:
        self._measure(SPEED, wheel_speed, self.config.wheel)

    def _measure(self, row: int, value: float, sigma: float) -> None:
        """A direct measurement of one state."""
        if not math.isfinite(value):
            return
        gain = self.covariance[:, row] / (self.covariance[row, row] + sigma**2)
        self.state = self.state + gain * (value - self.state[row])
        self.state[YAW] = wrap_angle(float(self.state[YAW]))
        self.covariance = self.covariance - np.outer(gain, self.covariance[row])

    def _fix(self, gnss: FloatArray) -> None:
        """A GNSS position (2,) m; one that cannot be is left out, ten in a row are believed."""
        if not np.isfinite(gnss).all():
            return
        error = gnss - self.state[:2]
        spread = self.covariance[:2, :2] + self.config.gnss**2 * np.eye(2)
        far = float(error @ np.linalg.solve(spread, error)) > self.config.outlier**2
        if far and self._missed < 10:
            self._missed += 1
            return
        self._missed = 0
        if far:
            self.covariance[:2, :2] += np.outer(error, error)
            spread = self.covariance[:2, :2] + self.config.gnss**2 * np.eye(2)
        gain = self.covariance[:, :2] @ np.linalg.inv(spread)
        self.state = self.state + gain @ error
        self.state[YAW] = wrap_angle(float(self.state[YAW]))
        self.covariance = self.covariance - gain @ self.covariance[:2]
        self.covariance = 0.5 * (self.covariance + self.covariance.T)
