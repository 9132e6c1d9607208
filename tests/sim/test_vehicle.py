"""Pedals: the commanded acceleration comes out, whatever the car weighs."""

import carla
import pytest

from common.messages import ControlCommand, Source
from sim.vehicle import Pedals

DT = 0.05


def physics(max_steer_deg: float = 70.0) -> carla.VehiclePhysicsControl:
    own = carla.VehiclePhysicsControl()
    own.wheels = [carla.WheelPhysicsControl(max_steer_angle=max_steer_deg) for _ in range(4)]
    own.steering_curve = [carla.Vector2D(0.0, 1.0), carla.Vector2D(100.0, 0.5)]
    return own


def command(accel: float, steer: float = 0.0, reverse: bool = False) -> ControlCommand:
    return ControlCommand(0.0, steer, accel, reverse, Source.PLANNER)


@pytest.mark.parametrize("strength", [2.5, 5.0, 9.0])  # m/s2 at full throttle
@pytest.mark.parametrize("accel", [1.5, -2.0])
def test_the_commanded_acceleration_is_reached_by_any_engine(strength, accel):
    pedals, speed = Pedals(physics(), DT), 12.0
    for _ in range(60):
        control = pedals.control(command(accel), speed)
        drag = 0.02 * speed
        speed += (strength * control.throttle - 1.5 * strength * control.brake - drag) * DT
    assert speed == pytest.approx(12.0 + 3.0 * accel, abs=0.9)


def test_a_car_asked_to_stand_is_held():
    assert Pedals(physics(), DT).control(command(-0.5), 0.05).brake > 0.4
    assert Pedals(physics(), DT).control(command(0.0), 0.0).throttle == 0.0


def test_left_is_negative_for_carla_and_more_wheel_is_asked_at_speed():
    pedals = Pedals(physics(), DT)
    slow = pedals.control(command(0.0, steer=0.2), 0.0).steer
    fast = pedals.control(command(0.0, steer=0.2), 100.0 / 3.6).steer
    assert slow == pytest.approx(-0.2 / pedals.max_steer)
    assert fast == pytest.approx(2.0 * slow)


def test_in_reverse_the_throttle_speeds_up_backwards():
    control = Pedals(physics(), DT).control(command(1.0, reverse=True), -1.0)
    assert control.reverse
    assert control.throttle > 0.0
