"""RPCs of vehicles."""

from __future__ import annotations

from sim import iso
from sim.server import wire
from sim.server.ackermann import Ackermann, Gains, Target
from sim.server.actors import Kind
from sim.server.handlers.actors import vehicle, world_poses
from sim.server.poses import matrices
from sim.server.rpc import Table, accepted, value, void
from sim.server.simulation import Call
from sim.server.wire import Wire
from sim.server.wire_physics import physics, to_physics, to_telemetry


def apply_control_to_vehicle(call: Call, actor_id: int, control: Wire) -> None:
    """Pedals, wheel, gears."""
    slot = vehicle(call, actor_id)
    own = wire.vehicle_control(control)
    call.episode.ackermann.pop(slot, None)
    call.episode.vehicles.control(
        slot,
        own.throttle,
        -own.steer,  # CARLA's is positive right
        own.brake,
        hand_brake=own.hand_brake,
        reverse=own.reverse,
        manual_gear_shift=own.manual_gear,
        gear=own.gear,
    )


def apply_ackermann_control_to_vehicle(call: Call, actor_id: int, control: Wire) -> None:
    """Drive by speed and steering angle, until pedals are asked for again."""
    slot = vehicle(call, actor_id)
    steer, *others = wire.numbers(control, 5).tolist()
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
    gains = Gains(*wire.numbers(settings, 6).tolist())
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
    actors, layout = call.episode.actors, call.episode.layout
    flags = actors.lights[layout.vehicles.rows].tolist()
    ids = layout.template["id"][layout.vehicles.at].tolist()
    return [list(pair) for pair in zip(ids, flags, strict=True)]


def get_wheel_steer_angle(call: Call, actor_id: int, wheel: int) -> float:
    """The angle (degrees) of a wheel; the rear ones do not turn."""
    slot = vehicle(call, actor_id)
    if wire.whole(wheel) >= 2:
        return 0.0
    return iso.yaw_to_carla(float(call.episode.vehicles.state["wheel_angle"][slot]))


def get_wheel_pitch_angle(call: Call, actor_id: int, wheel: int) -> float:
    """The angle (degrees) that a wheel has rolled through."""
    slot = vehicle(call, actor_id)
    vehicles = call.episode.vehicles
    rolled = vehicles.state["travel"][slot] / vehicles.model["radius"][slot]
    return float(iso.degrees(rolled)) % 360.0


def get_telemetry_data(call: Call, actor_id: int) -> Wire:
    """What the engine and each wheel do."""
    slot = vehicle(call, actor_id)
    vehicles = call.episode.vehicles
    return to_telemetry(vehicles.state[slot], vehicles.model[slot], vehicles.physics(slot))


TABLE: Table = {
    "apply_control_to_vehicle": void(apply_control_to_vehicle),
    "apply_ackermann_control_to_vehicle": void(apply_ackermann_control_to_vehicle),
    "get_ackermann_controller_settings": value(get_ackermann_controller_settings),
    "apply_ackermann_controller_settings": void(apply_ackermann_controller_settings),
    "get_physics_control": value(get_physics_control),
    "apply_physics_control": void(apply_physics_control, "wheels keep their places"),
    "get_vehicle_light_state": value(get_vehicle_light_state),
    "set_vehicle_light_state": void(set_vehicle_light_state),
    "get_vehicle_light_states": value(get_vehicle_light_states),
    "get_wheel_steer_angle": value(get_wheel_steer_angle, "both front wheels turn alike"),
    "get_wheel_pitch_angle": value(get_wheel_pitch_angle, "all wheels roll alike"),
    "get_vehicle_bone_world_transforms": value(world_poses, "an actor has one part"),
    "get_telemetry_data": value(get_telemetry_data),
    "set_actor_autopilot": accepted("set_actor_autopilot: the client's Traffic Manager drives"),
    "open_vehicle_door": accepted("open_vehicle_door: doors stay shut"),
    "close_vehicle_door": accepted("close_vehicle_door: doors stay shut"),
    "set_wheel_steer_direction": accepted("set_wheel_steer_direction: wheels turn with the wheel"),
    "set_wheel_pitch_angle": accepted("set_wheel_pitch_angle: wheels roll with the road"),
    "show_vehicle_debug_telemetry": accepted("show_vehicle_debug_telemetry: there is no screen"),
    "enable_carsim": accepted("enable_carsim: the built-in physics stays"),
    "use_carsim_road": accepted("use_carsim_road: the built-in physics stays"),
    "enable_chrono_physics": accepted("enable_chrono_physics: the built-in physics stays"),
    "restore_physx_physics": accepted("restore_physx_physics: the built-in physics stays"),
}
