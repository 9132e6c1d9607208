"""How a driver steers: the lane's bend fed forward, heading and offset fed back.

A kernel over the arrays of `sim.fleet`. The box centre is kept on the centre line: steering about
the rear axle would cut corners by the off-tracking of half a wheelbase. Of lorries a point farther
in front is, so that they sweep less of a bend's outside.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from common.jit import helper, kernel
from sim.kinds import PIVOT, Way

if TYPE_CHECKING:
    from common.frames import FloatArray
    from sim.fleet import Fleet
    from sim.lanes import LaneTable

FAR = 1e6  # m: nothing in sight
RATE = 1.2  # rad/s; how fast an offset is steered out, an unhurried driver
DAMPING = 0.9
SLOWEST = 3.0  # m/s; below it the gains no longer grow
OFFSET = 0.8  # m; a larger offset asks for no more: a lane change takes some six seconds
LAG = 0.2  # s between asking and turning; the bend is read so far ahead
MAX_STEER = 1.0  # rad
CALM = 12.0  # m/s; faster, a lorry steers an offset out more slowly
LONG = int(Way.LONG)


@kernel
def steer(table: LaneTable, fleet: Fleet, out: FloatArray) -> None:
    """Fills in the wanted angle of the front wheels (N,) rad."""
    for i in range(len(fleet.x)):
        if fleet.way[i] >= LONG:
            out[i] = _steer_long(table, fleet, i)
            continue
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
def _steer_long(table: LaneTable, fleet: Fleet, i: int) -> float:
    """A lorry's pivot moves along the lane, and back to it.

    After Hoffmann et al. 2007, "Autonomous automobile trajectory tracking for off-road driving",
    where it is the front axle's middle.
    """
    front, v = (PIVOT - 0.5) * fleet.wheelbase[i], max(fleet.speed[i], SLOWEST)
    sin, cos = math.sin(fleet.yaw[i]), math.cos(fleet.yaw[i])
    p, _ = _at(table, fleet, i, front)
    dx = fleet.x[i] + front * cos - table.xy[p, 0]
    dy = fleet.y[i] + front * sin - table.xy[p, 1]
    along = dx * table.ahead[p, 0] + dy * table.ahead[p, 1]
    across = dy * table.ahead[p, 0] - dx * table.ahead[p, 1]
    offset = across - 0.5 * table.bend[p] * along * along
    back = RATE * min(1.0, CALM / v) * min(max(offset, -OFFSET), OFFSET)
    _, yaw = _road(table, fleet, i, front + LAG * fleet.speed[i])
    wanted = yaw - fleet.yaw[i]
    wanted = math.atan2(math.sin(wanted), math.cos(wanted)) - math.atan(back / v)
    wanted = min(max(wanted, -MAX_STEER), MAX_STEER)
    return math.atan(math.tan(wanted) / PIVOT)


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
    p, beyond = _at(table, fleet, i, distance)
    return table.bend[p], table.yaw[p] + table.bend[p] * beyond


@helper
def _at(table: LaneTable, fleet: Fleet, i: int, distance: float) -> tuple[int, float]:
    """The route's last sample before a distance ahead of the centre; how far (m) beyond it."""
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
    return p, s - table.s[p]
