"""The vehicles' height, roll and pitch: bodies on springs above the ground under their wheels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from common.jit import helper, kernel
from sim.server.vehicle_arrays import Record, Records
from sim.server.vehicle_step import GRAVITY

F64 = NDArray[np.float64]

# Heave 1.5 Hz, damping 0.7; sway 5 deg/g roll, 2.5 deg/g pitch; Gillespie, Fundamentals of Vehicle
# Dynamics, ch. 5 and 6
_HEAVE = 2.0 * math.pi * 1.5
_HEAVE_DAMPING = 0.7
_ROLL_PER_G, _PITCH_PER_G = 0.087, 0.044
_SWAY_TIME = 0.12  # s
_BUMP = 0.1  # m, spring travel downwards
_LARGEST = 1e15  # m, rad, m/s: a body is put back on the ground from beyond


@kernel
def corners(state: Records, model: Records, out: F64) -> int:
    """Fill `out` (4 n, 3) with the wheels' positions of the n live vehicles; returns 4 n."""
    k = 0
    for i in range(state.shape[0]):
        s, m = state[i], model[i]
        if not s.alive:
            continue
        c, n = math.cos(s.pose[5]), math.sin(s.pose[5])
        half = max(0.5 * m.track, 0.2)
        for j in range(4):
            x = m.centre_x + (m.front if j < 2 else -m.rear)
            y = half if j % 2 == 0 else -half
            out[k, 0] = s.pose[0] + c * x - n * y
            out[k, 1] = s.pose[1] + n * x + c * y
            out[k, 2] = s.pose[2]
            k += 1
    return k


@helper
def _heave(s: Record, dt: float, steps: int, ground_rate: float) -> None:
    """The body's height: a damped spring above the ground that cannot pull down."""
    h = dt / steps
    load = 0.0
    for k in range(steps):
        gap = s.ground_z - ground_rate * h * (steps - 1 - k) - (s.pose[2] + h * s.velocity[2])
        spring = _HEAVE * _HEAVE * gap + 2.0 * _HEAVE_DAMPING * _HEAVE * (
            ground_rate - s.velocity[2]
        )
        rise = max(spring / (1.0 + 2.0 * _HEAVE_DAMPING * _HEAVE * h), -GRAVITY)
        if not s.gravity:
            rise = max(rise, 0.0) if gap > 0.0 else 0.0
        s.velocity[2] += h * rise
        s.pose[2] += h * s.velocity[2]
        load += (rise + GRAVITY) / GRAVITY
    if s.pose[2] < s.ground_z - _BUMP:
        s.pose[2] = s.ground_z - _BUMP
        s.velocity[2] = max(s.velocity[2], ground_rate)
    s.load = min(load / steps, 2.0) if s.gravity else 0.0


@helper
def _sway(s: Record, m: Record, dt: float) -> None:
    """Roll and pitch: the ground's, plus the body's lean on its springs."""
    lateral = s.body_accel[1] / GRAVITY
    roll = -math.atan(lateral) if m.leans else _ROLL_PER_G * lateral
    blend = 1.0 - math.exp(-dt / _SWAY_TIME)
    s.sway_roll += blend * (roll - s.sway_roll)
    s.sway_pitch += blend * (-_PITCH_PER_G * s.body_accel[0] / GRAVITY - s.sway_pitch)
    if s.load > 0.0:
        blend = 1.0 - math.exp(-dt / (0.5 * _SWAY_TIME))
        old_roll, old_pitch = s.pose[3], s.pose[4]
        s.pose[3] += blend * (s.ground_roll + s.sway_roll - s.pose[3])
        s.pose[4] += blend * (s.ground_pitch + s.sway_pitch - s.pose[4])
        c, n = math.cos(s.pose[5]), math.sin(s.pose[5])
        roll_rate, pitch_rate = (s.pose[3] - old_roll) / dt, (s.pose[4] - old_pitch) / dt
        s.angular_velocity[0] = c * roll_rate - n * pitch_rate
        s.angular_velocity[1] = n * roll_rate + c * pitch_rate


@kernel
def settle_all(state: Records, model: Records, heights: F64, dt: float, steps: int) -> None:
    """Put the bodies on the ground: `heights` (4 n,) m under the wheels, in `corners`' order."""
    k = 0
    for i in range(state.shape[0]):
        s, m = state[i], model[i]
        if not s.alive:
            continue
        fl, fr, rl, rr = heights[k], heights[k + 1], heights[k + 2], heights[k + 3]
        k += 4
        if not s.simulate:
            for j in range(3):
                s.acceleration[j] = 0.0
            continue
        ground = 0.25 * (fl + fr + rl + rr)
        # ground_z lies under the origin, the mean of the wheels under the middle of the wheelbase
        s.ground_pitch = math.atan2(0.5 * (rl + rr - fl - fr), m.wheelbase)
        s.ground_roll = math.atan2(0.5 * (fl + rl - fr - rr), max(m.track, 0.4))
        middle = m.centre_x + 0.5 * (m.front - m.rear)
        ground += middle * math.sin(s.ground_pitch)
        rate = (ground - s.ground_z) / dt
        s.ground_z = ground
        _heave(s, dt, steps, rate if abs(rate) < 5.0 else 0.0)
        _sway(s, m, dt)
        if not abs(s.pose[2]) + abs(s.pose[3]) + abs(s.pose[4]) + abs(s.velocity[2]) < _LARGEST:
            s.pose[2], s.pose[3], s.pose[4], s.velocity[2] = s.ground_z, 0.0, 0.0, 0.0
            s.sway_roll = s.sway_pitch = s.angular_velocity[0] = s.angular_velocity[1] = 0.0
        for j in range(3):
            s.acceleration[j] = (s.velocity[j] - s.acceleration[j]) / dt
