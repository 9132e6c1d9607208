"""Collisions between vehicles, walkers and what stands still.

World frame, SI. Bodies are upright boxes with a height range. Everything happens in a fixed order:
vehicles by slot, walkers by slot, obstacles by number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from sim.server import contact_step
from sim.server.blueprints import CATALOGUE
from sim.server.catalogue.kinds import Vector
from sim.server.contact_step import BODY, CONTACT
from sim.server.dynamics import Vehicles
from sim.server.scene import StaticObject
from sim.server.sensors.memory import Plain, packed, unpacked
from sim.server.vehicle_arrays import Record, Records
from sim.server.walkers import Walkers

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_CELL = 8.0  # m, of the obstacles' grid
_CLEARANCE = 0.15  # m under a vehicle that meets nothing; typical ground clearance of cars
_KNOCK_SPEED = 1.5  # m/s of a vehicle against a walker that knocks it over
_LIFT = 0.25  # of the speed that a knocked-over walker leaves the ground with


class Party(IntEnum):
    """Who is in a contact."""

    VEHICLE = 0
    WALKER = 1
    OBSTACLE = 2


@dataclass(frozen=True, slots=True)
class Contact:
    """Two bodies met in this step. `a_slot` and `b_slot` count within their parties."""

    a: Party
    a_slot: int
    b: Party
    b_slot: int
    impulse: F64  # (3,) N s on b, world axes; a got the opposite
    point: F64  # (3,) m, world frame


def warm_up() -> None:
    """Compile the kernels, or load them, by a small crash of two vehicles at a post."""
    vehicles, walkers = Vehicles(), Walkers()
    for x in (0.0, 1.0):
        vehicles.set_velocity(
            vehicles.add(CATALOGUE[0], [x, 0.0, 0.0, 0.0, 0.0, 0.0]), [5.0, 0.0, 0.0]
        )
    collisions = Collisions()
    collisions.add_obstacle(2.0, 0.0, 1.0, 0.0, (0.1, 0.1, 1.0))
    collisions.before(vehicles, walkers)
    collisions.resolve(vehicles, walkers)


@dataclass(frozen=True, slots=True)
class _Grid:
    """Obstacles by cell."""

    origin: F64  # (2,) m
    cells: I64  # (rows, columns, 2) first and one past the last item
    items: I64


class Collisions:
    """Memory: the obstacles, and where everybody was before the step."""

    def __init__(self, objects: Iterable[StaticObject] = ()) -> None:
        given = tuple(objects)
        self._given = len(given)
        rows = [_obstacle(i, o.x, o.y, o.z, o.yaw, o.extent) for i, o in enumerate(given)]
        self._obstacles: Records = np.array(rows, BODY)
        self._present = np.array([o.solid for o in given], bool)
        self._grid: _Grid | None = None
        self._vehicles = np.zeros((0, 6))
        self._walkers = np.zeros((0, 6))

    # --- obstacles

    def add_obstacle(self, x: float, y: float, z: float, yaw: float, extent: Vector) -> int:
        """A box that stands still: its centre (m), heading, half sizes; returns its number.

        The `objects` given at the start have the first numbers, in their order.
        """
        number = len(self._obstacles)
        row = np.array([_obstacle(number, x, y, z, yaw, extent)], BODY)
        self._obstacles = np.concatenate([self._obstacles, row])
        self._present = np.append(self._present, True)
        self._grid = None
        return number

    def remove_obstacle(self, number: int) -> None:
        """It is no longer there. Numbers are not used again."""
        self._present[number] = False
        self._grid = None

    def show(self, number: int, present: bool) -> None:
        """Let an obstacle be there, or not."""
        if self._present[number] != present:
            self._present[number] = present
            self._grid = None

    def save(self) -> list[Plain]:
        """The obstacles added since the start, and which are there."""
        return [packed(self._obstacles[self._given :]), packed(self._present)]

    def restore(self, saved: list[Plain]) -> None:
        """The inverse of `save`, among the same objects.

        Raises:
            ValueError: these are others.
        """
        more, present = unpacked(saved[0], BODY), unpacked(saved[1], np.bool_)
        obstacles = np.concatenate([self._obstacles[: self._given], more])
        if len(obstacles) != len(present):
            raise ValueError("expected as many obstacles as there are marks of presence")
        self._obstacles, self._present, self._grid = obstacles, present, None

    # --- a step

    def before(self, vehicles: Vehicles, walkers: Walkers) -> None:
        """Remember where everybody is; then the bodies step, then `resolve`."""
        self._vehicles = vehicles.pose.copy()
        self._walkers = walkers.pose.copy()

    def resolve(
        self, vehicles: Vehicles, walkers: Walkers, *, report: bool = True
    ) -> list[Contact]:
        """Part what overlaps, exchange impulses, knock walkers over; what met what.

        Without `report` it happens all the same, and nothing is told.
        """
        moving = self._moving(vehicles, walkers)
        bodies, pairs = self._pairs(moving)
        if not len(pairs):
            return []
        axes = np.zeros((len(pairs), 2))
        pairs = pairs[: contact_step.first_touches(bodies, pairs, axes)]
        contact_step.go_back(bodies, len(moving))
        contacts = np.zeros(len(pairs), CONTACT)
        contacts = contacts[: contact_step.find_contacts(bodies, pairs, axes, contacts)]
        if not len(contacts):
            return []
        contact_step.solve(bodies, contacts)
        contact_step.part(bodies, contacts)
        hit = bodies[np.unique(np.concatenate([contacts["a"], contacts["b"]]))]
        _write_vehicles(vehicles, hit)
        _write_walkers(walkers, hit, _knocked(bodies, contacts))
        return [_contact(bodies, c) for c in contacts] if report else []

    def _moving(self, vehicles: Vehicles, walkers: Walkers) -> Records:
        """The bodies of vehicles and walkers."""
        out = np.zeros(len(vehicles.state) + len(walkers.state), BODY)
        before = _padded(self._vehicles, vehicles.pose)
        count = contact_step.gather_vehicles(
            vehicles.state, vehicles.model, before, _CLEARANCE, out
        )
        before = _padded(self._walkers, walkers.pose)
        more = contact_step.gather_walkers(walkers.state, before, _CLEARANCE, out[count:])
        return out[: count + more]

    def _pairs(self, moving: Records) -> tuple[Records, I64]:
        """All bodies that matter, and the candidates (P, 2) among them, each once, in order."""
        reach = np.hypot(moving["half_x"], moving["half_y"])
        order = np.argsort(np.minimum(moving["x"], moving["x0"]) - reach, kind="stable")
        room = np.empty((64 * len(moving) + 64, 2), np.int64)
        pairs = room[: contact_step.sweep_pairs(moving, order.astype(np.int64), room)].copy()
        bodies = moving
        if self._present.any():
            grid = self._grid = self._grid or _grid_of(self._obstacles, self._present)
            room = np.empty((256 * len(moving) + 64, 2), np.int64)
            count = contact_step.grid_pairs(
                moving, len(moving), grid.cells, grid.items, grid.origin, _CELL, room
            )
            near, index = np.unique(room[:count, 1], return_inverse=True)
            bodies = np.concatenate([moving, self._obstacles[near]])
            still = np.stack([room[:count, 0], len(moving) + index], axis=-1)
            pairs = np.concatenate([pairs, still])
        keys = np.unique(pairs[:, 0] * len(bodies) + pairs[:, 1])
        return bodies, np.stack(np.divmod(keys, max(len(bodies), 1)), axis=-1)


def _padded(before: F64, now: F64) -> F64:
    """The poses of before; who came since then was where it is."""
    return np.concatenate([before, now[len(before) :]])


def _obstacle(
    number: int, x: float, y: float, z: float, yaw: float, extent: Vector
) -> tuple[float | bool, ...]:
    """A BODY record of something that stands still."""
    place = (x, y, yaw, x, y, yaw, extent[0], extent[1], z - extent[2], z + extent[2])
    return (Party.OBSTACLE, number, *place, *(0.0,) * 6, False, 1.0)


def _grid_of(obstacles: Records, present: NDArray[np.bool_]) -> _Grid:
    """Every present obstacle in all cells that its surroundings touch."""
    numbers = np.flatnonzero(present)
    box = obstacles[numbers]
    reach = np.hypot(box["half_x"], box["half_y"])
    cos, sin = np.abs(np.cos(box["yaw"])), np.abs(np.sin(box["yaw"]))
    wide = np.minimum(cos * box["half_x"] + sin * box["half_y"], reach)
    high = np.minimum(sin * box["half_x"] + cos * box["half_y"], reach)
    origin = np.array([(box["x"] - wide).min(), (box["y"] - high).min()])
    low_col = ((box["x"] - wide - origin[0]) // _CELL).astype(int)
    high_col = ((box["x"] + wide - origin[0]) // _CELL).astype(int)
    low_row = ((box["y"] - high - origin[1]) // _CELL).astype(int)
    high_row = ((box["y"] + high - origin[1]) // _CELL).astype(int)
    shape = (high_row.max() + 1, high_col.max() + 1)
    entries = [
        (row * shape[1] + col, number)
        for number, r0, r1, c0, c1 in zip(
            numbers, low_row, high_row, low_col, high_col, strict=True
        )
        for row in range(r0, r1 + 1)
        for col in range(c0, c1 + 1)
    ]
    entries.sort()
    keys = np.array([key for key, _ in entries])
    edges = np.searchsorted(keys, np.arange(shape[0] * shape[1] + 1))
    cells = np.stack([edges[:-1], edges[1:]], axis=-1).reshape(*shape, 2)
    return _Grid(origin, cells, np.array([number for _, number in entries], np.int64))


def _knocked(bodies: Records, contacts: Records) -> dict[int, F64]:
    """Walkers (by slot) that a vehicle hit hard, and the velocity (3,) m/s they leave with."""
    a, b = bodies[contacts["a"]], bodies[contacts["b"]]
    towards = a["vx"] * contacts["nx"] + a["vy"] * contacts["ny"]
    hard = np.minimum(towards, contacts["closing"]) > _KNOCK_SPEED
    hard &= (a["kind"] == Party.VEHICLE) & (b["kind"] == Party.WALKER)
    up = _LIFT * np.minimum(contacts["closing"], 12.0)
    return {
        int(b["slot"][i]): np.array([b["vx"][i], b["vy"][i], up[i]]) for i in np.flatnonzero(hard)
    }


def _write_vehicles(vehicles: Vehicles, bodies: Records) -> None:
    moved = bodies[(bodies["kind"] == Party.VEHICLE) & (bodies["inverse_mass"] > 0.0)]
    slots = moved["slot"]
    centre = vehicles.model["box_centre"][slots]
    cos, sin = np.cos(moved["yaw"]), np.sin(moved["yaw"])
    pose = vehicles.pose
    pose[slots, 0] = moved["x"] - cos * centre[:, 0] + sin * centre[:, 1]
    pose[slots, 1] = moved["y"] - sin * centre[:, 0] - cos * centre[:, 1]
    pose[slots, 5] = moved["yaw"]
    vehicles.velocity[slots, 0] = moved["vx"]
    vehicles.velocity[slots, 1] = moved["vy"]
    vehicles.angular_velocity[slots, 2] = moved["rate"]


def _write_walkers(walkers: Walkers, bodies: Records, knocked: dict[int, F64]) -> None:
    moved = bodies[bodies["kind"] == Party.WALKER]
    slots = moved["slot"]
    walkers.pose[slots, 0], walkers.pose[slots, 1] = moved["x"], moved["y"]
    walkers.velocity[slots, 0], walkers.velocity[slots, 1] = moved["vx"], moved["vy"]
    for slot, velocity in sorted(knocked.items()):
        walkers.knock_over(slot, velocity)


def _contact(bodies: Records, c: Record) -> Contact:
    a, b = bodies[c["a"]], bodies[c["b"]]
    normal, tangent = float(c["normal"]), float(c["tangent"])
    nx, ny = float(c["nx"]), float(c["ny"])
    return Contact(
        a=Party(int(a["kind"])),
        a_slot=int(a["slot"]),
        b=Party(int(b["kind"])),
        b_slot=int(b["slot"]),
        impulse=np.array([normal * nx - tangent * ny, normal * ny + tangent * nx, 0.0]),
        point=np.array([c["x"], c["y"], c["z"]], np.float64),
    )
