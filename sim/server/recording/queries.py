"""What CARLA's three ``show_recorder_*`` calls say of a recording, in the same words.

Programs parse these texts (scenario_runner's metrics do), so spaces and names are CARLA's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from common.frames import FloatArray
from sim.server.recording import tape
from sim.server.recording.tape import NOBODY, ROWS, Cursor, Frame, Packet, Record, Reel

LAMPS = (
    "Position", "LowBeam", "HighBeam", "Brake", "RightBlinker", "LeftBlinker", "Reverse", "Fog",
    "Interior", "Special1", "Special2",
)  # fmt: skip
"""CARLA's VehicleLightState, bit by bit."""

DOORS = ("Front Left", "Front Right", "Rear Left", "Rear Right", "Hood", "Trunk", "All")
CATEGORIES = {tape.Kind.VEHICLE: "v", tape.Kind.WALKER: "w", tape.Kind.TRAFFIC_LIGHT: "t"}
EVENTS = (Packet.EVENT_ADD, Packet.EVENT_DEL, Packet.EVENT_PARENT, Packet.COLLISION)


def _triple(values: Iterable[Any]) -> str:
    return "(" + ", ".join(f"{float(v):g}" for v in values) + ")"


def _adds(data: bytes) -> Iterator[str]:
    for event in tape.adds(data):
        yield f" Create {event.id}: {event.type_id} ({event.kind}) at {_triple(event.location)}"
        for _, name, value in event.attributes:
            yield f"  {name} = {value}"


def _collision(row: Record) -> str:
    first, second = (" (hero) " if row[name] else "" for name in ("a_hero", "b_hero"))
    return f" Collision id {row['number']} between {row['a']}{first} with {row['b']}{second}"


def _lamps(row: Record) -> str:
    on = [name for bit, name in enumerate(LAMPS) if int(row["state"]) >> bit & 1]
    return f"  Id: {row['id']} {' '.join(on) or 'None'}"


def _door(row: Record) -> str:
    name = DOORS[row["doors"]] if row["doors"] < len(DOORS) else "?"
    return f"  Id: {row['id']}\n  Doors opened:  {name} "


def _box(row: Record) -> str:
    return f"  Id: {row['id']} origin: {_triple(row['origin'])} extension: {_triple(row['extent'])}"


LINES: dict[Packet, tuple[str, Callable[[Record], str]]] = {
    Packet.EVENT_DEL: ("", lambda r: f" Destroy {r['id']}"),
    Packet.EVENT_PARENT: ("", lambda r: f" Parenting {r['id']} with {r['parent']} (parent)"),
    Packet.COLLISION: ("", _collision),
    Packet.POSITION: (
        "Positions",
        lambda r: (
            f"  Id: {r['id']} Location: {_triple(r['location'])} Rotation: {_triple(r['rotation'])}"
        ),
    ),
    Packet.STATE: (
        "State traffic lights",
        lambda r: (
            f"  Id: {r['id']} state: {chr(0x30 + r['state'] % 10)} frozen: {r['frozen']} "
            f"elapsedTime: {r['elapsed']:g}"
        ),
    ),
    Packet.ANIM_VEHICLE: (
        "Vehicle animations",
        lambda r: (
            f"  Id: {r['id']} Steering: {r['steer']:g} Throttle: {r['throttle']:g} "
            f"Brake: {r['brake']:g} Handbrake: {r['hand_brake']} Gear: {r['gear']}"
        ),
    ),
    Packet.ANIM_WALKER: (
        "Walker animations",
        lambda r: f"  Id: {r['id']} speed: {r['speed']:g}",
    ),
    Packet.VEHICLE_DOOR: ("Vehicle door animations", _door),
    Packet.VEHICLE_LIGHT: ("Vehicle light animations", _lamps),
    Packet.SCENE_LIGHT: (
        "Scene light changes",
        lambda r: (
            f"  Id: {r['id']} enabled: {bool(r['on'])} intensity: {r['intensity']:g} "
            f"RGB_color: {_triple(r['colour'][:3])}"
        ),
    ),
    Packet.KINEMATICS: (
        "Dynamic actors",
        lambda r: (
            f"  Id: {r['id']} linear_velocity: {_triple(r['velocity'])} "
            f"angular_velocity: {_triple(r['rates'])}"
        ),
    ),
    Packet.BOUNDING_BOX: ("Actor bounding boxes", _box),
    Packet.TRIGGER_VOLUME: ("Actor trigger volumes", _box),
    Packet.TRAFFIC_LIGHT_TIME: (
        "Traffic Light time events",
        lambda r: (
            f"  Id: {r['id']} green_time: {r['green']:g} yellow_time: {r['yellow']:g} "
            f"red_time: {r['red']:g}"
        ),
    ),
}
"""How a packet of rows reads: its title and its lines."""


def _table(kind: Packet, data: bytes) -> list[str]:
    title, line = LINES[kind]
    rows = Cursor(data).rows(ROWS[kind])
    return ([f" {title}: {len(rows)}"] if title else []) + [line(row) for row in rows]


def _physics(data: bytes) -> Iterator[str]:
    found = tape.controls(data)
    yield f" Physics Control events: {len(found)}"
    names = (
        "max_rpm", "MOI", "damping_rate_full_throttle",
        "damping_rate_zero_throttle_clutch_engaged", "damping_rate_zero_throttle_clutch_disengaged",
    )  # fmt: skip
    for own in found:
        yield f"  Id: {own.id}"
        yield from (f"   {n} = {v:g}" for n, v in zip(names, own.engine, strict=True))
        yield f"   use_gear_auto_box = {'true' if own.autobox else 'false'}"
        body = ("clutch_strength", "final_ratio", "mass", "drag_coefficient")
        yield from (f"   {n} = {v:g}" for n, v in zip(body, own.body[:4], strict=True))
        yield f"   center_of_mass = {_triple(own.body[4:])}"
        yield "   torque_curve =" + "".join(f" {_triple(p)}" for p in own.torque)
        yield "   steering_curve =" + "".join(f" {_triple(p)}" for p in own.steering)
        yield "   forward_gears:"
        for i, (ratio, down, up) in enumerate(own.gears):
            yield f"    gear {i}: ratio {ratio:g} down_ratio {down:g} up_ratio {up:g}"
        yield "   wheels:"
        for i, w in enumerate(own.wheels):
            yield (
                f"    wheel {i}: tire_friction {w[0]:g} damping_rate {w[1]:g} "
                f"max_steer_angle {w[2]:g} radius {w[3]:g} max_brake_torque {w[4]:g} "
                f"max_handbrake_torque {w[5]:g} position {_triple(w[9:])}"
            )


def _lines(kind: int, data: bytes) -> list[str]:
    """A packet in words; none for those that CARLA does not show."""
    if kind == Packet.EVENT_ADD:
        return list(_adds(data))
    if kind == Packet.PHYSICS_CONTROL:
        return list(_physics(data))
    if kind == Packet.PLATFORM_TIME:
        return [f" Current platform time: {Cursor(data).take('d')[0]:g}"]
    return _table(Packet(kind), data) if kind in LINES else []


def _head(reel: Reel) -> list[str]:
    try:
        date = datetime.fromtimestamp(reel.date).strftime("%x %X")
    except (ValueError, OverflowError, OSError):
        date = "?"
    return [f"Version: {reel.version}", f"Map: {reel.town}", f"Date: {date}", ""]


def _tail(reel: Reel) -> list[str]:
    number = reel.frames[-1].number if reel.frames else 0
    return ["", f"Frames: {number}", f"Duration: {reel.duration:g} seconds", ""]


def info(reel: Reel, *, everything: bool) -> str:
    """What ``show_recorder_file_info`` says.

    Raises:
        TapeError: a packet is broken.
    """
    out = _head(reel)
    for frame in reel.frames:
        lines = []
        for kind, data in reel.packets(frame):
            if everything or kind in EVENTS:
                lines += _lines(kind, data)
        if lines or everything:
            out += [f"Frame {frame.number} at {frame.elapsed:g} seconds", *lines]
    return "\n".join(out + _tail(reel))


@dataclass(slots=True)
class _Actor:
    """What the queries remember of an actor."""

    type_id: str = ""
    category: str = "o"
    place: FloatArray | None = None  # (3,) cm where it last moved to
    since: float = 0.0  # s
    still: float = 0.0  # s


def _meet(actors: dict[int, _Actor], kind: int, data: bytes) -> None:
    """Newcomers, with their categories."""
    if kind == Packet.EVENT_ADD:
        for event in tape.adds(data):
            known = event.kind in CATEGORIES
            category = CATEGORIES[tape.Kind(event.kind)] if known else "o"
            actors[event.id] = _Actor(event.type_id, category)


def collisions(reel: Reel, first: str, second: str) -> str:
    """What ``show_recorder_collisions`` says; categories h, v, w, t, o, a (any).

    Raises:
        TapeError: a packet is broken.
    """
    out = [*_head(reel), f"{'Time':>8} {'Types':>6} {'Id':>6} {'Actor 1':<35} {'Id':>6} "
           f"{'Actor 2':<35}"]  # fmt: skip
    actors: dict[int, _Actor] = {NOBODY: _Actor()}
    before: set[tuple[int, int]] = set()
    for frame in reel.frames:
        now: set[tuple[int, int]] = set()
        for kind, data in reel.packets(frame):
            _meet(actors, kind, data)
            if kind != Packet.COLLISION:
                continue
            for row in Cursor(data).rows(ROWS[Packet.COLLISION]):
                pair = (int(row["a"]), int(row["b"]))
                a, b = (actors.setdefault(number, _Actor()) for number in pair)
                if first not in ("a", a.category, "h" if row["a_hero"] else ""):
                    continue
                if second not in ("a", b.category, "h" if row["b_hero"] else ""):
                    continue
                if pair not in before | now:
                    out.append(
                        f"{frame.elapsed:8.0f}   {a.category} {b.category}  {pair[0]:>6} "
                        f"{a.type_id:<35} {pair[1]:>6} {b.type_id:<35}"
                    )
                now.add(pair)
        before = now
    return "\n".join(out + _tail(reel))


def blocked(reel: Reel, least_time: float, least_distance: float) -> str:
    """What ``show_recorder_actors_blocked`` says: who moved less than a distance (cm) for long (s).

    Raises:
        TapeError: a packet is broken.
    """
    out = [*_head(reel), f"{'Time':>8} {'Id':>6} {'Actor':<35} {'Duration':>10}"]
    actors: dict[int, _Actor] = {}
    found: list[tuple[float, str]] = []

    def tell(number: int, actor: _Actor) -> None:
        if actor.still >= least_time and actor.still > 0.0:
            line = f"{actor.since:8.0f} {number:>6} {actor.type_id:<35} {actor.still:10.0f}"
            found.append((actor.still, line))

    for frame in reel.frames:
        for kind, data in reel.packets(frame):
            _meet(actors, kind, data)
            if kind == Packet.POSITION:
                for row in Cursor(data).rows(ROWS[Packet.POSITION]):
                    actor = actors.setdefault(int(row["id"]), _Actor())
                    if not _stands(actor, row["location"], least_distance, frame):
                        tell(int(row["id"]), actor)
                        actor.still, actor.place = 0.0, row["location"]
    for number, actor in actors.items():
        tell(number, actor)
    found.sort(key=lambda pair: -pair[0])
    return "\n".join([*out, *(line for _, line in found), *_tail(reel)])


def _stands(actor: _Actor, place: FloatArray, least: float, frame: Frame) -> bool:
    """Note whether an actor is still where it was."""
    if actor.place is None or not np.linalg.norm(place - actor.place) < least:
        return False
    if actor.still == 0.0:
        actor.since = frame.elapsed
    actor.still += max(frame.duration, 0.0)
    return True
