"""Walkers: they go where they are told, on the ground; a hit knocks them over.

World frame, SI. Memory: one structured array with slots, as `dynamics.Vehicles`. As in CARLA the
origin is the middle of the body, half its height above the ground.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.server.blueprints import Blueprint
from sim.server.vehicle_arrays import BODY, Records

F64 = NDArray[np.float64]
Ground = Callable[[F64], tuple[F64, F64]]

STATE = np.dtype(
    [
        *BODY,
        ("direction", "f8", 3),  # unit vector, world axes
        ("speed", "f8"),  # m/s
        ("jump", "?"),
        ("placed", "?"),  # put there this step: do not walk on
        ("down", "f8"),  # s left on the ground after a hit
        ("half_extent", "f8", 3),
        ("mass", "f8"),
        ("travel", "f8"),  # m
    ]
)

_GRAVITY = 9.81
_JUMP = 4.2  # m/s, Unreal's default character
_SLIDE = 0.6 * _GRAVITY  # m/s2, a body sliding on asphalt (Searle, SAE 831622: 0.4..0.75 g)
_DOWN_TIME = 5.0  # s
_LYING_HEIGHT = 0.2  # m, the body's middle
_STEP = 0.5  # m a walker can climb or sink at once


class Walkers:
    """All walkers."""

    def __init__(self) -> None:
        self.state: Records = np.zeros(16, STATE)

    def add(self, blueprint: Blueprint, pose: ArrayLike) -> int:
        """A standing walker at `pose` (6,); returns its slot."""
        free = np.flatnonzero(~self.state["alive"])
        if not free.size:
            self.state = np.concatenate([self.state, np.zeros(len(self.state), STATE)])
            free = np.flatnonzero(~self.state["alive"])
        slot = int(free[0])
        row = self.state[slot]
        self.state[slot] = np.zeros((), STATE)
        row["alive"] = row["simulate"] = row["gravity"] = row["collides"] = True
        row["pose"] = pose
        row["half_extent"] = blueprint.half_extent
        row["mass"] = blueprint.mass
        return slot

    def remove(self, slot: int) -> None:
        """Forget a walker; its slot may be given to another."""
        self.state["alive"][slot] = False

    @property
    def alive(self) -> NDArray[np.bool_]:
        """(capacity,) which slots hold a walker."""
        return self.state["alive"]

    @property
    def pose(self) -> F64:
        """(capacity, 6) x, y, z m, roll, pitch, yaw rad."""
        return self.state["pose"]

    @property
    def velocity(self) -> F64:
        """(capacity, 3) m/s, world axes."""
        return self.state["velocity"]

    @property
    def angular_velocity(self) -> F64:
        """(capacity, 3) rad/s, world axes."""
        return self.state["angular_velocity"]

    @property
    def acceleration(self) -> F64:
        """(capacity, 3) m/s2, world axes."""
        return self.state["acceleration"]

    def control(self, slot: int, direction: ArrayLike, speed: float, jump: bool) -> None:
        """CARLA's WalkerControl: a direction (3,) in world axes, and m/s."""
        row = self.state[slot]
        way = np.asarray(direction, np.float64)
        length = float(np.hypot(way[0], way[1]))
        row["direction"] = way / length if length > 1e-6 else 0.0
        row["speed"] = speed if length > 1e-6 else 0.0
        row["jump"] = jump

    def place(self, slot: int, pose: ArrayLike, speed: float) -> None:
        """CARLA's walker state of the crowd: the pose (6,) now, and the speed (m/s) forward."""
        row = self.state[slot]
        at = np.asarray(pose, np.float64)
        row["pose"] = at
        row["direction"] = math.cos(at[5]), math.sin(at[5]), 0.0
        row["speed"] = speed
        row["placed"] = True

    def teleport(self, slot: int, pose: ArrayLike) -> None:
        """Put the body's middle at `pose` (6,)."""
        self.state["pose"][slot] = pose

    def set_velocity(self, slot: int, velocity: ArrayLike) -> None:
        """Take a velocity (3,) m/s now; the walker goes on as told in the next step."""
        self.state["velocity"][slot] = velocity

    def add_impulse(self, slot: int, impulse: ArrayLike) -> None:
        """N s (3,), world axes."""
        row = self.state[slot]
        row["velocity"] += np.asarray(impulse, np.float64) / row["mass"]

    def knock_over(self, slot: int, velocity: ArrayLike) -> None:
        """A hit: the walker flies off with `velocity` (3,) m/s and lies for a while."""
        row = self.state[slot]
        row["velocity"] = velocity
        row["down"] = _DOWN_TIME

    def lie(self, slot: int) -> None:
        """Down for good."""
        row = self.state[slot]
        row["speed"], row["down"] = 0.0, math.inf

    def simulate(self, slot: int, on: bool) -> None:
        """Physics on or off; without it only `teleport` and `place` move the walker."""
        self.state["simulate"][slot] = on

    def gravity(self, slot: int, on: bool) -> None:
        """Gravity on or off."""
        self.state["gravity"][slot] = on

    def step(self, dt: float, ground: Ground) -> None:
        """Move all by `dt` s."""
        slots = np.flatnonzero(self.state["alive"])
        if not slots.size:
            return
        s = self.state[slots]  # a copy: written back below
        before = s["velocity"].copy()
        _walk(s, dt)
        _fall(s, ground, dt)
        s["acceleration"] = (s["velocity"] - before) / dt
        s["placed"] = s["jump"] = False
        s["down"] = np.maximum(s["down"] - dt, 0.0)
        self.state[slots] = s

    def save(self) -> bytes:
        """Everything that a step depends on."""
        return self.state.tobytes()

    def restore(self, data: bytes) -> None:
        """The inverse of `save`, to the bit."""
        self.state = np.frombuffer(data, STATE).copy()


def _walk(s: Records, dt: float) -> None:
    """Velocities in the plane, heading, position."""
    standing = s["down"] <= 0.0
    told = s["direction"][:, :2] * s["speed"][:, None]
    speed = np.hypot(s["velocity"][:, 0], s["velocity"][:, 1])
    slide = np.maximum(speed - _SLIDE * dt, 0.0) / np.maximum(speed, 1e-9)
    sliding = s["velocity"][:, :2] * slide[:, None]
    s["velocity"][:, :2] = np.where(standing[:, None], told, sliding)
    moves = s["simulate"] & ~s["placed"]
    s["pose"][:, :2] += np.where(moves[:, None], s["velocity"][:, :2] * dt, 0.0)
    turns = standing & moves & (s["speed"] > 0.0)
    yaw = np.where(turns, np.arctan2(s["direction"][:, 1], s["direction"][:, 0]), s["pose"][:, 5])
    turned = np.remainder(yaw - s["pose"][:, 5] + math.pi, 2.0 * math.pi) - math.pi
    s["angular_velocity"][:, 2] = turned / dt
    s["pose"][:, 5] = yaw
    s["pose"][:, 4] = np.where(standing, 0.0, -0.5 * math.pi)
    s["travel"] += np.where(standing, s["speed"], 0.0) * dt


def _fall(s: Records, ground: Ground, dt: float) -> None:
    """Heights: on the ground, or falling to it."""
    height, _ = ground(s["pose"][:, :3].copy())
    floor = height + np.where(s["down"] > 0.0, _LYING_HEIGHT, s["half_extent"][:, 2])
    rise = np.where(s["jump"], _JUMP, s["velocity"][:, 2])
    free = s["gravity"] & s["simulate"]
    rise = np.where(free, rise - _GRAVITY * dt, 0.0)
    z = s["pose"][:, 2] + rise * dt
    on_floor = free & (z < floor + np.where(rise > 0.0, 0.0, 0.05)) & (z > floor - _STEP)
    lost = free & (z <= floor - _STEP)
    s["pose"][:, 2] = np.where(on_floor | lost, floor, z)
    s["velocity"][:, 2] = np.where(on_floor | lost, 0.0, rise)
