"""The whole simulation as bytes and back, to the bit: an extension of ours, not in CARLA.

A state is msgpack: magic, version, layout of the arrays, SHA-256 of the body, lineage, next ids,
body. The body is what decides the future; what only names things (ids to come, the server that
saved) stands before it, so equal bodies are equal worlds.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import astuple
from typing import Any

import msgpack
import numpy as np

from common.frames import FloatArray
from sim.server import walkers, wire
from sim.server.ackermann import Ackermann, Gains, Pid, Target
from sim.server.actors import SPECTATOR, Actor, Actors, Kind
from sim.server.contact_step import BODY
from sim.server.episode import Episode
from sim.server.friction import Zone
from sim.server.postures import Posture
from sim.server.rpc import RpcError
from sim.server.scene import Weather
from sim.server.sensing import Sensing
from sim.server.sensors.memory import Plain, packed, unpacked
from sim.server.simulation import Simulation
from sim.server.sketches import Sketch
from sim.server.vehicle_arrays import MODEL, STATE
from sim.server.wire import Description

MAGIC = "NINEFOLD-STATE"
VERSION = 3
LINEAGE = secrets.token_hex(8)  # of this process: only here do a state's ids mean the same actors
LAYOUT = hashlib.sha256(repr((STATE, MODEL, walkers.STATE, BODY)).encode()).hexdigest()
MOST_NAME = 1 << 31  # ids beyond do not go over the wire
_MOTIONS = ("pose", "velocity", "rates", "acceleration", "lights", "speed_limit")


def save(sim: Simulation) -> bytes:
    """Everything that the future of a simulation depends on."""
    episode = sim.episode
    body = pack(
        {
            "town": [episode.town.name, episode.town.sha256],
            "clock": [episode.elapsed, episode.delta],
            "weather": list(astuple(episode.weather)),
            "imu_gravity": episode.imu_gravity,
            "settings": wire.to_settings(sim.settings),
            "actors": _actors(episode.actors),
            "vehicles": _vehicles(episode),
            "walkers": episode.walkers.save(),
            "collisions": episode.collisions.save(),
            "lights": episode.lights.save(),
            "scenery": episode.scenery.save(),
            "dying": list(episode.dying.items()),
            "postures": [[number, own.save()] for number, own in episode.postures.items()],
            "sketches": [_sketch(own) for own in episode.sketches],
            "sensors": [[a.id, sim.sensing.save(a)] for a in episode.actors.of(Kind.SENSOR)],
        }
    )
    digest = hashlib.sha256(body).digest()
    names = [LINEAGE, episode.id, episode.actors.next_id, sim.next_stream]
    return pack([MAGIC, VERSION, LAYOUT, digest, names, body])


def restore(sim: Simulation, data: bytes) -> None:
    """Make the simulation what it was at `save`; frame numbers and new ids go on.

    Raises:
        RpcError: these bytes are no state of this server's version and map.
    """
    (lineage, number, next_id, next_stream), body = _opened(data)
    town, old = sim.episode.town, sim.episode
    if body["town"] != [town.name, town.sha256]:
        raise RpcError(f"expected a state of {town.name}, got one of {body['town'][0]}; load it")
    own = lineage == LINEAGE and number == old.id
    try:
        episode = Episode(old.id if own else old.id + 1, town, old.frame + 1, 1)
        _fill(episode, body)
        settings = wire.settings(body["settings"])
        _fill_sensors(Sensing(), episode, body["sensors"])  # what fails shall fail here
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RpcError) as error:
        raise RpcError(f"expected a whole state, got a broken one: {error}") from error
    episode.actors.next_id = max(next_id, old.actors.next_id)
    episode.reports_contacts = old.reports_contacts
    sim.deck.stop_replay(keep=True)
    for actor in old.actors:
        sim.sensing.forget(actor)
    _fill_sensors(sim.sensing, episode, body["sensors"])
    sim.settings, sim.next_stream = settings, max(next_stream, sim.next_stream)
    sim.take(episode, anew=not own)


def _fill_sensors(sensing: Sensing, episode: Episode, saved: Plain) -> None:
    if [number for number, _ in saved] != [actor.id for actor in episode.actors.of(Kind.SENSOR)]:
        raise ValueError("these are the memories of other sensors")
    for number, memory in saved:
        sensor = episode.actors.get(number, Kind.SENSOR)
        sensing.admit(sensor, episode.elapsed)
        sensing.restore(sensor, memory)


def pack(value: object) -> bytes:
    """A value as msgpack."""
    out: bytes = msgpack.packb(value, use_bin_type=True)
    return out


def _opened(data: bytes) -> tuple[list[Any], dict[str, Any]]:
    """The names and the body of a state."""
    try:
        magic, version, layout, digest, names, body = msgpack.unpackb(data, raw=False)
        known = magic == MAGIC and len(names) == 4
        known &= all(type(name) is int and 0 <= name < MOST_NAME for name in names[1:])
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise RpcError("expected a saved state, got other or broken bytes") from error
    if not known:
        raise RpcError("expected a saved state, got other or broken bytes")
    if version != VERSION or layout != LAYOUT:
        raise RpcError("expected a state of this version of the server, got one of another")
    if hashlib.sha256(body).digest() != digest:
        raise RpcError("expected a saved state, got other or broken bytes: the digest is wrong")
    return names, msgpack.unpackb(body, raw=False, strict_map_key=False)


def _fill(episode: Episode, body: dict[str, Any]) -> None:
    episode.elapsed, episode.delta = body["clock"]
    episode.weather = Weather(*map(float, body["weather"]))
    episode.imu_gravity = body["imu_gravity"]
    episode.actors = register = _restored(body["actors"])
    episode.spectator = next(a for a in register if a.type_id == SPECTATOR)
    episode.signals = sorted(register.of(Kind.LIGHT), key=lambda a: a.slot)
    episode.signs = register.of(Kind.SIGN)
    _fill_vehicles(episode, body["vehicles"])
    episode.walkers.restore(body["walkers"])
    episode.collisions.restore(body["collisions"])
    episode.lights.restore(body["lights"])
    episode.scenery.restore(body["scenery"])
    episode.show_scenery()
    for lines, thickness, (r, g, b), until, frames in body["sketches"]:
        figure = unpacked(lines, np.float64)
        episode.sketches.append(Sketch(figure, thickness, (r, g, b), until, frames))
    episode.dying = dict(body["dying"])
    episode.postures = {number: Posture.restored(own) for number, own in body["postures"]}
    for actor in register:
        bodies = episode.bodies(actor)
        if bodies is not None and not bodies.alive[actor.slot]:
            raise ValueError(f"actor {actor.id} has no body")


def _sketch(own: Sketch) -> Plain:
    return [packed(own.lines), own.thickness, list(own.colour), own.until, own.frames]


def _actors(register: Actors) -> Plain:
    rows = [actor.row for actor in register]
    motion = [packed(getattr(register, name)[rows]) for name in _MOTIONS]
    return [[_actor(actor) for actor in register], motion, register.arrivals]


def _actor(own: Actor) -> Plain:
    description = [own.description.uid, own.description.id, own.description.attributes]
    carried = None if own.parent_from_actor is None else packed(own.parent_from_actor)
    return [
        own.id, description, own.centre.tolist(), list(own.extent), own.box_yaw, own.label,
        own.slot, own.parent.id if own.parent else 0, carried, own.stream, own.opendrive_id,
        own.nth, sorted(own.ignored),
    ]  # fmt: skip


def _restored(saved: Plain) -> Actors:
    everyone, motion, arrivals = saved
    register = Actors(1)
    for number, (uid, name, attributes), centre, extent, *rest in everyone:
        pairs = {key: (int(kind), str(text)) for key, (kind, text) in attributes.items()}
        middle: FloatArray = np.array(centre, np.float64)
        description = Description(uid, name, pairs)
        actor = register.add(description, np.zeros(6), middle, tuple(extent), wanted=number)
        if actor.id != number:
            raise ValueError(f"two actors with the id {number}")
        actor.box_yaw, actor.label, actor.slot = rest[:3]
        actor.stream, actor.opendrive_id, actor.nth = rest[5:8]
        actor.ignored = frozenset(rest[8])
    for number, _, _, _, _, _, _, parent, carried, *_ in everyone:
        if parent:  # it may have come later, in a replay
            child = register.get(number)
            child.parent = register.get(parent)
            child.parent_from_actor = unpacked(carried, np.float64)
    _check_circles(register)
    rows = [actor.row for actor in register]
    for name, values in zip(_MOTIONS, motion, strict=True):
        array = getattr(register, name)
        array[rows] = unpacked(values, array.dtype)
    register.arrivals = arrivals
    return register


def _check_circles(register: Actors) -> None:
    for actor in register:
        above, steps = actor.parent, 0
        while above is not None:
            above, steps = above.parent, steps + 1
            if steps > len(register):
                raise ValueError(f"actor {actor.id} is attached in a circle")


def _vehicles(episode: Episode) -> Plain:
    zones = [
        [key, zone.centre.tolist(), zone.yaw, zone.half.tolist(), zone.friction]
        for key, zone in episode.vehicles.zones.items()
    ]
    controllers = [[slot, astuple(own)] for slot, own in episode.ackermann.items()]
    gains = [[slot, astuple(own)] for slot, own in episode.gains.items()]
    return [
        episode.vehicles.save(), episode.vehicles.parameters(), zones, controllers, gains
    ]  # fmt: skip


def _fill_vehicles(episode: Episode, saved: Plain) -> None:
    arrays, parameters, zones, controllers, gains = saved
    episode.vehicles.restore(arrays)
    episode.vehicles.restore_parameters(parameters)
    episode.vehicles.zones = {
        key: Zone(np.array(centre), yaw, np.array(half), friction)
        for key, centre, yaw, half, friction in zones
    }
    episode.gains = {slot: Gains(*own) for slot, own in gains}
    episode.ackermann = {}
    for slot, (target, own, pedal, steer, wish, speed, *pids) in controllers:
        both = [Pid(*pid) for pid in pids]
        episode.ackermann[slot] = Ackermann(
            Target(*target), Gains(*own), pedal, steer, wish, speed, *both
        )
