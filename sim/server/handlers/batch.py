"""apply_batch: many commands in one message, each answered by an actor's id or an error."""

from __future__ import annotations

from itertools import groupby

from sim.server import wire
from sim.server.handlers import actors, episode, lights, vehicles, walkers
from sim.server.rpc import Rpc, RpcError, Table, invoke, value
from sim.server.simulation import Call
from sim.server.spawn import spawn
from sim.server.wire import Wire

MAX_COMMANDS = 1 << 16
CONTROL = 2  # the command that a Traffic Manager gives to each of its vehicles in every tick

COMMANDS: dict[int, Rpc] = {
    1: actors.TABLE["destroy_actor"],
    2: vehicles.TABLE["apply_control_to_vehicle"],
    3: vehicles.TABLE["apply_ackermann_control_to_vehicle"],
    4: walkers.TABLE["apply_control_to_walker"],
    5: vehicles.TABLE["apply_physics_control"],
    6: actors.TABLE["set_actor_transform"],
    7: walkers.TABLE["set_walker_state"],
    8: actors.TABLE["set_actor_target_velocity"],
    9: actors.TABLE["set_actor_target_angular_velocity"],
    10: actors.TABLE["add_actor_impulse"],
    11: actors.TABLE["add_actor_force"],
    12: actors.TABLE["add_actor_angular_impulse"],
    13: actors.TABLE["add_actor_torque"],
    14: actors.TABLE["set_actor_simulate_physics"],
    15: actors.TABLE["set_actor_enable_gravity"],
    16: vehicles.TABLE["set_actor_autopilot"],
    17: vehicles.TABLE["show_vehicle_debug_telemetry"],
    18: vehicles.TABLE["set_vehicle_light_state"],
    19: actors.TABLE["set_actor_location"],
    21: lights.TABLE["set_traffic_light_state"],
}
"""What a command does, by its index in CARLA's variant."""


def apply_batch(call: Call, commands: Wire, do_tick: bool = False) -> Wire:
    """Run the commands in order; a failed one does not stop the others."""
    results: list[Wire] = []
    for kind, alike in groupby(wire.items(commands, MAX_COMMANDS), kind_of):
        some = list(alike)
        at_once = control_all(call, some) if kind == CONTROL else None
        results += at_once or [respond(call, command) for command in some]
    if do_tick and call.sim.settings.synchronous:
        call.sim.synchronous_tick()
    return results


def kind_of(command: Wire) -> Wire:
    """A command's index in CARLA's variant; whatever else for what is no command."""
    try:
        return command[0][0]
    except (TypeError, IndexError, KeyError):
        return None


def control_all(call: Call, commands: list[Wire]) -> list[Wire] | None:
    """Many vehicles' controls at once; None, and nothing done, where one is refused."""
    try:
        ids = [command[0][1][0] for command in commands]
        controls = [command[0][1][1] for command in commands]
        vehicles.control_vehicles(call, ids, controls)
    except (RpcError, TypeError, IndexError, KeyError):
        return None
    return [[[1, actor_id]] for actor_id in ids]


def respond(call: Call, command: Wire) -> Wire:
    """One command's ``Response<u32>``."""
    try:
        return [[1, run(call, command)]]
    except RpcError as error:
        return [[0, [str(error)]]]


def run(call: Call, command: Wire) -> int:
    """Run one command; the id of its actor."""
    match command:
        case [[int(index), [int(actor_id), *rest], *_]] if index in COMMANDS:
            invoke(COMMANDS[index], call, f"command {index}", [actor_id, *rest])
            return actor_id
        case [[0, list(payload), *_]]:
            return spawn_command(call, payload)
        case [[20, list(payload), *_]]:
            invoke(episode.TABLE["console_command"], call, "console_command", payload)
            return 0
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


TABLE: Table = {
    "apply_batch": value(apply_batch, bare=True),
}
