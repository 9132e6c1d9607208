"""RPCs of vehicles."""

from __future__ import annotations

from sim.server import wire
from sim.server.actors import Kind
from sim.server.rpc import Table, value, void
from sim.server.simulation import Call
from sim.server.wire import Wire


def apply_control_to_vehicle(call: Call, actor_id: int, control: Wire) -> None:
    """Pedals, wheel, gears."""
    actor = call.episode.actors.get(actor_id, Kind.VEHICLE)
    own = wire.vehicle_control(control)
    vehicles = call.episode.vehicles
    vehicles.throttle[actor.slot] = own.throttle
    vehicles.steer[actor.slot] = own.steer
    vehicles.brake[actor.slot] = own.brake
    vehicles.hand_brake[actor.slot] = own.hand_brake
    vehicles.reverse[actor.slot] = own.reverse


def get_vehicle_light_states(call: Call) -> Wire:
    """The lights of all vehicles."""
    return [[actor.id, 0] for actor in call.episode.actors.of(Kind.VEHICLE)]


TABLE: Table = {
    "apply_control_to_vehicle": void(apply_control_to_vehicle),
    "get_vehicle_light_states": value(get_vehicle_light_states),
}
