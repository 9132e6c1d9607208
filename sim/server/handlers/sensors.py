"""RPCs of sensors and their streams."""

from __future__ import annotations

from sim.server import wire
from sim.server.actors import Actor, Kind
from sim.server.rpc import RpcError, Table, accepted, value, void
from sim.server.sensors.gbuffers import Texture
from sim.server.simulation import Call
from sim.server.streams import snapshots_of
from sim.server.wire import Wire

CAMERA = "sensor.camera.rgb"  # the one with G-buffers
MOST_IGNORED = 1 << 16


def get_sensor_token(call: Call, stream: int) -> Wire:
    """Where a stream is; ticks wait for the subscription that follows."""
    number = wire.whole(stream)
    if not 0 <= number < 1 << 32:
        raise RpcError(f"expected a stream's number, got {number}")
    if number < call.sim.next_stream or number == snapshots_of(call.episode.id):
        call.sim.streams.announce(number)
    return [call.sim.streams.token(number)]


def camera(call: Call, sensor: int) -> Actor:
    """A camera that has G-buffers.

    Raises:
        RpcError: there is no such camera.
    """
    actor = call.episode.actors.get(sensor, Kind.SENSOR)
    if actor.type_id != CAMERA:
        raise RpcError(f"expected a {CAMERA}, which has G-buffers, got a {actor.type_id}")
    return actor


def get_gbuffer_token(call: Call, sensor: int, gbuffer: int) -> bytes:
    """Where the stream of a G-buffer is; ticks wait for the subscription that follows."""
    actor, number = camera(call, sensor), wire.whole(gbuffer)
    if number not in list(Texture):
        raise RpcError(f"expected the id of a G-buffer, 0 to {max(Texture)}, got {number}")
    stream = call.sim.texture_stream(actor, Texture(number))
    return call.sim.streams.token(stream)


def enable_gbuffers(call: Call, sensor: int, on: bool) -> None:
    """Whether a camera sends its G-buffers to those who listen."""
    call.sim.sensing.show_textures(camera(call, sensor), bool(on))


def are_gbuffers_enabled(call: Call, sensor: int) -> bool:
    """Whether a camera sends its G-buffers."""
    return call.sim.sensing.shows_textures(camera(call, sensor))


def set_ignored_vehicles(call: Call, sensor: int, ids: Wire) -> None:
    """The vehicles that a sensor does not see, instead of those it did not see before."""
    actors = call.episode.actors
    named = [actors.find(number) for number in wire.items(ids, MOST_IGNORED)]
    vehicles = [actor.id for actor in named if actor and actor.kind is Kind.VEHICLE]
    actors.get(sensor, Kind.SENSOR).ignored = frozenset(vehicles)


def send(call: Call, sensor: int, text: str) -> None:
    """Let a custom V2X sensor send a text in the next tick."""
    call.sim.sensing.say(call.episode.actors.get(sensor, Kind.SENSOR), wire.text(text))


def no(call: Call, number: int) -> bool:
    """There is no such thing here."""
    return False


TABLE: Table = {
    "get_sensor_token": value(get_sensor_token),
    "enable_sensor_for_ros": accepted("enable_sensor_for_ros: there is no ROS bridge"),
    "disable_sensor_for_ros": accepted("disable_sensor_for_ros: there is no ROS bridge"),
    "is_sensor_enabled_for_ros": value(no, "always false: there is no ROS bridge"),
    "send": void(send),
    "set_ignored_vehicles": void(set_ignored_vehicles),
    "get_gbuffer_token": value(
        get_gbuffer_token,
        "colour, depth (as sensor.camera.depth), stencil (labels), A (normals), C (base colour); "
        "the others are black, as CARLA's where its renderer has none",
    ),
    "enable_gbuffers": void(enable_gbuffers),
    "are_gbuffers_enabled": value(are_gbuffers_enabled),
}
