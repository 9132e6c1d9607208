"""Writes an episode, tick by tick, as CARLA's recorder does."""

from __future__ import annotations

import contextlib
import struct
import time
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from sim import iso
from sim.server import actors as registers
from sim.server.actors import Actor
from sim.server.collisions import Party
from sim.server.episode import PROP, Episode
from sim.server.poses import matrices, poses_of
from sim.server.recording import tape
from sim.server.recording.tape import CM, ROWS, Packet, TapeError
from sim.server.wire_physics import to_physics

KINDS = {
    registers.Kind.VEHICLE: tape.Kind.VEHICLE,
    registers.Kind.WALKER: tape.Kind.WALKER,
    registers.Kind.LIGHT: tape.Kind.TRAFFIC_LIGHT,
    registers.Kind.SIGN: tape.Kind.TRAFFIC_SIGN,
    registers.Kind.SENSOR: tape.Kind.SENSOR,
    registers.Kind.OTHER: tape.Kind.OTHER,
}
PLACED = (registers.Kind.VEHICLE, registers.Kind.WALKER, registers.Kind.OTHER)
"""Whose positions are recorded, as in CARLA; the others stand still or follow their parents."""

_DURATION = tape.FRAME.size - 8 - 8  # bytes from a frame's beginning to its duration


def placement(poses: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Locations (..., 3) cm and rotations (..., 3) roll, pitch, yaw degrees of poses (..., 6)."""
    t = iso.pose_to_carla(poses)
    return t[..., :3] * CM, t[..., [5, 3, 4]]


class Recorder:
    """Memory: the file, who was there at the last frame, the clock."""

    def __init__(self, path: Path, episode: Episode, additional: bool) -> None:
        """Begin a file.

        Raises:
            TapeError: it cannot be written, or would replace a file that is no recording.
        """
        try:
            if path.parent == tape.folder():
                path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and not _replaceable(path):
                raise TapeError(f"{path} is there and no recording; it stays as it is")
            self._file = path.open("wb")
        except (OSError, ValueError) as error:
            raise TapeError(f"{path} cannot be written: {error}") from error
        self.path, self.additional = path, additional
        self._file.write(
            tape.header(int(datetime.now(timezone.utc).timestamp()), episode.town.name)
        )
        self._known: dict[int, int] = {}  # id -> parent's id, or 0
        self._version = -1
        self._open: set[tuple[int, int]] = set()  # actor id, door
        self._number, self._elapsed, self._collisions = 0, 0.0, 0
        self._begun = time.monotonic()
        self._duration_at = 0
        episode.reports_contacts = True

    def close(self, episode: Episode) -> None:
        """End the file; where the disk is full, with what it holds."""
        episode.reports_contacts = False
        with contextlib.suppress(OSError):
            self._file.close()

    def write(self, episode: Episode) -> None:
        """One more frame.

        Raises:
            OSError: the disk is full, or gone.
        """
        if self._number:
            self._elapsed += episode.delta
        self._number += 1
        at = self._file.tell() + 5 + 8
        start = tape.FRAME.pack(self._number, tape.OPEN_END, self._elapsed)
        parts = [
            tape.packet(Packet.FRAME_START, start),
            tape.packet(Packet.VISUAL_TIME, struct.pack("<d", episode.elapsed)),
            *self._events(episode),
            self._contacts(episode),
            *motion(episode),
            *self._doors(episode),
            *(self._more(episode) if self.additional else ()),
            tape.packet(Packet.FRAME_END, b""),
        ]
        self._file.write(b"".join(parts))
        if self._duration_at:
            self._file.seek(self._duration_at)
            self._file.write(struct.pack("<d", episode.delta))
            self._file.seek(0, 2)
        self._file.flush()
        self._duration_at = at

    def _events(self, episode: Episode) -> list[bytes]:
        """Who came, who went, who belongs to whom; and what is told of newcomers."""
        now = {a.id: a.parent.id if a.parent else 0 for a in episode.actors}
        come = [a for a in episode.actors if a.id not in self._known]
        gone = [i for i in self._known if i not in now]
        parents = [(i, p) for i, p in now.items() if p and self._known.get(i) != p]
        self._known, self._new = now, come
        events = b"".join(tape.add(added(episode, actor)) for actor in come)
        return [
            tape.packet(Packet.EVENT_ADD, struct.pack("<H", len(come)) + events),
            tape.rows(Packet.EVENT_DEL, np.array(gone, np.uint32).view(ROWS[Packet.EVENT_DEL])),
            tape.rows(Packet.EVENT_PARENT, np.array(parents, ROWS[Packet.EVENT_PARENT])),
        ]

    def _contacts(self, episode: Episode) -> bytes:
        """Which pairs met, each once; a hero comes first."""
        pairs: dict[tuple[int, int], tuple[bool, bool]] = {}
        who = _parties(episode) if episode.contacts else {}
        for contact in episode.contacts:
            a, b = who.get((contact.a, contact.a_slot)), who.get((contact.b, contact.b_slot))
            if b is not None and _hero(b) and not _hero(a):
                a, b = b, a
            key = (a.id if a else tape.NOBODY, b.id if b else tape.NOBODY)
            pairs[key] = (_hero(a), _hero(b))
        found = [(self._collisions + i, *key, *pairs[key]) for i, key in enumerate(pairs)]
        self._collisions += len(found)
        return tape.rows(Packet.COLLISION, np.array(found, ROWS[Packet.COLLISION]))

    def _doors(self, episode: Episode) -> list[bytes]:
        """The doors that opened or closed since the last frame; nothing where none did."""
        now = {(number, door) for number, own in episode.postures.items() for door in own.doors}
        shut = {pair for pair in self._open - now if pair[0] in self._known}
        rows = [(*pair, True) for pair in sorted(now - self._open)]
        rows += [(*pair, False) for pair in sorted(shut)]
        self._open = now
        if not rows:
            return []
        return [tape.rows(Packet.VEHICLE_DOOR, np.array(rows, ROWS[Packet.VEHICLE_DOOR]))]

    def _more(self, episode: Episode) -> list[bytes]:
        """The additional data: motion always, the rest for newcomers."""
        out = [_kinematics(episode), *_bodies(episode, self._new)]
        out.append(
            tape.packet(Packet.PLATFORM_TIME, struct.pack("<d", time.monotonic() - self._begun))
        )
        return out


def _replaceable(path: Path) -> bool:
    """Whether a file is a recording, or empty."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(4 + len(tape.MAGIC))
    return not head or head[2:] == tape.string(tape.MAGIC)


def _hero(actor: Actor | None) -> bool:
    return actor is not None and actor.attribute("role_name") == "hero"


def _parties(episode: Episode) -> dict[tuple[Party, int], Actor]:
    """The actors by the party and slot that contacts name."""
    out = {}
    for actor in episode.actors:
        if actor.kind is registers.Kind.VEHICLE:
            out[Party.VEHICLE, actor.slot] = actor
        elif actor.kind is registers.Kind.WALKER:
            out[Party.WALKER, actor.slot] = actor
        elif actor.type_id.startswith(PROP):
            out[Party.OBSTACLE, actor.slot] = actor
    return out


def added(episode: Episode, actor: Actor) -> tape.Add:
    """An actor's arrival; one with a parent stands in its parent's frame."""
    pose = episode.actors.pose[actor.row]
    if actor.parent_from_actor is not None:
        pose = poses_of(actor.parent_from_actor)
    location, rotation = (tuple(part.tolist()) for part in placement(pose))
    description = actor.description
    attributes = tuple((kind, name, v) for name, (kind, v) in description.attributes.items())
    kind = KINDS[actor.kind]
    return tape.Add(actor.id, kind, location, rotation, description.uid, actor.type_id, attributes)


def _of(episode: Episode, *kinds: registers.Kind) -> tuple[NDArray[np.uint32], list[Actor]]:
    found = [a for a in episode.actors if a.kind in kinds]
    return np.array([a.id for a in found], np.uint32), found


def motion(episode: Episode) -> list[bytes]:
    """Positions, lights' states, and what moves in vehicles and walkers."""
    actors, layout = episode.actors, episode.layout
    ids, placed = _of(episode, *PLACED)
    position = np.zeros(len(ids), ROWS[Packet.POSITION])
    position["id"] = ids
    rows = [a.row for a in placed]
    position["location"], position["rotation"] = placement(actors.pose[rows])
    lights = episode.lights
    state = np.zeros(len(episode.signals), ROWS[Packet.STATE])
    state["id"] = [a.id for a in episode.signals]
    state["frozen"], state["elapsed"], state["state"] = lights.frozen, lights.elapsed, lights.states
    ids = layout.walkers.ids
    walker = np.zeros(len(ids), ROWS[Packet.ANIM_WALKER])
    walker["id"] = ids
    walker["speed"] = episode.walkers.state["speed"][layout.walkers.slots]
    return [
        tape.rows(Packet.POSITION, position),
        tape.rows(Packet.STATE, state),
        *_vehicles(episode, tape.rows(Packet.ANIM_WALKER, walker)),
    ]


def _vehicles(episode: Episode, walkers: bytes) -> list[bytes]:
    """Controls, lamps, wheels; the walkers' packet stands where CARLA puts it."""
    group = episode.layout.vehicles
    ids = group.ids
    own, model = episode.vehicles.state[group.slots], episode.vehicles.model[group.slots]
    control = np.zeros(len(ids), ROWS[Packet.ANIM_VEHICLE])
    for name in ("throttle", "brake", "hand_brake", "gear"):
        control[name] = own[name]
    control["id"], control["steer"] = ids, -own["steer"]  # CARLA's is positive right
    lamp = np.zeros(len(ids), ROWS[Packet.VEHICLE_LIGHT])
    lamp["id"], lamp["state"] = ids, episode.actors.lights[group.rows]
    wheels = np.zeros(len(ids), tape.WHEELS)
    wheels["id"], wheels["count"] = ids, 4
    wheels["wheels"]["place"] = np.arange(4)
    wheels["wheels"]["steer"][:, :2] = -iso.degrees(own["wheel_angle"])[:, None]
    wheels["wheels"]["turn"] = iso.degrees(own["travel"] / model["radius"])[:, None]
    two = model["leans"]
    biker = np.zeros(int(two.sum()), ROWS[Packet.ANIM_BIKER])
    biker["id"] = ids[two]
    biker["speed"] = np.linalg.norm(own["velocity"][two], axis=1) * CM
    biker["engine"] = own["rpm"][two] / model["max_rpm"][two]
    return [
        tape.rows(Packet.ANIM_VEHICLE, control),
        walkers,
        tape.rows(Packet.VEHICLE_LIGHT, lamp),
        tape.rows(Packet.ANIM_WHEELS, wheels),
        tape.rows(Packet.ANIM_BIKER, biker),
    ]


def _kinematics(episode: Episode) -> bytes:
    ids, moving = _of(episode, registers.Kind.VEHICLE, registers.Kind.WALKER)
    rows = [a.row for a in moving]
    out = np.zeros(len(ids), ROWS[Packet.KINEMATICS])
    out["id"] = ids
    out["velocity"] = iso.mirror(episode.actors.velocity[rows])
    out["rates"] = iso.angular_velocity_to_carla(episode.actors.rates[rows])
    return tape.rows(Packet.KINEMATICS, out)


def _bodies(episode: Episode, new: list[Actor]) -> list[bytes]:
    """Boxes, trigger volumes, physics and light times of newcomers."""
    posts = (registers.Kind.LIGHT, registers.Kind.SIGN)
    boxes = [
        (a.id, iso.mirror(a.centre) * CM, np.array(a.extent) * CM)
        for a in new
        if a.kind not in posts
    ]
    volumes = []
    for a in new:
        if a.kind in posts:
            pose = episode.actors.pose[a.row]
            middle = pose[:3] + matrices(pose)[:3, :3] @ a.centre
            volumes.append((a.id, iso.mirror(middle) * CM, np.array(a.extent) * CM))
    physics = [_physics(episode, a) for a in new if a.kind is registers.Kind.VEHICLE]
    times = [_times(episode, a) for a in new if a.kind is registers.Kind.LIGHT]
    out = [_boxes(Packet.BOUNDING_BOX, boxes)]
    if volumes:
        out.append(_boxes(Packet.TRIGGER_VOLUME, volumes))
    if physics:
        count = struct.pack("<H", len(physics))
        out.append(tape.packet(Packet.PHYSICS_CONTROL, count + b"".join(physics)))
    if times:
        table = np.array(times, ROWS[Packet.TRAFFIC_LIGHT_TIME])
        out.append(tape.rows(Packet.TRAFFIC_LIGHT_TIME, table))
    return out


def _boxes(kind: Packet, boxes: list[tuple[int, FloatArray, FloatArray]]) -> bytes:
    out = np.zeros(len(boxes), ROWS[kind])
    for row, (number, origin, extent) in zip(out, boxes, strict=True):
        row["id"], row["origin"], row["extent"] = number, origin, extent
    return tape.rows(kind, out)


def _times(episode: Episode, light: Actor) -> tuple[int, float, float, float]:
    lights, i = episode.lights, light.slot
    return light.id, float(lights.green[i]), float(lights.yellow[i]), float(lights.red[i])


def _physics(episode: Episode, vehicle: Actor) -> bytes:
    world_from_actor = matrices(episode.actors.pose[vehicle.row])
    own = to_physics(episode.vehicles.physics(vehicle.slot), world_from_actor)
    return tape.physics(
        tape.Physics(
            vehicle.id,
            tuple(own[1:6]),
            bool(own[6]),
            (own[8], own[9], own[11], own[12], *own[13]),
            tuple(own[0]),
            tuple(own[10]),
            tuple(own[14]),
            tuple((*wheel[:9], *wheel[9]) for wheel in own[15]),
        )
    )
