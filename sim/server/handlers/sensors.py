"""RPCs of sensors and their streams."""

from __future__ import annotations

from sim.server import wire
from sim.server.actors import Kind
from sim.server.rpc import RpcError, Table, accepted, value
from sim.server.simulation import Call
from sim.server.streams import snapshots_of
from sim.server.wire import Wire

IDLE_STREAM = 0xFFFFFFFF  # a stream that never sends


def get_sensor_token(call: Call, stream: int) -> Wire:
    """Where a stream is; ticks wait for the subscription that follows."""
    number = wire.whole(stream)
    if not 0 <= number < 1 << 32:
        raise RpcError(f"expected a stream's number, got {number}")
    if number < call.sim.next_stream or number == snapshots_of(call.episode.id):
        call.sim.streams.announce(number)
    return [call.sim.streams.token(number)]


def get_gbuffer_token(call: Call, sensor: int, gbuffer: int) -> bytes:
    """A stream that never sends: there are no G-buffers."""
    call.episode.actors.get(sensor, Kind.SENSOR)
    return call.sim.streams.token(IDLE_STREAM)


def no(call: Call, number: int) -> bool:
    """There is no such thing here."""
    return False


TABLE: Table = {
    "get_sensor_token": value(get_sensor_token),
    "enable_sensor_for_ros": accepted("enable_sensor_for_ros: there is no ROS bridge"),
    "disable_sensor_for_ros": accepted("disable_sensor_for_ros: there is no ROS bridge"),
    "is_sensor_enabled_for_ros": value(no, "always false: there is no ROS bridge"),
    "send": accepted("send: there is no V2X radio"),
    "set_ignored_vehicles": accepted("set_ignored_vehicles: cameras draw every vehicle"),
    "get_gbuffer_token": value(get_gbuffer_token, "the stream never sends"),
    "enable_gbuffers": accepted("enable_gbuffers: there are no G-buffers"),
    "are_gbuffers_enabled": value(no, "always false"),
}
