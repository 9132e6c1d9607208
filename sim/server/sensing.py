"""Which sensor measures when, and what it sends."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from sim import iso
from sim.server import cameras, streams
from sim.server.actors import Actor
from sim.server.cameras import ENCODERS, Parts, Shot, Studio
from sim.server.devices import DEVICES, Device
from sim.server.episode import Episode, Message
from sim.server.rays import Rays
from sim.server.rpc import RpcError
from sim.server.sensors import TYPES, gbuffers, memory
from sim.server.sensors.attributes import number
from sim.server.sensors.gbuffers import Texture
from sim.server.sensors.memory import Plain
from sim.server.streams import Streams

log = logging.getLogger(__name__)

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
    textures: dict[Texture, int] = field(default_factory=dict)  # streams of G-buffers
    shows_textures: bool = False  # whether they send
    failed: bool = False  # has had a fault, which is told


@contextlib.contextmanager
def _guarded(sensor: Sensor) -> Iterator[None]:
    """A fault of ours costs a sensor its data of this tick; the log tells the first."""
    try:
        yield
    except Exception:
        if not sensor.failed:
            log.exception("%s %d has failed", sensor.actor.type_id, sensor.actor.id)
        sensor.failed = True


def _spoken(sensor: Sensor, episode: Episode) -> list[Message]:
    """What a sensor puts on the air."""
    if sensor.device is not None and sensor.device.speak is not None:
        with _guarded(sensor):
            return sensor.device.speak(episode)
    return []


class Sensing:
    """Memory: the sensors, and what they share: the renderer, the town made ready for rays."""

    def __init__(self) -> None:
        self._sensors: dict[int, Sensor] = {}
        self.studio, self.rays = Studio(), Rays()
        self._rehearsed: set[tuple[str, str]] = set()  # kinds, and the towns they are ready for

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
        if actor.type_id in TYPES and device is None and actor.type_id not in ENCODERS:
            log.warning("accepted without effect: %s sends nothing", actor.type_id)
        self._sensors[actor.id] = Sensor(actor, device, interval, -math.inf, now)

    def rehearse(self, actor: Actor, episode: Episode) -> None:
        """Load what a kind of sensor needs in a town when it is spawned, not at its first frame."""
        kind = (actor.type_id, episode.town.sha256)
        if kind in self._rehearsed:
            return
        self._rehearsed.add(kind)
        device = self._sensors[actor.id].device
        if device is not None:
            before = memory.save(device.memories)
            device.measure(episode, REHEARSAL, self.rays)
            memory.restore(device.memories, before)
        elif actor.type_id in ENCODERS:
            self.studio.rehearse(actor, episode)

    def _check_pixels(self, camera: Actor) -> None:
        everyone = [own.actor for own in self._sensors.values() if own.actor.type_id in ENCODERS]
        sizes = [cameras.size(actor.description) for actor in (*everyone, camera)]
        total = sum(width * height for width, height, _ in sizes)
        if total > MAX_PIXELS:
            raise RpcError(
                f"unable to spawn actor: {total} pixels of all cameras, at most {MAX_PIXELS}"
            )

    def publish(self, episode: Episode, hub: Streams, *, keep: bool, dark: bool) -> None:
        """Measure and send, for the sensors that somebody listens to and that are due.

        A fault in one of them costs its own data of this tick, nobody else's.
        """
        now = episode.elapsed
        sensors = [sensor for _, sensor in sorted(self._sensors.items())]
        episode.air = [message for sensor in sensors for message in _spoken(sensor, episode)]
        due = [s for s in sensors if now >= s.due - EARLY and self._heard(s, hub, keep)]
        for sensor in due:
            due_next = sensor.due + sensor.interval
            sensor.due = due_next if due_next > now + EARLY else now + sensor.interval
            with _guarded(sensor):
                self._measure(sensor, episode, hub, keep)
            sensor.last = now
        shown = [s for s in due if s.actor.type_id in ENCODERS]
        if shown and not dark:
            for sensor, shot in self._shots(shown, episode):
                with _guarded(sensor):
                    self._show(sensor, shot, episode, hub, keep)

    def _measure(self, sensor: Sensor, episode: Episode, hub: Streams, keep: bool) -> None:
        """Let a sensor that is no camera measure, and send what it finds."""
        if sensor.device is not None:
            dt = episode.elapsed - sensor.last if sensor.interval else episode.delta
            for parts in sensor.device.measure(episode, dt, self.rays):
                self._send(episode, hub, sensor.actor, parts, keep)

    def _shots(self, cameras: list[Sensor], episode: Episode) -> list[tuple[Sensor, Shot]]:
        """What cameras see, all in one pass; where that fails, each by itself."""
        try:
            shots = self.studio.shoot(episode, [camera.actor for camera in cameras])
            return list(zip(cameras, shots, strict=True))
        except Exception:
            if len(cameras) > 1:
                return [pair for camera in cameras for pair in self._shots([camera], episode)]
            with _guarded(cameras[0]):
                raise
            return []

    def _show(self, camera: Sensor, shot: Shot, episode: Episode, hub: Streams, keep: bool) -> None:
        """Send a camera's image, and its G-buffers."""
        actor = camera.actor
        if self._watched(camera, hub, keep):
            self._send(episode, hub, actor, self.studio.develop(actor, shot), keep)
        for texture in self._wanted(camera, hub, keep):
            parts = self.studio.texture(episode, shot, texture)
            head = self._head(gbuffers.TYPE, episode, actor)
            hub.publish(camera.textures[texture], [head, *parts], keep=keep)

    def _heard(self, sensor: Sensor, hub: Streams, keep: bool) -> bool:
        """Whether anybody gets anything of what a sensor measures."""
        return self._watched(sensor, hub, keep) or bool(self._wanted(sensor, hub, keep))

    def _watched(self, sensor: Sensor, hub: Streams, keep: bool) -> bool:
        """Whether a sensor's own stream is due; one that remembers goes on while all are busy."""
        keep = keep or sensor.device is not None or self.studio.remembers(sensor.actor)
        return hub.listened(sensor.actor.stream, keep=keep)

    def _wanted(self, sensor: Sensor, hub: Streams, keep: bool) -> list[Texture]:
        """The G-buffers that somebody gets."""
        if not sensor.shows_textures:
            return []
        return [one for one, stream in sensor.textures.items() if hub.listened(stream, keep=keep)]

    def show_textures(self, camera: Actor, shown: bool) -> None:
        """Whether a camera sends its G-buffers."""
        self._sensors[camera.id].shows_textures = shown

    def shows_textures(self, camera: Actor) -> bool:
        """The same."""
        return self._sensors[camera.id].shows_textures

    def texture_stream(self, camera: Actor, texture: Texture, stream: int) -> int:
        """The stream of a G-buffer: the one it has, or else from now on `stream`."""
        return self._sensors[camera.id].textures.setdefault(texture, stream)

    def say(self, sensor: Actor, text: str) -> None:
        """Let a V2X sensor send a text in the next tick.

        Raises:
            RpcError: the sensor sends nothing that clients write.
        """
        device = self._sensors[sensor.id].device
        if device is None or device.outbox is None:
            raise RpcError(f"expected a sensor.other.v2x_custom, got a {sensor.type_id}")
        device.outbox.put(text)

    def save(self, actor: Actor) -> Plain:
        """What a sensor remembers."""
        own = self._sensors[actor.id]
        device = memory.save(own.device.memories) if own.device else None
        textures = [[int(texture), stream] for texture, stream in own.textures.items()]
        film = self.studio.save(actor.id)
        return [own.interval, own.due, own.last, device, film, textures, own.shows_textures]

    def restore(self, actor: Actor, saved: Plain) -> None:
        """The inverse of `save`, for a sensor that was just admitted."""
        own = self._sensors[actor.id]
        own.interval, own.due, own.last, device, film, textures, own.shows_textures = saved
        own.textures = {Texture(number): stream for number, stream in textures}
        if own.device:
            memory.restore(own.device.memories, device)
        if film is not None:
            self.studio.restore(actor, film)

    def forget(self, actor: Actor) -> None:
        """The sensor is gone."""
        self._sensors.pop(actor.id, None)
        self.studio.forget(actor.id)

    def _send(self, episode: Episode, hub: Streams, actor: Actor, parts: Parts, keep: bool) -> None:
        head = self._head(TYPES[actor.type_id], episode, actor)
        hub.publish(actor.stream, [head, *parts], keep=keep)

    def _head(self, kind: int, episode: Episode, actor: Actor) -> bytes:
        """The 48 bytes that begin a payload."""
        transform = iso.pose_to_carla(episode.actors.pose[actor.row]).tolist()
        return streams.header(kind, episode.frame, episode.elapsed, transform)
