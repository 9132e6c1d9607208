"""How a driver steers: the lane's bend fed forward, heading and offset fed back.

A kernel over the arrays of `sim.fleet`. The box centre is kept on the centre line: steering about
the rear axle would cut corners by the off-tracking of half a wheelbase.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim.kernel import helper, kernel

if TYPE_CHECKING:
    from common.frames import FloatArray
    from sim.fleet import Fleet, LaneTable

RATE = 1.2  # rad/s; how fast an offset is steered out, an unhurried driver
DAMPING = 0.9
SLOWEST = 3.0  # m/s; below it the gains no longer grow
OFFSET = 0.8  # m; a larger offset asks for no more: a lane change takes some six seconds
LAG = 0.2  # s between asking and turning; the bend is read so far ahead
MAX_STEER = 1.0  # rad


@kernel
def steer(table: LaneTable, fleet: Fleet, out: FloatArray) -> None:
    """Fills in the wanted angle of the front wheels (N,) rad."""
    for i in range(len(fleet.x)):
        v, base = max(fleet.speed[i], SLOWEST), fleet.wheelbase[i]
        bend, yaw = _road(table, fleet, i, LAG * fleet.speed[i])
        heading = yaw - math.atan(0.5 * base * bend) - fleet.yaw[i]
        heading = math.atan2(math.sin(heading), math.cos(heading))
        offset = min(max(lane_offset(table, fleet, i), -OFFSET), OFFSET)
        wanted = math.atan(base * bend)
        wanted += 2.0 * DAMPING * RATE * base / v * heading
        wanted -= RATE * RATE * base / (v * v) * offset
        out[i] = min(max(wanted, -MAX_STEER), MAX_STEER)


@helper
def lane_offset(table: LaneTable, fleet: Fleet, i: int) -> float:
    """How far (m) a vehicle's centre is left of its lane's centre line."""
    p = fleet.sample[i]
    dx, dy = fleet.x[i] - table.xy[p, 0], fleet.y[i] - table.xy[p, 1]
    cos, sin = table.ahead[p, 0], table.ahead[p, 1]
    along, across = cos * dx + sin * dy, cos * dy - sin * dx
    return float(across - 0.5 * table.bend[p] * along * along)


@helper
def _road(table: LaneTable, fleet: Fleet, i: int, distance: float) -> tuple[float, float]:
    """The route's bend (1/m) and heading (rad) a distance ahead of the centre."""
    k, p = 0, fleet.sample[i]
    s = fleet.s[i] + distance
    lane = fleet.route[i, 0]
    while s > table.length[lane] and k + 1 < fleet.route.shape[1]:
        s -= table.length[lane]
        k += 1
        lane = fleet.route[i, k]
        p = table.first[lane]
    last = table.first[lane + 1] - 1
    while p < last and table.s[p + 1] <= s:
        p += 1
    return table.bend[p], table.yaw[p] + table.bend[p] * (s - table.s[p])
