"""What the planner carries from plan to plan."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from common.frames import FloatArray
from common.messages import EgoState
from planning import rules, signals
from planning.predict import STANDING, Forecast

PATIENCE = 6.0  # s of standing for others after which the car takes what room there is
HELD = 40.0  # m before a line that holds the car within which it stands for the line's sake
LANE_GAIN, LANE_MOST = 0.1, 0.8  # share of a lane's seen offset taken over per plan; m at most


@dataclass(frozen=True, slots=True)
class Memory:
    """What the planner carries from plan to plan: its progress and its last intention."""

    s: float = 0.0  # m along the route
    t: float | None = None  # s, of the last plan
    accel: FloatArray = field(default_factory=lambda: np.zeros(1))  # (N,) m/s2, of the last plan
    side: float = 0.0  # m, lateral target relative to the lane's centre
    there: float = 0.0  # m, arc length at which that target is reached
    yielding: str = ""  # to whom the last plan yielded
    lane: float = 0.0  # m, how far left of the route the lane was seen
    served: float = -math.inf  # m, arc length of the last stop sign's line stopped at
    standing: dict[str, float] = field(default_factory=dict)  # s each object has stood, by name
    waited: float = 0.0  # s the ego has stood without a light or sign that says so
    signal: signals.Signal = field(default_factory=signals.Signal)  # the next light


def lane_kept(before: float, seen: float | None) -> float:
    """The lane's offset, followed slowly and bounded: a few frames of nonsense cannot steer."""
    if seen is None:
        return before * (1.0 - 0.2 * LANE_GAIN)
    return before + LANE_GAIN * (min(max(seen, -LANE_MOST), LANE_MOST) - before)


def accel_now(memory: Memory, ego: EgoState, dt: float) -> float:
    """The acceleration the last plan has reached by now; the measured one where there is none."""
    if memory.t is None or not 0.0 <= ego.t - memory.t <= 0.5:
        return min(max(ego.accel, -3.0), 2.0)
    rows = np.arange(len(memory.accel)) * dt
    return float(np.interp(ego.t - memory.t, rows, memory.accel))


def waited_for(memory: Memory, ego: EgoState, hold: rules.Hold) -> float:
    """For how long (s) the ego has stood for others; moving, it grows patient twice as fast."""
    if memory.t is None or hold.stop - memory.s < HELD:
        return 0.0
    elapsed = ego.t - memory.t
    if abs(ego.speed) < STANDING:
        return min(memory.waited + elapsed, 2.0 * PATIENCE)
    return max(memory.waited - 2.0 * elapsed, 0.0)


def stood_for(memory: Memory, future: Forecast, t: float) -> dict[str, float]:
    """For how long (s) each object has been seen standing, by name."""
    elapsed = t - memory.t if memory.t is not None else 0.0
    still = np.abs(future.speed[:, 0]) < STANDING
    return {
        name: memory.standing.get(name, -elapsed) + elapsed
        for name, stands in zip(future.names, still, strict=True)
        if stands
    }
