"""How a vehicle's body stands over the road: springs let it dive, squat and roll."""

from __future__ import annotations

import numpy as np

from common.frames import FloatArray, transform_from_euler


def ego_from_body(body: FloatArray, road: FloatArray) -> FloatArray:
    """The transform (4, 4) from the body to the ego frame, which lies on the road's plane.

    Both look the same way. What is bolted on, a camera, moves with the body; what a Scene holds
    lies on the road.

    Args:
        body: (6,) x, y, z m, roll, pitch, yaw rad of the vehicle's origin, world frame.
        road: (6,) likewise, of the road there, along any of its lanes.
    """
    world_from_body = _matrix(body)
    up = _matrix(road)[:3, 2]
    ahead = world_from_body[:3, 0] - up * (up @ world_from_body[:3, 0])
    ahead /= np.linalg.norm(ahead)
    height = up @ (body[:3] - road[:3])
    world_from_ego = np.eye(4)
    world_from_ego[:3, :3] = np.column_stack([ahead, np.cross(up, ahead), up])
    world_from_ego[:3, 3] = body[:3] - height * up
    out: FloatArray = np.linalg.inv(world_from_ego) @ world_from_body
    return out


def _matrix(pose: FloatArray) -> FloatArray:
    x, y, z, roll, pitch, yaw = pose.tolist()
    return transform_from_euler((x, y, z), roll, pitch, yaw)
