"""What `dynamics` needs to know of a vehicle: CARLA's VehiclePhysicsControl in SI, and the chassis.

`VehiclePhysics` mirrors carla.VehiclePhysicsControl member by member, in metres, radians, m/s and
ISO axes, so that users can read and write it. `Chassis` holds what CARLA's structure does not
have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sim.server.catalogue.kinds import Vector

REFERENCE_FRICTION = 3.5
"""CARLA's usual tire_friction; a wheel that has it grips with the chassis' own `grip`."""
REFERENCE_LONG_STIFFNESS = 1000.0
"""CARLA's usual long_stiff_value; a softer tyre pushes and brakes with so much less."""

MAX_STEER = 70.0 * math.pi / 180.0
"""rad, max_steer_angle of CARLA's cars: what a steer of 1 asks for at standstill."""

STEERING_CURVE = ((0.0, 1.0), (20.0 / 3.6, 0.9), (60.0 / 3.6, 0.8), (120.0 / 3.6, 0.7))
"""(m/s, share of the wheel angle), CARLA's usual curve."""


@dataclass(frozen=True, slots=True)
class Gear:
    """A forward gear. The box shifts when rpm / max_rpm leaves (down_ratio, up_ratio)."""

    ratio: float
    down_ratio: float
    up_ratio: float


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel, as CARLA's WheelPhysicsControl."""

    tire_friction: float
    damping_rate: float
    max_steer: float  # rad
    radius: float  # m
    max_brake_torque: float  # Nm
    max_handbrake_torque: float  # Nm
    lat_stiff_max_load: float
    lat_stiff_value: float  # cornering stiffness per unit of load, 1/rad
    long_stiff_value: float
    position: Vector  # m, actor frame


@dataclass(frozen=True, slots=True)
class VehiclePhysics:
    """CARLA's VehiclePhysicsControl."""

    torque_curve: tuple[tuple[float, float], ...]  # (rpm, Nm)
    max_rpm: float
    moi: float  # kg m2, engine
    damping_full_throttle: float  # Nm s
    damping_zero_clutch_engaged: float
    damping_zero_clutch_disengaged: float
    autobox: bool
    gear_switch_time: float  # s
    clutch_strength: float
    final_ratio: float
    forward_gears: tuple[Gear, ...]
    mass: float  # kg
    drag_coefficient: float
    centre_of_mass: Vector  # m, actor frame
    steering_curve: tuple[tuple[float, float], ...]  # (m/s, share)
    wheels: tuple[Wheel, ...]  # front left, front right, rear left, rear right, ...
    sweep_wheel_collision: bool


def from_plain(values: Sequence[Any]) -> VehiclePhysics:
    """The inverse of `dataclasses.astuple`, also after msgpack made lists of the tuples.

    Raises:
        TypeError: these are no such values.
    """
    own = VehiclePhysics(*values)
    return replace(
        own,
        torque_curve=tuple((x, y) for x, y in own.torque_curve),
        forward_gears=tuple(Gear(*gear) for gear in values[10]),
        centre_of_mass=_vector(own.centre_of_mass),
        steering_curve=tuple((x, y) for x, y in own.steering_curve),
        wheels=tuple(_wheel(Wheel(*wheel)) for wheel in values[15]),
    )


def _wheel(own: Wheel) -> Wheel:
    return replace(own, position=_vector(own.position))


def _vector(values: Vector) -> Vector:
    x, y, z = values
    return x, y, z


@dataclass(frozen=True, slots=True)
class Chassis:
    """What CARLA's structure does not say."""

    grip: float  # tyre friction on dry asphalt at REFERENCE_FRICTION
    lock: float  # rad, where the steering rack stops (mean of the front wheels)
    front_drive: float  # share of the engine's torque at the front axle
    frontal_area: float  # m2
    yaw_inertia: float  # kg m2
    idle_rpm: float
    stall_rpm: float  # engine speed under full throttle at standstill
    leans: bool  # two-wheelers


@dataclass(frozen=True, slots=True)
class Design:
    """A vehicle's published figures, from which its physics follows."""

    size: Vector  # m, length, width, height of the box
    mass: float  # kg
    wheelbase: float  # m
    radius: float  # m, wheels
    power: float  # W
    torque: float  # Nm at the crankshaft or motor
    max_rpm: float
    turning_circle: float  # m, diameter between kerbs
    top_speed: float  # m/s
    drive: str  # front, rear, all
    electric: bool
    gears: int
    first_gear: float  # m/s at max_rpm in first gear
    drag: float  # coefficient
    grip: float  # tyre friction on dry asphalt
    stiffness: float  # 1/rad, front tyres, per unit of load
    wheels: int


_THIRD_AXLE = 0.28  # of the wheelbase behind the second
_TRACK = 0.84  # of the body's width without mirrors; typical of cars in data sheets
_MASS_HEIGHT = 0.36  # of the height; NHTSA's measured centres of gravity of cars are 0.36..0.40
_FRONT_LOAD = {"front": 0.60, "all": 0.55, "rear": 0.51}
_BRAKE_RESERVE = 1.1  # full pedal over what the tyres can hold
_FRONT_BRAKE = 0.65
_AREA = 0.81  # of width x height; Hucho, Aerodynamics of Road Vehicles
_GRAVITY = 9.81


def lock_from_turning_circle(diameter: float, wheelbase: float, track: float) -> float:
    """The bicycle-model wheel angle (rad) whose outer front wheel draws `diameter` (m)."""
    rear = math.sqrt(max((diameter / 2.0) ** 2 - wheelbase**2, 0.01)) - track / 2.0
    return math.atan(wheelbase / max(rear, 0.1))


def _torque_curve(design: Design) -> tuple[tuple[float, float], ...]:
    """Constant torque up to constant power, as makers' curves show it."""
    to_rpm = 60.0 / (2.0 * math.pi)
    base = min(design.power / design.torque * to_rpm, 0.95 * design.max_rpm)
    middle = 0.5 * (base + design.max_rpm)
    start = 1.0 if design.electric else 0.65
    return (
        (0.0, start * design.torque),
        (0.3 * base, (start + 1.0) / 2.0 * design.torque),
        (0.55 * base, design.torque),
        (base, design.torque),
        (middle, design.power / (middle / to_rpm)),
        (design.max_rpm, 0.93 * design.power / (design.max_rpm / to_rpm)),
    )


def _transmission(design: Design) -> tuple[float, tuple[Gear, ...]]:
    """Final ratio and forward gears."""
    spin = design.max_rpm * 2.0 * math.pi / 60.0 * design.radius
    if design.gears == 1:
        return spin / (1.05 * design.top_speed), (Gear(1.0, 0.5, 0.65),)
    first, last = 4.0, 0.75
    step = (last / first) ** (1.0 / (design.gears - 1))
    gears = tuple(Gear(first * step**i, 0.3, 0.6) for i in range(design.gears))
    return spin / (design.first_gear * first), gears


def _wheels(design: Design, centre_x: float, track: float) -> tuple[Wheel, ...]:
    hold = _BRAKE_RESERVE * design.grip * design.mass * _GRAVITY * design.radius
    two = design.wheels == 2
    axles = [(0.5, True), (-0.5, False)] + (
        [(-0.5 - _THIRD_AXLE, False)] if design.wheels == 6 else []
    )
    rear = len(axles) - 1
    wheels = []
    for place, front in axles:
        brake = hold * (_FRONT_BRAKE if front else (1.0 - _FRONT_BRAKE) / rear)
        per_axle = 1 if two else 2
        for side in (0.5,) if two else (0.5, -0.5):
            wheels.append(
                Wheel(
                    tire_friction=REFERENCE_FRICTION,
                    damping_rate=0.25,
                    max_steer=MAX_STEER if front else 0.0,
                    radius=design.radius,
                    max_brake_torque=brake / per_axle,
                    max_handbrake_torque=0.0 if front else 0.6 * hold / per_axle / rear,
                    lat_stiff_max_load=2.0,
                    lat_stiff_value=design.stiffness * (1.0 if front else 1.2),
                    long_stiff_value=REFERENCE_LONG_STIFFNESS,
                    position=(
                        centre_x + place * design.wheelbase,
                        0.0 if two else side * track,
                        design.radius,
                    ),
                )
            )
    return tuple(wheels)


def physics_of(design: Design, centre_x: float) -> tuple[VehiclePhysics, Chassis]:
    """The full parameters of a design whose box centre lies `centre_x` (m) ahead of the origin."""
    length, width, height = design.size
    two = design.wheels == 2
    track = 0.0 if two else _TRACK * min(width, 2.5)
    final, gears = _transmission(design)
    # a third axle moves the pair's middle back
    reach = design.wheelbase * (1.0 + (0.5 * _THIRD_AXLE if design.wheels == 6 else 0.0))
    front_load = 0.5 if two else _FRONT_LOAD[design.drive]
    physics = VehiclePhysics(
        torque_curve=_torque_curve(design),
        max_rpm=design.max_rpm,
        moi=0.05 if design.electric else 0.15 * (design.torque / 250.0),
        damping_full_throttle=0.01,
        damping_zero_clutch_engaged=0.15 * design.torque / 250.0,
        damping_zero_clutch_disengaged=0.03,
        autobox=True,
        gear_switch_time=0.0 if design.gears == 1 else 0.25,
        clutch_strength=10.0,
        final_ratio=final,
        forward_gears=gears,
        mass=design.mass,
        drag_coefficient=design.drag,
        centre_of_mass=(
            centre_x + (front_load - 0.5) * design.wheelbase,
            0.0,
            _MASS_HEIGHT * height,
        ),
        steering_curve=STEERING_CURVE,
        wheels=_wheels(design, centre_x, track),
        sweep_wheel_collision=False,
    )
    chassis = Chassis(
        grip=design.grip,
        lock=lock_from_turning_circle(design.turning_circle, reach, track),
        front_drive={"front": 1.0, "all": 0.5, "rear": 0.0}[design.drive],
        frontal_area=0.6 if two else _AREA * width * height,
        yaw_inertia=design.mass * (length**2 + width**2) / 12.0,
        idle_rpm=0.0 if design.electric else 0.12 * design.max_rpm,
        stall_rpm=0.0 if design.electric else 0.38 * design.max_rpm,
        leans=two,
    )
    return physics, chassis
