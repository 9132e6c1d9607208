"""The lane graph as the kernels of `sim.fleet` read it: who may drive where, and who meets whom."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from common.frames import FloatArray
from common.messages import RouteCommand
from sim.junctions import Conflict, Meeting, conflicts
from sim.kinds import CAR, KINDS, LANES, LORRY, Way, swept
from sim.roads import BoolArray, IntArray, Roads, StopKind

LATERAL_ACCEL = 2.2  # m/s2 in curves; ordinary drivers, Bosetti et al. 2014, "Human-like driving"
BEND = 2.0  # m
PLACE = 9.0  # m; a lane where a car can wait
SHORT = 30.0  # m; a lane for so few vehicles that a round of them can fill up
PRIORITY = {RouteCommand.STRAIGHT: 2, RouteCommand.RIGHT: 1, RouteCommand.LEFT: 0}
TURN = {RouteCommand.LEFT: 1, RouteCommand.RIGHT: -1}
MINOR = -4  # added to a connection behind a stop or yield sign


class LaneTable(NamedTuple):
    """The lane graph as the kernels read it; lanes and samples as in `Roads`."""

    first: IntArray  # (L + 1,)
    xy: FloatArray  # (P, 2)
    z: FloatArray  # (P,)
    yaw: FloatArray  # (P,)
    ahead: FloatArray  # (P, 2) unit vectors along the lane
    s: FloatArray  # (P,)
    length: FloatArray  # (L,)
    speed: FloatArray  # (P,) m/s, limit
    bend: FloatArray  # (P,) 1/m, positive left
    curve_speed: FloatArray  # (P,) m/s, what the bend allows
    left: IntArray  # (L,) lane beside, -1 for none
    right: IntArray
    may_left: NDArray[np.bool_]  # (P,) a change is permitted here
    may_right: NDArray[np.bool_]
    after_first: IntArray  # (3, L + 1) rows of `after`, for every `Way`
    after: IntArray  # successors that never lead into a dead end
    held: NDArray[np.bool_]  # (L,) must be claimed before a vehicle enters
    turn: IntArray  # (L,) +1 where a connection turns left, -1 right
    inside: NDArray[np.bool_]  # (L,) no place to wait: in a junction
    ring: IntArray  # (L,) the small round of short lanes it belongs to, -1 for none
    ring_room: IntArray  # (R,) vehicles that a round takes and still turns
    stop_s: FloatArray  # (L,) m, stop line; negative where the lane has none
    stop_kind: IntArray  # (L,) StopKind, 0 for none
    signal: IntArray  # (L,) row of the signal states, -1 for none
    hold_s: FloatArray  # (L,) m, where an unclaimed vehicle's front must stand
    priority: IntArray  # (L,)
    meet_first: IntArray  # (2, L + 1) rows of the arrays below: for two cars, or with a lorry
    meet_lane: IntArray  # (C,)
    meet: FloatArray  # (C, 4) m: begin, end, begin and end on the other lane


def lane_table(roads: Roads, signal_ids: tuple[str, ...]) -> LaneTable:
    """The kernels' view of a lane graph; signals in the order of their OpenDRIVE ids."""
    bend = _bend(roads)
    after_first, after = _successors(roads, bend)
    meetings = [*roads.conflicts, *_meetings_of_lorries(roads, bend)]
    size = np.repeat([0, 1], [len(roads.conflicts), len(meetings) - len(roads.conflicts)])
    keep = np.array([one.kind is not Meeting.SPLIT for one in meetings], dtype=np.bool_)
    meetings = [one for one, kept in zip(meetings, keep, strict=True) if kept]
    lanes = np.array([one.lane for one in meetings], dtype=np.int64)
    meet = np.array([(m.begin, m.end, m.other_begin, m.other_end) for m in meetings])
    stop, (ring, ring_room) = _stop_table(roads, signal_ids), _rings(roads)
    hold_s = np.maximum(stop[0], 0.0)
    for one in meetings:
        hold_s[one.lane] = min(hold_s[one.lane], max(one.begin - 1.0, 0.0))
    priority = np.array([PRIORITY.get(command, 2) for command in roads.command])
    priority[np.isin(stop[1], (StopKind.STOP, StopKind.YIELD))] += MINOR
    return LaneTable(
        first=roads.first,
        xy=np.ascontiguousarray(roads.xy),
        z=np.ascontiguousarray(roads.z),
        yaw=np.ascontiguousarray(roads.yaw),
        ahead=np.stack([np.cos(roads.yaw), np.sin(roads.yaw)], axis=-1),
        s=roads.s,
        length=roads.length,
        speed=roads.speed_limit[roads.lane],
        bend=bend,
        curve_speed=np.sqrt(LATERAL_ACCEL / np.maximum(np.abs(bend), 1e-4)),
        left=roads.left,
        right=roads.right,
        may_left=roads.may_change_left,
        may_right=roads.may_change_right,
        after_first=after_first,
        after=after,
        held=np.bincount(lanes, minlength=len(roads)) > 0,
        turn=np.array([TURN.get(command, 0) for command in roads.command], dtype=np.int32),
        inside=roads.junction >= 0,
        ring=ring,
        ring_room=ring_room,
        stop_s=stop[0],
        stop_kind=stop[1].astype(np.int32),
        signal=stop[2].astype(np.int32),
        hold_s=hold_s,
        priority=priority.astype(np.int32),
        meet_first=_rows(lanes, size[keep], len(roads)),
        meet_lane=np.array([one.other for one in meetings], dtype=np.int32),
        meet=meet.reshape(-1, 4),
    )


def settle(table: LaneTable, lane: IntArray, kind: IntArray) -> tuple[NDArray[np.int64], IntArray]:
    """The places (N,) among those on given lanes (P,) that vehicles take, and their kinds.

    Each takes the first free one that its `Way` leads on from; without one it is a car instead.
    Some are left out where there are more vehicles than places.
    """
    leads_on = np.diff(table.after_first, axis=1) > 0
    free = leads_on[Way.ANY, lane]
    places, kinds = [], []
    for one in kind[: int(free.sum())].tolist():
        fits = free & leads_on[KINDS[one].way, lane]
        kinds.append(one if fits.any() else CAR)
        places.append(int(np.argmax(fits if fits.any() else free)))
        free[places[-1]] = False
    return np.array(places, dtype=np.int64), np.array(kinds, dtype=np.int32)


def _stop_table(roads: Roads, signal_ids: tuple[str, ...]) -> FloatArray:
    """Rows: stop line (m, -1 for none), StopKind and signal row of every lane, (3, L).

    A stop or yield sign at the end of an approach counts for the connections behind it, where
    claims are made.
    """
    stop = np.zeros((3, len(roads)))
    stop[0], stop[2] = -1.0, -1
    for line in (roads.stop_lines[i] for i in roads.stop_line if i >= 0):
        if line.kind is StopKind.SIGNAL:
            row = signal_ids.index(line.opendrive_id) if line.opendrive_id in signal_ids else -1
            stop[:, line.lane] = line.s, line.kind, row
        elif roads.junction[line.lane] >= 0:
            stop[:2, line.lane] = line.s, line.kind
        else:
            stop[1, list(roads.successors[line.lane])] = line.kind
    return stop


def _bend(roads: Roads) -> FloatArray:
    """Signed curvature (P,) 1/m: the heading's change over `BEND` m either way."""
    bend = np.zeros(len(roads.xy))
    for lane in range(len(roads)):
        own = roads.samples(lane)
        yaw, s = np.unwrap(roads.yaw[own]), roads.s[own]
        before, after = np.maximum(s - BEND, s[0]), np.minimum(s + BEND, s[-1])
        turn = np.interp(after, s, yaw) - np.interp(before, s, yaw)
        bend[own] = turn / np.maximum(after - before, 1.0)
    return bend


def _rings(roads: Roads) -> tuple[IntArray, IntArray]:
    """Roundabouts and the like: each lane's, and how many vehicles fit into each.

    Where every short lane of a round is taken, nobody in it can move on: one has to stay free.
    """
    short = (roads.junction >= 0) | (roads.length < SHORT)
    links = [(a, b) for a, after in enumerate(roads.successors) for b in after]
    a, b = np.array([one for one in links if short[list(one)].all()]).reshape(-1, 2).T
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(len(roads), len(roads)))
    count, label = connected_components(graph, connection="strong")
    lanes = np.bincount(label, minlength=count)
    rings = np.flatnonzero(lanes > 1)
    number = np.full(count, -1)
    number[rings] = np.arange(len(rings))
    ring = number[label]
    holds = (roads.junction < 0) & (roads.length > PLACE) & (ring >= 0)
    waits = np.bincount(ring[holds], minlength=len(rings))
    return ring.astype(np.int32), np.maximum(waits - 1, 1).astype(np.int32)


def _rows(lane: NDArray[np.int64], size: NDArray[np.int64], count: int) -> IntArray:
    """Where each lane's meetings begin (2, L + 1); they are ordered by size, then by lane."""
    key = size * (count + 1) + lane
    begins = np.arange(count + 1) + np.array([[0], [count + 1]])
    rows: IntArray = np.searchsorted(key, begins).astype(np.int32)
    return rows


def _sharpest(roads: Roads, bend: FloatArray) -> FloatArray:
    """The smallest radius of each lane (L,) m."""
    radius = 1.0 / np.maximum(np.abs(bend), 1e-4)
    return np.minimum.reduceat(radius, roads.first[:-1])


def _fitting(roads: Roads, bend: FloatArray) -> BoolArray:
    """Which lanes a `Way` allows, (3, L)."""
    radius, inside = _sharpest(roads, bend), roads.junction >= 0
    return np.array(
        [
            (radius >= np.where(inside, LANES[way].turn, LANES[way].bend))
            & (roads.speed_limit <= LANES[way].fastest)
            for way in Way
        ]
    )


def _meetings_of_lorries(roads: Roads, bend: FloatArray) -> tuple[Conflict, ...]:
    """Where a lorry comes too near to another vehicle in a junction."""
    inside = np.flatnonzero(roads.junction[roads.lane] >= 0)
    reach = swept(LORRY, _sharpest(roads, bend))[roads.lane[inside]]
    return conflicts(
        roads.xy[inside],
        roads.z[inside],
        roads.s[inside],
        roads.lane[inside],
        roads.successors,
        reach,
        reach,
    )


def _successors(roads: Roads, bend: FloatArray) -> tuple[IntArray, IntArray]:
    """Rows (3, L + 1) and successors of every lane for every `Way`: one table after the other."""
    tables = [_living_successors(roads, fits) for fits in _fitting(roads, bend)]
    counts = np.array([[len(row) for row in table] for table in tables])
    ends = np.cumsum(counts).reshape(counts.shape)
    first = np.column_stack([np.concatenate([[0], ends[:-1, -1]]), ends])
    after = [lane for table in tables for row in table for lane in row]
    return first.astype(np.int32), np.array(after, dtype=np.int32)


def _living_successors(roads: Roads, fits: BoolArray) -> list[list[int]]:
    """Successors that fit, without those from which every way ends: vehicles drive for ever."""
    after = [
        [one for one in row if fits[one]] if fits[lane] else []
        for lane, row in enumerate(roads.successors)
    ]
    while True:
        ends = {lane for lane, row in enumerate(after) if not row}
        pruned = [[one for one in row if one not in ends] for row in after]
        if pruned == after:
            return after
        after = pruned
