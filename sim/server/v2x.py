"""V2X between actors: who says what in a tick, and which of it a receiver hears."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from common.frames import FloatArray
from sim import iso
from sim.server.actors import Actor, Kind
from sim.server.episode import Episode, Message
from sim.server.poses import matrices
from sim.server.rays import Rays
from sim.server.scene import Label
from sim.server.sensors import cam
from sim.server.sensors.cam import Sender
from sim.server.sensors.memory import Plain
from sim.server.sensors.motion import compass, geolocation
from sim.server.sensors.radio import Radio, Screen, Way

CAM, CUSTOM = "sensor.other.v2x", "sensor.other.v2x_custom"
MOST_QUEUED = 1024  # messages of one sensor in one tick
GRAVITY = 9.81  # m/s2
CLOSE = 0.01  # m: antennas in one place


class Outbox:
    """What a client has told a sensor to send in the next tick. Memory: the texts."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def put(self, text: str) -> None:
        """One more; the oldest are lost where there are too many."""
        self._texts = [*self._texts, text[: cam.MOST_TEXT]][-MOST_QUEUED:]

    def take(self) -> list[str]:
        """All of them; the box is empty then."""
        texts, self._texts = self._texts, []
        return texts

    def save(self) -> Plain:
        """The memory."""
        return self._texts

    def restore(self, saved: Plain) -> None:
        """The inverse of `save`."""
        self._texts = list(saved)


def station(sensor: Actor) -> Actor:
    """In whose name a sensor speaks."""
    return sensor.parent or sensor


def sender(episode: Episode, sensor: Actor) -> Sender:
    """What a sensor's station is doing."""
    own, actors = station(sensor), episode.actors
    pose, row = actors.pose[own.row], own.row
    vehicle = own.kind is Kind.VEHICLE
    own_from_world = matrices(pose)[:3, :3].T
    force = own_from_world @ (actors.acceleration[row] + np.array([0.0, 0.0, GRAVITY]))
    return Sender(
        station=own.id,
        kind=cam.station_of(
            Label(own.label) if vehicle else None, own.attribute("special_type") == "emergency"
        ),
        place=pose[:3],
        fix=geolocation(pose[:3], episode.town.road_map),
        heading=compass(float(pose[5])),
        speed=float((own_from_world @ actors.velocity[row])[0]),
        force=iso.mirror(force),
        yaw_rate=float(iso.mirror_axial(own_from_world @ actors.rates[row])[2]),
        size=(2.0 * own.extent[0], 2.0 * own.extent[1]),
        lights=int(actors.lights[row]),
    )


def heard(
    episode: Episode, rays: Rays, receiver: Actor, radio: Radio, dice: np.random.Generator
) -> list[bytes]:
    """The records that a receiver hears, with the power that arrives in place."""
    found = []
    channel = channel_of(receiver)
    ways: dict[int, float | None] = {}
    for message in episode.air:
        other = message.sender
        if other is receiver or message.channel != channel:
            continue
        if other.id not in ways:
            ways[other.id] = _arriving(episode, rays, receiver, message, radio, dice)
        power = ways[other.id]
        if power is not None:
            found.append(np.float32(power).tobytes() + message.record[4:])
    return found


def channel_of(sensor: Actor) -> str:
    """Who is on the same one: the kind of sensor and, for custom ones, the channel's name."""
    name = sensor.attribute("channel_id") if sensor.type_id == CUSTOM else ""
    return f"{sensor.type_id}/{name}"


def _arriving(
    episode: Episode,
    rays: Rays,
    receiver: Actor,
    message: Message,
    radio: Radio,
    dice: np.random.Generator,
) -> float | None:
    """What arrives (dBm) of a message; None where it is too faint."""
    ends = episode.actors.pose[[message.sender.row, receiver.row], :3]
    distance = float(np.linalg.norm(ends[1] - ends[0]))
    if distance >= radio.reach:
        return None
    ground, _ = episode.town.ground(ends)
    heights = (float(ends[0, 2] - ground[0]), float(ends[1, 2] - ground[1]))
    stations = (station(message.sender).id, station(receiver).id)
    way, screens = _between(episode, rays, ends, stations)
    return radio.received(message.power, way, distance, heights, screens, dice)


def _between(
    episode: Episode, rays: Rays, ends: FloatArray, stations: Iterable[int]
) -> tuple[Way, list[Screen]]:
    """What lies between two antennas (2, 3) m, and the vehicles in the way."""
    span = ends[1] - ends[0]
    distance = float(np.linalg.norm(span))
    if distance < CLOSE:
        return Way.CLEAR, []
    town, boxes = rays.surroundings(episode), rays.boxes(episode)
    boxes = boxes.only(~np.isin(boxes.actor_id, list(stations)) & (boxes.label != Label.PEDESTRIAN))
    screens: list[Screen] = []
    for _ in range(len(boxes.actor_id) + 1):
        hits = town.cast(ends[:1], (span / distance)[None], distance, boxes)
        box = int(hits.box[0])
        if not hits.met[0]:
            break
        if box < 0 or episode.actors.get(int(boxes.actor_id[box])).kind is not Kind.VEHICLE:
            return Way.BLOCKED, []
        middle, half = boxes.pose[box, :3], boxes.half[box]
        along = float((middle - ends[0]) @ span) / distance
        above = float(middle[2] + half[2] - (ends[0, 2] + span[2] * along / distance))
        screens.append((along, distance - along, above))
        boxes = boxes.only(np.arange(len(boxes.actor_id)) != box)
    return (Way.VEHICLES if screens else Way.CLEAR), screens
