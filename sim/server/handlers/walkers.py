"""RPCs of walkers."""

from __future__ import annotations

from sim.server import wire
from sim.server.actors import Kind
from sim.server.handlers.actors import bones
from sim.server.rpc import Table, accepted, value, void
from sim.server.simulation import Call
from sim.server.wire import Wire

SAME_HEIGHT = 1.0  # m


def apply_control_to_walker(call: Call, actor_id: int, control: Wire) -> None:
    """Where to walk, how fast, whether to jump."""
    actor = call.episode.actors.get(actor_id, Kind.WALKER)
    own = wire.walker_control(control)
    call.episode.walkers.control(actor.slot, own.direction, own.speed, own.jump)


def set_walker_state(call: Call, actor_id: int, transform: Wire, speed: float) -> None:
    """Where a crowd's walker is now, and how fast it goes.

    The crowd speaks of feet, the actor's origin is the middle of its body. As in CARLA the height
    stays unless it differs by more than a metre: the ground knows it better than the crowd.
    """
    actor = call.episode.actors.get(actor_id, Kind.WALKER)
    pose = wire.pose(transform)
    pose[2] += actor.extent[2]
    height = call.episode.actors.pose[actor.row, 2]
    if abs(pose[2] - height) < SAME_HEIGHT:
        pose[2] = height
    call.episode.walkers.place(actor.slot, pose, wire.number(speed))


def get_bones_transform(call: Call, actor_id: int) -> Wire:
    """Every bone's name and its place in the world, in the walker, and in its parent bone."""
    call.episode.actors.get(actor_id, Kind.WALKER)
    return [[[name, *map(wire.to_transform, places)] for name, *places in bones(call, actor_id)]]


TABLE: Table = {
    "apply_control_to_walker": void(apply_control_to_walker),
    "set_walker_state": void(set_walker_state),
    "get_bones_transform": value(get_bones_transform, "no fingers"),
    "set_bones_transform": accepted("set_bones_transform: walkers move their own limbs"),
    "blend_pose": accepted("blend_pose: walkers move their own limbs"),
    "get_pose_from_animation": accepted("get_pose_from_animation: walkers move their own limbs"),
}
