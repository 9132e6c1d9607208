"""Rotating lasers: sensor.lidar.ray_cast and sensor.lidar.ray_cast_semantic.

Timing, order, intensity, drop-off and noise as CARLA documents them ("Sensors reference", 0.9.16).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.jit import maker
from sim import iso
from sim.server.poses import matrices
from sim.server.scene import F32, I32
from sim.server.sensors import sweep
from sim.server.sensors.attributes import Attributes, number
from sim.server.sensors.memory import Plain
from sim.server.sensors.surroundings import Boxes, Surroundings, unit_normals

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

MOST_POINTS = 1 << 22  # of one scan: 64 MiB
_TURN = 2.0 * math.pi
_LABELLED = np.dtype(
    [
        ("x", "<f4"),
        ("y", "<f4"),
        ("z", "<f4"),
        ("cosine", "<f4"),
        ("object_id", "<u4"),
        ("label", "<u4"),
    ]
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The attributes of a laser; angles in rad, positive up."""

    channels: int
    reach: float  # m
    rate: float  # points/s
    frequency: float  # turns/s
    upper: float
    lower: float
    fov: float  # horizontal
    attenuation: float  # 1/m
    drop_general: float  # share of beams lost
    drop_limit: float  # intensity above which none is lost
    drop_zero: float  # share lost at no intensity
    noise: float  # m along the beam

    @staticmethod
    def read(get: Attributes) -> Settings:
        """From the blueprint's attributes; what it lacks is zero."""
        upper, lower, fov = (
            float(iso.radians(number(get, key, default)))
            for key, default in (
                ("upper_fov", 10.0),
                ("lower_fov", -30.0),
                ("horizontal_fov", 360.0),
            )
        )
        return Settings(
            channels=min(max(int(number(get, "channels", 32.0)), 1), 1024),
            reach=max(number(get, "range", 10.0), 0.0),
            rate=max(number(get, "points_per_second", 56000.0), 0.0),
            frequency=max(number(get, "rotation_frequency", 10.0), 0.0),
            upper=upper,
            lower=lower,
            fov=min(max(fov, 1e-3), _TURN),
            attenuation=number(get, "atmosphere_attenuation_rate"),
            drop_general=number(get, "dropoff_general_rate"),
            drop_limit=number(get, "dropoff_intensity_limit"),
            drop_zero=number(get, "dropoff_zero_intensity"),
            noise=number(get, "noise_stddev"),
        )


@dataclass(frozen=True, slots=True)
class Scan:
    """One step's beams, before anything is lost: (channels, beams)."""

    depth: F32  # m
    which: NDArray[np.int32]  # triangle, -1 for nothing
    azimuth: F64  # (beams,) rad, sensor frame, positive left
    elevation: F64  # (channels,) rad

    def directions(self) -> tuple[F32, F32, F32]:
        """Unit vectors' x, y, z, each (channels, beams), sensor frame, ISO."""
        c = np.cos(self.elevation)[:, None]
        s = np.sin(self.elevation)[:, None] * np.ones_like(self.azimuth)
        return (
            (c * np.cos(self.azimuth)).astype(np.float32),
            (c * np.sin(self.azimuth)).astype(np.float32),
            s.astype(np.float32),
        )


class Laser:
    """A rotating laser. Memory: how far it has turned."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.turned = 0.0  # rad in [0, fov), clockwise as CARLA counts

    def save(self) -> Plain:
        """The memory."""
        return self.turned

    def restore(self, saved: Plain) -> None:
        """The inverse of `save`."""
        self.turned = float(saved)

    def scan(self, pose: F64, dt: float, town: Surroundings, boxes: Boxes) -> Scan:
        """The beams of one step from `pose` (6,), all at this moment, as in CARLA."""
        s = self.settings
        beams = min(math.floor(s.rate * dt / s.channels + 0.5), MOST_POINTS // s.channels)
        sweep_angle = s.frequency * s.fov * dt
        step = sweep_angle / max(beams, 1)
        clockwise = self.turned + step * np.arange(beams)
        self.turned = math.fmod(self.turned + sweep_angle, s.fov)
        pitch = (s.upper - s.lower) / max(s.channels - 1, 1)
        out = Scan(
            depth=np.full((s.channels, beams), s.reach, np.float32),
            which=np.full((s.channels, beams), -1, np.int32),
            azimuth=0.5 * s.fov - np.mod(clockwise, s.fov),
            elevation=s.upper - pitch * np.arange(s.channels, dtype=np.float64),
        )
        if not beams or not step > 0.0:
            return out
        lap = np.floor(clockwise / s.fov) if s.fov < _TURN - 1e-9 else np.zeros(beams)
        for run in np.split(np.arange(beams), np.flatnonzero(np.diff(lap)) + 1):
            _paint(out, run[::-1], step, pose, town, boxes, s.reach)
        return out


def _paint(
    scan: Scan, run: NDArray[np.intp], step: float, pose: F64, town: Surroundings, boxes: Boxes,
    reach: float,
) -> None:  # fmt: skip
    """Fill the beams of a run whose azimuth grows by `step`."""
    turn = np.ascontiguousarray(matrices(pose)[:3, :3].T)
    start = float(scan.azimuth[run[0]])
    azimuth = start + step * np.arange(len(run))
    cos, sin = np.cos(azimuth).astype(np.float32), np.sin(azimuth).astype(np.float32)
    elevation = scan.elevation
    pitch = float(elevation[0] - elevation[1]) if len(elevation) > 1 else 1.0
    depth = np.full((len(elevation), len(run)), reach, np.float32)
    which = np.full(depth.shape, -1, np.int32)
    solids = boxes.triangles()
    for triangles, numbers, offset in (
        (town.triangles, town.near(pose, reach), 0),
        (solids, np.arange(len(solids), dtype=np.int32), len(town.triangles)),
    ):
        sweep.paint(
            triangles, numbers, pose[:3], turn, float(elevation[0]), pitch, start, step, cos, sin,
            offset, depth, which,
        )  # fmt: skip
    scan.depth[:, run], scan.which[:, run] = depth, which


def _head(turned: float, counts: list[int]) -> bytes:
    return struct.pack(f"<fI{len(counts)}I", turned, len(counts), *counts)


@maker
def _collect(
    depth: F32, which: I32, azimuth: F64, elevation: F64, dice: F32, lucky: F32, noise: F32,
    losses: F64, out: F32, counts: I64,
) -> int:  # fmt: skip
    """Write what comes back: (P, 4) x, y, z in CARLA's axes, intensity; how many.

    losses: attenuation, general share, intensity limit, share at no intensity.
    """
    fade, general, limit, zero = losses[0], losses[1], losses[2], losses[3]
    slope = zero / limit if limit > 0.0 else 0.0
    cos, sin = np.cos(azimuth), np.sin(azimuth)
    count = 0
    for r in range(depth.shape[0]):
        c, s = math.cos(elevation[r]), math.sin(elevation[r])
        before = count
        for i in range(depth.shape[1]):
            if which[r, i] < 0 or dice[r, i] < general:
                continue
            d = depth[r, i]
            intensity = math.exp(-fade * d)
            if intensity <= limit and lucky[r, i] >= slope * intensity + 1.0 - zero:
                continue
            d += noise[r, i]
            out[count, 0], out[count, 1] = c * cos[i] * d, -c * sin[i] * d
            out[count, 2], out[count, 3] = s * d, intensity
            count += 1
        counts[r] = count - before
    return count


def points(
    laser: Laser,
    pose: F64,
    dt: float,
    town: Surroundings,
    boxes: Boxes,
    rng: np.random.Generator,
) -> list[bytes | memoryview]:
    """sensor.lidar.ray_cast: channel by channel x, y, z m (CARLA's axes), intensity."""
    s = laser.settings
    scan = laser.scan(pose, dt, town, boxes)
    shape, nothing = scan.depth.shape, np.zeros_like(scan.depth)
    dice = rng.random(shape, np.float32) if s.drop_general > 0.0 else nothing
    lucky = rng.random(shape, np.float32) if s.drop_zero > 0.0 else nothing
    noise = nothing
    if s.noise > 0.0:
        noise = np.float32(s.noise) * rng.standard_normal(shape, np.float32)
    out, counts = np.empty((scan.depth.size, 4), np.float32), np.zeros(shape[0], np.int64)
    losses = np.array([s.attenuation, s.drop_general, s.drop_limit, s.drop_zero])
    count = _collect(
        scan.depth, scan.which, scan.azimuth, scan.elevation, dice, lucky, noise, losses, out,
        counts,
    )  # fmt: skip
    return [_head(laser.turned, counts.tolist()), out.data.cast("B")[: count * out.strides[0]]]


def labelled_points(
    laser: Laser, pose: F64, dt: float, town: Surroundings, boxes: Boxes
) -> list[bytes | memoryview]:
    """sensor.lidar.ray_cast_semantic: x, y, z, cosine of incidence, object id, label."""
    scan = laser.scan(pose, dt, town, boxes)
    mask = scan.which >= 0
    which = scan.which[mask].astype(np.int64)
    x, y, z = (axis[mask] for axis in scan.directions())
    depth = scan.depth[mask]
    hits = town.describe(depth.astype(np.float64), which, boxes)
    normals = np.concatenate([town.normals, unit_normals(boxes.triangles())])[which]
    local = normals @ matrices(pose)[:3, :3].astype(np.float32)
    out = np.empty(len(depth), _LABELLED)
    out["x"], out["y"], out["z"] = x * depth, -y * depth, z * depth
    out["cosine"] = np.abs(local[:, 0] * x + local[:, 1] * y + local[:, 2] * z)
    out["object_id"], out["label"] = hits.object_id, hits.label
    return [_head(laser.turned, np.count_nonzero(mask, axis=1).tolist()), out.tobytes()]
