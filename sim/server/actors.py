"""Who is in the world: actors by id, and their motion as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np

from common.frames import FloatArray
from sim.server.poses import matrices, poses_of
from sim.server.rpc import RpcError
from sim.server.wire import Description

MAX_ACTORS = 4096
MOST_WANTED = 1 << 30  # ids that may be wished for: room is left for those that follow
SPECTATOR = "spectator"
FIRST_LIMIT = 30.0  # km/h until a vehicle passes a sign; CARLA's own


class Kind(Enum):
    """What the server does with an actor."""

    VEHICLE = "vehicle"
    WALKER = "walker"
    LIGHT = "traffic light"
    SIGN = "traffic sign"
    SENSOR = "sensor"
    OTHER = "other"  # spectator, props, controllers


def kind_of(type_id: str) -> Kind:
    """The kind, by the prefixes that CARLA's client uses."""
    for prefix, kind in (
        ("vehicle.", Kind.VEHICLE),
        ("walker.", Kind.WALKER),
        ("traffic.traffic_light", Kind.LIGHT),
        ("traffic.", Kind.SIGN),
        ("sensor.", Kind.SENSOR),
    ):
        if type_id.startswith(prefix):
            return kind
    return Kind.OTHER


@dataclass(slots=True, eq=False)
class Actor:
    """One actor. Its pose and motion lie in the row `row` of `Actors`."""

    id: int
    row: int
    kind: Kind
    description: Description
    centre: FloatArray  # (3,) m, bounding box centre in the actor's frame
    extent: tuple[float, float, float]  # m, half sizes
    box_yaw: float = 0.0  # rad, of the box in the actor's frame
    label: int = 0
    slot: int = -1  # in the arrays of its kind: vehicles, walkers, signals
    parent: Actor | None = None
    parent_from_actor: FloatArray | None = None  # (4, 4)
    stream: int = 0  # 0: it sends nothing
    opendrive_id: str = ""
    nth: int = 0  # of its episode: the same in every repetition, while ids go on
    ignored: frozenset[int] = frozenset()  # ids of the actors that a sensor does not see

    @property
    def type_id(self) -> str:
        """The blueprint's id."""
        return self.description.id

    def attribute(self, name: str, default: str = "") -> str:
        """An attribute's text."""
        return self.description.attribute(name, default)


class Actors:
    """The register. Memory: the actors, their rows, and the next id (ids never repeat)."""

    def __init__(self, first_id: int) -> None:
        self.next_id = self.first_id = first_id
        self.arrivals = 0  # actors so far, those that went included
        self.version = 0  # grows with every arrival and departure
        self.motion = np.zeros((MAX_ACTORS, 15))  # the next four, side by side
        self.pose = self.motion[:, :6]  # world frame
        self.velocity = self.motion[:, 6:9]  # m/s, world axes
        self.rates = self.motion[:, 9:12]  # rad/s, world axes
        self.acceleration = self.motion[:, 12:]  # m/s2, world axes
        self.lights = np.zeros(MAX_ACTORS, np.uint32)  # CARLA's VehicleLightState
        self.speed_limit = np.zeros(MAX_ACTORS)  # km/h, vehicles
        self.solid = np.zeros(MAX_ACTORS, np.bool_)  # vehicles and walkers
        self.boxes = np.zeros((MAX_ACTORS, 6))  # m, middle in the actor's frame, half sizes
        self._by_id: dict[int, Actor] = {}
        self._free = list(range(MAX_ACTORS - 1, -1, -1))

    def __iter__(self) -> Iterator[Actor]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def find(self, actor_id: object) -> Actor | None:
        """The actor, or None where there is none (any more)."""
        return self._by_id.get(actor_id) if isinstance(actor_id, int) else None

    def get(self, actor_id: object, kind: Kind | None = None) -> Actor:
        """The actor.

        Raises:
            RpcError: there is none, or it is of another kind.
        """
        actor = self.find(actor_id)
        if actor is None:
            raise RpcError(f"unable to find actor {actor_id}: not found")
        if kind is not None and actor.kind is not kind:
            raise RpcError(f"actor {actor_id} ({actor.type_id}) is not a {kind.value}")
        return actor

    def of(self, kind: Kind) -> list[Actor]:
        """All of one kind, by id."""
        return [actor for actor in self if actor.kind is kind]

    def check_room(self) -> None:
        """Whether one more may come.

        Raises:
            RpcError: the world is full.
        """
        if not self._free:
            raise RpcError(f"the world is full: at most {MAX_ACTORS} actors")

    def add(
        self,
        description: Description,
        pose: FloatArray,
        centre: FloatArray,
        extent: tuple[float, float, float],
        wanted: int = 0,
    ) -> Actor:
        """A new actor at a pose (6,) in the world; it gets the id `wanted` where that is free.

        Raises:
            RpcError: the world is full.
        """
        self.check_room()
        row = self._free.pop()
        number = wanted if 0 < wanted < MOST_WANTED and wanted not in self._by_id else self.next_id
        actor = Actor(number, row, kind_of(description.id), description, centre, extent)
        actor.nth, self.arrivals = self.arrivals, self.arrivals + 1
        self._by_id[actor.id] = actor
        if number < self.next_id:
            self._by_id = dict(sorted(self._by_id.items()))
        self.next_id = max(self.next_id, number + 1)
        self.version += 1
        self.motion[row] = 0.0
        self.pose[row] = pose
        self.lights[row], self.speed_limit[row] = 0, FIRST_LIMIT
        self.solid[row] = actor.kind in (Kind.VEHICLE, Kind.WALKER)
        self.boxes[row] = *centre, *extent
        return actor

    def attach(self, actor: Actor, parent: Actor, relative: FloatArray) -> None:
        """From now on `actor` moves with `parent`, at the pose (6,) in the parent's frame."""
        actor.parent, actor.parent_from_actor = parent, matrices(relative)
        self.pose[actor.row] = poses_of(matrices(self.pose[parent.row]) @ actor.parent_from_actor)
        self.version += 1

    def remove(self, actor: Actor) -> None:
        """The actor is gone; what was attached to it stays where it is."""
        del self._by_id[actor.id]
        self._free.append(actor.row)
        self.solid[actor.row] = False
        for child in self:
            if child.parent is actor:
                child.parent = child.parent_from_actor = None
        self.version += 1
