"""When a driver changes lanes: MOBIL, with a whim that keeps the lanes evenly used.

Kesting, Treiber and Helbing 2007, "General lane-changing model MOBIL for car-following models".
A kernel over the arrays of `sim.fleet`; a vehicle that changes belongs to its new lane at once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from common.jit import helper, kernel
from sim.following import after, interaction
from sim.kinds import Way
from sim.steering import FAR, lane_offset

if TYPE_CHECKING:
    from common.frames import FloatArray
    from sim.fleet import Ahead, Fleet, Others
    from sim.lanes import LaneTable

THRESHOLD = 0.3  # m/s2 of gain; MOBIL uses 0.1 to 0.2
POLITENESS = 0.3  # weight of the new follower's loss; MOBIL
SAFE_DECEL = 2.0  # m/s2 asked of us or the new follower at most; MOBIL uses 4, this is calmer
WHIM = 0.025  # 1/s; how often a driver changes for no reason seen here
SLOWEST = 3.0  # m/s
MOVE_TIME = 7.0  # s to move over
MOVE_TIME_LONG = 12.0  # s, of lorries
STRAIGHT = 15.0  # m/s; nobody changes where a bend allows less
BESIDE = 0.3  # m; boxes that would be nearer beside it are in a vehicle's lane
CLEAR = 4.0  # m of gap at least
SLOW, LONG = int(Way.SLOW), int(Way.LONG)


@kernel
def change(
    table: LaneTable, fleet: Fleet, others: Others, ahead: Ahead, draws: FloatArray, dt: float
) -> None:
    """Puts those who gain by it on the lane beside; draws (N,) decide whims and later turns."""
    for i in range(len(fleet.x)):
        if not _may_change(table, fleet, ahead, i):
            continue
        p = fleet.sample[i]
        a, b = fleet.accel[i], fleet.decel[i]
        now = interaction(fleet.speed[i], fleet.speed[i] - ahead.lead_speed[i], ahead.gap[i],
                          fleet.min_gap[i], fleet.headway[i], a, b)  # fmt: skip
        whim = 1.0 if draws[i] < WHIM * dt else 0.0
        for side in range(2):
            lane = table.left[fleet.route[i, 0]] if side == 0 else table.right[fleet.route[i, 0]]
            allowed = table.may_left[p] if side == 0 else table.may_right[p]
            if lane < 0 or not allowed:
                continue
            begin, end = after(table, fleet.way[i], lane)
            if begin == end:
                continue
            q = _sample(table, lane, fleet.x[i], fleet.y[i])
            gain = now - _cost(table, fleet, others, i, lane, q)
            if gain + whim > THRESHOLD:
                _move(table, fleet, i, lane, q, draws[i])
                break


@helper
def _may_change(table: LaneTable, fleet: Fleet, ahead: Ahead, i: int) -> bool:
    v, way = fleet.speed[i], fleet.way[i]
    room = 15.0 + (MOVE_TIME_LONG if way >= LONG else MOVE_TIME) * v
    if way == SLOW or v < SLOWEST or min(ahead.enter[i], ahead.hold[i]) < room:
        return False
    if ahead.gap[i] < 8.0 + v:
        return False
    for c in range(fleet.claim_lane.shape[1]):
        if fleet.claim_lane[i, c] >= 0:
            return False
    calm = abs(lane_offset(table, fleet, i)) < 0.4
    return bool(calm and table.curve_speed[fleet.sample[i]] > STRAIGHT)


@helper
def _sample(table: LaneTable, lane: int, x: float, y: float) -> int:
    """The sample of a lane nearest to a point."""
    best, nearest = FAR * FAR, int(table.first[lane])
    for p in range(table.first[lane], table.first[lane + 1]):
        away = (table.xy[p, 0] - x) ** 2 + (table.xy[p, 1] - y) ** 2
        if away < best:
            best, nearest = away, p
    return nearest


@helper
def _cost(table: LaneTable, fleet: Fleet, others: Others, i: int, lane: int, q: int) -> float:
    """What the other lane's traffic asks of us and of the new follower (m/s2); FAR if unsafe."""
    cost = 0.0
    for j in range(len(fleet.x) + len(others.x)):
        k = j - len(fleet.x)
        if j == i:
            continue
        if k < 0:
            x, y, z, half = fleet.x[j], fleet.y[j], fleet.z[j], fleet.half_length[j]
            width = fleet.half_width[j]
            vx = fleet.speed[j] * math.cos(fleet.yaw[j])
            vy = fleet.speed[j] * math.sin(fleet.yaw[j])
        else:
            x, y, z, half = others.x[k], others.y[k], others.z[k], others.half_length[k]
            width = others.half_width[k]
            vx, vy = others.vx[k], others.vy[k]
        dx, dy = x - table.xy[q, 0], y - table.xy[q, 1]
        cos, sin = table.ahead[q, 0], table.ahead[q, 1]
        along, across = cos * dx + sin * dy, cos * dy - sin * dx
        bound = k < 0 and fleet.route[j, 0] == lane
        if abs(along) > 100.0 or abs(z - table.z[q]) > 3.0:
            continue
        if not bound and abs(across) > width + fleet.half_width[i] + BESIDE:
            continue
        gap = abs(along) - half - fleet.half_length[i]
        v, theirs = fleet.speed[i], vx * cos + vy * sin
        if gap < CLEAR:
            return FAR
        if along > 0.0:
            asked = interaction(v, v - theirs, gap, fleet.min_gap[i], fleet.headway[i],
                                fleet.accel[i], fleet.decel[i])  # fmt: skip
            if asked > SAFE_DECEL:
                return FAR
            cost = max(cost, asked)
        else:
            asked = interaction(theirs, theirs - v, gap, 2.0, 1.2, 1.5, 2.0)
            if asked > SAFE_DECEL:
                return FAR
            cost += POLITENESS * asked
    return cost


@helper
def _move(table: LaneTable, fleet: Fleet, i: int, lane: int, q: int, draw: float) -> None:
    """The vehicle goes on along another lane, with new turns."""
    dx, dy = fleet.x[i] - table.xy[q, 0], fleet.y[i] - table.xy[q, 1]
    fleet.s[i] = table.s[q] + table.ahead[q, 0] * dx + table.ahead[q, 1] * dy
    fleet.sample[i], fleet.route[i, 0] = q, lane
    for k in range(1, fleet.route.shape[1]):
        draw = (draw * 997.0) % 1.0
        begin, end = after(table, fleet.way[i], fleet.route[i, k - 1])
        fleet.route[i, k] = table.after[begin + int(draw * (end - begin))]
