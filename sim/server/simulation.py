"""All that the server knows: settings, the episode, the streams, the Traffic Managers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from common.errors import UserError
from sim.maps.files import named, unknown_here
from sim.server import snapshot, streams
from sim.server.actors import Actor
from sim.server.episode import Episode
from sim.server.navmesh import navmesh
from sim.server.recording.deck import Deck
from sim.server.rpc import RpcError
from sim.server.sensing import Sensing
from sim.server.sensors import TYPES
from sim.server.sensors.gbuffers import Texture
from sim.server.streams import Streams
from sim.server.town import Town, load_town, town_from_opendrive
from sim.server.traffic_managers import TrafficManagers
from sim.server.wire import Settings

VERSION = "0.9.16"
GENERATED = "OpenDriveMap"  # CARLA's name for a map made from a client's OpenDRIVE text
ASYNC_RATE = 30.0  # ticks/s of wall time in asynchronous mode, with a variable step
FREE_RATE = 200.0  # ticks/s at most in asynchronous mode with a fixed step
LONGEST_STEP = 0.1  # s; a late asynchronous tick does not make up for more
LEAVING = 0.5  # s that a client may take to leave an old episode
DEFAULT_STEP = 0.05  # s of a synchronous tick without a fixed step


class Simulation:
    """Memory of the server. One thread uses it."""

    def __init__(self, town: Town, settings: Settings, port: int, maps: Path | None = None) -> None:
        self.settings = settings
        self.maps = maps  # a folder of OpenDRIVE files that clients may load by name
        self.streams = Streams(port)
        self.traffic_managers = TrafficManagers()
        self.episode = Episode(1, town, 0, 1)
        self.opendrive: str | None = None  # text of the last copy_opendrive_to_file
        self.next_stream = streams.SNAPSHOT + 1
        self.started = time.monotonic()
        self.loaders: WeakKeyDictionary[object, int] = WeakKeyDictionary()  # the episode they left
        self.sensors_due = False
        self.sensing = Sensing()
        self.deck = Deck(self)
        self._navmesh: tuple[Town, bytes] | None = None
        self._bits = 0
        self._map_news_at: float | None = None  # when clients hear of the new map
        self._last_tick = self.started

    def load(self, town: Town, reset: bool) -> None:
        """Begin a new episode; frame numbers and actor ids go on."""
        self.deck.stop()
        self.deck.stop_replay(keep=True)
        old = self.episode
        self.episode = Episode(old.id + 1, town, old.frame, old.actors.next_id)
        for actor in old.actors:
            self.sensing.forget(actor)
        self._tell_of_map()
        if reset:
            self.settings = Settings()

    def take(self, episode: Episode, *, anew: bool) -> None:
        """Go on with an episode that was; `anew` where clients must forget what they know."""
        self.episode = episode
        self.sensors_due = False
        if anew:
            self._tell_of_map()
        self._publish_snapshot()

    def town_called(self, name: str) -> Town:
        """The town a client means: "" the present one, or a name, with or without a path.

        Raises:
            RpcError: there is none of that name, or its OpenDRIVE is no drivable map.
        """
        short = name.rsplit("/", 1)[-1]
        try:
            if short == GENERATED and self.opendrive is not None:
                return town_from_opendrive(GENERATED, self.opendrive)
            if short in ("", self.episode.town.name):
                return self.episode.town
            if short not in named(self.maps):  # other files are not a client's to read
                raise unknown_here(short, self.maps)
            return load_town(short, self.maps)
        except UserError as error:
            raise RpcError(f"map '{name}' cannot be loaded: {error}") from error

    def admit(self, actor: Actor) -> None:
        """Give a new sensor its settings and its stream; some send nothing.

        Raises:
            RpcError: an attribute is no number, or out of bounds; the sensor is gone again.
        """
        try:
            self.sensing.admit(actor, self.episode.elapsed)
            self.sensing.rehearse(actor, self.episode)
        except RpcError:
            self.episode.destroy(actor)
            raise
        if actor.type_id in TYPES:
            actor.stream = self._new_stream()

    def _new_stream(self) -> int:
        self.next_stream += 1
        return self.next_stream - 1

    def texture_stream(self, camera: Actor, texture: Texture) -> int:
        """The stream of a camera's G-buffer, which a client is about to subscribe to."""
        stream = self.sensing.texture_stream(camera, texture, self.next_stream)
        if stream == self.next_stream:
            self._new_stream()
        if not self.streams.listened(stream):
            self.streams.announce(stream)
        return stream

    def tell_of_lights(self) -> None:
        """Clients shall ask for the street lights again."""
        self._bits |= snapshot.LIGHTS_PENDING

    def navmesh(self) -> bytes:
        """Where walkers may go in the present town, as a file; made at the first call."""
        town = self.episode.town
        if self._navmesh is None or self._navmesh[0] is not town:
            self._navmesh = (town, navmesh(town))
        return self._navmesh[1]

    def tick(self, dt: float) -> int:
        """One step and its snapshot; the sensors follow in `publish_sensors`. The new frame."""
        self.episode.step(dt, self.settings)
        self.episode.bury()
        self.deck.tick()
        self._publish_snapshot()
        self.sensors_due = True
        return self.episode.frame

    def synchronous_tick(self) -> int:
        """The step a client asked for."""
        return self.tick(self.settings.fixed_delta or DEFAULT_STEP)

    def asynchronous_tick(self) -> float:
        """Tick if it is time; the seconds until the next one."""
        now = time.monotonic()
        fixed = self.settings.fixed_delta
        interval = 1.0 / FREE_RATE if fixed else 1.0 / ASYNC_RATE
        if now - self._last_tick >= interval:
            late, self._last_tick = now - self._last_tick, now
            self.tick(fixed or min(late, LONGEST_STEP))
        return max(0.0, self._last_tick + interval - time.monotonic())

    def publish_sensors(self) -> None:
        """Send what the sensors of the last tick measured."""
        self.sensors_due = False
        settings = self.settings
        self.sensing.publish(
            self.episode,
            self.streams,
            keep=settings.synchronous,
            dark=settings.no_rendering,
        )

    def _publish_snapshot(self) -> None:
        episode = self.episode
        if not self.streams.listened(streams.SNAPSHOT):
            return
        now = time.monotonic()
        header = streams.header(snapshot.TYPE, episode.frame, episode.elapsed, [0.0] * 6)
        rows = episode.rows().tobytes()
        self.traffic_managers.pause()

        def parts(bits: int) -> list[bytes | memoryview]:
            return [
                header,
                snapshot.head(episode.id, now - self.started, episode.delta, bits),
                rows,
            ]

        keep, bits, self._bits = self.settings.synchronous, self._bits, 0
        if self._map_news_at is None or now < self._map_news_at:
            self.streams.publish(streams.SNAPSHOT, parts(bits), keep=keep)
            return
        self._map_news_at = None
        own = streams.snapshots_of(episode.id)
        self.streams.publish(
            streams.SNAPSHOT, parts(bits), keep=keep, among=lambda one: one.said == own
        )
        bits |= snapshot.MAP_CHANGED
        self.streams.publish(
            streams.SNAPSHOT, parts(bits), keep=keep, among=lambda one: one.said != own
        )

    def _tell_of_map(self) -> None:
        """Clients that stay on shall ask for the map again, in a while.

        On that news a client asks for the street lights, from the thread that reads snapshots;
        where it is just leaving the old episode, because the load was its own, it can crash.
        By then it has left, and who came for this episode is not told.
        """
        self._map_news_at = time.monotonic() + LEAVING


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler gets: the simulation, and whose request it is."""

    sim: Simulation
    peer: object

    @property
    def episode(self) -> Episode:
        """The present episode."""
        return self.sim.episode
