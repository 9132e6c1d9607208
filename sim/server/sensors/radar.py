"""sensor.other.radar: rays at random within an elliptic cone; what they meet, and how fast.

As in CARLA ("Sensors reference", 0.9.16): velocity, azimuth, altitude, depth per detection.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim import iso
from sim.server.poses import matrices
from sim.server.sensors.attributes import Attributes, number
from sim.server.sensors.surroundings import Boxes, Surroundings

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Radar:
    """The attributes of a radar."""

    rate: float  # rays/s
    half_width: float  # rad
    half_height: float  # rad
    reach: float  # m

    @staticmethod
    def read(get: Attributes) -> Radar:
        """From the blueprint's attributes."""
        half = iso.radians(
            [number(get, "horizontal_fov", 30.0) / 2.0, number(get, "vertical_fov", 30.0) / 2.0]
        )
        half = np.clip(half, 0.0, 0.49 * math.pi)
        return Radar(
            rate=max(number(get, "points_per_second", 1500.0), 0.0),
            half_width=float(half[0]),
            half_height=float(half[1]),
            reach=max(number(get, "range", 100.0), 0.0),
        )

    def payload(
        self,
        pose: F64,
        velocity: F64,
        dt: float,
        town: Surroundings,
        boxes: Boxes,
        rng: np.random.Generator,
    ) -> bytes:
        """Detections of one step from `pose` (6,), moving with `velocity` (3,) m/s, world axes."""
        count = min(int(self.rate * dt), 100_000)
        radius, angle = rng.random(count), rng.uniform(0.0, 2.0 * math.pi, count)
        ahead = np.stack(
            [
                np.ones(count),
                -math.tan(self.half_width) * radius * np.cos(angle),
                math.tan(self.half_height) * radius * np.sin(angle),
            ],
            axis=-1,
        )
        length = np.linalg.norm(ahead, axis=1)
        local = ahead / length[:, None]
        world = local @ matrices(pose)[:3, :3].T
        hits = town.cast(np.tile(pose[:3], (count, 1)), world, 1.5 * self.reach, boxes)
        met = hits.met & (hits.distance <= self.reach * length)
        target = np.zeros((count, 3))
        target[hits.box >= 0] = boxes.velocity[hits.box[hits.box >= 0]]
        closing = ((target - velocity) * world).sum(axis=1)
        azimuth = np.arctan2(-local[:, 1], local[:, 0])
        altitude = np.arcsin(local[:, 2])
        rows = np.stack([closing, azimuth, altitude, hits.distance], axis=-1)[met]
        return bytes(rows.astype("<f4").tobytes())
