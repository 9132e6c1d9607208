"""sensor.other.obstacle: a ball rolled straight ahead, and the first thing it touches."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.server.poses import matrices
from sim.server.sensors.attributes import Attributes, flag, number
from sim.server.sensors.surroundings import Boxes, Surroundings

F64 = NDArray[np.float64]

_CLOSE = 1e-3  # m
_RIM = 8  # rays on the ball's rim against the town
_STEPS = 64


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What the ball touched."""

    distance: float  # m travelled until the touch
    box: int  # index into the boxes; -1 for the town
    label: int


@dataclass(frozen=True, slots=True)
class Detector:
    """The attributes of an obstacle detector."""

    reach: float  # m
    radius: float  # m
    only_dynamics: bool

    @staticmethod
    def read(get: Attributes) -> Detector:
        """From the blueprint's attributes."""
        return Detector(
            reach=max(number(get, "distance", 5.0), 0.0),
            radius=max(number(get, "hit_radius", 0.5), 0.0),
            only_dynamics=flag(get, "only_dynamics"),
        )

    def look(self, pose: F64, town: Surroundings, boxes: Boxes) -> Obstacle | None:
        """The first touch ahead of `pose` (6,); the caller leaves the sensor's parent out."""
        world_from_sensor = matrices(pose)[:3, :3]
        travel = self._roll(pose[:3], world_from_sensor[:, 0], boxes)
        best = int(np.argmin(travel)) if len(travel) else -1
        distance = float(travel[best]) if best >= 0 else math.inf
        found = None
        if distance <= self.reach:
            found = Obstacle(distance, best, int(boxes.label[best]))
        if not self.only_dynamics:
            wall = self._town(pose[:3], world_from_sensor, town)
            if wall is not None and wall.distance < distance:
                found = wall
        return found

    def _roll(self, place: F64, way: F64, boxes: Boxes) -> F64:
        """Travel (N,) m until the ball touches each box; inf if it does not (sphere tracing)."""
        turn = matrices(boxes.pose)[:, :3, :3]
        start = np.einsum("nji,nj->ni", turn, place - boxes.pose[:, :3])
        local = np.einsum("nji,j->ni", turn, way)
        travel = np.zeros(len(start))
        for _ in range(_STEPS):
            at = start + travel[:, None] * local
            gap = np.linalg.norm(np.maximum(np.abs(at) - boxes.half, 0.0), axis=1) - self.radius
            travel = np.where(gap > _CLOSE, np.minimum(travel + gap, 2.0 * self.reach), travel)
        at = start + travel[:, None] * local
        gap = np.linalg.norm(np.maximum(np.abs(at) - boxes.half, 0.0), axis=1) - self.radius
        return np.where(gap <= 2.0 * _CLOSE, travel, math.inf)

    def _town(self, place: F64, world_from_sensor: F64, town: Surroundings) -> Obstacle | None:
        """The nearest of a ray at the middle and a ring of them on the rim."""
        angle = 2.0 * math.pi / _RIM * np.arange(_RIM)
        rim = self.radius * np.stack([0.0 * angle, np.cos(angle), np.sin(angle)], axis=-1)
        offsets = np.concatenate([np.zeros((1, 3)), rim]) @ world_from_sensor.T
        ways = np.tile(world_from_sensor[:, 0], (len(offsets), 1))
        hits = town.cast(place + offsets, ways, self.reach + self.radius)
        travel = hits.distance - np.where(np.arange(len(offsets)) == 0, self.radius, 0.0)
        travel = np.where(hits.met & (travel <= self.reach), np.maximum(travel, 0.0), math.inf)
        nearest = int(np.argmin(travel))
        if math.isinf(travel[nearest]):
            return None
        return Obstacle(float(travel[nearest]), -1, int(hits.label[nearest]))
