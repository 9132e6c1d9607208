"""RPCs that every actor knows: spawn, destroy, place, push."""

from __future__ import annotations

from common.frames import FloatArray
from sim.server import wire
from sim.server.actors import Actor, Kind
from sim.server.handlers.episode import to_actor
from sim.server.rpc import RpcError, Table, value, void
from sim.server.simulation import Call
from sim.server.spawn import spawn
from sim.server.wire import Wire


def get_actors_by_id(call: Call, ids: Wire) -> Wire:
    """Descriptions of the actors that live; other ids are skipped."""
    found = (call.episode.actors.find(i) for i in wire.items(ids, 1 << 16))
    return [to_actor(call, actor) for actor in found if actor is not None]


def spawn_actor(call: Call, description: Wire, transform: Wire) -> Wire:
    """A new actor in the world."""
    wanted = wire.description(description)
    return to_actor(call, spawn(call.sim, wanted, wire.pose(transform), None))


def spawn_actor_with_parent(
    call: Call, description: Wire, transform: Wire, parent: int, attachment: int, socket: str = ""
) -> Wire:
    """A new actor that moves with its parent; every attachment is rigid."""
    above = call.episode.actors.find(parent)
    if above is None:
        raise RpcError("unable to spawn actor: parent actor not found")
    wanted = wire.description(description)
    return to_actor(call, spawn(call.sim, wanted, wire.pose(transform), above))


def destroy_actor(call: Call, actor_id: int) -> bool:
    """Take an actor out of the world."""
    actor = call.episode.actors.get(actor_id)
    if actor is call.episode.spectator:
        raise RpcError("unable to destroy actor: the spectator stays")
    call.episode.destroy(actor)
    return True


def get_actor_bounding_box(call: Call, actor_id: int) -> Wire:
    """The actor's box; for one that is gone a box without size, since an error ends the client."""
    actor = call.episode.actors.find(actor_id)
    if actor is None:
        return [*wire.NO_BOX, actor_id]
    return wire.to_box(actor.centre, actor.extent, actor.box_yaw, actor.id)


def place(call: Call, actor: Actor, pose: FloatArray) -> None:
    """Put an actor at a pose (6,), relative to its parent where it has one."""
    if actor.parent is not None:
        call.episode.actors.attach(actor, actor.parent, pose)
        return
    call.episode.actors.pose[actor.row] = pose
    if actor.kind is Kind.VEHICLE:
        call.episode.vehicles.pose[actor.slot] = pose


def set_actor_transform(call: Call, actor_id: int, transform: Wire) -> None:
    """Teleport."""
    place(call, call.episode.actors.get(actor_id), wire.pose(transform))


TABLE: Table = {
    "get_actors_by_id": value(get_actors_by_id),
    "spawn_actor": value(spawn_actor),
    "spawn_actor_with_parent": value(
        spawn_actor_with_parent, "spring arms are rigid; sockets are the actor's origin"
    ),
    "destroy_actor": value(destroy_actor),
    "get_actor_bounding_box": value(get_actor_bounding_box),
    "set_actor_transform": void(set_actor_transform),
}
