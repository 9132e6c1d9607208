"""The bodies that move: vehicles and walkers, arrays with slots.

World frame, SI, positive left. A slot is an index that stays an actor's until `remove`. All arrays
are views of one structured array, so a state is copied and restored by its bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import astuple, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.server import vehicle_physics, vehicle_ride, vehicle_step
from sim.server.blueprints import Blueprint
from sim.server.friction import Zone, frictions
from sim.server.scene import Weather
from sim.server.sensors.memory import Plain
from sim.server.vehicle_arrays import (
    CONTROLS,
    MODEL,
    STATE,
    Records,
    fill_box,
    fill_physics,
    fresh_state,
)
from sim.server.vehicle_physics import REFERENCE_FRICTION, Chassis, VehiclePhysics

F64 = NDArray[np.float64]
Ground = Callable[[F64], tuple[F64, F64]]
"""(N, 2) m -> height (N,) m, normal (N, 3)."""

_FIRST_CAPACITY = 16
_WET_LOSS = 0.35
"""Share of friction lost on fully wet asphalt: about 0.9 dry, 0.6 wet (Wong, Theory of Ground
Vehicles, table 1.1)."""


def wet_grip(weather: Weather) -> float:
    """The share of dry friction that the weather leaves."""
    wet = max(weather.precipitation_deposits, weather.wetness, 0.5 * weather.precipitation)
    return 1.0 - _WET_LOSS * min(max(wet, 0.0), 100.0) / 100.0


def _grown(array: Records) -> Records:
    """Twice the capacity, the old content first."""
    out = np.zeros(max(2 * len(array), _FIRST_CAPACITY), array.dtype)
    out[: len(array)] = array
    return out


class Vehicles:
    """All vehicles. `state` and `model` are structured arrays (see `vehicle_arrays`)."""

    def __init__(self) -> None:
        self.state: Records = np.zeros(_FIRST_CAPACITY, STATE)
        self.model: Records = np.zeros(_FIRST_CAPACITY, MODEL)
        self.zones: dict[int, Zone] = {}  # friction triggers by whoever's id
        self._physics: dict[int, tuple[VehiclePhysics, Chassis]] = {}

    # --- slots

    def add(self, blueprint: Blueprint, pose: ArrayLike) -> int:
        """A standing vehicle at `pose` (6,) x, y, z, roll, pitch, yaw; returns its slot."""
        if blueprint.physics is None or blueprint.chassis is None:
            raise ValueError(f"{blueprint.id} is no vehicle")
        slot = self._free_slot()
        self.state[slot] = np.zeros((), STATE)
        self.model[slot] = np.zeros((), MODEL)
        fresh_state(self.state[slot], np.asarray(pose, np.float64))
        fill_box(self.model[slot], blueprint)
        self._write(slot, blueprint.physics, blueprint.chassis)
        return slot

    def _free_slot(self) -> int:
        free = np.flatnonzero(~self.state["alive"])
        if free.size:
            return int(free[0])
        slot = len(self.state)
        self.state, self.model = _grown(self.state), _grown(self.model)
        return slot

    def remove(self, slot: int) -> None:
        """Forget a vehicle; its slot may be given to another."""
        self.state["alive"][slot] = False
        del self._physics[slot]

    # --- arrays by slot

    @property
    def alive(self) -> NDArray[np.bool_]:
        """(capacity,) which slots hold a vehicle."""
        return self.state["alive"]

    @property
    def pose(self) -> F64:
        """(capacity, 6) x, y, z m, roll, pitch, yaw rad of the actors' origins."""
        return self.state["pose"]

    @property
    def velocity(self) -> F64:
        """(capacity, 3) m/s, world axes, of the centres of mass."""
        return self.state["velocity"]

    @property
    def angular_velocity(self) -> F64:
        """(capacity, 3) rad/s, world axes."""
        return self.state["angular_velocity"]

    @property
    def acceleration(self) -> F64:
        """(capacity, 3) m/s2, world axes: change of velocity over the last step."""
        return self.state["acceleration"]

    # --- what users ask for

    def control(
        self,
        slots: int | NDArray[np.intp],
        throttle: ArrayLike,
        steer: ArrayLike,
        brake: ArrayLike,
        *,
        hand_brake: ArrayLike = False,
        reverse: ArrayLike = False,
        manual_gear_shift: ArrayLike = False,
        gear: ArrayLike = 0,
    ) -> None:
        """CARLA's VehicleControl for one or many, but steer (-1..1) is positive left."""
        state = self.state
        state["throttle"][slots] = np.clip(throttle, 0.0, 1.0)
        state["steer"][slots] = np.clip(steer, -1.0, 1.0)
        state["brake"][slots] = np.clip(brake, 0.0, 1.0)
        state["hand_brake"][slots], state["reverse"][slots] = hand_brake, reverse
        state["manual_gear_shift"][slots], state["gear_wish"][slots] = manual_gear_shift, gear
        state["fresh"][slots] = True

    def teleport(self, slot: int, pose: ArrayLike) -> None:
        """Put the origin at `pose` (6,); velocities stay, as in CARLA."""
        row = self.state[slot]
        row["pose"] = pose
        row["ground_z"] = row["pose"][2]

    def set_velocity(self, slot: int, velocity: ArrayLike) -> None:
        """CARLA's target velocity (3,) m/s, world axes: taken at once, then physics goes on."""
        self.state["velocity"][slot] = velocity

    def set_angular_velocity(self, slot: int, angular_velocity: ArrayLike) -> None:
        """CARLA's target angular velocity (3,) rad/s, world axes; only yaw has an effect."""
        self.state["angular_velocity"][slot] = angular_velocity

    def set_cruise(self, slot: int, velocity: ArrayLike | None) -> None:
        """CARLA's constant velocity (3,) m/s in body axes, until None ends it."""
        self.state["cruise"][slot] = velocity is not None
        if velocity is not None:
            self.state["cruise_velocity"][slot] = velocity

    def add_impulse(self, slot: int, impulse: ArrayLike, at: ArrayLike | None = None) -> None:
        """N s (3,), world axes, at the centre of mass or at a point (3,) m, world."""
        row, mass = self.state[slot], float(self.model["mass"][slot])
        j = np.asarray(impulse, np.float64)
        row["velocity"] += j / mass
        if at is not None:
            row["angular_velocity"][2] += self._moment(slot, j, at) / self._inertia(slot)

    def add_angular_impulse(self, slot: int, impulse: ArrayLike) -> None:
        """N m s (3,), world axes; only yaw has an effect."""
        turn = float(np.asarray(impulse, np.float64)[2])
        self.state["angular_velocity"][slot, 2] += turn / self._inertia(slot)

    def add_force(self, slot: int, force: ArrayLike, at: ArrayLike | None = None) -> None:
        """N (3,), world axes, for the next step."""
        f = np.asarray(force, np.float64)
        self.state["force"][slot] += f
        if at is not None:
            self.state["torque"][slot] += self._moment(slot, f, at)

    def add_torque(self, slot: int, torque: ArrayLike) -> None:
        """N m (3,), world axes, for the next step; only yaw has an effect."""
        self.state["torque"][slot] += float(np.asarray(torque, np.float64)[2])

    def simulate(self, slot: int, on: bool) -> None:
        """Physics on or off; without it only `teleport` moves the vehicle."""
        self.state["simulate"][slot] = on

    def gravity(self, slot: int, on: bool) -> None:
        """Gravity on or off; without it the wheels carry nothing and do not grip."""
        self.state["gravity"][slot] = on

    def physics(self, slot: int) -> VehiclePhysics:
        """The parameters in force; in a friction trigger its friction is the tyres'."""
        own = self._physics[slot][0]
        friction = float(frictions(self.zones.values(), self.pose[slot : slot + 1, :3])[0])
        if math.isnan(friction):
            return own
        return replace(own, wheels=tuple(replace(w, tire_friction=friction) for w in own.wheels))

    def set_physics(self, slot: int, physics: VehiclePhysics) -> None:
        """New parameters; whoever changes max_steer redefines the rack's lock too."""
        old, chassis = self._physics[slot]
        steer = max(wheel.max_steer for wheel in physics.wheels)
        if abs(steer - max(wheel.max_steer for wheel in old.wheels)) > 1e-3:
            chassis = replace(chassis, lock=steer)
        self._write(slot, physics, chassis)

    # --- time

    def step(self, dt: float, ground: Ground, weather: Weather, max_substep: float = 0.01) -> None:
        """Move everything by `dt` s."""
        steps = max(1, math.ceil(dt / max_substep - 1e-9))
        self.state["grip"] = self._grip()
        self._relax()
        vehicle_step.move_all(self.state, self.model, dt, steps, wet_grip(weather))
        points = np.empty((4 * int(np.count_nonzero(self.alive)), 3))
        if vehicle_ride.corners(self.state, self.model, points):
            heights, _ = ground(points)
            vehicle_ride.settle_all(self.state, self.model, heights, dt, steps)

    def _relax(self) -> None:
        """Without CARLA's sticky control a command lasts for one step."""
        lapsed = self.state["fleeting"] & ~self.state["fresh"]
        if lapsed.any():
            for name in CONTROLS:
                self.state[name][lapsed] = 0
        self.state["fresh"] = False

    def _grip(self) -> F64:
        """The tyres' dry friction (capacity, 4): their own, or what a zone gives them."""
        own: F64 = self.model["grip"]
        if not self.zones:
            return own
        given = frictions(self.zones.values(), self.pose[:, :3]) / REFERENCE_FRICTION
        inside = (given * self.model["tyre_grip"])[:, None]
        return np.where(np.isnan(inside), own, inside)

    # --- copies

    def save(self) -> bytes:
        """Everything that a step depends on; for what users can ask, see `parameters`."""
        return len(self.state).to_bytes(8, "little") + self.state.tobytes() + self.model.tobytes()

    def restore(self, data: bytes) -> None:
        """The inverse of `save` among the same actors, to the bit."""
        count = int.from_bytes(data[:8], "little")
        middle = 8 + count * STATE.itemsize
        self.state = np.frombuffer(data[8:middle], STATE).copy()
        self.model = np.frombuffer(data[middle:], MODEL).copy()

    def parameters(self) -> list[Plain]:
        """What `physics` gives, and the chassis, by slot."""
        return [[slot, astuple(p), astuple(c)] for slot, (p, c) in sorted(self._physics.items())]

    def restore_parameters(self, saved: list[Plain]) -> None:
        """The inverse of `parameters`; the arrays come from `restore`.

        Raises:
            TypeError, ValueError: these are none.
        """
        self._physics = {
            int(slot): (vehicle_physics.from_plain(own), Chassis(*chassis))
            for slot, own, chassis in saved
        }

    # --- inside

    def _write(self, slot: int, physics: VehiclePhysics, chassis: Chassis) -> None:
        self._physics[slot] = (physics, chassis)
        fill_physics(self.model[slot], physics, chassis)

    def _inertia(self, slot: int) -> float:
        return float(self.model["yaw_inertia"][slot])

    def _moment(self, slot: int, force: F64, at: ArrayLike) -> float:
        x, y, yaw = self.state["pose"][slot, [0, 1, 5]]
        offset = float(self.model["centre_x"][slot])
        point = np.asarray(at, np.float64)
        rx = point[0] - x - offset * math.cos(yaw)
        ry = point[1] - y - offset * math.sin(yaw)
        return float(rx * force[1] - ry * force[0])
