"""RPCs of traffic lights."""

from __future__ import annotations

from sim.server import wire
from sim.server.actors import Actor, Kind
from sim.server.rpc import RpcError, Table, value, void
from sim.server.simulation import Call
from sim.server.wire import Wire


def light(call: Call, actor_id: int) -> Actor:
    """A traffic light; its slot is the signal's index.

    Raises:
        RpcError: there is no such light.
    """
    return call.episode.actors.get(actor_id, Kind.LIGHT)


def set_traffic_light_state(call: Call, actor_id: int, state: int) -> None:
    """Show a state until the cycle goes on."""
    if not 0 <= wire.whole(state) <= 3:
        raise RpcError(f"expected a traffic light state 0..3, got {state}")
    call.episode.lights.set_state(light(call, actor_id).slot, state)


def set_traffic_light_green_time(call: Call, actor_id: int, t: float) -> None:
    """How long (s) green lasts."""
    call.episode.lights.set_times(light(call, actor_id).slot, green=wire.figure(t))


def set_traffic_light_yellow_time(call: Call, actor_id: int, t: float) -> None:
    """How long (s) yellow lasts."""
    call.episode.lights.set_times(light(call, actor_id).slot, yellow=wire.figure(t))


def set_traffic_light_red_time(call: Call, actor_id: int, t: float) -> None:
    """How long (s) all lights are red before the next phase."""
    call.episode.lights.set_times(light(call, actor_id).slot, red=wire.figure(t))


def freeze_traffic_light(call: Call, actor_id: int, frozen: bool) -> None:
    """Stop or start the clock of a light's group."""
    call.episode.lights.freeze(bool(frozen), light(call, actor_id).slot)


def freeze_all_traffic_lights(call: Call, frozen: bool) -> None:
    """Stop or start all clocks."""
    call.episode.lights.freeze(bool(frozen))


def reset_traffic_light_group(call: Call, actor_id: int) -> None:
    """Begin the cycle of a light's group again."""
    call.episode.lights.reset_group(light(call, actor_id).slot)


def reset_all_traffic_lights(call: Call) -> None:
    """Begin all cycles again."""
    call.episode.lights.reset()


def get_group_traffic_lights(call: Call, actor_id: int) -> list[int]:
    """The lights of the same junction."""
    group = call.episode.lights.group_of(light(call, actor_id).slot)
    return [call.episode.signals[i].id for i in group]


def get_light_boxes(call: Call, actor_id: int) -> Wire:
    """The boxes of a light's heads, in the world."""
    actor = light(call, actor_id)
    heads = call.episode.town.heads(actor.slot)
    return [wire.to_box((h.x, h.y, h.z), h.extent, h.yaw, actor.id) for h in heads]


TABLE: Table = {
    "set_traffic_light_state": void(set_traffic_light_state),
    "set_traffic_light_green_time": void(set_traffic_light_green_time),
    "set_traffic_light_yellow_time": void(set_traffic_light_yellow_time),
    "set_traffic_light_red_time": void(set_traffic_light_red_time),
    "freeze_traffic_light": void(freeze_traffic_light),
    "freeze_all_traffic_lights": void(freeze_all_traffic_lights),
    "reset_traffic_light_group": void(reset_traffic_light_group),
    "reset_all_traffic_lights": void(reset_all_traffic_lights),
    "get_group_traffic_lights": value(get_group_traffic_lights),
    "get_light_boxes": value(get_light_boxes),
}
