"""RPCs that ask what an actor is made of: components, bones, sockets."""

from __future__ import annotations

from common.frames import FloatArray
from sim.server import anatomy, wire
from sim.server.actors import Actor, Kind
from sim.server.poses import matrices, poses_of
from sim.server.rpc import RpcError, Table, value
from sim.server.simulation import Call
from sim.server.wire import Wire


def world_from(call: Call, actor: Actor) -> FloatArray:
    """The transform (4, 4) of an actor."""
    return matrices(call.episode.actors.pose[actor.row])


def component(call: Call, actor_id: int, name: str) -> tuple[Actor, FloatArray]:
    """An actor, and the transform (4, 4) of its component in it; "" is the root.

    Raises:
        RpcError: there is no such actor or component.
    """
    actor = call.episode.actors.get(actor_id)
    parts = anatomy.components(actor)
    wanted = wire.text(name) or anatomy.ROOT
    if wanted not in parts:
        raise RpcError(f"{actor.type_id} has no component '{wanted}'; it has {', '.join(parts)}")
    return actor, parts[wanted]


def component_world(call: Call, actor_id: int, name: str = "") -> Wire:
    """Where a component is."""
    actor, own = component(call, actor_id, name)
    return wire.to_transform(poses_of(world_from(call, actor) @ own))


def component_relative(call: Call, actor_id: int, name: str = "") -> Wire:
    """Where a component is in its actor; the root is in what the actor is attached to."""
    actor, own = component(call, actor_id, name)
    if (wire.text(name) or anatomy.ROOT) != anatomy.ROOT:
        return wire.to_transform(poses_of(own))
    if actor.parent is None or actor.parent_from_actor is None:
        return wire.to_transform(call.episode.actors.pose[actor.row])
    return wire.to_transform(poses_of(actor.parent_from_actor))


def get_actor_component_names(call: Call, actor_id: int) -> list[str]:
    """The names of an actor's components."""
    return list(anatomy.components(call.episode.actors.get(actor_id)))


def get_actor_bone_names(call: Call, actor_id: int) -> list[str]:
    """The names of an actor's bones."""
    return list(anatomy.bones(call.episode, call.episode.actors.get(actor_id))[0])


def bones_world(call: Call, actor_id: int) -> Wire:
    """Where the bones are in the world."""
    actor = call.episode.actors.get(actor_id)
    own, _ = anatomy.bones(call.episode, actor)
    return [wire.to_transform(poses_of(world_from(call, actor) @ one)) for one in own.values()]


def bones_relative(call: Call, actor_id: int) -> Wire:
    """Where the bones are in their parent bones."""
    _, relative = anatomy.bones(call.episode, call.episode.actors.get(actor_id))
    return [wire.to_transform(poses_of(one)) for one in relative.values()]


def vehicle_bones_world(call: Call, actor_id: int) -> Wire:
    """Where a vehicle's bones are in the world."""
    call.episode.actors.get(actor_id, Kind.VEHICLE)
    return bones_world(call, actor_id)


def get_bones_transform(call: Call, actor_id: int) -> Wire:
    """Every bone's name and its place in the world, in the walker, and in its parent bone."""
    actor = call.episode.actors.get(actor_id, Kind.WALKER)
    own, relative = anatomy.bones(call.episode, actor)
    world = world_from(call, actor)
    return [
        [
            [name, *(wire.to_transform(poses_of(p)) for p in (world @ one, one, relative[name]))]
            for name, one in own.items()
        ]
    ]


_BONES = "a vehicle has its base and its wheels; walkers' bones have the walker's axes at rest"
_PARTS = "an actor has its root, a vehicle its blinkers too"
AXES = "at rest every bone's axes are the walker's; those of CARLA's skeleton point along its bones"

TABLE: Table = {
    "get_actor_component_world_transform": value(component_world, _PARTS),
    "get_actor_component_relative_transform": value(component_relative, _PARTS),
    "get_actor_component_names": value(get_actor_component_names, _PARTS),
    "get_actor_bone_names": value(get_actor_bone_names, _BONES),
    "get_actor_bone_world_transforms": value(bones_world, _BONES),
    "get_actor_bone_relative_transforms": value(bones_relative, _BONES),
    "get_actor_socket_names": value(get_actor_bone_names, _BONES),
    "get_actor_socket_world_transforms": value(bones_world, _BONES),
    "get_actor_socket_relative_transforms": value(bones_relative, _BONES),
    "get_vehicle_bone_world_transforms": value(vehicle_bones_world, _BONES),
    "get_bones_transform": value(get_bones_transform, AXES),
}
