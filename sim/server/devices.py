"""The sensors that measure one by one: what each needs from the episode, and what it sends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from common.frames import FloatArray
from sim.server import v2x
from sim.server.actors import Actor, Kind
from sim.server.cameras import Parts
from sim.server.collisions import Party
from sim.server.episode import PROP, Episode, Message
from sim.server.poses import local_vector
from sim.server.rays import Rays
from sim.server.scene import Label
from sim.server.sensors import cam, events
from sim.server.sensors import lidar as lidars
from sim.server.sensors.attributes import generator
from sim.server.sensors.cam import Noise, Service
from sim.server.sensors.lidar import Laser
from sim.server.sensors.memory import Memory
from sim.server.sensors.motion import Accelerometer, Gnss, Imu, point_velocity
from sim.server.sensors.obstacle import Detector
from sim.server.sensors.radar import Radar
from sim.server.sensors.radio import Radio
from sim.server.v2x import Outbox
from sim.server.wire import Wire, to_actor

Measure = Callable[[Episode, float, Rays], list[Parts]]
"""What a sensor sends: any number of payloads, for the time (s) since it last measured."""


@dataclass(frozen=True, slots=True)
class Device:
    """A sensor's measuring, and what it remembers in between."""

    measure: Measure
    memories: tuple[Memory, ...] = ()
    speak: Callable[[Episode], list[Message]] | None = None  # what it puts on the air in a tick
    outbox: Outbox | None = None  # what clients let it say


PARTIES = {Kind.VEHICLE: Party.VEHICLE, Kind.WALKER: Party.WALKER}


def lever(episode: Episode, sensor: Actor) -> FloatArray:
    """From the parent's centre of mass to the sensor (3,) m, world axes."""
    parent, actors = sensor.parent, episode.actors
    if parent is None:
        return np.zeros(3)
    middle = np.zeros(3)
    if parent.kind is Kind.VEHICLE:
        middle[0] = episode.vehicles.model["centre_x"][parent.slot]
    pose = actors.pose[parent.row]
    arm: FloatArray = actors.pose[sensor.row, :3] - pose[:3] - local_vector(pose, middle)
    return arm


def imu(actor: Actor) -> Device:
    """sensor.other.imu."""
    settings, dice = Imu.read(actor.attribute), generator(actor.attribute, actor.nth)
    accelerometer = Accelerometer()

    def measure(episode: Episode, dt: float, rays: Rays) -> list[Parts]:
        actors, row = episode.actors, actor.row
        velocity = point_velocity(actors.velocity[row], actors.rates[row], lever(episode, actor))
        acceleration = accelerometer.read(episode.elapsed, velocity, actors.acceleration[row])
        pose, rates, gravity = actors.pose[row], actors.rates[row], episode.imu_gravity
        return [[settings.payload(pose, acceleration, rates, dice, gravity)]]

    return Device(measure, (dice, accelerometer))


def gnss(actor: Actor) -> Device:
    """sensor.other.gnss."""
    settings, dice = Gnss.read(actor.attribute), generator(actor.attribute, actor.nth)

    def measure(episode: Episode, dt: float, rays: Rays) -> list[Parts]:
        place = episode.actors.pose[actor.row, :3]
        return [[settings.payload(place, episode.town.road_map, dice)]]

    return Device(measure, (dice,))


def collision(actor: Actor) -> Device:
    """sensor.other.collision: one event per contact of the parent."""

    def measure(episode: Episode, dt: float, rays: Rays) -> list[Parts]:
        parent = actor.parent
        if parent is None or parent.kind not in PARTIES:
            return []
        own = (PARTIES[parent.kind], parent.slot)
        found: list[Parts] = []
        for contact in episode.contacts:
            if (contact.a, contact.a_slot) == own:
                other, impulse = _party(episode, contact.b, contact.b_slot), -contact.impulse
            elif (contact.b, contact.b_slot) == own:
                other, impulse = _party(episode, contact.a, contact.a_slot), contact.impulse
            else:
                continue
            found.append([events.collision(to_actor(parent, _no_stream), other, impulse)])
        return found

    return Device(measure)


def _no_stream(_: int) -> bytes:
    return b""


def _party(episode: Episode, party: Party, slot: int) -> Wire:
    """The actor on one side of a contact; a thing of the map is an actor without an id."""
    if party is Party.OBSTACLE and slot < len(episode.town.objects):
        return static(Label(episode.town.objects[slot].label))
    for actor in episode.actors:
        same = PARTIES.get(actor.kind) is party
        prop = party is Party.OBSTACLE and actor.type_id.startswith(PROP)
        if actor.slot == slot and (same or prop):
            return to_actor(actor, _no_stream)
    return static(Label.NONE)


def static(label: Label) -> Wire:
    """A part of the map as an actor: CARLA calls it static.building, static.pole, ..."""
    name = "static." + label.name.lower().replace("_", "")
    box = [[0.0, 0.0, 0.0]] * 3
    return [0, 0, [0, name, []], [*box, 0], bytes([label]), b""]


def lidar(actor: Actor) -> Device:
    """sensor.lidar.ray_cast."""
    laser = Laser(lidars.Settings.read(actor.attribute))
    dice = generator(actor.attribute, actor.nth)

    def measure(episode: Episode, dt: float, rays: Rays) -> list[Parts]:
        pose, town = episode.actors.pose[actor.row], rays.surroundings(episode)
        boxes = rays.boxes_for(actor, episode)
        return [lidars.points(laser, pose, dt, town, boxes, dice)]

    return Device(measure, (dice, laser))


def semantic_lidar(actor: Actor) -> Device:
    """sensor.lidar.ray_cast_semantic."""
    laser = Laser(lidars.Settings.read(actor.attribute))

    def measure(episode: Episode, dt: float, rays: Rays) -> list[Parts]:
        pose, town = episode.actors.pose[actor.row], rays.surroundings(episode)
        boxes = rays.boxes_for(actor, episode)
        return [lidars.labelled_points(laser, pose, dt, town, boxes)]

    return Device(measure, (laser,))


def radar(actor: Actor) -> Device:
    """sensor.other.radar."""
    settings, dice = Radar.read(actor.attribute), generator(actor.attribute, actor.nth)

    def measure(episode: Episode, dt: float, rays: Rays) -> list[Parts]:
        actors, row = episode.actors, actor.row
        pose, town = actors.pose[row], rays.surroundings(episode)
        boxes = rays.boxes_for(actor, episode)
        return [[settings.payload(pose, actors.velocity[row], dt, town, boxes, dice)]]

    return Device(measure, (dice,))


def obstacle(actor: Actor) -> Device:
    """sensor.other.obstacle: at most one event a tick."""
    detector = Detector.read(actor.attribute)

    def measure(episode: Episode, dt: float, rays: Rays) -> list[Parts]:
        own = actor.parent or actor
        boxes = rays.boxes(episode)
        boxes = boxes.only(~np.isin(boxes.actor_id, [own.id, *actor.ignored]))
        town = rays.surroundings(episode)
        found = detector.look(episode.actors.pose[actor.row], town, boxes)
        if found is None:
            return []
        other = static(Label(found.label))
        if found.box >= 0:
            other = to_actor(episode.actors.get(int(boxes.actor_id[found.box])), _no_stream)
        return [[events.obstacle(to_actor(own, _no_stream), other, found.distance)]]

    return Device(measure)


def awareness(actor: Actor) -> Device:
    """sensor.other.v2x: tells others where its station is, and hears them."""
    radio, dice = Radio.read(actor.attribute), generator(actor.attribute, actor.nth)
    service, noise = Service(actor.attribute), Noise.read(actor.attribute)
    channel = v2x.channel_of(actor)

    def speak(episode: Episode) -> list[Message]:
        own, t = v2x.sender(episode, actor), episode.elapsed
        if not service.due(own, t):
            return []
        record = cam.message(own, t, noise, dice, slow=service.slow_due(t))
        return [Message(actor, channel, radio.power, record)]

    def measure(episode: Episode, dt: float, rays: Rays) -> list[Parts]:
        records = v2x.heard(episode, rays, actor, radio, dice)
        return [[*records]] if records else []

    return Device(measure, (dice, service), speak)


def custom(actor: Actor) -> Device:
    """sensor.other.v2x_custom: says what its client lets it say, and hears others."""
    radio, dice = Radio.read(actor.attribute), generator(actor.attribute, actor.nth)
    outbox, channel = Outbox(), v2x.channel_of(actor)

    def speak(episode: Episode) -> list[Message]:
        records = [cam.custom(v2x.station(actor).id, text) for text in outbox.take()]
        return [Message(actor, channel, radio.power, record) for record in records]

    def measure(episode: Episode, dt: float, rays: Rays) -> list[Parts]:
        records = v2x.heard(episode, rays, actor, radio, dice)
        return [[*records]] if records else []

    return Device(measure, (dice, outbox), speak, outbox)


DEVICES: dict[str, Callable[[Actor], Device]] = {
    "sensor.other.imu": imu,
    "sensor.other.gnss": gnss,
    "sensor.other.collision": collision,
    "sensor.other.obstacle": obstacle,
    "sensor.other.radar": radar,
    "sensor.lidar.ray_cast": lidar,
    v2x.CAM: awareness,
    v2x.CUSTOM: custom,
    "sensor.lidar.ray_cast_semantic": semantic_lidar,
}
