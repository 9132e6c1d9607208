"""Plays a recording into an episode, as CARLA's replayer does.

After the k-th tick at the recorded pace the actors stand where the k-th frame has them; between
frames they are interpolated, at twice the pace and more they are not.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from common.frames import FloatArray
from sim import iso
from sim.server import blueprints
from sim.server.actors import SPECTATOR, Actor, Kind
from sim.server.episode import PROP, Episode
from sim.server.poses import matrices, poses_of
from sim.server.postures import ALL_DOORS
from sim.server.recording import tape
from sim.server.recording.tape import CM, ROWS, Add, Cursor, Packet, Record, Records, Reel
from sim.server.rpc import RpcError
from sim.server.wire import Description

log = logging.getLogger(__name__)

FAST = 2.0  # times the pace from which frames are shown as they are
POSTS = (Kind.LIGHT, Kind.SIGN)  # of the map: nobody takes them away
SAME_PLACE = 0.02  # m: a recorded traffic light is the one that stands there
BEHIND = np.array([-10.0, 0.0, 5.0, 0.0, float(iso.radians(25.0)), 0.0])
"""Where the spectator follows an actor from, as CARLA's (pose in the actor's frame)."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked for."""

    start: float = 0.0  # s; negative: before the end
    duration: float = 0.0  # s; 0: to the end
    follow: int = 0  # a recorded id, or 0
    sensors: bool = False  # bring sensors back too
    offset: FloatArray | None = None  # (6,) of the spectator in the followed actor's frame


@dataclass(slots=True)
class Wishes:
    """What clients set for all replays."""

    pace: float = 1.0
    ignore_hero: bool = False
    ignore_spectator: bool = False


Positions = dict[int, FloatArray]
"""Poses (6,) in our axes, by the ids that actors have now."""


class Replayer:
    """Memory: where the recording stands, and who plays whom."""

    def __init__(self, reel: Reel, request: Request, wishes: Wishes) -> None:
        self.reel, self.request, self.wishes = reel, request, wishes
        start = request.start + (reel.duration if request.start < 0.0 else 0.0)
        self.start = max(start, 0.0)
        self.stop = self.start + request.duration if request.duration > 0.0 else reel.duration
        self.t = 0.0
        self.came: list[Actor] = []  # sensors, for whoever runs them
        self.gone: list[Actor] = []
        self._times = [frame.elapsed for frame in reel.frames]
        self._next = 0  # the frame to read next
        self._played: dict[int, int] = {}  # recorded id -> id now
        self._heroes: set[int] = set()
        self._before: Positions = {}
        self._now: Positions = {}
        self._shown: Positions = {}

    def begin(self, episode: Episode) -> None:
        """Set the stage up to the start.

        Raises:
            TapeError: the file is broken.
        """
        for actor in [a for a in episode.actors if a.type_id.startswith(PROP)]:
            self._remove(episode, actor)
        self.t = self.start
        self._read_on(episode)
        self._before = {}

    @property
    def over(self) -> bool:
        """Whether the recording has been played."""
        return self.t >= self.stop

    def tick(self, episode: Episode, dt: float) -> None:
        """Let dt (s) of the simulation pass.

        Raises:
            TapeError: the file is broken.
        """
        self.t += dt * self.wishes.pace
        self._read_on(episode)
        self._place(episode, dt)

    def finish(self, episode: Episode, *, keep: bool) -> None:
        """End: who plays stays where it is, and obeys physics again.

        Without `keep` who went in the rest of the recording goes now.

        Raises:
            TapeError: the file is broken.
        """
        try:
            if not keep:
                self.t = np.inf
                self._read_on(episode)
        finally:
            for number in self._played.values():
                actor = episode.actors.find(number)
                if actor is not None and not self._ignored(actor):
                    _release(episode, actor)
            self.reel.close()

    # --- reading

    def _read_on(self, episode: Episode) -> None:
        """Read all frames up to the present time: all events, the state of the last ones."""
        frames, first = self.reel.frames, self._next
        self._next = max(first, bisect_right(self._times, self.t))
        for i in range(first, self._next):
            for kind, data in self.reel.packets(frames[i]):
                if kind in EVENTS:
                    EVENTS[Packet(kind)](self, episode, data)
                elif kind == Packet.POSITION and i >= self._next - 2:
                    self._before, self._now = self._now, self._positions(data)
                elif i == self._next - 1 or kind == Packet.VEHICLE_DOOR:
                    self._state(episode, kind, data)

    def _come(self, episode: Episode, data: bytes) -> None:
        for event in tape.adds(data):
            actor = self._cast(episode, event)
            if actor is None:
                log.info("replayer: nobody plays %s %s", event.type_id, event.id)

    def _go(self, episode: Episode, data: bytes) -> None:
        for row in Cursor(data).rows(ROWS[Packet.EVENT_DEL]):
            actor = self._actor(episode, row["id"])
            if actor is not None and actor.type_id != SPECTATOR and actor.kind not in POSTS:
                self._remove(episode, actor)
            self._played.pop(int(row["id"]), None)

    def _join(self, episode: Episode, data: bytes) -> None:
        for row in Cursor(data).rows(ROWS[Packet.EVENT_PARENT]):
            child, parent = (self._actor(episode, row[name]) for name in ("id", "parent"))
            free = child is not None and child.parent is None
            if child is not None and parent is not None and free and not _above(parent, child):
                episode.actors.attach(child, parent, episode.actors.pose[child.row].copy())

    def _remove(self, episode: Episode, actor: Actor) -> None:
        episode.destroy(actor)
        self.gone.append(actor)

    def _actor(self, episode: Episode, recorded: int) -> Actor | None:
        """Who plays a recorded actor."""
        return episode.actors.find(self._played.get(int(recorded)))

    def _ignored(self, actor: Actor) -> bool:
        if actor.type_id == SPECTATOR:
            return self.wishes.ignore_spectator
        return self.wishes.ignore_hero and actor.id in self._heroes

    def _cast(self, episode: Episode, event: Add) -> Actor | None:
        """Find who plays a newcomer, or bring one; None where nobody can."""
        pose = poses_from((np.array(event.location), np.array(event.rotation)))
        actor = _find(episode, event, pose)
        if actor is None:
            actor = self._bring(episode, event, pose)
        if actor is None:
            return None
        self._played[event.id] = actor.id
        if event.hero:
            self._heroes.add(actor.id)
        bodies = episode.bodies(actor)
        if bodies is not None:
            bodies.simulate(actor.slot, self._ignored(actor))
        return actor

    def _bring(self, episode: Episode, event: Add, pose: FloatArray) -> Actor | None:
        blueprint = blueprints.find(event.type_id)
        sensor = event.type_id.startswith("sensor.")
        posts = event.type_id.startswith("traffic.") or event.type_id == SPECTATOR
        if blueprint is None or posts or (sensor and not self.request.sensors):
            return None
        attributes = {name: (kind, value) for kind, name, value in event.attributes}
        description = Description(event.uid, event.type_id, attributes)
        centre = np.array(blueprint.box_centre, np.float64)
        try:
            actor = episode.actors.add(
                description, pose, centre, blueprint.half_extent, wanted=event.id
            )
        except RpcError:
            return None  # the world is full
        actor.label = int(blueprint.label)
        try:
            episode.embody(actor, blueprint)
        except ValueError:  # an attribute is no number
            episode.destroy(actor)
            return None
        if sensor:
            self.came.append(actor)
        return actor

    def _positions(self, data: bytes) -> Positions:
        rows = Cursor(data).rows(ROWS[Packet.POSITION])
        poses = poses_from((rows["location"], rows["rotation"]))
        ids = [self._played.get(int(number)) for number in rows["id"]]
        pairs = zip(ids, poses, strict=True)
        return {i: pose for i, pose in pairs if i is not None and np.isfinite(pose).all()}

    # --- state

    def _state(self, episode: Episode, kind: int, data: bytes) -> None:
        """Lights, controls, wheels of the frame that is shown."""
        if kind == Packet.ANIM_WHEELS:
            for number, wheels in tape.wheels(data):
                actor = self._actor(episode, number)
                if actor is not None and actor.kind is Kind.VEHICLE and not self._ignored(actor):
                    _turn_wheels(episode, actor, wheels)
            return
        apply = STATES.get(Packet(kind)) if kind in STATES else None
        if apply is None:
            return
        wanted, put = apply
        for row in Cursor(data).rows(ROWS[Packet(kind)]):
            actor = self._actor(episode, row["id"])
            if actor is not None and actor.kind is wanted and not self._ignored(actor):
                put(episode, actor, row)

    def _share(self) -> float:
        """How far (0..1) the time is between the frame before and the frame that was read."""
        frames, last = self.reel.frames, self._next - 1
        if self.wishes.pace >= FAST or last + 1 >= len(frames):
            return 0.0
        begin, end = frames[last].elapsed, frames[last + 1].elapsed
        return (self.t - begin) / (end - begin) if end > begin else 0.0

    def _place(self, episode: Episode, dt: float) -> None:
        share = self._share()
        followed = self._played.get(self.request.follow)
        for number, pose in self._now.items():
            actor = episode.actors.find(number)
            if actor is None or self._ignored(actor):
                continue
            shown = between(self._before.get(number, pose), pose, share)
            last = self._shown.get(number, shown)
            self._shown[number] = shown
            if actor.parent is None:
                _put(episode, actor, shown, (shown[:3] - last[:3]) / dt)
        episode.gather()
        if followed in self._now:
            actor = episode.actors.get(followed)
            offset = BEHIND if self.request.offset is None else self.request.offset
            view = matrices(episode.actors.pose[actor.row]) @ matrices(offset)
            episode.place(episode.spectator, poses_of(view))


def poses_from(placement: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Our poses (..., 6) from locations (..., 3) cm and rotations (..., 3) roll, pitch, yaw."""
    location, rotation = (np.asarray(part, np.float64) for part in placement)
    return iso.pose_from_carla(np.concatenate([location / CM, rotation[..., [1, 2, 0]]], axis=-1))


def between(a: FloatArray, b: FloatArray, share: float) -> FloatArray:
    """A pose (6,) on the way from a to b; angles take the short way."""
    if share == 0.0:
        return a
    step = b - a
    step[3:] = np.remainder(step[3:] + np.pi, 2.0 * np.pi) - np.pi
    return a + share * step


def _find(episode: Episode, event: Add, pose: FloatArray) -> Actor | None:
    """Who is there already: the spectator, the post at that place, the same id and type."""
    if event.type_id == SPECTATOR:
        return episode.spectator
    if event.type_id.startswith("traffic."):
        posts = [a for a in episode.actors if a.type_id == event.type_id]
        places = episode.actors.pose[[a.row for a in posts], :3].reshape(-1, 3)
        gaps = np.linalg.norm(places - pose[:3], axis=1)
        best = int(np.argmin(gaps)) if len(gaps) else -1
        return posts[best] if best >= 0 and gaps[best] < SAME_PLACE else None
    actor = episode.actors.find(event.id)
    return actor if actor is not None and actor.type_id == event.type_id else None


def _above(actor: Actor, other: Actor) -> bool:
    """Whether `other` is the actor or one of those that carry it."""
    above: Actor | None = actor
    while above is not None:
        if above is other:
            return True
        above = above.parent
    return False


def _put(episode: Episode, actor: Actor, pose: FloatArray, velocity: FloatArray) -> None:
    """Put an actor at a pose (6,); its velocity (3,) m/s is what a program reads."""
    if actor.kind is Kind.VEHICLE:
        episode.vehicles.teleport(actor.slot, pose)
        episode.vehicles.set_velocity(actor.slot, velocity)
    elif actor.kind is Kind.WALKER:
        row = episode.walkers.state[actor.slot]
        row["pose"], row["velocity"], row["down"] = pose, velocity, 0.0
    elif not np.array_equal(episode.actors.pose[actor.row], pose):
        episode.place(actor, pose)


def _release(episode: Episode, actor: Actor) -> None:
    """Physics moves the actor again, from a stand."""
    bodies = episode.bodies(actor)
    if bodies is None:
        return
    bodies.simulate(actor.slot, True)
    bodies.set_velocity(actor.slot, np.zeros(3))
    if actor.kind is Kind.VEHICLE:
        episode.vehicles.control(actor.slot, 0.0, 0.0, 0.0)
    else:
        episode.walkers.state["speed"][actor.slot] = 0.0


def _control(episode: Episode, actor: Actor, row: Record) -> None:
    steer, throttle, brake = (_number(row[name]) for name in ("steer", "throttle", "brake"))
    gear = max(-1, min(int(row["gear"]), 9))
    episode.vehicles.control(
        actor.slot, throttle, -steer, brake, hand_brake=bool(row["hand_brake"]), reverse=gear < 0
    )
    episode.vehicles.state["gear"][actor.slot] = gear


def _lamps(episode: Episode, actor: Actor, row: Record) -> None:
    episode.actors.lights[actor.row] = row["state"]


def _door(episode: Episode, actor: Actor, row: Record) -> None:
    if row["doors"] <= ALL_DOORS:
        episode.posture(actor).open(int(row["doors"]), bool(row["open"]))


def _signal(episode: Episode, actor: Actor, row: Record) -> None:
    if 0 <= row["state"] <= 3:
        elapsed = _number(row["elapsed"])
        episode.lights.put(actor.slot, int(row["state"]), bool(row["frozen"]), elapsed)


def _walk(episode: Episode, actor: Actor, row: Record) -> None:
    state = episode.walkers.state[actor.slot]
    state["speed"] = _number(row["speed"])
    heading = float(state["pose"][5])
    state["direction"] = np.cos(heading), np.sin(heading), 0.0


def _turn_wheels(episode: Episode, actor: Actor, wheels: Records) -> None:
    if len(wheels):
        state = episode.vehicles.state[actor.slot]
        radius = float(episode.vehicles.model["radius"][actor.slot])
        state["wheel_angle"] = -float(iso.radians(_number(wheels["steer"][0])))
        state["travel"] = float(iso.radians(_number(wheels["turn"][0]))) * radius


def _number(value: float) -> float:
    """A recorded figure; broken ones are zero."""
    return float(value) if np.isfinite(value) else 0.0


STATES = {
    Packet.ANIM_VEHICLE: (Kind.VEHICLE, _control),
    Packet.VEHICLE_LIGHT: (Kind.VEHICLE, _lamps),
    Packet.VEHICLE_DOOR: (Kind.VEHICLE, _door),
    Packet.STATE: (Kind.LIGHT, _signal),
    Packet.ANIM_WALKER: (Kind.WALKER, _walk),
}
EVENTS = {
    Packet.EVENT_ADD: Replayer._come,
    Packet.EVENT_DEL: Replayer._go,
    Packet.EVENT_PARENT: Replayer._join,
}
