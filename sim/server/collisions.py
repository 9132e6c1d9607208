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
from sim.server.broad_phase import Grid, grid_of, pairs_of
from sim.server.catalogue.kinds import Vector
from sim.server.contact_step import BODY, CONTACT
from sim.server.dynamics import Vehicles
from sim.server.scene import StaticObject
from sim.server.sensors.memory import Plain, packed, unpacked
from sim.server.vehicle_arrays import Record, Records
from sim.server.walkers import Walkers

F64 = NDArray[np.float64]

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


class Collisions:
    """Memory: the obstacles, where everybody was before the step, and room to work in."""

    def __init__(self, objects: Iterable[StaticObject] = ()) -> None:
        given = tuple(objects)
        self._given = len(given)
        rows = [_obstacle(i, o.x, o.y, o.z, o.yaw, o.extent) for i, o in enumerate(given)]
        self._obstacles: Records = np.array(rows, BODY)
        self._present = np.array([o.solid for o in given], bool)
        self._grid: Grid | None = None  # None: obstacles have changed
        self._bodies = self._obstacles  # and room for the bodies that move
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
        still = len(self._obstacles)
        bodies, grid = self._gathered(vehicles, walkers)
        pairs = pairs_of(bodies[still:], grid)
        if not len(pairs):
            return []
        axes = np.zeros((len(pairs), 2))
        pairs = pairs[: contact_step.first_touches(bodies, pairs, axes)]
        if not len(pairs):
            return []
        contact_step.go_back(bodies[still:])
        contacts = np.zeros(len(pairs), CONTACT)
        contacts = contacts[: contact_step.find_contacts(bodies, pairs, axes, contacts)]
        contact_step.solve(bodies, contacts)
        contact_step.part(bodies, contacts)
        contact_step.put_vehicles(bodies, contacts, vehicles.state, vehicles.model)
        contact_step.put_walkers(bodies, contacts, walkers.state)
        for slot, velocity in sorted(_knocked(bodies, contacts).items()):
            walkers.knock_over(slot, velocity)
        return [_contact(bodies, c) for c in contacts] if report else []

    def _gathered(self, vehicles: Vehicles, walkers: Walkers) -> tuple[Records, Grid]:
        """All obstacles, those that are away among them, then the bodies that move; the grid."""
        count = len(self._obstacles)
        room = count + len(vehicles.state) + len(walkers.state)
        if self._grid is None or len(self._bodies) < room:
            self._bodies = np.zeros(room, BODY)
            self._bodies[:count] = self._obstacles
            self._grid = grid_of(self._obstacles, self._present)
        before = _padded(self._vehicles, vehicles.pose)
        count += contact_step.gather_vehicles(
            vehicles.state, vehicles.model, before, _CLEARANCE, self._bodies[count:]
        )
        before = _padded(self._walkers, walkers.pose)
        count += contact_step.gather_walkers(
            walkers.state, before, _CLEARANCE, self._bodies[count:]
        )
        return self._bodies[:count], self._grid


def _padded(before: F64, now: F64) -> F64:
    """The poses of before; who came since then was where it is."""
    return np.concatenate([before, now[len(before) :]])


def _obstacle(
    number: int, x: float, y: float, z: float, yaw: float, extent: Vector
) -> tuple[float | bool, ...]:
    """A BODY record of something that stands still."""
    place = (x, y, yaw, x, y, yaw, extent[0], extent[1], z - extent[2], z + extent[2])
    return (Party.OBSTACLE, number, *place, *(0.0,) * 6, False, 1.0)


def _knocked(bodies: Records, contacts: Records) -> dict[int, F64]:
    """Walkers (by slot) that a vehicle hit hard, and the velocity (3,) m/s they leave with."""
    hits = contacts[bodies["kind"][contacts["b"]] == Party.WALKER]
    if not len(hits):
        return {}
    a, b = bodies[hits["a"]], bodies[hits["b"]]
    towards = a["vx"] * hits["nx"] + a["vy"] * hits["ny"]
    hard = (np.minimum(towards, hits["closing"]) > _KNOCK_SPEED) & (a["kind"] == Party.VEHICLE)
    up = _LIFT * np.minimum(hits["closing"], 12.0)
    return {
        int(b["slot"][i]): np.array([b["vx"][i], b["vy"][i], up[i]]) for i in np.flatnonzero(hard)
    }


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
