"""RPCs of sensors and their streams."""

from __future__ import annotations

from sim.server.rpc import Table, value
from sim.server.simulation import Call
from sim.server.wire import Wire


def get_sensor_token(call: Call, stream: int) -> Wire:
    """Where a stream is; ticks wait for the subscription that follows."""
    call.sim.streams.announce(stream)
    return [call.sim.streams.token(stream)]


def query_lights_state(call: Call, client: str) -> Wire:
    """The street lights."""
    return []


TABLE: Table = {
    "get_sensor_token": value(get_sensor_token),
    "query_lights_state": value(query_lights_state),
}
