"""RPCs that every actor knows: spawn, destroy, place, push, ask for its parts."""

from __future__ import annotations

from sim import iso
from sim.server import anatomy, wire
from sim.server.actors import Kind
from sim.server.dynamics import Vehicles
from sim.server.poses import matrices, poses_of
from sim.server.rpc import RpcError, Table, value, void
from sim.server.simulation import Call
from sim.server.spawn import spawn
from sim.server.walkers import Walkers
from sim.server.wire import Wire, to_actor


def get_actors_by_id(call: Call, ids: Wire) -> Wire:
    """Descriptions of the actors that live; other ids are skipped."""
    found = (call.episode.actors.find(i) for i in wire.items(ids, 1 << 16))
    token = call.sim.streams.token
    return [to_actor(actor, token) for actor in found if actor is not None]


def spawn_actor(call: Call, description: Wire, transform: Wire) -> Wire:
    """A new actor in the world."""
    actor = spawn(call.sim, wire.description(description), wire.pose(transform), None)
    return to_actor(actor, call.sim.streams.token)


def spawn_actor_with_parent(
    call: Call, description: Wire, transform: Wire, parent: int, attachment: int, socket: str = ""
) -> Wire:
    """A new actor that moves with its parent, at a bone of it where `socket` names one."""
    above = call.episode.actors.find(parent)
    if above is None:
        raise RpcError("unable to spawn actor: parent actor not found")
    pose = wire.pose(transform)
    at = anatomy.bones(call.episode, above)[0].get(wire.text(socket)) if socket else None
    if at is not None:
        pose = poses_of(at @ matrices(pose))
    actor = spawn(call.sim, wire.description(description), pose, above)
    return to_actor(actor, call.sim.streams.token)


def destroy_actor(call: Call, actor_id: int) -> bool:
    """Take an actor out of the world."""
    actor = call.episode.actors.get(actor_id)
    if actor is call.episode.spectator:
        raise RpcError("unable to destroy actor: the spectator stays")
    if actor.kind in (Kind.LIGHT, Kind.SIGN):
        raise RpcError("unable to destroy actor: it belongs to the map")
    call.episode.destroy(actor)
    call.sim.sensing.forget(actor)
    return True


def get_actor_bounding_box(call: Call, actor_id: int) -> Wire:
    """The actor's box; for one that is gone a box without size, since an error ends the client."""
    actor = call.episode.actors.find(actor_id)
    if actor is None:
        return [*wire.NO_BOX, actor_id]
    return wire.to_box(actor.centre, actor.extent, actor.box_yaw, actor.id)


def set_actor_transform(call: Call, actor_id: int, transform: Wire) -> None:
    """Teleport."""
    call.episode.place(call.episode.actors.get(actor_id), wire.pose(transform))


def set_actor_location(call: Call, actor_id: int, location: Wire) -> None:
    """Teleport and keep the heading."""
    actor = call.episode.actors.get(actor_id)
    pose = call.episode.actors.pose[actor.row].copy()
    if actor.parent_from_actor is not None:
        pose = poses_of(actor.parent_from_actor)
    pose[:3] = wire.vector(location)
    call.episode.place(actor, pose)


def set_actor_simulate_physics(call: Call, actor_id: int, on: bool) -> None:
    """Physics on or off; silent about actors that are gone, since an error ends the client."""
    actor = call.episode.actors.find(actor_id)
    bodies = call.episode.bodies(actor) if actor else None
    if actor and bodies:
        bodies.simulate(actor.slot, bool(on))


def set_actor_collisions(call: Call, actor_id: int, on: bool) -> None:
    """Collisions on or off; silent about actors that are gone."""
    actor = call.episode.actors.find(actor_id)
    bodies = call.episode.bodies(actor) if actor else None
    if actor and bodies:
        bodies.state["collides"][actor.slot] = bool(on)


def set_actor_enable_gravity(call: Call, actor_id: int, on: bool) -> None:
    """Gravity on or off."""
    actor = call.episode.actors.get(actor_id)
    bodies = call.episode.bodies(actor)
    if bodies:
        bodies.gravity(actor.slot, bool(on))


def body(call: Call, actor_id: int) -> tuple[Vehicles | Walkers, int]:
    """The arrays and the slot of an actor that physics moves.

    Raises:
        RpcError: there is no such actor, or physics does not move it.
    """
    actor = call.episode.actors.get(actor_id)
    bodies = call.episode.bodies(actor)
    if bodies is None:
        raise RpcError(f"actor {actor_id} ({actor.type_id}) is not moved by physics")
    return bodies, actor.slot


def vehicle(call: Call, actor_id: int) -> int:
    """The slot of a vehicle.

    Raises:
        RpcError: there is no such vehicle.
    """
    return call.episode.actors.get(actor_id, Kind.VEHICLE).slot


def set_actor_target_velocity(call: Call, actor_id: int, velocity: Wire) -> None:
    """A velocity, taken at once."""
    bodies, slot = body(call, actor_id)
    bodies.set_velocity(slot, wire.vector(velocity))


def set_actor_target_angular_velocity(call: Call, actor_id: int, rates: Wire) -> None:
    """An angular velocity, taken at once."""
    own = iso.angular_velocity_from_carla(wire.bounded(rates, 3))
    call.episode.vehicles.set_angular_velocity(vehicle(call, actor_id), own)


def enable_actor_constant_velocity(call: Call, actor_id: int, velocity: Wire) -> None:
    """A velocity in the vehicle's axes, kept until it is disabled."""
    call.episode.vehicles.set_cruise(vehicle(call, actor_id), wire.vector(velocity))


def disable_actor_constant_velocity(call: Call, actor_id: int) -> None:
    """Physics decides again."""
    call.episode.vehicles.set_cruise(vehicle(call, actor_id), None)


def add_actor_impulse(call: Call, actor_id: int, impulse: Wire) -> None:
    """A push (N s) at the centre of mass."""
    bodies, slot = body(call, actor_id)
    bodies.add_impulse(slot, wire.vector(impulse))


def add_actor_impulse_at_location(call: Call, actor_id: int, impulse: Wire, at: Wire) -> None:
    """A push (N s) at a point of the world."""
    slot = vehicle(call, actor_id)
    call.episode.vehicles.add_impulse(slot, wire.vector(impulse), wire.vector(at))


def add_actor_force(call: Call, actor_id: int, force: Wire) -> None:
    """A force (N) during the next tick."""
    call.episode.vehicles.add_force(vehicle(call, actor_id), wire.vector(force))


def add_actor_force_at_location(call: Call, actor_id: int, force: Wire, at: Wire) -> None:
    """A force (N) at a point of the world during the next tick."""
    slot = vehicle(call, actor_id)
    call.episode.vehicles.add_force(slot, wire.vector(force), wire.vector(at))


def add_actor_angular_impulse(call: Call, actor_id: int, impulse: Wire) -> None:
    """A turning push (N m s)."""
    own = wire.axial(impulse)
    call.episode.vehicles.add_angular_impulse(vehicle(call, actor_id), own)


def add_actor_torque(call: Call, actor_id: int, torque: Wire) -> None:
    """A torque (N m) during the next tick."""
    own = wire.axial(torque)
    call.episode.vehicles.add_torque(vehicle(call, actor_id), own)


def set_actor_dead(call: Call, actor_id: int) -> None:
    """A walker falls, and disappears after 10 s."""
    call.episode.kill(call.episode.actors.get(actor_id, Kind.WALKER))


PUSHED = "vehicles only: CARLA also pushes props that simulate physics, here they stand"

TABLE: Table = {
    "get_actors_by_id": value(get_actors_by_id),
    "spawn_actor": value(spawn_actor),
    "spawn_actor_with_parent": value(
        spawn_actor_with_parent,
        "spring arms are rigid; what hangs on a socket (a bone) stays where that was at first",
    ),
    "destroy_actor": value(destroy_actor),
    "get_actor_bounding_box": value(get_actor_bounding_box),
    "set_actor_location": void(set_actor_location),
    "set_actor_transform": void(set_actor_transform),
    "set_actor_target_velocity": void(set_actor_target_velocity),
    "set_actor_target_angular_velocity": void(
        set_actor_target_angular_velocity, "vehicles only, about the vertical"
    ),
    "enable_actor_constant_velocity": void(enable_actor_constant_velocity),
    "disable_actor_constant_velocity": void(disable_actor_constant_velocity),
    "add_actor_impulse": void(add_actor_impulse),
    "add_actor_impulse_at_location": void(add_actor_impulse_at_location, PUSHED),
    "add_actor_force": void(add_actor_force, PUSHED),
    "add_actor_force_at_location": void(add_actor_force_at_location, PUSHED),
    "add_actor_angular_impulse": void(
        add_actor_angular_impulse, "vehicles only, about the vertical"
    ),
    "add_actor_torque": void(add_actor_torque, "vehicles only, about the vertical"),
    "set_actor_simulate_physics": void(set_actor_simulate_physics),
    "set_actor_collisions": void(set_actor_collisions),
    "set_actor_dead": void(set_actor_dead),
    "set_actor_enable_gravity": void(set_actor_enable_gravity),
}
