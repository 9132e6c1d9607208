"""apply_batch: many commands in one message, each answered by an actor's id or an error."""

from __future__ import annotations

from sim.server import wire
from sim.server.handlers import actors, vehicles
from sim.server.rpc import Rpc, RpcError, Table, invoke, value
from sim.server.simulation import Call
from sim.server.spawn import spawn
from sim.server.wire import Wire

MAX_COMMANDS = 1 << 16

COMMANDS: dict[int, Rpc] = {
    1: actors.TABLE["destroy_actor"],
    2: vehicles.TABLE["apply_control_to_vehicle"],
    6: actors.TABLE["set_actor_transform"],
}
"""What each command but SpawnActor does, by its index in CARLA's variant."""


def apply_batch(call: Call, commands: Wire, do_tick: bool = False) -> Wire:
    """Run the commands in order; a failed one does not stop the others."""
    results = [respond(call, command) for command in wire.items(commands, MAX_COMMANDS)]
    if do_tick and call.sim.settings.synchronous:
        call.sim.synchronous_tick()
    return results


def respond(call: Call, command: Wire) -> Wire:
    """One command's ``Response<u32>``."""
    try:
        return [[1, run(call, command)]]
    except RpcError as error:
        return [[0, [str(error)]]]


def run(call: Call, command: Wire) -> int:
    """Run one command; the id of its actor."""
    match command:
        case [[0, list(payload), *_]]:
            return spawn_command(call, payload)
        case [[int(index), list([int(actor_id), *_] as payload), *_]] if index in COMMANDS:
            invoke(COMMANDS[index], call, f"command {index}", payload)
            return actor_id
        case [[int(index), *_]]:
            raise RpcError(f"command {index} is unknown or malformed")
    raise RpcError(f"expected a command, got {command!r:.80}")


def spawn_command(call: Call, payload: list[Wire]) -> int:
    """SpawnActor, then its `then` commands with the new id in place of 0."""
    match payload:
        case [description, transform, parent, _attachment, _socket, list(after)]:
            above = wire.optional(parent)
            holder = None if above is None else call.episode.actors.get(above)
            actor = spawn(call.sim, wire.description(description), wire.pose(transform), holder)
            for command in wire.items(after, 64):
                match command:
                    case [[int(index), [_, *rest], *_]]:
                        run(call, [[index, [actor.id, *rest]]])
            return actor.id
    raise RpcError(f"expected a SpawnActor command, got {payload!r:.80}")


TABLE: Table = {"apply_batch": value(apply_batch, bare=True)}
