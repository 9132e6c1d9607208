"""The one border between CARLA (left-handed, degrees) and our axes (ISO 8855, radians).

CARLA: x forward, y right, z up; pitch positive nose-up, yaw clockwise seen from above.
Ours: x forward, y left, z up; pitch positive nose-down, yaw counter-clockwise.
With S = diag(1, -1, 1, 1) a matrix M of one is S M S of the other; S is its own inverse, hence so
are `mirror`, `mirror_axial` and `mirror_matrix`. Images are never flipped.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common.frames import FloatArray, Pose2
from common.jit import kernel

if TYPE_CHECKING:
    import carla

_POLAR = np.array([1.0, -1.0, 1.0])
_AXIAL = np.array([-1.0, 1.0, -1.0])
_RAD_PER_DEG = math.pi / 180.0
_MOTION_ORDER = np.array([0, 1, 2, 4, 5, 3, *range(6, 15)])
_MOTION_SIGN = np.concatenate([_POLAR, [-1.0, -1.0, 1.0], _POLAR, _AXIAL, _POLAR])
_MOTION_SCALE = _MOTION_SIGN / np.repeat([1.0, _RAD_PER_DEG, 1.0, _RAD_PER_DEG, 1.0], 3)


def radians(deg: ArrayLike) -> FloatArray:
    """Plain unit change of any shape; signs stay."""
    return np.asarray(deg, np.float64) * _RAD_PER_DEG


def degrees(rad: ArrayLike) -> FloatArray:
    """Plain unit change of any shape; signs stay."""
    return np.asarray(rad, np.float64) / _RAD_PER_DEG


def mirror(vectors: ArrayLike) -> FloatArray:
    """Points, velocities, accelerations, forces (..., 3), either way: y changes sign."""
    out: FloatArray = np.asarray(vectors, np.float64) * _POLAR
    return out


def mirror_axial(vectors: ArrayLike) -> FloatArray:
    """Angular velocities, torques (..., 3) in one unit, either way: x and z change sign."""
    out: FloatArray = np.asarray(vectors, np.float64) * _AXIAL
    return out


def mirror_matrix(matrices: ArrayLike) -> FloatArray:
    """Rigid transforms (..., 4, 4), either way: S M S."""
    out = np.array(matrices, np.float64)
    out[..., 1, :] *= -1.0
    out[..., :, 1] *= -1.0
    return out


def angles_from_carla(pitch_yaw_roll_deg: ArrayLike) -> FloatArray:
    """(..., 3) pitch, yaw, roll (deg, CARLA) -> roll, pitch, yaw (rad, ours, not wrapped)."""
    deg = np.asarray(pitch_yaw_roll_deg, np.float64)
    return np.stack([deg[..., 2], -deg[..., 0], -deg[..., 1]], axis=-1) * _RAD_PER_DEG


def angles_to_carla(roll_pitch_yaw: ArrayLike) -> FloatArray:
    """(..., 3) roll, pitch, yaw (rad) as (..., 3) pitch, yaw, roll in CARLA's degrees."""
    rad = np.asarray(roll_pitch_yaw, np.float64)
    return np.stack([-rad[..., 1], -rad[..., 2], rad[..., 0]], axis=-1) / _RAD_PER_DEG


def pose_from_carla(transform: ArrayLike) -> FloatArray:
    """(..., 6) x, y, z, pitch, yaw, roll (deg, CARLA) -> x, y, z, roll, pitch, yaw (rad)."""
    t = np.asarray(transform, np.float64)
    return np.concatenate([mirror(t[..., :3]), angles_from_carla(t[..., 3:])], axis=-1)


def pose_to_carla(pose: ArrayLike) -> FloatArray:
    """The inverse of `pose_from_carla`."""
    p = np.asarray(pose, np.float64)
    return np.concatenate([mirror(p[..., :3]), angles_to_carla(p[..., 3:])], axis=-1)


@kernel
def motions_to_carla(motion: FloatArray, rows: NDArray[np.intp], out: NDArray[np.float32]) -> None:
    """Poses with velocity, angular velocity and acceleration, as a snapshot has them.

    Args:
        motion: (M, 15) x, y, z, roll, pitch, yaw, then three world vectors (m, rad, s).
        rows: (N,) which of them.
        out: (N, 15) x, y, z, pitch, yaw, roll, the same vectors (m, deg, s; CARLA's axes).
    """
    for i in range(rows.shape[0]):
        for k in range(15):
            out[i, k] = motion[rows[i], _MOTION_ORDER[k]] * _MOTION_SCALE[k]


def angular_velocity_from_carla(deg_per_s: ArrayLike) -> FloatArray:
    """An actor's angular velocity (..., 3) deg/s, CARLA axes -> rad/s, our axes."""
    return mirror_axial(deg_per_s) * _RAD_PER_DEG


def angular_velocity_to_carla(rad_per_s: ArrayLike) -> FloatArray:
    """The inverse of `angular_velocity_from_carla`."""
    return mirror_axial(rad_per_s) / _RAD_PER_DEG


def yaw_from_carla(yaw_deg: float) -> float:
    """A heading, yaw rate or azimuth (deg, clockwise) as rad, counter-clockwise; not wrapped."""
    return -yaw_deg * _RAD_PER_DEG


def yaw_to_carla(yaw: float) -> float:
    """The inverse of `yaw_from_carla`."""
    return -yaw / _RAD_PER_DEG


def transform_pose(transform: carla.Transform) -> FloatArray:
    """The client's transform as x, y, z, roll, pitch, yaw (6,) m, rad."""
    at, turn = transform.location, transform.rotation
    return pose_from_carla([at.x, at.y, at.z, turn.pitch, turn.yaw, turn.roll])


def transform_pose2(transform: carla.Transform) -> Pose2:
    """The client's transform seen from above."""
    at = transform.location
    return Pose2(at.x, -at.y, -transform.rotation.yaw * _RAD_PER_DEG)


def vector(value: carla.Vector3D) -> FloatArray:
    """The client's location, velocity or acceleration (3,) in our axes."""
    return np.array([value.x, -value.y, value.z])


def camera_pose(ego_from_cam: FloatArray) -> FloatArray:
    """A camera's optical frame (4, 4) as the pose (6,) CARLA wants, whose x looks ahead.

    x, y, z (m) and roll, pitch, yaw (rad) in our axes, for `carla_transform`.
    """
    right, down, ahead = ego_from_cam[:3, 0], ego_from_cam[:3, 1], ego_from_cam[:3, 2]
    roll = math.atan2(-right[2], -down[2])
    pitch = -math.asin(max(-1.0, min(1.0, ahead[2])))
    yaw = math.atan2(ahead[1], ahead[0])
    return np.array([*ego_from_cam[:3, 3], roll, pitch, yaw])


def carla_transform(pose: ArrayLike) -> carla.Transform:
    """x, y, z, roll, pitch, yaw (6,) m, rad as the client's transform."""
    import carla

    x, y, z, pitch_deg, yaw_deg, roll_deg = (float(value) for value in pose_to_carla(pose))
    return carla.Transform(carla.Location(x, y, z), carla.Rotation(pitch_deg, yaw_deg, roll_deg))
