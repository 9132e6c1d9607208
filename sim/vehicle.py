"""(steer angle, acceleration) -> throttle, brake, steer, with feedback to hold in any physics."""

from __future__ import annotations

from dataclasses import dataclass

import carla
import numpy as np

from common.messages import ControlCommand
from sim import iso


@dataclass(frozen=True, slots=True)
class PedalConfig:
    """Gains of the speed loop around a rough feed-forward."""

    full_throttle_accel: float = 5.0  # m/s2, a mid-size car at town speed
    full_brake_accel: float = 9.0  # m/s2, dry asphalt
    gain: float = 0.5  # pedal per m/s of speed error
    max_error: float = 1.0  # m/s, bound of the remembered error
    coast: float = 0.02  # pedal, smaller asks for neither
    standstill: float = 0.15  # m/s, below it a car asked to slow is held
    hold_brake: float = 0.6


class Pedals:
    """Turns commands into pedals; remembers the speed it should have reached by now.

    `ControlCommand.accel` counts along the gear's direction: in reverse, positive speeds up
    backwards.
    """

    def __init__(self, physics: carla.VehiclePhysicsControl, dt: float) -> None:
        self._config = PedalConfig()
        self._dt = dt
        limits = [wheel.max_steer_angle for wheel in physics.wheels]
        self._max_steer = float(iso.radians(max(limits)))
        curve = [(point.x, point.y) for point in physics.steering_curve] or [(0.0, 1.0)]
        self._curve = np.array(sorted(curve))  # (N, 2) km/h, share of the wheel angle
        self._wanted: float | None = None

    @property
    def max_steer(self) -> float:
        """Rad at the front wheels, at standstill."""
        return self._max_steer

    def control(self, command: ControlCommand, speed: float) -> carla.VehicleControl:
        """The pedals for this tick; `speed` m/s signed along ego x."""
        share = float(np.interp(abs(speed) * 3.6, self._curve[:, 0], self._curve[:, 1]))
        steer = -command.steer / (self._max_steer * share)
        pedal = self._pedal(command.accel, -speed if command.reverse else speed)
        return carla.VehicleControl(
            throttle=float(np.clip(pedal, 0.0, 1.0)),
            steer=float(np.clip(steer, -1.0, 1.0)),
            brake=float(np.clip(-pedal, 0.0, 1.0)),
            reverse=command.reverse,
        )

    def _pedal(self, accel: float, speed: float) -> float:
        """Throttle if positive, brake if negative; `speed` along the gear's direction."""
        config = self._config
        if speed < config.standstill and accel <= 0.0:
            self._wanted = None
            return -config.hold_brake
        wanted = speed if self._wanted is None else self._wanted
        error = float(np.clip(wanted - speed, -config.max_error, config.max_error))
        self._wanted = speed + error + accel * self._dt
        full = config.full_throttle_accel if accel > 0.0 else config.full_brake_accel
        pedal = accel / full + config.gain * error
        return 0.0 if abs(pedal) < config.coast else pedal
