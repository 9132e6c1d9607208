"""RPCs of walkers."""

from __future__ import annotations

from sim.server import wire
from sim.server.actors import Kind
from sim.server.anatomy import walker_bones
from sim.server.handlers.parts import AXES
from sim.server.poses import matrices
from sim.server.rpc import RpcError, Table, void
from sim.server.simulation import Call
from sim.server.skeleton import BONES, relative
from sim.server.wire import Wire

MOST_BONES = 256
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
    call.episode.walkers.place(actor.slot, pose, float(wire.bounded([speed], 1)[0]))


def set_bones_transform(call: Call, actor_id: int, bones: Wire) -> None:
    """Bones of the custom pose, each in its parent bone; the others stay as they were."""
    actor = call.episode.actors.get(actor_id, Kind.WALKER)
    match bones:
        case [list(pairs), *_] if len(pairs) <= MOST_BONES:
            told = {wire.text(name): matrices(wire.pose(place)) for name, place in pairs}
        case _:
            raise RpcError(f"expected a list of bones, got {bones!r:.80}")
    unknown = told.keys() - {bone.name for bone in BONES}
    if unknown:
        raise RpcError(f"expected bones of a walker, got {', '.join(sorted(unknown))[:80]}")
    call.episode.posture(actor).pose.bones |= told


def blend_pose(call: Call, actor_id: int, share: float) -> None:
    """How much of the custom pose shows: 0 none of it, 1 nothing else."""
    actor = call.episode.actors.get(actor_id, Kind.WALKER)
    call.episode.posture(actor).pose.blend = min(max(wire.number(share), 0.0), 1.0)


def get_pose_from_animation(call: Call, actor_id: int) -> None:
    """Make the custom pose what the walker looks like now."""
    actor = call.episode.actors.get(actor_id, Kind.WALKER)
    call.episode.posture(actor).pose.bones = relative(walker_bones(call.episode, actor))


TABLE: Table = {
    "apply_control_to_walker": void(apply_control_to_walker),
    "set_walker_state": void(set_walker_state),
    "set_bones_transform": void(set_bones_transform, AXES),
    "blend_pose": void(blend_pose),
    "get_pose_from_animation": void(get_pose_from_animation),
}
