"""What a proposal is worth: gates times a weighted mean, after PDM-Closed and nuPlan.

score = collision x drivable x line x (5 progress + 5 time to collision + 2 comfort) / 12
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.frames import SEG_GRID, FloatArray
from common.jit import helper, maker
from common.messages import GridArray
from planning.kernels import overlap
from planning.predict import Forecast
from planning.propose import ACCEL, SPEED, YAW, D, S, X, Y

PROGRESS, TTC, COMFORT = 5.0, 5.0, 2.0  # weights; nuPlan's and PDM-Closed's
TTC_HORIZON = 1.0  # s, nuPlan 0.95
PASSING_GAP = 1.0  # s by which the ego must be clear of a crossing object's way
SIDE_GAP, WALKER_GAP = 0.45, 0.6  # m to the side of vehicles, of walkers
CROSS_GAP, CROSS_ANGLE = 1.5, 0.3  # m to the side of moving vehicles that cross at that sine
WALKER_TIME = 0.5  # s of a walker's motion across the path that is added to its gap
LATERAL_LIMIT = 3.0  # m/s2, ISO 11270
STILL = 0.1  # m/s


@dataclass(frozen=True, slots=True)
class Scores:
    """Sub-scores of P proposals, each 0..1 unless said."""

    total: FloatArray  # (P,)
    collision: FloatArray  # (P,) gate
    drivable: FloatArray  # (P,) gate
    line: FloatArray  # (P,) gate
    progress: FloatArray  # (P,)
    ttc: FloatArray  # (P,)
    comfort: FloatArray  # (P,)
    hit: FloatArray  # (P,) s until the first collision, inf for none
    threat: NDArray[np.int64]  # (P,) the object of the collision or the near miss, -1 for none


def score(
    states: FloatArray,
    forecast: Forecast,
    drivable: GridArray | None,
    central: NDArray[np.bool_],
    line: float,
    half: tuple[float, float],
    dt: float,
    patience: float = 1.0,
) -> Scores:
    """Judge proposals against the forecast.

    Args:
        states: (P, T, 7) of `propose.rollout`.
        forecast: over the same T columns.
        drivable: SEG_GRID.shape probabilities, or None where nobody looked.
        central: (P,) whether a proposal keeps to the lane's centre; the road is there by the map.
        line: arc length of a line not to cross (the ego's origin), inf for none.
        half: the ego's half length and half width, m.
        dt: s between states.
        patience: share of the wished gaps to others that is kept.
    """
    hit, near, threat = conflicts(
        states,
        forecast.motion,
        forecast.extent,
        forecast.half,
        forecast.speed,
        forecast.growth,
        forecast.walker,
        half,
        dt,
        patience,
    )
    horizon = (states.shape[1] - 1) * dt
    collision = np.where(np.isfinite(hit), 0.0, 1.0)
    crossed = (states[:, -1, S] > line + 0.5) & (states[:, 0, S] <= line + 0.5)
    on_line = np.where(crossed, 0.0, 1.0)
    on_road = _on_road(states, drivable, central, half)
    driven = states[:, -1, S] - states[:, 0, S]
    allowed = collision * on_line * on_road > 0.0
    best = max(float(driven[allowed].max()) if allowed.any() else 0.0, 5.0)
    progress = np.clip(driven / best, 0.0, 1.0)
    ttc = np.where(np.isfinite(near), 0.3 * np.minimum(near / horizon, 1.0), 1.0)
    comfort = _comfort(states, dt)
    mean = (PROGRESS * progress + TTC * ttc + COMFORT * comfort) / (PROGRESS + TTC + COMFORT)
    total = collision * on_line * on_road * mean
    return Scores(total, collision, on_road, on_line, progress, ttc, comfort, hit, threat)


def _comfort(states: FloatArray, dt: float) -> FloatArray:
    """1 for a calm ride, falling to 0 at twice the calm bounds (3 m/s2 along and across)."""
    hardest = -states[:, :, ACCEL].min(axis=1)
    turning = np.abs(np.diff(np.unwrap(states[:, :, YAW], axis=1), axis=1)) / dt
    across = (turning * states[:, :-1, SPEED]).max(axis=1)
    worst = np.maximum(hardest, across) / LATERAL_LIMIT
    return np.asarray(np.clip(2.0 - worst, 0.0, 1.0))


def _on_road(
    states: FloatArray,
    drivable: GridArray | None,
    central: NDArray[np.bool_],
    half: tuple[float, float],
) -> FloatArray:
    """0 for proposals whose corners leave the drivable area more than the central ones', (P,)."""
    if drivable is None:
        return np.ones(len(states))
    forward = np.stack([np.cos(states[:, ::5, YAW]), np.sin(states[:, ::5, YAW])], axis=-1)
    left = np.stack([-forward[..., 1], forward[..., 0]], axis=-1)
    centre = states[:, ::5, X : Y + 1]
    corners = np.stack(
        [centre + a * half[0] * forward + b * half[1] * left for a in (1, -1) for b in (1, -1)], 2
    )
    cells = np.floor(SEG_GRID.cells(corners)).astype(np.int64)
    rows, columns = SEG_GRID.shape
    seen = (cells >= 0).all(axis=-1) & (cells[..., 0] < rows) & (cells[..., 1] < columns)
    cells = np.clip(cells, 0, (rows - 1, columns - 1))
    off = seen & (drivable[cells[..., 0], cells[..., 1]] < 0.5)
    share = off.mean(axis=(1, 2))
    return np.where(central | (share <= share[central].max() + 0.02), 1.0, 0.0)


@helper
def at_fault(ego: FloatArray, ego_now: FloatArray, thing_now: FloatArray) -> bool:
    """Whether the ego would be to blame: not while it stands, nor when hit from behind.

    Args:
        ego: its state at the time of the collision.
        ego_now: its state now.
        thing_now: the other's row of the forecast now.
    """
    if ego[SPEED] < STILL and ego_now[SPEED] < STILL:
        return False
    dx, dy = thing_now[0] - ego_now[X], thing_now[1] - ego_now[Y]
    ahead = dx * math.cos(ego_now[YAW]) + dy * math.sin(ego_now[YAW])
    behind = ahead < -1.5 and math.cos(thing_now[2] - ego_now[YAW]) > 0.7
    return not (behind and abs(ego[D] - ego_now[D]) < 1.0)


@helper
def slips_by(
    ego: FloatArray,
    half: tuple[float, float],
    thing: FloatArray,
    box: tuple[float, float],
    speed: float,
    side: float,
) -> bool:
    """Whether the ego passes closer than `side`, or in front of a crossing object too late.

    A crossing object's box is stretched by what it drives in `PASSING_GAP`.
    """
    reach = max(speed, 0.0) * PASSING_GAP * abs(math.sin(thing[2] - ego[YAW]))
    dx = thing[0] + 0.5 * reach * math.cos(thing[2]) - ego[X]
    dy = thing[1] + 0.5 * reach * math.sin(thing[2]) - ego[Y]
    grown = (half[0] + 0.2, half[1] + side)
    return overlap(dx, dy, ego[YAW], grown, thing[2], (box[0] + 0.5 * reach, box[1]))


@helper
def side_gap(ego_yaw: float, yaw: float, speed: float, across: float, walker: bool) -> float:
    """Metres to leave beside an object: more for who crosses than for who stands or runs along.

    `speed` m/s along its direction `yaw`, `across` m/s across the path.
    """
    if walker:
        return WALKER_GAP + WALKER_TIME * min(abs(across), 2.0)
    crossing = min(abs(math.sin(yaw - ego_yaw)) / CROSS_ANGLE, 1.0) if abs(speed) > 1.0 else 0.0
    return SIDE_GAP + crossing * (CROSS_GAP - SIDE_GAP)


@helper
def closes_in(
    ego: FloatArray, half: tuple[float, float], thing: FloatArray, extent: FloatArray
) -> bool:
    """Whether the ego, going on along its path as it is, would run into the object in time.

    Args:
        ego: a state.
        half: the ego's half length and width.
        thing: a row of the forecast's motion.
        extent: half extents along and across the path, speed along it; of the object then.
    """
    ahead = thing[3] - ego[S]
    closing = (ego[SPEED] - extent[2]) * TTC_HORIZON
    in_way = abs(thing[4] - ego[D]) < extent[1] + half[1] + 0.2
    oncoming = extent[2] < -1.0
    return in_way and not oncoming and 0.0 < ahead - extent[0] - half[0] < closing


@maker
def conflicts(
    states: FloatArray,
    motion: FloatArray,
    extent: FloatArray,
    boxes: FloatArray,
    speed: FloatArray,
    growth: FloatArray,
    walker: NDArray[np.bool_],
    half: tuple[float, float],
    dt: float,
    patience: float,
) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """First collision and first near miss of each proposal, s or inf (P,), and with whom (P,)."""
    hit, near = np.full(len(states), np.inf), np.full(len(states), np.inf)
    threat = np.full(len(states), -1, dtype=np.int64)
    for p in range(len(states)):
        for t in range(motion.shape[1]):
            ego = states[p, t]
            for n in range(len(motion)):
                thing = motion[n, t]
                dx, dy = thing[0] - ego[X], thing[1] - ego[Y]
                reach = half[0] + boxes[n, 0] + 2.0 + (ego[SPEED] + abs(speed[n, t])) * 1.2
                if dx * dx + dy * dy > reach * reach:
                    continue
                if not at_fault(ego, states[p, 0], motion[n, 0]):
                    continue
                grown = (boxes[n, 0] + growth[n, t], boxes[n, 1] + growth[n, t])
                side = patience * side_gap(
                    ego[YAW], thing[2], speed[n, t], extent[n, t, 3], walker[n]
                )
                if overlap(dx, dy, ego[YAW], half, thing[2], grown):
                    hit[p] = t * dt
                    threat[p] = n
                    break
                if near[p] == np.inf and (
                    slips_by(ego, half, thing, grown, speed[n, t] * patience, side)
                    or closes_in(ego, half, thing, extent[n, t])
                ):
                    near[p] = t * dt
                    threat[p] = n
            if hit[p] < np.inf:
                break
    return hit, near, threat
