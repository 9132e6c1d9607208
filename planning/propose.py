"""Proposals: candidate intentions, each driven forward against the forecast.

The recipe of PDM-Closed (Dauner 2023): lateral targets times target speeds under the intelligent
driver model, here with stopping points (lines, places to yield) as candidates of their own.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from common.jit import helper, maker
from common.vehicle import LINCOLN_MKZ
from planning.kernels import on_line

X, Y, YAW, SPEED, ACCEL, S, D = range(7)
"""Columns of a proposal's states."""
TARGET, BLEND, SHARE, STOP, BRAKE, GAP = range(6)
"""Columns of a candidate: lateral target m, metres to get there, share of the allowed speed, arc
length to stop at (inf for none), constant deceleration m/s2 (0 for none), m to keep from who stands
in the way."""

CALM = -4.5  # m/s2; harder wishes may build up with `URGENT_JERK`
URGENT_JERK = 15.0  # m/s3
CROSSING, ONCOMING_CROSSING = 0.5, 0.2  # sine of the angle to the path of who is no leader
PASSES = 0.8  # m/s across the path above which it soon is gone
HOLDS = 0.3  # m/s2 by which who is in the way must slow the car to be what holds it
STOP_FADE = 0.6  # s, time constant with which a stop's braking fades out
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
LEAST_BLEND = 5.0  # m
BRAKES = (2.0, 4.0, 8.0)  # m/s2


class DriverModel(NamedTuple):
    """How the ego drives in a rollout: the intelligent driver model's figures and the car's."""

    accel: float = 1.8  # m/s2
    decel: float = 1.8  # m/s2, comfortable
    brake: float = 8.0  # m/s2, most
    jerk: float = 2.5  # m/s3, in calm driving
    headway: float = 1.4  # s
    gap: float = 3.0  # m between bumpers at standstill
    margin: float = 0.3  # m at each side within which an object counts as in the way
    length: float = LINCOLN_MKZ.length  # m
    width: float = LINCOLN_MKZ.width  # m


class Aim(NamedTuple):
    """A lateral target and how to go there."""

    target: float  # m
    blend: float  # m to get there
    share: float  # of the allowed speed, at most
    gap: float  # m to keep from who stands in the way; passing takes less than waiting to pass


def candidates(
    lane: Aim, sides: tuple[Aim, ...], line: float, stops: tuple[float, ...]
) -> FloatArray:
    """The candidates (P, 6); columns as above.

    Args:
        lane: how to keep to the lane's centre.
        sides: further lateral targets, tried at several speeds.
        line: arc length that no candidate may cross (red light, end of the way), inf for none.
        stops: arc lengths to stop at in order to yield.
    """
    target, blend, most, gap = lane
    rows = [(target, blend, share * most, line, 0.0, gap) for share in SHARES]
    rows += [(target, blend, most, min(stop, line), 0.0, gap) for stop in stops]
    rows += [(target, blend, most, line, brake, gap) for brake in BRAKES]
    for target, blend, most, gap in sides:
        rows += [(target, blend, share * most, line, 0.0, gap) for share in SHARES[:4]]
    return np.array(rows)


def blend_length(aside: float, speed: float) -> float:
    """Metres in which to move `aside` metres: within 1.2 m/s2 and a curvature of 0.15 1/m.

    The cubic of `settle` starts with a curvature of 6 aside / L^2.
    """
    aside = abs(aside)
    return max(LEAST_BLEND, math.sqrt(40.0 * aside), speed * max(1.5, math.sqrt(5.0 * aside)))


@helper
def stop_accel(gap: float, speed: float, comfortable: float) -> float:
    """The acceleration that brings the car to rest after `gap` m; inf while it is too early.

    Solves gap = v^2 / 2b + c v for b; a = -b v / (v + b c) then fades out towards standstill, so
    that the stop ends without a jolt.
    """
    room = gap - STOP_FADE * speed
    if room <= 0.02:
        return -speed / STOP_FADE - 0.2
    b = speed * speed / (2.0 * room)
    if b < 0.75 * comfortable and room > 0.3:
        return math.inf
    return -b * speed / (speed + b * STOP_FADE + 1e-6)


@helper
def follow_accel(
    gap: float, speed: float, lead: float, standstill: float, driver: DriverModel
) -> float:
    """The intelligent driver model's interaction term (Treiber 2000); gap m between bumpers."""
    closing = speed * (speed - lead) / (2.0 * math.sqrt(driver.accel * driver.decel))
    wished = standstill + max(0.0, speed * driver.headway + closing)
    return driver.accel * (1.0 - (wished / max(gap, 0.1)) ** 2)


@helper
def free_accel(speed: float, allowed: float, driver: DriverModel) -> float:
    """The acceleration towards an allowed speed: IDM's below it, proportional above."""
    if speed <= allowed:
        return driver.accel * (1.0 - (speed / max(allowed, 0.1)) ** 4)
    return max((allowed - speed) / 0.8, -driver.decel)


@helper
def settle(start: FloatArray, target: float, blend: float, s: float) -> tuple[float, float]:
    """Lateral offset m and slope at arc length s of the cubic from the ego to the target.

    Driven afresh in every plan, its initial curvature is a feedback 6/L^2 on the offset and 4/L
    on the slope: a damping ratio of 0.8 over the distance L.
    """
    u = min(max((s - start[0]) / blend, 0.0), 1.0)
    rest, hermite = start[1] - target, start[2] * blend
    d = target + rest * (1.0 + u * u * (2.0 * u - 3.0)) + hermite * u * (1.0 - u) ** 2
    slope = (rest * 6.0 * u * (u - 1.0) + hermite * (1.0 - u) * (1.0 - 3.0 * u)) / blend
    return d, slope


@helper
def leader(
    start: FloatArray,
    candidate: FloatArray,
    s: float,
    motion: FloatArray,
    extent: FloatArray,
    driver: DriverModel,
) -> tuple[int, float, float]:
    """The nearest object (N, 6), (N, 4) in the way of a candidate now at arc length s.

    It is in the way if it will be when the ego gets there; who crosses will be gone by then, and
    is the scores' business. Returns its row or -1, the gap in m, its speed along the path in m/s.
    """
    best, gap, speed = -1, math.inf, 0.0
    for n in range(len(motion)):
        room = motion[n, 3] - s - extent[n, 0] - 0.5 * driver.length
        angle = CROSSING if extent[n, 2] >= 0.0 else ONCOMING_CROSSING
        crosses = abs(math.sin(motion[n, 5])) > angle and abs(extent[n, 3]) > PASSES
        if motion[n, 3] <= s or room >= gap or crosses:
            continue
        d, _ = settle(start, candidate[TARGET], candidate[BLEND], s + max(room, 0.0))
        if abs(motion[n, 4] - d) < extent[n, 1] + 0.5 * driver.width + driver.margin:
            best, gap, speed = n, room, extent[n, 2]
    return best, gap, speed


@helper
def wished_accel(
    s: float, v: float, allowed: float, candidate: FloatArray, driver: DriverModel
) -> float:
    """What a candidate would do with nobody in the way, m/s2."""
    wish = free_accel(v, candidate[SHARE] * allowed, driver)
    wish = min(wish, stop_accel(candidate[STOP] - s, v, driver.decel))
    if candidate[BRAKE] > 0.0:
        wish = min(wish, -candidate[BRAKE])
    return wish


@helper
def limited_accel(wish: float, before: float, driver: DriverModel, dt: float) -> float:
    """The wish within the brakes' strength and a jerk: gentle, or urgent for hard braking."""
    wish = max(wish, -driver.brake)
    down = URGENT_JERK if wish < CALM else driver.jerk
    up = URGENT_JERK if before < CALM else driver.jerk
    return min(max(wish, before - down * dt), before + up * dt)


@maker
def rollout(
    line: FloatArray,
    yaw: FloatArray,
    curvature: FloatArray,
    allowed: FloatArray,
    grid: tuple[float, float],
    start: FloatArray,
    rows: FloatArray,
    motion: FloatArray,
    extent: FloatArray,
    driver: DriverModel,
    dt: float,
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Every candidate driven forward: states (P, T, 7), and the object that held it, (P,) or -1.

    Args:
        line: the path (R, 2).
        yaw: its directions (R,).
        curvature: its curvature (R,).
        allowed: the speed it allows (R,).
        grid: the path's first arc length and its step.
        start: (5,) s, d, tan(heading error), speed, acceleration of the ego.
        rows: (P, 6) of `candidates`.
        motion: the forecast's (N, T, 6).
        extent: the forecast's (N, T, 4).
        driver: the ego's driver model.
        dt: s between states.
    """
    states = np.empty((len(rows), motion.shape[1], 7))
    held = np.full(len(rows), -1, dtype=np.int64)
    for p in range(len(rows)):
        s, v, a = start[0], start[3], start[4]
        for t in range(motion.shape[1]):
            d, slope = settle(start, rows[p, TARGET], rows[p, BLEND], s)
            row, x, y, direction = on_line(line, yaw, (s - grid[0]) / grid[1])
            scale = max(1.0 - d * curvature[row], 0.3)
            states[p, t, X] = x - d * math.sin(direction)
            states[p, t, Y] = y + d * math.cos(direction)
            states[p, t, YAW] = direction + math.atan(slope / scale)
            states[p, t, SPEED], states[p, t, ACCEL] = v, a
            states[p, t, S], states[p, t, D] = s, d
            ahead = min(row + int(0.4 * v / grid[1]), len(allowed) - 1)
            wish = wished_accel(s, v, allowed[ahead], rows[p], driver)
            n, gap, speed = leader(start, rows[p], s, motion[:, t], extent[:, t], driver)
            if n >= 0:
                interaction = follow_accel(gap, v, speed, rows[p, GAP], driver)
                if interaction < wish - HOLDS and held[p] < 0:
                    held[p] = n
                wish = min(wish, interaction)
            a = limited_accel(wish, a, driver, dt)
            faster = max(v + a * dt, 0.0)
            s += 0.5 * (v + faster) * dt / math.hypot(scale, slope)
            v = faster
            if v == 0.0:
                a = max(a, 0.0)
    return states, held
