"""RPCs of vehicles."""

from __future__ import annotations

import numpy as np

from sim import iso
from sim.server import anatomy, wire
from sim.server.ackermann import Ackermann, Gains, Target
from sim.server.actors import Actor, Kind
from sim.server.handlers.actors import vehicle
from sim.server.poses import matrices
from sim.server.postures import ALL_DOORS, Posture
from sim.server.rpc import RpcError, Table, accepted, value, void
from sim.server.simulation import Call
from sim.server.wire import Wire
from sim.server.wire_physics import physics, to_physics, to_telemetry


def apply_control_to_vehicle(call: Call, actor_id: int, control: Wire) -> None:
    """Pedals, wheel, gears."""
    control_vehicles(call, [actor_id], [control])


def control_vehicles(call: Call, ids: list[int], controls: list[Wire]) -> None:
    """The same for many vehicles at once; nothing is done where one is refused.

    Raises:
        RpcError: there is no such vehicle, or no such control.
    """
    get, ackermann = call.episode.actors.get, call.episode.ackermann
    slots = np.array([get(actor_id, Kind.VEHICLE).slot for actor_id in ids], np.intp)
    throttle, steer, brake, hand_brake, reverse, manual, gear = wire.vehicle_controls(controls).T
    for slot in ackermann.keys() & slots.tolist():
        del ackermann[slot]
    call.episode.vehicles.control(
        slots,
        throttle,
        -steer,  # CARLA's is positive right
        brake,
        hand_brake=hand_brake,
        reverse=reverse,
        manual_gear_shift=manual,
        gear=gear,
    )


def apply_ackermann_control_to_vehicle(call: Call, actor_id: int, control: Wire) -> None:
    """Drive by speed and steering angle, until pedals are asked for again."""
    slot = vehicle(call, actor_id)
    steer, *others = wire.bounded(control, 5).tolist()
    target = Target(-steer, *others)  # CARLA's is positive right
    known = call.episode.ackermann.get(slot)
    if known is None:
        gains = call.episode.gains.get(slot, Gains())
        known = call.episode.ackermann[slot] = Ackermann(target, gains)
    known.target = target


def get_ackermann_controller_settings(call: Call, actor_id: int) -> Wire:
    """The gains of a vehicle's Ackermann controller."""
    gains = call.episode.gains.get(vehicle(call, actor_id), Gains())
    return [float(getattr(gains, name)) for name in Gains.__slots__]


def apply_ackermann_controller_settings(call: Call, actor_id: int, settings: Wire) -> None:
    """New gains for a vehicle's Ackermann controller."""
    slot = vehicle(call, actor_id)
    gains = Gains(*wire.bounded(settings, 6).tolist())
    call.episode.gains[slot] = gains
    if slot in call.episode.ackermann:
        call.episode.ackermann[slot].gains = gains


def get_physics_control(call: Call, actor_id: int) -> Wire:
    """The parameters of a vehicle's physics."""
    actor = call.episode.actors.get(actor_id, Kind.VEHICLE)
    world_from_actor = matrices(call.episode.actors.pose[actor.row])
    return to_physics(call.episode.vehicles.physics(actor.slot), world_from_actor)


def apply_physics_control(call: Call, actor_id: int, control: Wire) -> None:
    """New parameters for a vehicle's physics."""
    slot = vehicle(call, actor_id)
    vehicles = call.episode.vehicles
    vehicles.set_physics(slot, physics(control, vehicles.physics(slot)))


def get_vehicle_light_state(call: Call, actor_id: int) -> Wire:
    """The lights of a vehicle."""
    actor = call.episode.actors.get(actor_id, Kind.VEHICLE)
    return [int(call.episode.actors.lights[actor.row])]


def set_vehicle_light_state(call: Call, actor_id: int, lights: Wire) -> None:
    """Switch the lights of a vehicle."""
    actor = call.episode.actors.get(actor_id, Kind.VEHICLE)
    flags = lights[0] if isinstance(lights, list) else lights
    call.episode.actors.lights[actor.row] = wire.whole(flags) & 0xFFFFFFFF


def get_vehicle_light_states(call: Call) -> Wire:
    """The lights of all vehicles."""
    group = call.episode.layout.vehicles
    pairs: Wire = np.stack([group.ids, call.episode.actors.lights[group.rows]], axis=-1).tolist()
    return pairs


def wheel_of(call: Call, actor_id: int, wheel: int) -> tuple[Actor, int]:
    """A vehicle and the number of one of its wheels.

    Raises:
        RpcError: there is no such vehicle or wheel.
    """
    actor, number = call.episode.actors.get(actor_id, Kind.VEHICLE), wire.whole(wheel)
    count = len(call.episode.vehicles.physics(actor.slot).wheels)
    if not 0 <= number < count:
        raise RpcError(f"expected a wheel, 0 to {count - 1}, got {number}")
    return actor, number


def get_wheel_steer_angle(call: Call, actor_id: int, wheel: int) -> float:
    """The angle (degrees) of a wheel; the rear ones do not turn."""
    actor, number = wheel_of(call, actor_id, wheel)
    return iso.yaw_to_carla(anatomy.steer_angles(call.episode, actor)[number])


def get_wheel_pitch_angle(call: Call, actor_id: int, wheel: int) -> float:
    """The angle (degrees) that a wheel has rolled through."""
    actor, number = wheel_of(call, actor_id, wheel)
    return float(iso.degrees(anatomy.roll_angles(call.episode, actor)[number])) % 360.0


def set_wheel_steer_direction(call: Call, actor_id: int, wheel: int, degrees: float) -> None:
    """Turn a wheel for the eye, as in CARLA only while the vehicle's physics is off."""
    actor, number = wheel_of(call, actor_id, wheel)
    still_looks(call, actor).steers[number] = iso.yaw_from_carla(wire.number(degrees))


def set_wheel_pitch_angle(call: Call, actor_id: int, wheel: int, degrees: float) -> None:
    """Roll a wheel for the eye, as in CARLA only while the vehicle's physics is off."""
    actor, number = wheel_of(call, actor_id, wheel)
    still_looks(call, actor).rolls[number] = float(iso.radians(wire.number(degrees)))


def still_looks(call: Call, actor: Actor) -> Posture:
    """What a vehicle without physics looks like.

    Raises:
        RpcError: its physics is on.
    """
    if call.episode.vehicles.state["simulate"][actor.slot]:
        raise RpcError(f"expected actor {actor.id} without physics; set_simulate_physics(False)")
    return call.episode.posture(actor)


def open_vehicle_door(call: Call, actor_id: int, door: int) -> None:
    """Open a door, or all; what has no such door stays shut, as in CARLA."""
    move_door(call, actor_id, door, on=True)


def close_vehicle_door(call: Call, actor_id: int, door: int) -> None:
    """Close a door, or all."""
    move_door(call, actor_id, door, on=False)


def move_door(call: Call, actor_id: int, door: int, *, on: bool) -> None:
    """Open or close a door, or all."""
    actor, number = call.episode.actors.get(actor_id, Kind.VEHICLE), wire.whole(door)
    if not 0 <= number <= ALL_DOORS:
        raise RpcError(f"expected a door, 0 to {ALL_DOORS}, got {number}")
    call.episode.posture(actor).open(number, on)


def set_actor_autopilot(call: Call, actor_id: int, on: bool, port: int = 0) -> None:
    """The client's Traffic Manager takes the vehicle or leaves it: here it only has to exist."""
    vehicle(call, actor_id)


def get_telemetry_data(call: Call, actor_id: int) -> Wire:
    """What the engine and each wheel do."""
    slot = vehicle(call, actor_id)
    vehicles = call.episode.vehicles
    return to_telemetry(vehicles.state[slot], vehicles.model[slot], vehicles.physics(slot))


DOORS = "the four side doors, in pictures; bonnet and boot stay shut, and nothing bumps into a door"

TABLE: Table = {
    "apply_control_to_vehicle": void(apply_control_to_vehicle),
    "apply_ackermann_control_to_vehicle": void(apply_ackermann_control_to_vehicle),
    "get_ackermann_controller_settings": value(get_ackermann_controller_settings),
    "apply_ackermann_controller_settings": void(apply_ackermann_controller_settings),
    "get_physics_control": value(get_physics_control),
    "apply_physics_control": void(apply_physics_control),
    "get_vehicle_light_state": value(get_vehicle_light_state),
    "set_vehicle_light_state": void(set_vehicle_light_state),
    "get_vehicle_light_states": value(get_vehicle_light_states),
    "get_wheel_steer_angle": value(get_wheel_steer_angle),
    "get_wheel_pitch_angle": value(get_wheel_pitch_angle, "all wheels roll alike"),
    "get_telemetry_data": value(get_telemetry_data),
    "set_actor_autopilot": void(set_actor_autopilot),
    "open_vehicle_door": void(open_vehicle_door, DOORS),
    "close_vehicle_door": void(close_vehicle_door, DOORS),
    "set_wheel_steer_direction": void(set_wheel_steer_direction),
    "set_wheel_pitch_angle": void(set_wheel_pitch_angle),
    "show_vehicle_debug_telemetry": accepted("show_vehicle_debug_telemetry: there is no screen"),
    "enable_carsim": accepted("enable_carsim: the built-in physics stays"),
    "use_carsim_road": accepted("use_carsim_road: the built-in physics stays"),
    "enable_chrono_physics": accepted("enable_chrono_physics: the built-in physics stays"),
    "restore_physx_physics": accepted("restore_physx_physics: the built-in physics stays"),
}
