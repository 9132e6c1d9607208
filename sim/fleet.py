"""Background vehicles as arrays: state, kernels' inputs, and one step of all drivers.

A pure simulation on the lane graph: it knows no client and no server. `decide` looks and chooses
an acceleration and a steering angle per vehicle; who integrates them (`roll` here, the
server's dynamics in a drive) then says where the vehicles are. World frame, SI, radians.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from common.frames import FloatArray
from common.messages import RouteCommand
from sim.changing import change
from sim.following import accelerate, look, roll_kernel, track
from sim.junctions import Meeting
from sim.right_of_way import claim
from sim.roads import Roads, StopKind
from sim.steering import steer

IntArray = NDArray[np.int32]

ROUTE = 12  # lanes a vehicle knows ahead, its own first
CLAIMS = 10  # junction lanes a vehicle can hold at once
LATERAL_ACCEL = 2.2  # m/s2 in curves; ordinary drivers, Bosetti et al. 2014, "Human-like driving"
BEND = 2.0  # m
PLACE = 9.0  # m; a lane where a car can wait
SHORT = 30.0  # m; a lane for so few vehicles that a round of them can fill up
RED, YELLOW, GREEN, OFF = 0, 1, 2, 3  # signal states, CARLA's TrafficLightState
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
    after_first: IntArray  # (L + 1,) rows of `after`
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
    meet_first: IntArray  # (L + 1,) rows of the arrays below
    meet_lane: IntArray  # (C,)
    meet: FloatArray  # (C, 4) m: begin, end, begin and end on the other lane


class Fleet(NamedTuple):
    """All vehicles; arrays over N, changed in place."""

    x: FloatArray  # m, box centre
    y: FloatArray
    z: FloatArray  # m, the road's height
    yaw: FloatArray  # rad
    speed: FloatArray  # m/s
    steer: FloatArray  # rad at the front wheels
    half_length: FloatArray  # m
    half_width: FloatArray
    wheelbase: FloatArray
    wish: FloatArray  # desired speed over the limit
    headway: FloatArray  # s
    min_gap: FloatArray  # m
    accel: FloatArray  # m/s2, IDM's a
    decel: FloatArray  # m/s2, IDM's b
    route: IntArray  # (N, ROUTE) lanes, own first
    sample: IntArray  # nearest sample
    s: FloatArray  # m along the own lane
    claim_lane: IntArray  # (N, CLAIMS) -1 for none
    claim_s: FloatArray  # (N, CLAIMS) m, own place measured along the claimed lane
    waited: FloatArray  # s at a junction's entry without a red light
    stood: FloatArray  # s without motion


class Ahead(NamedTuple):
    """What each vehicle sees along its route this tick; arrays over N."""

    gap: FloatArray  # m to the leader's rear
    lead_speed: FloatArray  # m/s of the leader, along the path
    leader: IntArray  # which vehicle leads, -1 for none or a stranger
    hold: FloatArray  # m to the line where it must stand
    target: FloatArray  # m/s, limit and bends ahead
    enter: FloatArray  # m to the next entry that needs a claim
    begin: IntArray  # first and last place in the route of the lanes to claim, -1 for none
    end: IntArray
    leave: FloatArray  # m from the centre to the end of the lanes to claim
    room: FloatArray  # m free beyond them


class Others(NamedTuple):
    """Everything else on the road: the ego vehicle, walkers, strangers; arrays over M or K."""

    x: FloatArray
    y: FloatArray
    z: FloatArray
    yaw: FloatArray
    half_length: FloatArray
    half_width: FloatArray
    vx: FloatArray  # m/s, world frame
    vy: FloatArray
    used_lane: IntArray  # (K,) lanes that vehicles among them use
    used_rear: FloatArray  # (K,) m along those, their rears


def nobody() -> Others:
    """An empty road."""
    none = np.zeros(0)
    return Others(none, none, none, none, none, none, none, none, np.zeros(0, np.int32), none)


def lane_table(roads: Roads, signal_ids: tuple[str, ...]) -> LaneTable:
    """The kernels' view of a lane graph; signals in the order of their OpenDRIVE ids."""
    after, bend = _living_successors(roads), _bend(roads)
    meetings = [one for one in roads.conflicts if one.kind is not Meeting.SPLIT]
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
        after_first=np.cumsum([0, *map(len, after)]).astype(np.int32),
        after=np.array([b for row in after for b in row], dtype=np.int32),
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
        meet_first=np.searchsorted(lanes, np.arange(len(roads) + 1)).astype(np.int32),
        meet_lane=np.array([one.other for one in meetings], dtype=np.int32),
        meet=meet.reshape(-1, 4),
    )


def make_fleet(
    table: LaneTable,
    lane: IntArray,
    s: FloatArray,
    half_size: FloatArray,
    rng: np.random.Generator,
) -> Fleet:
    """Vehicles at rest on their lanes (N,) at s (N,) m, with drivers drawn from rng.

    Args:
        table: the lane graph.
        lane: (N,) where each vehicle stands.
        s: (N,) m along it.
        half_size: (N, 2) m, half length and half width.
        rng: draws driver types and first turns. IDM's figures spread about Treiber and
            Kesting, "Traffic Flow Dynamics", table 11.2 (city and highway).
    """
    n = len(lane)
    sample = np.zeros(n, dtype=np.int32)
    for i in range(n):
        own = slice(table.first[lane[i]], table.first[lane[i] + 1])
        sample[i] = own.start + np.argmin(np.abs(table.s[own] - s[i]))
    offset = s - table.s[sample]
    route = np.full((n, ROUTE), -1, dtype=np.int32)
    for i in range(n):
        route[i, 0] = lane[i]
        for k in range(1, ROUTE):
            begin, end = table.after_first[route[i, k - 1]], table.after_first[route[i, k - 1] + 1]
            route[i, k] = table.after[rng.integers(begin, end)]
    return Fleet(
        x=table.xy[sample, 0] + offset * np.cos(table.yaw[sample]),
        y=table.xy[sample, 1] + offset * np.sin(table.yaw[sample]),
        z=table.z[sample].copy(),
        yaw=table.yaw[sample].copy(),
        speed=np.zeros(n),
        steer=np.zeros(n),
        half_length=half_size[:, 0].copy(),
        half_width=half_size[:, 1].copy(),
        wheelbase=1.16 * half_size[:, 0],  # Lincoln MKZ: 2.85 m of 4.90 m
        wish=rng.uniform(0.7, 1.05, n),
        headway=rng.uniform(1.0, 1.8, n),
        min_gap=rng.uniform(1.5, 3.0, n),
        accel=rng.uniform(1.2, 2.2, n),
        decel=rng.uniform(1.6, 2.4, n),
        route=route,
        sample=sample,
        s=s.copy(),
        claim_lane=np.full((n, CLAIMS), -1, dtype=np.int32),
        claim_s=np.zeros((n, CLAIMS)),
        waited=np.zeros(n),
        stood=np.zeros(n),
    )


def decide(
    table: LaneTable,
    fleet: Fleet,
    others: Others,
    signals: NDArray[np.uint8],
    dt: float,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """What every driver does now: acceleration (N,) m/s2 and steering angle (N,) rad.

    Poses and speeds in fleet are where the vehicles are; routes, claims and waiting times in it
    move on by dt. Signals (S,) hold RED, YELLOW, GREEN or OFF.
    """
    n = len(fleet.x)
    track(table, fleet, rng.random(n), dt)
    ahead = nothing_ahead(n)
    look(table, fleet, others, signals, ahead)
    order = np.lexsort((np.arange(n), ahead.enter, -fleet.waited))
    claim(table, fleet, others, ahead, order, dt)
    change(table, fleet, others, ahead, rng.random(n), dt)
    accel, wheel = np.empty(n), np.empty(n)
    accelerate(fleet, ahead, accel)
    steer(table, fleet, wheel)
    return accel, wheel


def roll(fleet: Fleet, accel: FloatArray, steer: FloatArray, dt: float) -> None:
    """Moves the vehicles dt s on: the kinematic bicycle about the rear axle."""
    roll_kernel(fleet, accel, steer, dt)


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


def nothing_ahead(n: int) -> Ahead:
    """An empty sheet for `look` to fill in, for n vehicles."""
    figures = [np.zeros(n) for _ in range(7)]
    places = [np.zeros(n, dtype=np.int32) for _ in range(3)]
    gap, lead_speed, hold, target, enter, leave, room = figures
    leader, begin, end = places
    return Ahead(gap, lead_speed, leader, hold, target, enter, begin, end, leave, room)


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


def _living_successors(roads: Roads) -> list[list[int]]:
    """Successors without those from which every way ends: vehicles drive for ever."""
    after = [list(row) for row in roads.successors]
    while True:
        ends = {lane for lane, row in enumerate(after) if not row}
        pruned = [[one for one in row if one not in ends] for row in after]
        if pruned == after:
            return after
        after = pruned
