"""Driving scores of the CARLA leaderboard and comfort: pure, shared with the evaluator.

Followed: statistics_manager.py of leaderboard 2.0 and 2.1 for the penalties, and for what is
penalised the criteria as both set them up (`sim/judge.py`: 4 checkpoints of speed per route,
blocked after 180 s). Their routes are about 10 km long, ours a few hundred metres: one wait at a
red light can cost a checkpoint here that it would not cost there.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.signal import savgol_filter

from common.frames import FloatArray
from common.messages import Infraction

FACTOR_20 = {
    "collision_walker": 0.50,
    "collision_vehicle": 0.60,
    "collision_static": 0.65,
    "red_light": 0.70,
    "stop_sign": 0.80,
    "scenario_timeout": 0.70,
    "yield_emergency": 0.70,
}
"""leaderboard 2.0, statistics_manager.py: the penalty is their product."""

WEIGHT_21 = {
    "collision_walker": 1.00,
    "collision_vehicle": 0.70,
    "collision_static": 0.60,
    "red_light": 0.40,
    "stop_sign": 0.25,
    "scenario_timeout": 0.40,
    "yield_emergency": 0.40,
}
"""leaderboard 2.1, statistics_manager.py: the penalty is 1 / (1 + their sum)."""

MIN_SPEED_20 = 0.3  # of the missing share, per failed checkpoint
MIN_SPEED_21 = 0.4

COMFORT_ACCEL = (-4.05, 2.40)  # m/s2 along; these bounds are nuPlan's ego comfort metric
COMFORT_LATERAL = 4.89  # m/s2
COMFORT_JERK = 8.37  # m/s3, of the acceleration's magnitude
COMFORT_JERK_ALONG = 4.13  # m/s3
COMFORT_YAW_RATE = 0.95  # rad/s
COMFORT_YAW_ACCEL = 1.93  # rad/s2
CHUNK = 20  # ticks
WINDOW, ORDER = 7, 2  # of the Savitzky-Golay filter


def lb20(route_completion: float, infractions: Iterable[Infraction]) -> float:
    """Driving score of leaderboard 2.0 for one route, 0..100."""
    penalty = 1.0
    for one in infractions:
        share = 1.0 if one.share is None else one.share
        if one.kind in FACTOR_20:
            penalty *= FACTOR_20[one.kind]
        elif one.kind in ("off_road", "wrong_lane"):
            penalty *= 1.0 - share
        elif one.kind == "min_speed":
            penalty *= 1.0 - MIN_SPEED_20 * (1.0 - share)
    return route_completion * penalty


def lb21(route_completion: float, infractions: Iterable[Infraction]) -> float:
    """Driving score of leaderboard 2.1 for one route, 0..100."""
    total, inside = 0.0, 1.0
    for one in infractions:
        share = 1.0 if one.share is None else one.share
        if one.kind in WEIGHT_21:
            total += WEIGHT_21[one.kind]
        elif one.kind in ("off_road", "wrong_lane"):
            inside *= 1.0 - share
        elif one.kind == "min_speed":
            total += MIN_SPEED_21 * (1.0 - share)
    return route_completion * inside / (1.0 + total)


def comfort_si(velocity: FloatArray, yaw_rate: FloatArray, dt: float) -> float:
    """Share 0..1 of whole 1 s chunks within all comfort bounds; the tail is dropped.

    Args:
        velocity: (N, 2) m/s along and across the ego.
        yaw_rate: (N,) rad/s.
        dt: s between samples.

    Bench2Drive's chunks with nuPlan's bounds in the units they were made for. 1 for less than one
    chunk: nothing was uncomfortable.
    """
    chunks = len(yaw_rate) // CHUNK
    if chunks == 0:
        return 1.0
    slope = savgol_filter(velocity, WINDOW, ORDER, deriv=1, delta=dt, axis=0)
    along = slope[:, 0] - yaw_rate * velocity[:, 1]
    across = slope[:, 1] + yaw_rate * velocity[:, 0]
    whole = np.hypot(along, across)
    good = (along > COMFORT_ACCEL[0]) & (along < COMFORT_ACCEL[1])
    good &= np.abs(across) < COMFORT_LATERAL
    good &= np.abs(_rate(whole, dt)) < COMFORT_JERK
    good &= np.abs(_rate(along, dt)) < COMFORT_JERK_ALONG
    good &= np.abs(yaw_rate) < COMFORT_YAW_RATE
    good &= np.abs(_rate(yaw_rate, dt)) < COMFORT_YAW_ACCEL
    return float(good[: chunks * CHUNK].reshape(chunks, CHUNK).all(axis=1).mean())


def _rate(values: FloatArray, dt: float) -> FloatArray:
    out: FloatArray = savgol_filter(values, WINDOW, ORDER, deriv=1, delta=dt)
    return out
