"""Which sensor measures when, and what it sends."""

from __future__ import annotations

from collections.abc import Callable

from sim import iso
from sim.server import streams
from sim.server.actors import Actor, Kind
from sim.server.cameras import ENCODERS, Parts, Studio
from sim.server.episode import Episode
from sim.server.sensors import TYPES
from sim.server.sensors.attributes import generator
from sim.server.sensors.motion import Gnss, Imu
from sim.server.streams import Streams

EARLY = 1e-6  # s: a sensor may be due this much sooner, for the rounding of sums of steps

Device = Callable[[Episode], list[Parts]]
"""What a sensor sends in a tick: any number of payloads."""


def imu(actor: Actor) -> Device:
    """sensor.other.imu."""
    settings, dice = Imu.read(actor.attribute), generator(actor.attribute, actor.id)

    def measure(episode: Episode) -> list[Parts]:
        actors, row = episode.actors, actor.row
        acceleration, rates = actors.acceleration[row], actors.rates[row]
        payload = settings.payload(actors.pose[row], acceleration, rates, dice, episode.imu_gravity)
        return [[payload]]

    return measure


def gnss(actor: Actor) -> Device:
    """sensor.other.gnss."""
    settings, dice = Gnss.read(actor.attribute), generator(actor.attribute, actor.id)

    def measure(episode: Episode) -> list[Parts]:
        place = episode.actors.pose[actor.row, :3]
        return [[settings.payload(place, episode.town.road_map, dice)]]

    return measure


DEVICES: dict[str, Callable[[Actor], Device]] = {
    "sensor.other.imu": imu,
    "sensor.other.gnss": gnss,
}
"""Sensors that measure one by one; cameras are drawn together."""


def sends(type_id: str) -> bool:
    """Whether a sensor has a stream: not those that the client computes by itself."""
    return type_id in TYPES


class Sensing:
    """Memory: each sensor's device and when it is due, kept until the actor is gone."""

    def __init__(self) -> None:
        self._devices: dict[int, Device] = {}
        self._due: dict[int, float] = {}
        self.studio = Studio()

    def publish(self, episode: Episode, hub: Streams, *, keep: bool, dark: bool) -> None:
        """Measure and send, for the sensors that somebody listens to and that are due."""
        sensors = [actor for actor in episode.actors if actor.kind is Kind.SENSOR]
        self._forget({actor.id for actor in sensors})
        due = [a for a in sensors if hub.listened(a.stream) and self._is_due(a, episode.elapsed)]
        for actor in due:
            if actor.type_id in DEVICES:
                device = self._devices.get(actor.id)
                if device is None:
                    device = self._devices[actor.id] = DEVICES[actor.type_id](actor)
                for parts in device(episode):
                    self._send(episode, hub, actor, parts, keep)
        cameras = [actor for actor in due if actor.type_id in ENCODERS]
        if cameras and not dark:
            images = self.studio.shoot(episode, cameras)
            for actor, parts in zip(cameras, images, strict=True):
                self._send(episode, hub, actor, parts, keep)

    def _send(self, episode: Episode, hub: Streams, actor: Actor, parts: Parts, keep: bool) -> None:
        transform = iso.pose_to_carla(episode.actors.pose[actor.row]).tolist()
        kind = TYPES[actor.type_id]
        head = streams.header(kind, episode.frame, episode.elapsed, transform)
        hub.publish(actor.stream, [head, *parts], keep=keep)

    def _is_due(self, actor: Actor, now: float) -> bool:
        interval = float(actor.attribute("sensor_tick", "0") or 0.0)
        if interval <= 0.0:
            return True
        due = self._due.get(actor.id, now)
        if now < due - EARLY:
            return False
        self._due[actor.id] = max(due + interval, now)
        return True

    def _forget(self, alive: set[int]) -> None:
        for memory in (self._devices, self._due):
            for actor_id in [i for i in memory if i not in alive]:
                del memory[actor_id]
