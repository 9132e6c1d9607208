"""VehiclePhysicsControl on the wire: km/h, centimetres, degrees, wheels in the world frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from common.frames import FloatArray
from sim import iso
from sim.server import wire
from sim.server.rpc import RpcError
from sim.server.vehicle_arrays import Record
from sim.server.vehicle_physics import Gear, VehiclePhysics, Wheel
from sim.server.wire import Wire

KMH = 3.6  # per m/s
CM = 100.0  # per m
GRAVITY = 9.81  # m/s2
LEAST_RADIUS = 0.05  # m of a wheel
MAX_POINTS = 64  # of a curve


def to_physics(own: VehiclePhysics, world_from_actor: FloatArray) -> list[Wire]:
    """VehiclePhysicsControl of a vehicle at a transform (4, 4)."""
    return [
        [list(point) for point in own.torque_curve],
        own.max_rpm,
        own.moi,
        own.damping_full_throttle,
        own.damping_zero_clutch_engaged,
        own.damping_zero_clutch_disengaged,
        own.autobox,
        own.gear_switch_time,
        own.clutch_strength,
        own.final_ratio,
        [[gear.ratio, gear.down_ratio, gear.up_ratio] for gear in own.forward_gears],
        own.mass,
        own.drag_coefficient,
        wire.to_vector(own.centre_of_mass),
        [[speed * KMH, share] for speed, share in own.steering_curve],
        [_to_wheel(wheel, world_from_actor) for wheel in _doubled(own.wheels)],
        own.sweep_wheel_collision,
    ]


def _doubled(wheels: tuple[Wheel, ...]) -> tuple[Wheel, ...]:
    """CARLA's two-wheelers have four wheels, two of them side by side at each end."""
    return (wheels[0], wheels[0], wheels[1], wheels[1]) if len(wheels) == 2 else wheels


def _to_wheel(own: Wheel, world_from_actor: FloatArray) -> list[Wire]:
    position = world_from_actor[:3, :3] @ np.array(own.position) + world_from_actor[:3, 3]
    return [
        own.tire_friction,
        own.damping_rate,
        float(iso.degrees(own.max_steer)),
        own.radius * CM,
        own.max_brake_torque,
        own.max_handbrake_torque,
        own.lat_stiff_max_load,
        own.lat_stiff_value,
        own.long_stiff_value,
        wire.to_vector(position * CM),
    ]


def physics(value: Wire, before: VehiclePhysics) -> VehiclePhysics:
    """VehiclePhysicsControl from the wire.

    Wheels keep their places, which CARLA calls read-only.
    """
    match value:
        case [list(torque), *_, list(steering), list(wheels), sweep] if len(value) == 17:
            if len(wheels) != len(_doubled(before.wheels)) or not torque or not steering:
                raise RpcError(f"expected {len(_doubled(before.wheels))} wheels and two curves")
            if len(before.wheels) == 2:
                wheels = wheels[::2]
            engine = wire.bounded(value[1:6], 5).tolist()
            box = wire.bounded(value[7:10], 3).tolist()
            mass, drag = wire.bounded(value[11:13], 2).tolist()
            if mass <= 0.0 or drag < 0.0:
                raise RpcError(f"expected a positive mass and no negative drag, got {mass}, {drag}")
            gears = [wire.bounded(gear, 3).tolist() for gear in wire.items(value[10], MAX_POINTS)]
            centre = wire.vector(value[13]).tolist()
            return VehiclePhysics(
                torque_curve=_curve(torque, 1.0),
                max_rpm=engine[0],
                moi=engine[1],
                damping_full_throttle=engine[2],
                damping_zero_clutch_engaged=engine[3],
                damping_zero_clutch_disengaged=engine[4],
                autobox=bool(value[6]),
                gear_switch_time=box[0],
                clutch_strength=box[1],
                final_ratio=box[2],
                forward_gears=tuple(Gear(*gear) for gear in gears),
                mass=mass,
                drag_coefficient=drag,
                centre_of_mass=(centre[0], centre[1], centre[2]),
                steering_curve=_curve(steering, KMH),
                wheels=tuple(_wheel(w, old) for w, old in zip(wheels, before.wheels, strict=True)),
                sweep_wheel_collision=bool(sweep),
            )
    raise RpcError(f"expected a physics control, got {value!r:.80}")


def _curve(points: list[Wire], scale: float) -> tuple[tuple[float, float], ...]:
    pairs = [wire.bounded(point, 2).tolist() for point in wire.items(points, MAX_POINTS)]
    return tuple((x / scale, y) for x, y in sorted(pairs))


def _wheel(value: Wire, before: Wheel) -> Wheel:
    figures = wire.bounded(value[:9], 9).tolist()
    if min(figures[:2] + figures[4:]) < 0.0:
        raise RpcError(f"expected no negative figures of a wheel but its angle, got {figures}")
    return replace(
        before,
        tire_friction=figures[0],
        damping_rate=figures[1],
        max_steer=float(iso.radians(figures[2])),
        radius=max(figures[3] / CM, LEAST_RADIUS),
        max_brake_torque=figures[4],
        max_handbrake_torque=figures[5],
        lat_stiff_max_load=figures[6],
        lat_stiff_value=figures[7],
        long_stiff_value=figures[8],
    )


def to_telemetry(state: Record, model: Record, own: VehiclePhysics) -> list[Wire]:
    """VehicleTelemetryData of one vehicle's records (`vehicle_arrays.STATE`, `MODEL`)."""
    wheels = []
    for i in range(4):
        load = float(state["wheel_load"][i])
        along, across = float(state["long_force"][i]), float(state["lat_force"][i])
        weight = max(load, 1.0)
        static = float(model["mass"]) * GRAVITY / 4.0
        wheels.append(
            [
                own.wheels[min(i, len(own.wheels) - 1)].tire_friction,
                float(state["lat_slip"][i]),
                float(state["long_slip"][i]),
                float(state["omega"][i]),
                load,
                load / static,
                along * float(model["radius"]),
                along,
                across,
                along / weight,
                across / weight,
            ]
        )
    speed = float(np.linalg.norm(state["velocity"]))
    return [
        speed,
        -float(state["steering"]),
        float(state["pedal"]),
        float(state["brake_pedal"]),
        float(state["rpm"]),
        int(state["gear"]),
        float(model["drag"]) * speed * speed,
        wheels,
    ]
