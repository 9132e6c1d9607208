"""Which sensor measures when, and what it sends."""

from __future__ import annotations

from sim import iso
from sim.server import streams
from sim.server.actors import Actor, Kind
from sim.server.cameras import ENCODERS, Parts, Studio
from sim.server.devices import DEVICES, Device
from sim.server.episode import Episode
from sim.server.sensors import TYPES
from sim.server.streams import Streams

EARLY = 1e-6  # s: a sensor may be due this much sooner, for the rounding of sums of steps


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
