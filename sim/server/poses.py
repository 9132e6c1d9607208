"""Poses as arrays: six numbers x, y, z m, roll, pitch, yaw rad (intrinsic z-y'-x'')."""

from __future__ import annotations

import numpy as np

from common.frames import FloatArray


def matrices(poses: FloatArray) -> FloatArray:
    """The homogeneous transforms (..., 4, 4) ``parent_from_body`` of poses (..., 6)."""
    cos, sin = np.cos(poses[..., 3:]), np.sin(poses[..., 3:])
    cr, cp, cy = cos[..., 0], cos[..., 1], cos[..., 2]
    sr, sp, sy = sin[..., 0], sin[..., 1], sin[..., 2]
    out = np.zeros((*poses.shape[:-1], 4, 4))
    out[..., 0, 0] = cy * cp
    out[..., 0, 1] = cy * sp * sr - sy * cr
    out[..., 0, 2] = cy * sp * cr + sy * sr
    out[..., 1, 0] = sy * cp
    out[..., 1, 1] = sy * sp * sr + cy * cr
    out[..., 1, 2] = sy * sp * cr - cy * sr
    out[..., 2, 0] = -sp
    out[..., 2, 1] = cp * sr
    out[..., 2, 2] = cp * cr
    out[..., :3, 3] = poses[..., :3]
    out[..., 3, 3] = 1.0
    return out


def poses_of(transforms: FloatArray) -> FloatArray:
    """The poses (..., 6) of homogeneous transforms (..., 4, 4); inverse of `matrices`."""
    out = np.empty((*transforms.shape[:-2], 6))
    out[..., :3] = transforms[..., :3, 3]
    out[..., 3] = np.arctan2(transforms[..., 2, 1], transforms[..., 2, 2])
    out[..., 4] = -np.arcsin(np.clip(transforms[..., 2, 0], -1.0, 1.0))
    out[..., 5] = np.arctan2(transforms[..., 1, 0], transforms[..., 0, 0])
    return out


def local_vector(pose: FloatArray, vector: FloatArray) -> FloatArray:
    """A vector (3,) of the body's axes, in world axes."""
    turned: FloatArray = matrices(pose)[:3, :3] @ vector
    return turned
