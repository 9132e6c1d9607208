"""CARLA's structures on the wire (msgpack arrays, left-handed, degrees) and ours.

Readers take what msgpack decoded and give ISO values; they raise `RpcError` on anything that is
not what the protocol says. Writers give plain lists. Member order: docs/protocol.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from common.frames import FloatArray
from sim import iso
from sim.server.rpc import RpcError
from sim.server.scene import Weather

if TYPE_CHECKING:
    from sim.server.actors import Actor

Wire = Any  # what msgpack decoded, or what it shall encode

LARGEST = 1e12  # m, m/s, N s, ...: far beyond what makes sense, far below what overflows
LONGEST_TEXT = 1 << 16  # characters of an actor's attributes, which every client is told
NO_BOX: list[list[float]] = [[0.0, 0.0, 0.0]] * 3


def numbers(value: Wire, count: int) -> FloatArray:
    """A flat array of finite numbers (count,)."""
    try:
        out = np.asarray(value[:count], np.float64)
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise RpcError(f"expected {count} numbers, got {value!r:.80}") from error
    if out.shape != (count,) or not np.isfinite(out).all():
        raise RpcError(f"expected {count} finite numbers, got {value!r:.80}")
    return out


def number(value: Wire) -> float:
    """A finite number."""
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    raise RpcError(f"expected a finite number, got {value!r:.80}")


def whole(value: Wire) -> int:
    """An integer, ids and enumerations."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise RpcError(f"expected an integer, got {value!r:.80}")


def unsigned(value: Wire, bits: int) -> int:
    """An integer that fits: clients that are given a larger one cannot read the answer."""
    if 0 <= whole(value) < 1 << bits:
        return int(value)
    raise RpcError(f"expected an integer of {bits} bits without sign, got {value!r:.80}")


def text(value: Wire) -> str:
    """A string."""
    if isinstance(value, str):
        return value
    raise RpcError(f"expected a string, got {value!r:.80}")


def items(value: Wire, limit: int) -> list[Wire]:
    """A list of at most `limit` members."""
    if isinstance(value, list) and len(value) <= limit:
        return value
    raise RpcError(f"expected a list of at most {limit}, got {value!r:.80}")


def optional(value: Wire) -> Wire | None:
    """An ``optional<T>``: ``[false]`` or ``[true, value]``."""
    match value:
        case [True, inner]:
            return inner
        case [False, *_] | []:
            return None
    raise RpcError(f"expected an optional, got {value!r:.80}")


def bounded(value: Wire, count: int) -> FloatArray:
    """Figures of motion (count,), none of them beyond LARGEST."""
    out = numbers(value, count)
    if np.abs(out).max() > LARGEST:
        raise RpcError(f"expected numbers of at most {LARGEST:g}, got {value!r:.80}")
    return out


def figure(value: Wire) -> float:
    """A number that is not beyond LARGEST."""
    return float(bounded([value], 1)[0])


def vector(value: Wire) -> FloatArray:
    """A location or polar vector (3,) in our axes."""
    return iso.mirror(bounded(value, 3))


def axial(value: Wire) -> FloatArray:
    """An axial vector (3,) in our axes: torques, turning pushes."""
    return iso.mirror_axial(bounded(value, 3))


def pose(value: Wire) -> FloatArray:
    """A transform as a pose (6,)."""
    match value:
        case [location, rotation, *_]:
            return iso.pose_from_carla(np.append(bounded(location, 3), bounded(rotation, 3)))
    raise RpcError(f"expected a transform, got {value!r:.80}")


def to_vector(xyz: ArrayLike) -> list[float]:
    """A point or polar vector (3,) of ours."""
    out: list[float] = iso.mirror(xyz).tolist()
    return out


def to_transform(pose: ArrayLike) -> list[list[float]]:
    """A pose (6,)."""
    flat = iso.pose_to_carla(pose).tolist()
    return [flat[:3], flat[3:]]


def to_box(
    centre: ArrayLike, extent: Sequence[float], yaw: float = 0.0, actor: int = 0
) -> list[Wire]:
    """A bounding box: centre (3,) m, half sizes (3,) m, heading rad in the same frame."""
    rotation = [0.0, iso.yaw_to_carla(yaw), 0.0]
    return [to_vector(centre), [float(e) for e in extent], rotation, actor]


@dataclass(frozen=True, slots=True)
class Settings:
    """EpisodeSettings; the defaults are CARLA's."""

    synchronous: bool = False
    no_rendering: bool = False
    fixed_delta: float | None = None  # s
    substepping: bool = True
    max_substep_delta: float = 0.01  # s
    max_substeps: int = 10
    max_culling_distance: float = 0.0  # m
    deterministic_ragdolls: bool = True
    tile_stream_distance: float = 3000.0  # m
    actor_active_distance: float = 2000.0  # m
    spectator_as_ego: bool = True


def settings(value: Wire) -> Settings:
    """EpisodeSettings from the wire."""
    match value:
        case [bool(sync), bool(dark), delta, bool(substepping), *rest] if len(rest) == 7:
            step = optional(delta)
            fixed = None if step is None or number(step) <= 0.0 else min(number(step), 10.0)
            limits = bounded([rest[0], rest[1], rest[2], rest[4], rest[5]], 5)
            return Settings(
                sync, dark, fixed, substepping, float(limits[0]), int(limits[1]), float(limits[2]),
                bool(rest[3]), float(limits[3]), float(limits[4]), bool(rest[6]),
            )  # fmt: skip
    raise RpcError(f"expected episode settings, got {value!r:.200}")


def to_settings(own: Settings) -> list[Wire]:
    """EpisodeSettings for the wire."""
    delta = [False] if own.fixed_delta is None else [True, own.fixed_delta]
    return [
        own.synchronous, own.no_rendering, delta, own.substepping, own.max_substep_delta,
        own.max_substeps, own.max_culling_distance, own.deterministic_ragdolls,
        own.tile_stream_distance, own.actor_active_distance, own.spectator_as_ego,
    ]  # fmt: skip


def weather(value: Wire) -> Weather:
    """WeatherParameters from the wire: degrees become radians, the azimuth turns left."""
    parameters = bounded(value, 14).tolist()
    parameters[4] = iso.yaw_from_carla(parameters[4])
    parameters[5] = float(iso.radians(parameters[5]))
    return Weather(*parameters)


def to_weather(own: Weather) -> list[float]:
    """WeatherParameters for the wire."""
    out = [float(getattr(own, name)) for name in Weather.__slots__]
    out[4] = iso.yaw_to_carla(out[4])
    out[5] = float(iso.degrees(out[5]))
    return out


@dataclass(frozen=True, slots=True)
class Description:
    """ActorDescription: which blueprint, with which attributes."""

    uid: int
    id: str
    attributes: dict[str, tuple[int, str]]  # id -> type, value

    def attribute(self, name: str, default: str = "") -> str:
        """An attribute's text."""
        return self.attributes.get(name, (0, default))[1]


def description(value: Wire) -> Description:
    """ActorDescription from the wire."""
    match value:
        case [int(uid), str(name), list(attributes), *_] if len(attributes) <= 256:
            told = dict(attribute(a) for a in attributes)
            if sum(len(key) + len(text) for key, (_, text) in told.items()) > LONGEST_TEXT:
                raise RpcError(f"expected attributes of at most {LONGEST_TEXT} characters in all")
            return Description(unsigned(uid, 32), name, told)
    raise RpcError(f"expected an actor description, got {value!r:.80}")


def attribute(value: Wire) -> tuple[str, tuple[int, str]]:
    """ActorAttributeValue from the wire: its id, its type and value."""
    match value:
        case [str(name), int(kind), str(text), *_]:
            return name, (unsigned(kind, 8), text)
    raise RpcError(f"expected an attribute, got {value!r:.80}")


def to_description(own: Description) -> list[Wire]:
    """ActorDescription for the wire."""
    return [own.uid, own.id, [[k, kind, v] for k, (kind, v) in own.attributes.items()]]


_LEAST_CONTROL = np.array([0.0, -1.0, 0.0, 0.0, 0.0, 0.0, -1.0])
_MOST_CONTROL = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0])


def vehicle_controls(values: list[Wire]) -> FloatArray:
    """VehicleControls (N, 7), clipped to their ranges.

    Throttle, steer (CARLA's, -1 left to 1 right), brake, hand brake, reverse, manual gear shift,
    gear.
    """
    try:
        rows = [value[:7] for value in values]
        out = np.fromiter(chain.from_iterable(rows), np.float64, 7 * len(rows)).reshape(-1, 7)
        whole = {(len(row), type(row[6])) for row in rows} == {(7, int)}
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise RpcError(f"expected a vehicle control, got {values!r:.80}") from error
    if not whole:
        raise RpcError(f"expected a vehicle control, got {values!r:.80}")
    if not np.isfinite(out).all():
        raise RpcError(f"expected finite numbers, got {values!r:.80}")
    clipped: FloatArray = np.minimum(np.maximum(out, _LEAST_CONTROL), _MOST_CONTROL)
    return clipped


@dataclass(frozen=True, slots=True)
class WalkerControl:
    """CARLA's walker control; the direction in our axes."""

    direction: FloatArray  # (3,)
    speed: float  # m/s
    jump: bool


def walker_control(value: Wire) -> WalkerControl:
    """WalkerControl from the wire."""
    match value:
        case [direction, speed, jump, *_]:
            return WalkerControl(vector(direction), figure(speed), bool(jump))
    raise RpcError(f"expected a walker control, got {value!r:.80}")


def to_actor(actor: Actor, token: Callable[[int], bytes]) -> list[Wire]:
    """Actor for the wire; `token` gives the bytes that name a stream."""
    parent = actor.parent.id if actor.parent else 0
    box = to_box(actor.centre, actor.extent, actor.box_yaw, actor.id)
    tags = bytes([actor.label]) if actor.label else b""
    stream = token(actor.stream) if actor.stream else b""
    return [actor.id, parent, to_description(actor.description), box, tags, stream]


def to_attribute(
    name: str, kind: int, default: str, choices: Sequence[str], modifiable: bool, strict: bool
) -> list[Wire]:
    """ActorAttribute of a blueprint."""
    return [name, kind, default, list(choices), modifiable, strict]
