"""Which sensor measures when, and what it sends."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim import iso
from sim.server import cameras, streams
from sim.server.actors import Actor, Kind
from sim.server.cameras import ENCODERS, Parts, Studio
from sim.server.devices import DEVICES, Device
from sim.server.episode import Episode
from sim.server.rays import Rays
from sim.server.rpc import RpcError
from sim.server.sensors import TYPES, memory
from sim.server.sensors.attributes import number
from sim.server.sensors.memory import Plain
from sim.server.streams import Streams

REHEARSAL = 0.05  # s of a measurement that nobody sees
MAX_SENSORS = 512
MAX_PIXELS = 1 << 26  # of all cameras together: 0.8 GB of planes
EARLY = 1e-6  # s: a sensor may be due this much sooner, for the rounding of sums of steps


@dataclass(slots=True)
class Sensor:
    """A sensor's memory."""

    actor: Actor
    device: Device | None  # None: a camera, or one that never sends
    interval: float  # s between measurements; 0: every tick
    due: float  # s, simulation time; the first measurement sets the beat
    last: float  # s, when it measured


class Sensing:
    """Memory: the sensors, and what they share: the renderer, the town made ready for rays."""

    def __init__(self) -> None:
        self._sensors: dict[int, Sensor] = {}
        self.studio, self.rays = Studio(), Rays()
        self._rehearsed: set[str] = set()  # kinds whose kernels are loaded

    def admit(self, actor: Actor, now: float) -> None:
        """A new sensor.

        Raises:
            RpcError: an attribute is no number, or out of bounds.
        """
        make = DEVICES.get(actor.type_id)
        if len(self._sensors) >= MAX_SENSORS:
            raise RpcError(f"unable to spawn actor: at most {MAX_SENSORS} sensors")
        try:
            if actor.type_id in ENCODERS:
                cameras.check(actor.description)
                self._check_pixels(actor)
            interval = max(number(actor.attribute, "sensor_tick"), 0.0)
            device = make(actor) if make else None
        except ValueError as error:
            raise RpcError(f"unable to spawn actor: {error}") from error
        self._sensors[actor.id] = Sensor(actor, device, interval, -math.inf, now)

    def rehearse(self, actor: Actor, episode: Episode) -> None:
        """Load what a kind of sensor needs when its first is spawned, not at its first frame."""
        device = self._sensors[actor.id].device
        if device is None or actor.type_id in self._rehearsed:
            return
        self._rehearsed.add(actor.type_id)
        before = memory.save(device.memories)
        device.measure(episode, REHEARSAL, self.rays)
        memory.restore(device.memories, before)

    def _check_pixels(self, camera: Actor) -> None:
        everyone = [own.actor for own in self._sensors.values() if own.actor.type_id in ENCODERS]
        sizes = [cameras.size(actor.description) for actor in (*everyone, camera)]
        total = sum(width * height for width, height, _ in sizes)
        if total > MAX_PIXELS:
            raise RpcError(
                f"unable to spawn actor: {total} pixels of all cameras, at most {MAX_PIXELS}"
            )

    def publish(self, episode: Episode, hub: Streams, *, keep: bool, dark: bool) -> None:
        """Measure and send, for the sensors that somebody listens to and that are due."""
        now = episode.elapsed
        sensors = (self._sensors[a.id] for a in episode.actors if a.kind is Kind.SENSOR)
        due = [s for s in sensors if hub.listened(s.actor.stream) and now >= s.due - EARLY]
        for sensor in due:
            due_next = sensor.due + sensor.interval
            sensor.due = due_next if due_next > now + EARLY else now + sensor.interval
            if sensor.device is not None:
                dt = now - sensor.last if sensor.interval else episode.delta
                for parts in sensor.device.measure(episode, dt, self.rays):
                    self._send(episode, hub, sensor.actor, parts, keep)
            sensor.last = now
        shown = [s.actor for s in due if s.actor.type_id in ENCODERS]
        if shown and not dark:
            images = self.studio.shoot(episode, shown)
            for actor, parts in zip(shown, images, strict=True):
                self._send(episode, hub, actor, parts, keep)

    def save(self, actor: Actor) -> Plain:
        """What a sensor remembers."""
        own = self._sensors[actor.id]
        device = memory.save(own.device.memories) if own.device else None
        return [own.interval, own.due, own.last, device, self.studio.save(actor.id)]

    def restore(self, actor: Actor, saved: Plain) -> None:
        """The inverse of `save`, for a sensor that was just admitted."""
        own = self._sensors[actor.id]
        own.interval, own.due, own.last, device, film = saved
        if own.device:
            memory.restore(own.device.memories, device)
        if film is not None:
            self.studio.restore(actor, film)

    def forget(self, actor: Actor) -> None:
        """The sensor is gone."""
        self._sensors.pop(actor.id, None)
        self.studio.forget(actor.id)

    def _send(self, episode: Episode, hub: Streams, actor: Actor, parts: Parts, keep: bool) -> None:
        transform = iso.pose_to_carla(episode.actors.pose[actor.row]).tolist()
        kind = TYPES[actor.type_id]
        head = streams.header(kind, episode.frame, episode.elapsed, transform)
        hub.publish(actor.stream, [head, *parts], keep=keep)
