"""Who may enter a junction: claims on lanes whose paths meet.

A vehicle enters a junction lane only with a claim, and holds it until its rear has left. Two
claims never meet (`LaneTable.meet`), so bodies do not either. A claim is given only if there is
room to leave the junction again, hence nobody waits inside and junctions always empty. Who has
waited longest is served first; drivers of lower priority let near traffic of higher priority
pass until they have waited `INSIST` seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from common.jit import helper, kernel
from sim.kinds import Way
from sim.steering import FAR

if TYPE_CHECKING:
    from sim.fleet import Ahead, Fleet, Others
    from sim.lanes import LaneTable

INSIST = 12.0  # s; then a driver no longer yields by priority
SERVED_FIRST = 25.0  # s; then nobody else gets a claim that meets the wished one
STARVED = 40.0  # s; then others keep room for a driver, also while its light is red
CLEAR = 1.0  # m behind the rear
GAP_TIME = 2.0  # s between the own leaving and the other's coming
STOP_TIME = 1.0  # s at a stop sign
START_TIME = 2.4  # s at full acceleration: the mean speed of one who starts into a junction
ANY, LONG = int(Way.ANY), int(Way.LONG)


@kernel
def claim(
    table: LaneTable,
    fleet: Fleet,
    others: Others,
    ahead: Ahead,
    order: NDArray[np.intp],
    dt: float,
) -> None:
    """Gives and takes back claims in the given order; who has none is held at the entry."""
    for i in order:
        _give_back(fleet, ahead, i)
    for i in order:
        if ahead.begin[i] < 0 or ahead.enter[i] >= FAR:
            continue
        inside = ahead.enter[i] < -1.5
        red = _is_red(ahead, i)
        near = ahead.enter[i] < 8.0 + fleet.speed[i] * (1.0 + fleet.speed[i] / 4.0)
        waits = ahead.enter[i] < 3.0 and not red and ahead.gap[i] > ahead.enter[i]
        fleet.waited[i] += dt if waits else 0.0
        if inside or (near and not red and _may_enter(table, fleet, others, ahead, i)):
            _take(table, fleet, ahead, i)
            fleet.waited[i] = 0.0
        else:
            ahead.hold[i] = min(ahead.hold[i], ahead.enter[i])


@helper
def _is_red(ahead: Ahead, i: int) -> bool:
    """Whether a signal stops the vehicle before, or just behind, the entry of its next claim."""
    return bool(ahead.hold[i] < ahead.enter[i] + 3.0)


@helper
def _give_back(fleet: Fleet, ahead: Ahead, i: int) -> None:
    """A claim is void when a signal stops its holder short of the first claimed lane."""
    if ahead.hold[i] >= FAR:
        return
    for c in range(fleet.claim_lane.shape[1]):
        to_lane = -fleet.claim_s[i, c] - fleet.half_length[i]
        if fleet.claim_lane[i, c] >= 0 and ahead.hold[i] < to_lane + 5.0 and to_lane > -5.0:
            fleet.claim_lane[i, c] = -1


@helper
def _take(table: LaneTable, fleet: Fleet, ahead: Ahead, i: int) -> None:
    at = -fleet.s[i]
    for k in range(ahead.end[i] + 1):
        lane = fleet.route[i, k]
        if k >= ahead.begin[i] and table.held[lane]:
            for c in range(fleet.claim_lane.shape[1]):
                if fleet.claim_lane[i, c] < 0:
                    fleet.claim_lane[i, c], fleet.claim_s[i, c] = lane, -at
                    break
        at += table.length[lane]


@helper
def _may_enter(table: LaneTable, fleet: Fleet, others: Others, ahead: Ahead, i: int) -> bool:
    first = fleet.route[i, ahead.begin[i]]
    if table.stop_kind[first] == 2 and (fleet.waited[i] < STOP_TIME or ahead.enter[i] > 3.0):
        return False
    if not _is_first(fleet, ahead, i) or not _has_room(fleet, ahead, i):
        return False
    if not turns_on(table, fleet, ahead, i):
        return False
    for k in range(ahead.begin[i], ahead.end[i] + 1):
        lane = fleet.route[i, k]
        for size in range(2):
            for row in range(table.meet_first[size, lane], table.meet_first[size, lane + 1]):
                other, end = table.meet_lane[row], table.meet[row, 3]
                if _is_taken(fleet, i, other, end, size):
                    return False
                if size == _size(fleet, i, i) and _is_used(others, other, end):
                    return False
                if _must_yield(table, fleet, ahead, i, lane, row, size):
                    return False
    return True


@helper
def _size(fleet: Fleet, i: int, j: int) -> int:
    """Which of the tables of meetings counts for two vehicles: 1 if one is a lorry."""
    return int(max(fleet.way[i], fleet.way[j]) >= LONG)


@helper
def _is_first(fleet: Fleet, ahead: Ahead, i: int) -> bool:
    """Whether nobody without a claim stands between the vehicle and the entry."""
    j = ahead.leader[i]
    if ahead.gap[i] > ahead.enter[i]:
        return True
    if j < 0 or ahead.begin[j] < 0:
        return bool(j >= 0)
    to_its_entry = ahead.gap[i] + 2.0 * fleet.half_length[j] + ahead.enter[j]
    return bool(to_its_entry > ahead.enter[i] + 5.0)


@helper
def _has_room(fleet: Fleet, ahead: Ahead, i: int) -> bool:
    """Whether it and everybody bound for the same exit fit beyond the junction."""
    needed = 2.0 * fleet.half_length[i] + fleet.min_gap[i]
    last, kept = fleet.route[i, ahead.end[i]], 0.0
    for j in range(len(fleet.x)):
        if j != i:
            space = 2.0 * fleet.half_length[j] + fleet.min_gap[j]
            for c in range(fleet.claim_lane.shape[1]):
                if fleet.claim_lane[j, c] == last:
                    needed += space
            if _starves(fleet, ahead, i, j):
                kept = max(kept, space)
    return bool(ahead.room[i] > needed + kept)


@helper
def _starves(fleet: Fleet, ahead: Ahead, i: int, j: int) -> bool:
    """Whether j has stood long, and longer, at its entry to where i is bound.

    Without that the lights' phases can give a short road's room to one approach for ever.
    """
    if fleet.stood[j] <= max(fleet.stood[i], STARVED) or ahead.begin[j] < 0:
        return False
    last = fleet.route.shape[1] - 1
    if ahead.end[i] == last or ahead.end[j] == last or ahead.enter[j] > 3.0:
        return False
    return bool(fleet.route[i, ahead.end[i] + 1] == fleet.route[j, ahead.end[j] + 1])


@helper
def turns_on(table: LaneTable, fleet: Fleet, ahead: Ahead, i: int) -> bool:
    """Whether the round it enters, if it enters one, still has a free lane then."""
    if ahead.end[i] + 1 >= fleet.route.shape[1]:
        return True
    ring = table.ring[fleet.route[i, ahead.end[i] + 1]]
    if ring < 0 or table.ring[fleet.route[i, 0]] == ring:
        return True
    inside = 0
    for j in range(len(fleet.x)):
        inside += j != i and _is_in(table, fleet, j, ring)
    return bool(inside < table.ring_room[ring])


@helper
def _is_in(table: LaneTable, fleet: Fleet, j: int, ring: int) -> bool:
    """Whether a vehicle is in a round or has a claim that leads into it, and none out of it."""
    found = table.ring[fleet.route[j, 0]] == ring
    for c in range(fleet.claim_lane.shape[1]):
        lane = fleet.claim_lane[j, c]
        if lane < 0 or table.ring[lane] == ring:
            continue
        leads_in = False
        for row in range(table.after_first[ANY, lane], table.after_first[ANY, lane + 1]):
            leads_in = leads_in or table.ring[table.after[row]] == ring
        if found and not leads_in:
            return False
        found = found or leads_in
    return bool(found)


@helper
def _is_taken(fleet: Fleet, i: int, lane: int, end: float, size: int) -> bool:
    for j in range(len(fleet.x)):
        if j != i and _size(fleet, i, j) == size:
            for c in range(fleet.claim_lane.shape[1]):
                rear = fleet.claim_s[j, c] - fleet.half_length[j]
                if fleet.claim_lane[j, c] == lane and rear < end + CLEAR:
                    return True
    return False


@helper
def _is_used(others: Others, lane: int, end: float) -> bool:
    for j in range(len(others.used_lane)):
        if others.used_lane[j] == lane and others.used_rear[j] < end + CLEAR:
            return True
    return False


@helper
def _must_yield(
    table: LaneTable, fleet: Fleet, ahead: Ahead, i: int, lane: int, row: int, size: int
) -> bool:
    """Whether traffic bound for a lane that meets ours goes first."""
    other = table.meet_lane[row]
    for j in range(len(fleet.x)):
        if j == i or ahead.begin[j] < 0 or ahead.enter[j] >= FAR or _size(fleet, i, j) != size:
            continue
        bound = False
        for k in range(ahead.begin[j], ahead.end[j] + 1):
            bound = bound or fleet.route[j, k] == other
        if not bound or _is_red(ahead, j):
            continue
        if fleet.waited[j] > max(fleet.waited[i], SERVED_FIRST):
            return True
        mine = (ahead.enter[i] + table.meet[row, 1] + 2.0 * fleet.half_length[i]) / max(
            fleet.speed[i], START_TIME * fleet.accel[i]
        )
        coming = ahead.enter[j] / max(fleet.speed[j], 0.1)
        higher = table.priority[other] > table.priority[lane]
        if higher and fleet.waited[i] < INSIST and coming < mine + GAP_TIME:
            return True
    return False
