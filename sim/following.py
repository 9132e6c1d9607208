"""How a driver looks ahead and follows: kernels over the arrays of `sim.fleet`.

Following is the Intelligent Driver Model (Treiber, Hennecke and Helbing 2000). What stands in the
way is found by geometry: the swept strip of the own route against every box, so that vehicles of
other lanes, the ego and walkers need no special case.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from common.jit import helper, kernel
from sim.steering import FAR, lane_offset

if TYPE_CHECKING:
    from common.frames import FloatArray
    from sim.fleet import Ahead, Fleet, Others
    from sim.lanes import LaneTable

SIGHT = 192  # samples of the route a driver looks at, about 1 m each
LEAP = 1.4  # m; more than samples lie apart, and the strip's extra width changes between them
STILL = 0.1  # m/s
RESTFUL = 0.15  # m/s2; for less nobody starts from rest, so that queues do not creep
STACKED = 3.0  # m of height between roads of a bridge
MARGIN = 0.3  # m of clear air beside the own body
PATIENCE = 10.0  # s until a standing driver squeezes by with no such margin
YELLOW_DECEL = 3.0  # m/s2; a driver who needs more passes on yellow; ITE's figure for clearance
HARD_BRAKE = 8.0  # m/s2; dry asphalt
LINE_GAP = 0.8  # m between the front and a line
OWN_LANE = 0.6  # m; a vehicle farther beside the centre line is on its way back to it
RETURN_TIME = 5.0  # s
STEER_RATE = 1.6  # rad/s at the wheels
FORESIGHT = 1.5  # s for which a walker's or stranger's motion is taken as straight
LIGHT_STOPS, LIGHT_WARNS = 0, 1


@kernel
def track(table: LaneTable, fleet: Fleet, draws: FloatArray, dt: float) -> None:
    """Moves each vehicle's place along its route to where its body is; draws (N,) pick turns."""
    for i in range(len(fleet.x)):
        lane, k = fleet.route[i, 0], fleet.sample[i]
        before = fleet.s[i]
        s, k = _place(table, lane, k, fleet.x[i], fleet.y[i])
        moved = s - before
        if s > table.length[lane]:
            s -= table.length[lane]
            for j in range(fleet.route.shape[1] - 1):
                fleet.route[i, j] = fleet.route[i, j + 1]
            last = fleet.route[i, -2]
            begin, end = after(table, fleet.way[i], last)
            fleet.route[i, -1] = table.after[begin + int(draws[i] * (end - begin))]
            k = table.first[fleet.route[i, 0]]
        fleet.s[i], fleet.sample[i], fleet.z[i] = s, k, table.z[k]
        for c in range(fleet.claim_lane.shape[1]):
            fleet.claim_s[i, c] += moved
            held = fleet.claim_lane[i, c]
            if held >= 0 and fleet.claim_s[i, c] - fleet.half_length[i] > table.length[held] + 1.0:
                fleet.claim_lane[i, c] = -1
        fleet.stood[i] = fleet.stood[i] + dt if fleet.speed[i] < STILL else 0.0


@helper
def after(table: LaneTable, way: int, lane: int) -> tuple[int, int]:
    """The rows of the successors that a vehicle may go on to."""
    return table.after_first[way, lane], table.after_first[way, lane + 1]


@helper
def _place(table: LaneTable, lane: int, k: int, x: float, y: float) -> tuple[float, int]:
    """Arc length along a lane, and its sample, found from the last sample k onward."""
    first, last = table.first[lane], table.first[lane + 1] - 1
    begin, along = k, _along(table, k, x, y)
    while k < last and along > 0.5 * (table.s[k + 1] - table.s[k]):
        k, along = k + 1, _along(table, k + 1, x, y)
    while k == begin and k > first and along < -0.75 * (table.s[k] - table.s[k - 1]):
        k, begin, along = k - 1, k - 1, _along(table, k - 1, x, y)
    return table.s[k] + along, k


@helper
def _along(table: LaneTable, k: int, x: float, y: float) -> float:
    """How far (m) a point lies ahead of a sample."""
    dx, dy = x - table.xy[k, 0], y - table.xy[k, 1]
    return float(dx * table.ahead[k, 0] + dy * table.ahead[k, 1])


def look(
    table: LaneTable, fleet: Fleet, others: Others, signals: NDArray[np.uint8], ahead: Ahead
) -> None:
    """Fills in what every driver sees."""
    path = np.empty((SIGHT, 7))  # x, y, z, cosine and sine of yaw, way from the centre, extra width
    boxes = np.empty((2 * len(fleet.x) + len(others.x), 10))
    _look(table, fleet, others, signals, ahead, path, boxes)


@kernel
def _look(
    table: LaneTable,
    fleet: Fleet,
    others: Others,
    signals: NDArray[np.uint8],
    ahead: Ahead,
    path: FloatArray,
    boxes: FloatArray,
) -> None:
    boxes = boxes[: _boxes(table, fleet, others, boxes)]
    for i in range(len(fleet.x)):
        _find_entry(table, fleet, i, ahead)
        count = _path(table, fleet, i, ahead, path)
        ahead.hold[i] = _red_line(table, fleet, i, signals)
        ahead.gap[i], ahead.lead_speed[i], ahead.room[i], ahead.leader[i] = FAR, 0.0, FAR, -1
        side = fleet.half_width[i] + MARGIN * max(1.0 - fleet.stood[i] / PATIENCE, 0.0)
        west, east, south, north = _bounds(path, count, 1.5 * side)
        for b in range(len(boxes)):
            x, y, reach = boxes[b, 0], boxes[b, 1], boxes[b, 5] + boxes[b, 6]
            near = west - reach < x < east + reach and south - reach < y < north + reach
            if near and int(boxes[b, 9]) != i:
                _meet(i, fleet, ahead, boxes[b], side, path[:count])


@helper
def _bounds(path: FloatArray, count: int, side: float) -> tuple[float, float, float, float]:
    """The least and the greatest x and y (m) of a strip; an empty path's has no inside."""
    west, east, south, north = FAR, -FAR, FAR, -FAR
    for k in range(count):
        reach = side + path[k, 6]
        west, east = min(west, path[k, 0] - reach), max(east, path[k, 0] + reach)
        south, north = min(south, path[k, 1] - reach), max(north, path[k, 1] + reach)
    return west, east, south, north


@helper
def _boxes(table: LaneTable, fleet: Fleet, others: Others, boxes: FloatArray) -> int:
    """Everybody's box: x, y, z, cosine and sine of yaw, half sizes, velocity, whose (or -1).

    Vehicles between two lanes have one more, where they will be; strangers' and walkers' boxes
    reach forward as far as they will go soon. Gives how many there are.
    """
    count = 0
    for i in range(len(fleet.x)):
        cos, sin, v = math.cos(fleet.yaw[i]), math.sin(fleet.yaw[i]), fleet.speed[i]
        aside = lane_offset(table, fleet, i)
        for place in range(2 if abs(aside) > OWN_LANE else 1):
            x, y = fleet.x[i] + place * aside * sin, fleet.y[i] - place * aside * cos
            boxes[count, :5] = x, y, fleet.z[i], cos, sin
            boxes[count, 5:7] = fleet.half_length[i], fleet.half_width[i]
            boxes[count, 7:] = v * cos, v * sin, float(i)
            count += 1
    for j in range(len(others.x)):
        speed = math.hypot(others.vx[j], others.vy[j])
        yaw = math.atan2(others.vy[j], others.vx[j]) if speed > 0.3 else others.yaw[j]
        cos, sin = math.cos(yaw), math.sin(yaw)
        along, across = abs(math.cos(yaw - others.yaw[j])), abs(math.sin(yaw - others.yaw[j]))
        length = others.half_length[j] * along + others.half_width[j] * across
        width = others.half_length[j] * across + others.half_width[j] * along
        go = 0.5 * FORESIGHT * speed
        boxes[count, :5] = others.x[j] + go * cos, others.y[j] + go * sin, others.z[j], cos, sin
        boxes[count, 5:7] = length + go, width
        boxes[count, 7:] = others.vx[j], others.vy[j], -1.0
        count += 1
    return count


@helper
def _find_entry(table: LaneTable, fleet: Fleet, i: int, ahead: Ahead) -> None:
    """The next run of lanes that needs a claim: from its entry to the first place to wait."""
    ahead.begin[i], ahead.end[i], ahead.enter[i], ahead.leave[i] = -1, -1, FAR, FAR
    at = -fleet.s[i]
    for k in range(fleet.route.shape[1]):
        lane = fleet.route[i, k]
        open_run = ahead.begin[i] >= 0
        if not open_run and table.held[lane] and not _has(fleet, i, lane):
            ahead.begin[i] = k
            ahead.enter[i] = at + table.hold_s[lane] - fleet.half_length[i]
            open_run = True
        if open_run:
            space = 2.0 * fleet.half_length[i] + 2.0 * fleet.min_gap[i]
            if not table.held[lane] and not table.inside[lane] and table.length[lane] > space:
                return
            ahead.end[i], ahead.leave[i] = k, at + table.length[lane]
        at += table.length[lane]


@helper
def _has(fleet: Fleet, i: int, lane: int) -> bool:
    found = False
    for c in range(fleet.claim_lane.shape[1]):
        found = found or fleet.claim_lane[i, c] == lane
    return found


@helper
def _path(
    table: LaneTable,
    fleet: Fleet,
    i: int,
    ahead: Ahead,
    path: FloatArray,
) -> int:
    """The way ahead of the centre, and the speed to aim at on it.

    It is the route's centre line; of a vehicle beside it, everything from there to that line.
    """
    v, brake = fleet.speed[i], fleet.decel[i]
    reach = 25.0 + v * (2.0 + v / (2.0 * brake))
    if ahead.enter[i] < reach:
        reach = max(reach, ahead.leave[i] + 20.0)
    target, count, offset = FAR, 0, -fleet.s[i]  # target: squared
    aside, back = lane_offset(table, fleet, i), 8.0 + RETURN_TIME * v
    if abs(aside) < OWN_LANE:
        aside = 0.0
    for k in range(fleet.route.shape[1]):
        lane = fleet.route[i, k]
        begin = fleet.sample[i] if k == 0 else table.first[lane]
        for p in range(begin, table.first[lane + 1]):
            at = offset + table.s[p]
            if at > reach or count == SIGHT:
                ahead.target[i] = math.sqrt(target)
                return count
            allowed = min(table.speed[p] * fleet.wish[i], fleet.top[i])
            allowed = min(allowed, table.curve_speed[p] * fleet.corner[i])
            target = min(target, allowed * allowed + 2.0 * brake * max(at - 2.0, 0.0))
            if at <= 0.0:
                continue
            shift = 0.5 * aside * max(1.0 - at / back, 0.0)
            cos, sin = table.ahead[p, 0], table.ahead[p, 1]
            path[count, 0] = table.xy[p, 0] - shift * sin
            path[count, 1] = table.xy[p, 1] + shift * cos
            path[count, 2], path[count, 3], path[count, 4] = table.z[p], cos, sin
            path[count, 5], path[count, 6] = at, abs(shift)
            count += 1
        offset += table.length[lane]
    ahead.target[i] = math.sqrt(target)
    return count


@helper
def _red_line(table: LaneTable, fleet: Fleet, i: int, signals: NDArray[np.uint8]) -> float:
    """Distance (m) of the front to the first line whose signal holds this driver."""
    at = -fleet.s[i] - fleet.half_length[i]
    for k in range(fleet.route.shape[1]):
        lane = fleet.route[i, k]
        row = table.signal[lane]
        if row >= 0 and table.stop_kind[lane] == 1:
            distance: float = at + table.stop_s[lane]
            if distance > -1.0:
                need = fleet.speed[i] ** 2 / (2.0 * max(distance, 0.1))
                if signals[row] == LIGHT_STOPS and need < HARD_BRAKE:
                    return distance
                if signals[row] == LIGHT_WARNS and need < YELLOW_DECEL:
                    return distance
                return FAR
        at += table.length[lane]
        if at > 200.0:
            break
    return FAR


@helper
def _meet(
    i: int, fleet: Fleet, ahead: Ahead, box: FloatArray, side: float, path: FloatArray
) -> None:
    """A box against the strip of the own way: the nearest one leads."""
    cos, sin, length, width = box[3], box[4], box[5], box[6]
    nose = fleet.half_length[i]
    k = -1
    while k + 1 < len(path):
        k += 1
        x, y = path[k, 0] - box[0], path[k, 1] - box[1]
        wide = side + path[k, 6]
        away = math.sqrt(x * x + y * y) - length - width - 1.5 * wide
        if away > LEAP:  # no sample before the next one looked at can touch
            k += int(away / LEAP) - 1
            continue
        if abs(cos * x + sin * y) > length + wide or abs(cos * y - sin * x) > width + wide:
            continue
        arc = path[k, 5]
        if arc < nose - 0.5 or abs(path[k, 2] - box[2]) > STACKED:
            continue
        tx, ty = path[k, 3], path[k, 4]
        extent = abs(cos * tx + sin * ty) * length + abs(cos * ty - sin * tx) * width
        rear = arc + max(-(x * tx + y * ty) - extent, -1.0)
        along = max(box[7] * tx + box[8] * ty, 0.0)
        if rear - nose < ahead.gap[i]:
            ahead.gap[i], ahead.lead_speed[i] = rear - nose, along
            ahead.leader[i] = int(box[9])
        if arc > ahead.leave[i]:
            stop = along * along / (2.0 * HARD_BRAKE)
            ahead.room[i] = min(ahead.room[i], rear - ahead.leave[i] + stop)
        return


@kernel
def accelerate(fleet: Fleet, ahead: Ahead, accel: FloatArray) -> None:
    """Fills in accel (N,) m/s2: the Intelligent Driver Model along the route."""
    for i in range(len(fleet.x)):
        v, a, b = fleet.speed[i], fleet.accel[i], fleet.decel[i]
        target = max(ahead.target[i], 0.5)
        free = a * (1.0 - (v / target) ** 4) if v < target else -b * min((v - target), 1.0)
        lead = interaction(v, v - ahead.lead_speed[i], ahead.gap[i], fleet.min_gap[i],
                           fleet.headway[i], a, b)  # fmt: skip
        line = interaction(v, v, ahead.hold[i], LINE_GAP, 0.4, a, b)
        wanted = free - max(lead, line)
        if v < STILL and wanted < RESTFUL:
            wanted = -b
        accel[i] = min(max(wanted, -HARD_BRAKE), a)


@helper
def interaction(
    v: float, closing: float, gap: float, min_gap: float, headway: float, a: float, b: float
) -> float:
    """The deceleration (m/s2) that IDM asks of a driver for a leader, or for a line."""
    if gap >= FAR:
        return 0.0
    wanted = min_gap + max(v * headway + v * closing / (2.0 * math.sqrt(a * b)), 0.0)
    return a * (wanted / max(gap, 0.1)) ** 2


@kernel
def roll_kernel(fleet: Fleet, accel: FloatArray, steer: FloatArray, dt: float) -> None:
    """The kinematic bicycle; steering turns at a limited rate, nobody rolls backwards."""
    for i in range(len(fleet.x)):
        change = min(max(steer[i] - fleet.steer[i], -STEER_RATE * dt), STEER_RATE * dt)
        fleet.steer[i] += change
        speed = max(fleet.speed[i] + accel[i] * dt, 0.0)
        way = 0.5 * (fleet.speed[i] + speed) * dt
        back = 0.5 * fleet.wheelbase[i]
        x = fleet.x[i] - back * math.cos(fleet.yaw[i]) + way * math.cos(fleet.yaw[i])
        y = fleet.y[i] - back * math.sin(fleet.yaw[i]) + way * math.sin(fleet.yaw[i])
        fleet.yaw[i] += way * math.tan(fleet.steer[i]) / fleet.wheelbase[i]
        fleet.x[i] = x + back * math.cos(fleet.yaw[i])
        fleet.y[i] = y + back * math.sin(fleet.yaw[i])
        fleet.speed[i] = speed
