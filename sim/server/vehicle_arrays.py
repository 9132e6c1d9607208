"""Vehicles as arrays: what changes (`STATE`) and what does not (`MODEL`), one record per slot."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.server.blueprints import Blueprint
from sim.server.vehicle_physics import (
    REFERENCE_FRICTION,
    REFERENCE_LONG_STIFFNESS,
    Chassis,
    VehiclePhysics,
)

Records = NDArray[Any]
"""A structured array."""

Record = Any
"""One of its records: fields by name, `row["x"]` in Python and `row.x` in kernels."""

WHEELS = 4
CURVE = 16  # points of a torque or steering curve at most
GEARS = 16  # forward gears at most

BODY: list[tuple[str, str] | tuple[str, str, int]] = [
    ("alive", "?"),
    ("simulate", "?"),  # False: only teleports move it
    ("gravity", "?"),
    ("collides", "?"),
    ("pose", "f8", 6),  # x, y, z m, roll, pitch, yaw rad: the actor's origin
    ("velocity", "f8", 3),  # m/s, world axes, of the centre of mass
    ("angular_velocity", "f8", 3),  # rad/s, world axes
    ("acceleration", "f8", 3),  # m/s2, world axes, mean of the last step
]
"""The first columns of everything that moves; the last four are its `motions`."""

STATE = np.dtype(
    [
        *BODY,
        # what the user asks for; steer positive left
        ("throttle", "f8"),
        ("steer", "f8"),
        ("brake", "f8"),
        ("hand_brake", "?"),
        ("reverse", "?"),
        ("manual_gear_shift", "?"),
        ("gear_wish", "i4"),
        ("fleeting", "?"),  # a command lasts for one step: sticky_control is off
        ("fresh", "?"),  # it came after the last step
        # what has reached the machine
        ("pedal", "f8"),
        ("brake_pedal", "f8"),
        ("steering", "f8"),
        ("wheel_angle", "f8"),  # rad, bicycle model
        ("gear", "i4"),
        ("shift_time", "f8"),  # s until the clutch closes again
        ("rpm", "f8"),
        ("travel", "f8"),  # m, signed
        # ground under the wheels
        ("ground_z", "f8"),
        ("ground_roll", "f8"),
        ("ground_pitch", "f8"),
        ("load", "f8"),  # wheel load over weight
        ("sway_roll", "f8"),  # rad, the body on its springs
        ("sway_pitch", "f8"),
        ("skid", "f8"),  # 0..1, how far the stability control intervenes
        ("body_accel", "f8", 2),  # m/s2, smoothed, for load transfer
        # one step's worth of outside forces, and special modes
        ("force", "f8", 3),  # N, world axes
        ("torque", "f8"),  # Nm about z
        ("cruise", "?"),  # constant velocity
        ("cruise_velocity", "f8", 3),  # m/s, body axes
        ("grip", "f8", WHEELS),  # the tyres' dry friction where the vehicle is
        # telemetry per wheel
        ("wheel_load", "f8", WHEELS),  # N
        ("long_force", "f8", WHEELS),  # N
        ("lat_force", "f8", WHEELS),  # N
        ("lat_slip", "f8", WHEELS),  # rad
        ("long_slip", "f8", WHEELS),
        ("omega", "f8", WHEELS),  # rad/s
    ]
)


_MOTION = np.dtype(("f8", 15))


def motions(state: Records) -> NDArray[np.float64]:
    """A view of pose, velocity, angular velocity and acceleration side by side (capacity, 15)."""
    assert state.dtype.fields is not None
    return state.getfield(_MOTION, state.dtype.fields["pose"][1])


CONTROLS = (
    "throttle",
    "steer",
    "brake",
    "hand_brake",
    "reverse",
    "manual_gear_shift",
    "gear_wish",
)
"""The columns of STATE that hold what the user asks for."""

MODEL = np.dtype(
    [
        ("mass", "f8"),
        ("yaw_inertia", "f8"),
        ("centre_x", "f8"),  # m, centre of mass ahead of the origin
        ("centre_height", "f8"),  # m above the ground
        ("wheelbase", "f8"),
        ("track", "f8"),
        ("front", "f8"),  # m, front axle ahead of the centre of mass
        ("rear", "f8"),  # m, rear axle behind it
        ("max_steer", "f8"),
        ("lock", "f8"),
        ("leans", "?"),
        ("tyre_grip", "f8"),  # dry friction of a tyre of REFERENCE_FRICTION
        ("grip", "f8", WHEELS),
        ("traction", "f8", WHEELS),  # share of it that pushes and brakes along
        ("stiffness", "f8", WHEELS),
        ("brake", "f8", WHEELS),  # N at full pedal
        ("hand_brake", "f8", WHEELS),  # N
        ("drive", "f8", WHEELS),  # share of the engine's force
        ("radius", "f8"),
        ("drag", "f8"),  # N s2/m2
        ("torque_rpm", "f8", CURVE),
        ("torque", "f8", CURVE),
        ("torque_points", "i4"),
        ("max_rpm", "f8"),
        ("idle_rpm", "f8"),
        ("stall_rpm", "f8"),
        ("moi", "f8"),
        ("damping_full", "f8"),
        ("damping_zero", "f8"),
        ("autobox", "?"),
        ("shift_time", "f8"),
        ("final_ratio", "f8"),
        ("gears", "i4"),
        ("ratio", "f8", GEARS),
        ("down_ratio", "f8", GEARS),
        ("up_ratio", "f8", GEARS),
        ("steer_speed", "f8", CURVE),
        ("steer_share", "f8", CURVE),
        ("steer_points", "i4"),
        ("half_extent", "f8", 3),
        ("box_centre", "f8", 3),
    ]
)

_LEAST = 0.05  # of masses (kg) and lengths (m): users may write zeros
_AIR_DENSITY = 1.225  # kg/m3, ICAO standard atmosphere at sea level


def _four(values: list[float]) -> list[float]:
    """Sums on the four corners: a two-wheeler's wheel is split, a third axle joins the second."""
    if len(values) == 2:
        return [values[0] / 2.0, values[0] / 2.0, values[1] / 2.0, values[1] / 2.0]
    rear = values[2:]
    return [values[0], values[1], sum(rear[0::2]), sum(rear[1::2])]


def _corner_means(values: list[float]) -> list[float]:
    """The same for values that do not add up."""
    if len(values) == 2:
        return [values[0], values[0], values[1], values[1]]
    left, right = values[2::2], values[3::2]
    return [values[0], values[1], sum(left) / len(left), sum(right) / len(right)]


def _curve(points: tuple[tuple[float, float], ...]) -> tuple[NDArray[np.float64], int]:
    """Points sorted by x, padded with the last one: (2, CURVE), and how many count."""
    ordered = sorted(points)[:CURVE] or [(0.0, 0.0)]
    padded = ordered + [ordered[-1]] * (CURVE - len(ordered))
    return np.array(padded, np.float64).T, len(ordered)


def fill_physics(row: Record, physics: VehiclePhysics, chassis: Chassis) -> None:
    """Write one vehicle's parameters into its MODEL record."""
    wheels = physics.wheels
    front, rear = wheels[:1] if len(wheels) == 2 else wheels[:2], wheels[-1]
    front_x, rear_x = front[0].position[0], wheels[len(front)].position[0]
    if len(wheels) > WHEELS:
        rear_x = 0.5 * (rear_x + rear.position[0])
    radius = max(front[0].radius, _LEAST)
    row["mass"] = max(physics.mass, _LEAST)
    row["yaw_inertia"] = chassis.yaw_inertia
    row["centre_x"] = physics.centre_of_mass[0]
    row["centre_height"] = physics.centre_of_mass[2]
    row["wheelbase"] = max(front_x - rear_x, _LEAST)
    row["track"] = abs(front[0].position[1] - front[-1].position[1])
    row["front"] = front_x - physics.centre_of_mass[0]
    row["rear"] = physics.centre_of_mass[0] - rear_x
    row["max_steer"] = max(wheel.max_steer for wheel in wheels)
    row["lock"] = chassis.lock
    row["leans"] = chassis.leans
    row["radius"] = radius
    row["grip"] = _corner_means(
        [chassis.grip * w.tire_friction / REFERENCE_FRICTION for w in wheels]
    )
    row["tyre_grip"] = chassis.grip
    row["traction"] = _corner_means(
        [min(w.long_stiff_value / REFERENCE_LONG_STIFFNESS, 1.0) for w in wheels]
    )
    row["stiffness"] = _corner_means([w.lat_stiff_value for w in wheels])
    row["brake"] = np.array(_four([w.max_brake_torque for w in wheels])) / radius
    row["hand_brake"] = np.array(_four([w.max_handbrake_torque for w in wheels])) / radius
    half_front, half_rear = chassis.front_drive / 2.0, (1.0 - chassis.front_drive) / 2.0
    row["drive"] = half_front, half_front, half_rear, half_rear
    row["drag"] = 0.5 * _AIR_DENSITY * physics.drag_coefficient * chassis.frontal_area
    _fill_powertrain(row, physics, chassis)


def _fill_powertrain(row: Record, physics: VehiclePhysics, chassis: Chassis) -> None:
    (row["torque_rpm"], row["torque"]), row["torque_points"] = _curve(physics.torque_curve)
    (row["steer_speed"], row["steer_share"]), row["steer_points"] = _curve(physics.steering_curve)
    row["max_rpm"] = max(physics.max_rpm, 1.0)
    row["idle_rpm"] = chassis.idle_rpm
    row["stall_rpm"] = chassis.stall_rpm
    row["moi"] = physics.moi
    row["damping_full"] = physics.damping_full_throttle
    row["damping_zero"] = physics.damping_zero_clutch_engaged
    row["autobox"] = physics.autobox
    row["shift_time"] = physics.gear_switch_time
    row["final_ratio"] = physics.final_ratio
    gears = physics.forward_gears[:GEARS]
    row["gears"] = len(gears)
    row["ratio"][: len(gears)] = [gear.ratio for gear in gears]
    row["down_ratio"][: len(gears)] = [gear.down_ratio for gear in gears]
    row["up_ratio"][: len(gears)] = [gear.up_ratio for gear in gears]


def fill_box(row: Record, blueprint: Blueprint) -> None:
    """Write the bounding box into a MODEL record."""
    row["half_extent"] = blueprint.half_extent
    row["box_centre"] = blueprint.box_centre


def fresh_state(row: Record, pose: NDArray[np.float64]) -> None:
    """A vehicle that stands at `pose` (6,), in first gear, nobody's foot on anything."""
    row["alive"] = row["simulate"] = row["gravity"] = row["collides"] = True
    row["pose"] = pose
    row["gear"] = 1
    row["load"] = 1.0
    row["ground_z"] = pose[2]
    row["ground_roll"], row["ground_pitch"] = pose[3], pose[4]
