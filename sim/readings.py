"""What one tick of the simulator gives: the road users, the lights, the ego's sensors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray, Pose2
from common.messages import CameraFrame, LightState, Proprioception

Lights = tuple[tuple[int, LightState], ...]  # actor id -> what it shows, by id


@dataclass(frozen=True, slots=True)
class RoadUsers:
    """Vehicles and walkers of one tick in the order of their actor ids, the ego among them."""

    ids: NDArray[np.int64]  # (N,)
    walker: NDArray[np.bool_]  # (N,)
    pose: FloatArray  # (N, 6) x, y, z, roll, pitch, yaw of the actors' origins; m, rad, world frame
    velocity: FloatArray  # (N, 3) m/s, world frame
    spin: FloatArray  # (N, 3) rad/s, world axes
    half_extent: FloatArray  # (N, 3) m, half sizes of the boxes
    box_centre: FloatArray  # (N, 3) m, in the actor's frame

    def row(self, actor_id: int) -> int | None:
        """Where this actor stands, None if it is gone."""
        at = int(np.searchsorted(self.ids, actor_id))
        return at if at < len(self.ids) and self.ids[at] == actor_id else None

    def world_from_actor(self, row: int) -> Pose2:
        """One actor's pose seen from above."""
        x, y, _, _, _, yaw = self.pose[row]
        return Pose2(float(x), float(y), float(yaw))


@dataclass(frozen=True, slots=True)
class Contact:
    """One collision of the ego, as its sensor tells."""

    frame: int
    other_id: int
    other_type: str  # CARLA's type id
    impulse: FloatArray  # (3,) N s, world frame


@dataclass(frozen=True, slots=True)
class Readings:
    """Everything of one tick."""

    frame: int  # the simulator's counter
    t: float  # s since the episode's first tick
    users: RoadUsers
    ego_id: int
    lights: Lights
    frames: tuple[CameraFrame, ...]  # the rig's order; empty between camera ticks
    proprioception: Proprioception
    contacts: tuple[Contact, ...]
    view: CameraFrame | None = None  # the audience's camera; no driver sees it

    @property
    def ego_row(self) -> int:
        """The ego's row in `users`."""
        row = self.users.row(self.ego_id)
        assert row is not None, "the ego vehicle is gone"
        return row

    @property
    def world_from_ego(self) -> Pose2:
        """Where the ego truly is."""
        return self.users.world_from_actor(self.ego_row)

    @property
    def ego_velocity(self) -> FloatArray:
        """(2,) m/s along and across the ego."""
        vx, vy, _ = self.users.velocity[self.ego_row]
        yaw = self.users.pose[self.ego_row, 5]
        c, s = np.cos(yaw), np.sin(yaw)
        return np.array([c * vx + s * vy, c * vy - s * vx])


def chain_hash(digest: bytes, readings: Readings) -> bytes:
    """The next link: poses and velocities in order of ids (not the ids), lights, images."""
    link = hashlib.sha256(digest)
    for values in (readings.users.pose, readings.users.velocity, readings.users.spin):
        link.update(np.ascontiguousarray(values, np.float64).tobytes())
    link.update("".join(state.value[0] for _, state in readings.lights).encode())
    for frame in readings.frames:
        link.update(np.ascontiguousarray(frame.image).tobytes())
    return link.digest()
