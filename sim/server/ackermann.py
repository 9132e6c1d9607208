"""Driving by speed and steering angle: CARLA's Ackermann control on top of pedals and wheel.

Two controllers in a row, as in CARLA (AckermannController.cpp): the speed's error asks for an
acceleration within the driver's limits, the acceleration's error moves a pedal that is throttle
above zero and brake below.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sim.server.dynamics import Vehicles
from sim.server.poses import matrices

MOST = 3.0  # m/s2 where the driver sets no limit, CARLA's default
STANDSTILL = 0.1  # m/s


@dataclass(frozen=True, slots=True)
class Gains:
    """AckermannControllerSettings; the defaults are CARLA's."""

    speed_kp: float = 0.15
    speed_ki: float = 0.0
    speed_kd: float = 0.25
    accel_kp: float = 0.01
    accel_ki: float = 0.0
    accel_kd: float = 0.01


@dataclass(frozen=True, slots=True)
class Target:
    """VehicleAckermannControl in SI; steer positive left."""

    steer: float  # rad at the front wheels
    steer_speed: float  # rad/s, 0: at once
    speed: float  # m/s, negative: backwards
    acceleration: float  # m/s2, 0: MOST
    jerk: float  # m/s3, unused as in CARLA


@dataclass(slots=True)
class Pid:
    """A controller of one figure. Memory: the integral and the last error."""

    integral: float = 0.0
    last: float = 0.0

    def run(self, error: float, gains: tuple[float, float, float], dt: float) -> float:
        """The answer to an error that has lasted dt (s)."""
        kp, ki, kd = gains
        self.integral += error * dt
        slope, self.last = (error - self.last) / dt, error
        return kp * error + ki * self.integral + kd * slope


@dataclass(slots=True)
class Ackermann:
    """One vehicle's controller. Memory: target, pedal, angle, both controllers."""

    target: Target
    gains: Gains = field(default_factory=Gains)
    pedal: float = 0.0  # -1 full brake .. 1 full throttle
    steer: float = 0.0  # rad
    wish: float = 0.0  # m/s2
    speed: float = 0.0  # m/s, of the last step
    speed_pid: Pid = field(default_factory=Pid)
    accel_pid: Pid = field(default_factory=Pid)

    def step(self, vehicles: Vehicles, slot: int, dt: float) -> None:
        """Set the vehicle's pedals and wheel for the next dt (s)."""
        goal, gains = self.target, self.gains
        ahead = matrices(vehicles.pose[slot])[:3, 0]
        speed = float(ahead @ vehicles.velocity[slot])
        backwards = goal.speed < 0.0
        sign = -1.0 if backwards else 1.0
        most = goal.acceleration or MOST
        gap = sign * (goal.speed - speed)
        ask = self.speed_pid.run(gap, (gains.speed_kp, gains.speed_ki, gains.speed_kd), dt) / dt
        self.wish = min(max(ask, -most), most)
        measured, self.speed = sign * (speed - self.speed) / dt, speed
        error = self.wish - measured
        self.pedal += self.accel_pid.run(
            error, (gains.accel_kp, gains.accel_ki, gains.accel_kd), dt
        )
        self.pedal = min(max(self.pedal, -1.0), 1.0)
        if goal.speed == 0.0 and abs(speed) < STANDSTILL:
            self.pedal = -1.0
        turn = goal.steer_speed * dt if goal.steer_speed > 0.0 else float("inf")
        self.steer += min(max(goal.steer - self.steer, -turn), turn)
        share = self.steer / max(float(vehicles.model["max_steer"][slot]), 1e-3)
        vehicles.control(
            slot, max(self.pedal, 0.0), share, max(-self.pedal, 0.0), reverse=backwards
        )
