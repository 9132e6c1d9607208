"""The world snapshot: one structured row of 119 bytes per actor, filled by arrays."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from common.jit import kernel
from sim import iso
from sim.server.actors import Actor, Actors, Kind
from sim.server.poses import matrices, poses_of
from sim.server.vehicle_arrays import Records

TYPE = 17  # the world observer in the sensor registry of the 0.9.16 wheel
COLLISION = "sensor.other.collision"
MAP_CHANGED, LIGHTS_PENDING = 1, 2  # simulation state bits
GREEN = 2  # CARLA's TrafficLightState
_HEAD = struct.Struct("<Qdf3iI")
_UNION = 65  # where the part begins that depends on the actor's kind

VEHICLE = np.dtype(
    {
        "names": ["throttle", "steer", "brake", "hand_brake", "reverse", "manual_gear", "gear",
                  "speed_limit", "light_state", "has_light", "light_id", "failure"],
        "formats": ["<f4", "<f4", "<f4", "u1", "u1", "u1", "<i4", "<f4", "u1", "u1", "<u4", "u1"],
        "offsets": [0, 4, 8, 12, 13, 14, 15, 19, 23, 24, 25, 29],
        "itemsize": 30,
    }
)  # fmt: skip
"""Control, limit (km/h) and traffic light of a vehicle: bytes 65..94 of its row."""

LIGHT = np.dtype(
    {
        "names": ["sign", "green", "yellow", "red", "elapsed", "pole", "frozen", "state"],
        "formats": ["S32", "<f4", "<f4", "<f4", "<f4", "<u4", "u1", "u1"],
        "offsets": [0, 32, 36, 40, 44, 48, 52, 53],
        "itemsize": 54,
    }
)
"""Sign id, durations (s), time in the state (s), pole, frozen and state of a traffic light."""

WALKER = np.dtype([("direction", "<f4", 3), ("speed", "<f4"), ("jump", "u1")])
"""Control of a walker."""

ROW = np.dtype(
    {
        "names": ["id", "state", "motion", "vehicle", "light", "sign", "walker"],
        "formats": ["<u4", "u1", ("<f4", 15), VEHICLE, LIGHT, "S32", WALKER],
        "offsets": [0, 4, 5, _UNION, _UNION, _UNION, _UNION],
        "itemsize": 119,
    }
)  # fmt: skip


Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Attached:
    """Actors whose parents are one step nearer to the root."""

    rows: Index  # (K,) in Actors
    parents: Index  # (K,) in Actors
    parent_from_actor: FloatArray  # (K, 4, 4)


@dataclass(frozen=True, slots=True)
class Group:
    """The actors of one kind."""

    ids: NDArray[np.uint32]  # (K,)
    at: Index  # (K,) rows of the snapshot
    rows: Index  # (K,) rows of Actors
    slots: Index  # (K,) in the arrays of the kind


@dataclass(frozen=True, slots=True)
class Layout:
    """Who stands in which row; holds until somebody comes or goes."""

    version: int
    rows: Index  # (N,) in Actors, by id
    template: bytes  # N rows with all that does not change
    lamps: NDArray[np.void]  # (K,) LIGHT, the same
    vehicles: Group
    walkers: Group
    lights: Group
    attached: tuple[Attached, ...]  # by distance from the root
    contacts: bool  # somebody senses collisions


def layout_of(actors: Actors) -> Layout:
    """The layout of the actors as they are now."""
    everyone = list(actors)
    template = np.zeros(len(everyone), ROW)
    template["id"] = [actor.id for actor in everyone]
    template["state"] = 1  # active
    template["sign"] = [actor.opendrive_id.encode()[:31] for actor in everyone]
    rows = np.array([actor.row for actor in everyone], np.intp)
    lights = _group(everyone, Kind.LIGHT)
    return Layout(
        actors.version,
        rows,
        template.tobytes(),
        template["light"][lights.at],
        _group(everyone, Kind.VEHICLE),
        _group(everyone, Kind.WALKER),
        lights,
        tuple(_attached(everyone)),
        any(actor.type_id == COLLISION for actor in everyone),
    )


def _group(everyone: list[Actor], kind: Kind) -> Group:
    at = [i for i, actor in enumerate(everyone) if actor.kind is kind]
    return Group(
        np.array([everyone[i].id for i in at], np.uint32),
        np.array(at, np.intp),
        np.array([everyone[i].row for i in at], np.intp),
        np.array([everyone[i].slot for i in at], np.intp),
    )


def _attached(everyone: list[Actor]) -> list[Attached]:
    levels: dict[int, list[Actor]] = {}
    for actor in everyone:
        depth, above = 0, actor.parent
        while above is not None:
            depth, above = depth + 1, above.parent
        if depth:
            levels.setdefault(depth, []).append(actor)
    return [
        Attached(
            np.array([a.row for a in level], np.intp),
            np.array([a.parent.row for a in level if a.parent is not None], np.intp),
            np.stack([a.parent_from_actor for a in level if a.parent_from_actor is not None]),
        )
        for _, level in sorted(levels.items())
    ]


def follow_parents(actors: Actors, layout: Layout) -> None:
    """Move the attached actors to where their parents are now."""
    for level in layout.attached:
        world_from_parent = matrices(actors.pose[level.parents])
        actors.pose[level.rows] = poses_of(world_from_parent @ level.parent_from_actor)
        actors.motion[level.rows, 6:] = actors.motion[level.parents, 6:]


def head(episode_id: int, wall: float, delta: float, bits: int) -> bytes:
    """The 36 bytes between the sensor header and the rows."""
    return _HEAD.pack(episode_id, wall, delta, 0, 0, 0, bits)


def fill(actors: Actors, layout: Layout) -> NDArray[np.void]:
    """The rows (N,) with everybody's pose and motion; the kinds' own parts are the template's."""
    out = np.frombuffer(bytearray(layout.template), ROW)
    iso.motions_to_carla(actors.motion, layout.rows, out["motion"])
    return out


def plain(records: NDArray[np.void]) -> NDArray[np.void]:
    """Records as mere bytes, which are copied at once and not field by field."""
    return records.view(f"V{records.itemsize}")


def put(column: NDArray[np.void], at: Index, part: NDArray[np.void]) -> None:
    """Write the records `part` into the elements `at` of a column."""
    plain(column)[at] = plain(part)


@kernel
def fill_vehicles(
    out: NDArray[np.void],
    at: Index,
    state: Records,
    slots: Index,
    limit: FloatArray,
    governing: NDArray[np.int64],
    colours: NDArray[np.uint8],
    lights: NDArray[np.uint32],
) -> None:
    """Write the part of the vehicles.

    Args:
        out: (N,) the column VEHICLE of all rows.
        at: (K,) the vehicles' rows.
        state: the records of all bodies, by slot.
        slots: (K,) the vehicles' slots.
        limit: (K,) km/h.
        governing: (K,) index of the light that holds for it, -1 where none does.
        colours: the lights' states.
        lights: their ids.
    """
    for i in range(at.shape[0]):
        row, body, light = out[at[i]], state[slots[i]], governing[i]
        row.throttle, row.brake = body.throttle, body.brake
        row.steer = -body.steer  # CARLA's is positive right
        row.hand_brake, row.reverse = body.hand_brake, body.reverse
        row.manual_gear, row.gear = body.manual_gear_shift, body.gear
        row.speed_limit = limit[i]
        row.light_state = GREEN  # where no light governs
        if light >= 0:
            row.has_light, row.light_state, row.light_id = True, colours[light], lights[light]
