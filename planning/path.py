"""A route as a line one can measure along: Frenet frame, curvature, speed profile, junctions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray, Pose2, wrap_angles
from common.messages import LaneEstimate, Route, RouteCommand
from common.vehicle import VehicleGeometry

STEP = 0.5  # m between the points of a path; a car is ten of them
BEFORE, BEYOND = 20.0, 120.0  # m of straight line added before the route's start and past its end
SMOOTHING = 1.0  # m, standard deviation; cuts a corner of radius R by SMOOTHING^2 / 2R
CURVATURE_SMOOTHING = 1.5  # m, standard deviation
COMFORT_LATERAL_ACCEL = 2.2  # m/s2; below ISO 11270's 3.0, the limit of planning/safety.py
COMFORT_DECEL = 1.4  # m/s2, towards curves and lower limits
END_SPEED = 2.5  # m/s at the route's last point, so that it is reached and not approached for ever
OVERRUN = 5.0  # m past the last point where the car stands still


@dataclass(frozen=True, slots=True)
class Path:
    """A line with points every `STEP` metres; the variable's name says the frame.

    ``s`` grows along the line and is 0 at the route's first point. ``command`` indexes
    `COMMANDS`; anything but 0 lies inside a junction.
    """

    s: FloatArray  # (N,) m
    xy: FloatArray  # (N, 2) m
    yaw: FloatArray  # (N,) rad, continuous
    curvature: FloatArray  # (N,) 1/m, positive left
    speed: FloatArray  # (N,) m/s, what limits, curves and the route's end allow
    command: NDArray[np.int64]  # (N,)
    end: float  # m, the s of the route's last point


COMMANDS = tuple(RouteCommand)
"""LANE_FOLLOW first, so that a command's index is true inside a junction."""


def path_of(route: Route) -> Path:
    """The route resampled, smoothed and lengthened at both ends, in the world frame."""
    points, kept = _distinct(route.points)
    s_points = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    end = float(s_points[-1])
    rows = np.arange(-math.floor(BEFORE / STEP), math.ceil((end + BEYOND) / STEP))
    s: FloatArray = rows.astype(np.float64) * STEP
    xy = _smooth(_extended(points, s_points, s), SMOOTHING)
    steps = np.diff(xy, axis=0)
    yaw = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    yaw = np.concatenate([yaw[:1], 0.5 * (yaw[1:] + yaw[:-1]), yaw[-1:]])
    curvature = _smooth(np.gradient(yaw, STEP)[:, None], CURVATURE_SMOOTHING)[:, 0]
    nearest = np.clip(np.searchsorted(s_points, s - 1e-6), 0, len(points) - 1)
    limit = np.asarray(route.speed_limit, dtype=np.float64)[kept][nearest]
    codes = np.array([COMMANDS.index(command) for command in route.commands])[kept]
    command = np.where((s >= 0.0) & (s <= end), codes[nearest], 0)
    return Path(s, xy, yaw, curvature, _speed_profile(s, limit, curvature, end), command, end)


def _distinct(points: FloatArray) -> tuple[FloatArray, NDArray[np.int64]]:
    """The points without repetitions (closer than 1 cm), and their rows."""
    moved = np.hypot(*np.diff(points, axis=0).T) > 0.01
    rows = np.flatnonzero(np.concatenate([[True], moved]))
    if len(rows) < 2:
        raise ValueError(f"expected a route of at least 2 distinct points, got {len(rows)}")
    return np.asarray(points[rows], dtype=np.float64), rows


def _extended(points: FloatArray, s_points: FloatArray, s: FloatArray) -> FloatArray:
    """The polyline at arc lengths s (N,), straight on outside its ends."""
    xy = np.stack([np.interp(s, s_points, points[:, k]) for k in (0, 1)], axis=-1)
    near = min(3, len(points) - 1)  # rows over which the ends' directions are taken
    for outside, direction in (
        (np.minimum(s, 0.0), points[near] - points[0]),
        (np.maximum(s - s_points[-1], 0.0), points[-1] - points[-1 - near]),
    ):
        xy += outside[:, None] * (direction / np.hypot(*direction))
    return xy


def _smooth(values: FloatArray, sigma: float) -> FloatArray:
    """A Gaussian mean along the first axis; the ends are straight, so they stay."""
    reach = math.ceil(3.0 * sigma / STEP)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) * STEP / sigma) ** 2)
    weights /= weights.sum()
    head = 2.0 * values[0] - values[reach:0:-1]
    tail = 2.0 * values[-1] - values[-2 : -reach - 2 : -1]
    padded = np.concatenate([head, values, tail])
    columns = [np.convolve(padded[:, k], weights, mode="valid") for k in range(values.shape[1])]
    return np.stack(columns, axis=-1)


def _speed_profile(
    s: FloatArray, limit: FloatArray, curvature: FloatArray, end: float
) -> FloatArray:
    """The speed (N,) m/s at which limits, curves and the end can all be met braking gently.

    Backward pass v_i^2 <= v_j^2 + 2 b (s_j - s_i) for all j > i, as a running minimum.
    """
    bend = np.sqrt(COMFORT_LATERAL_ACCEL / np.maximum(np.abs(curvature), 1e-4))
    speed = np.minimum(limit, bend)
    speed = np.where(s >= end, np.minimum(speed, END_SPEED), speed)
    speed = np.where(s >= end + OVERRUN, 0.0, speed)
    energy = speed**2 + 2.0 * COMFORT_DECEL * s
    energy = np.minimum.accumulate(energy[::-1])[::-1]
    return np.sqrt(np.maximum(energy - 2.0 * COMFORT_DECEL * s, 0.0))


def project(path: Path, xy: FloatArray, near: float, reach: float = 15.0) -> tuple[float, float]:
    """Arc length and lateral offset (m, left positive) of a point (2,) in the path's frame.

    Only the stretch within `reach` of arc length `near` is searched: the caller's memory of its
    progress, which keeps a route that crosses itself apart.
    """
    first, last = np.searchsorted(path.s, (near - reach, near + reach))
    last = max(last, first + 2)
    first = min(int(first), len(path.s) - 2)
    s, d = frenet(path, first, int(last), xy[None, :])
    return float(s[0]), float(d[0])


def frenet(path: Path, first: int, last: int, xy: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Arc lengths and lateral offsets (M,) of points (M, 2) on rows first:last of the path."""
    line = path.xy[first:last]
    square = (line**2).sum(axis=1)[None, :] - 2.0 * (xy @ line.T)
    nearest = first + square.argmin(axis=1)
    delta = xy - path.xy[nearest]
    c, sn = np.cos(path.yaw[nearest]), np.sin(path.yaw[nearest])
    along = np.clip(delta[:, 0] * c + delta[:, 1] * sn, -STEP, STEP)
    return path.s[nearest] + along, delta[:, 1] * c - delta[:, 0] * sn


def stretch(path: Path, target_from_path: Pose2, s_from: float, s_to: float) -> Path:
    """The rows between two arc lengths, in another frame (``ego_from_world`` as a rule)."""
    first, last = np.searchsorted(path.s, (s_from, s_to))
    first = min(int(first), len(path.s) - 2)
    last = max(int(last), first + 2)
    rows = slice(first, last)
    return Path(
        path.s[rows],
        target_from_path.apply(path.xy[rows]),
        path.yaw[rows] + target_from_path.yaw,
        path.curvature[rows],
        path.speed[rows],
        path.command[rows],
        path.end,
    )


def shifted(path: Path, offset: float) -> Path:
    """The parallel path `offset` metres to the left; arc lengths stay those of the original."""
    normal = np.stack([-np.sin(path.yaw), np.cos(path.yaw)], axis=-1)
    xy = path.xy + offset * normal
    curvature = path.curvature / np.maximum(1.0 - offset * path.curvature, 0.2)
    return Path(path.s, xy, path.yaw, curvature, path.speed, path.command, path.end)


def junction_ahead(path: Path, s: float) -> tuple[float, float] | None:
    """Entry and exit (m) of the junction at or after arc length s; None where none is in sight."""
    inside = (path.command > 0) & (path.s >= s)
    if not inside.any():
        return None
    first = int(inside.argmax())
    rest = path.command[first:] > 0
    last = first + (int((~rest).argmax()) if not rest.all() else len(rest)) - 1
    while first > 0 and path.command[first - 1] > 0:
        first -= 1
    return float(path.s[first]), float(path.s[last])


def lane_offset(ego_path: Path, lanes: tuple[LaneEstimate, ...], s: float) -> float | None:
    """How far left of the path (m) the seen own lane lies ahead; None where it is not seen.

    The median over 2 to 18 m ahead, outside junctions, of confident estimates only.
    """
    own = [lane for lane in lanes if lane.index == 0 and lane.confidence >= 0.5]
    if not own or len(own[0].centre) < 2:
        return None
    centre = np.asarray(own[0].centre, dtype=np.float64)
    centre = centre[(centre[:, 0] > 2.0) & (centre[:, 0] < 18.0)]
    inside = (ego_path.command > 0) & (np.abs(ego_path.s - s - 8.0) < 12.0)
    if len(centre) < 2 or inside.any():
        return None
    _, d = frenet(ego_path, 0, len(ego_path.s), centre)
    return float(np.median(d)) if np.ptp(d) < 1.0 else None


def slip(steer: float, vehicle: VehicleGeometry) -> float:
    """How far left of its heading (rad) the vehicle's origin moves: kinematic bicycle."""
    return math.atan(vehicle.rear_axle * math.tan(steer) / vehicle.wheelbase)


def heading_error(path: Path, s: float, yaw: float) -> float:
    """The direction `yaw` relative to the path at arc length s, rad in (-pi, pi]."""
    return float(wrap_angles(np.asarray(yaw - np.interp(s, path.s, path.yaw))))
