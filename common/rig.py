"""The ego vehicle's cameras: what the drive mounts, what training saw, what the network expects.

The order is the order of the network's images. The lift's index tables are baked into the
network, so a changed rig needs newly trained weights; `digest` tells rigs apart.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np

from common.frames import FloatArray
from common.messages import Camera

WIDTH_PX = 256
HEIGHT_PX = 128


def ego_from_cam(xyz: tuple[float, float, float], yaw: float, pitch: float = 0.0) -> FloatArray:
    """The pose (4, 4) of a camera without roll: yaw rad positive left, pitch rad positive down."""
    c, s = math.cos(yaw), math.sin(yaw)
    cp, sp = math.cos(pitch), math.sin(pitch)
    out = np.eye(4)
    out[:3, 0] = s, -c, 0.0  # right
    out[:3, 2] = c * cp, s * cp, -sp  # forward
    out[:3, 1] = np.cross(out[:3, 2], out[:3, 0])  # down
    out[:3, 3] = xyz
    return out


def _camera(
    name: str, fov: float, xyz: tuple[float, float, float], yaw: float, pitch: float = 0.0
) -> Camera:
    return Camera(name, WIDTH_PX, HEIGHT_PX, fov, ego_from_cam(xyz, yaw, pitch))


RIG: tuple[Camera, ...] = (
    _camera("front", 5 * math.pi / 9, (1.3, 0.0, 1.6), 0.0),
    _camera("left", 11 * math.pi / 18, (0.3, 1.0, 1.6), math.pi / 2),
    _camera("right", 11 * math.pi / 18, (0.3, -1.0, 1.6), -math.pi / 2),
    _camera("rear", 5 * math.pi / 9, (-1.9, 0.0, 1.6), math.pi),
    _camera("narrow", 7 * math.pi / 36, (1.3, 0.0, 1.6), 0.0, -math.pi / 45),
)
"""Front 100, left and right 110, rear 100, narrow front 35 degrees wide. Just above the roof line
of `vehicle.LINCOLN_MKZ`, so that the bonnet stays out of the picture. The narrow camera looks up
by 4 degrees: it sees the road from 18 m on, and lamps 5 m high from 15 m on."""


def digest(rig: tuple[Camera, ...] = RIG) -> str:
    """Sixteen hex digits of the cameras' names, sizes, views and poses (to 1e-6)."""
    parts = [
        f"{c.name} {c.width_px}x{c.height_px} {c.fov:.6f} "
        + " ".join(f"{v + 0.0:.6f}" for v in np.round(c.ego_from_cam, 6).ravel())
        for c in rig
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
