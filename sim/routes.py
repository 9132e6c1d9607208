"""`--route N`: the routes of a map, made from its lane graph and the number N alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common.errors import UserError
from common.frames import FloatArray
from common.messages import Route, RouteCommand
from sim.roads import Roads, StopKind

ROUTES = 100  # per map
MIN_LENGTH = 400.0  # m
MAX_LENGTH = 900.0  # m
SPACING = 1.0  # m between rows
CLEARANCE = 15.0  # m from the start to the next junction, and from the end to any
ATTEMPTS = 40  # walks per start lane


def route_count(roads: Roads) -> int:
    """How many routes a map has: `ROUTES`, or none where nothing is long enough."""
    return ROUTES if _first_walk(roads, 0) is not None else 0


def make_route(roads: Roads, index: int) -> Route:
    """Route number index: 400 to 900 m of lanes without a lane change, none driven twice.

    It starts and ends `CLEARANCE` from any junction and crosses a signalised one where the map
    has any. Rows lie 1 m apart; those inside a junction carry its turn.

    Raises:
        UserError: the map has no such route; says how many it has.
    """
    walk = _first_walk(roads, index) if 0 <= index < ROUTES else None
    if walk is None:
        count = route_count(roads)
        known = f"0 to {count - 1}" if count else f"none: no lane run of {MIN_LENGTH:.0f} m"
        raise UserError(f"expected a route of {roads.name}, got {index}; it has {known}")
    return _route(roads, walk)


def lanes_of_route(roads: Roads, route: Route) -> list[int]:
    """The lanes a route of `make_route` runs along, in order.

    Connections of a junction lie on each other where they begin, so the graph is followed: at each
    fork the lane goes on that stays nearest to the route.
    """
    at = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(route.points, axis=0).T))])
    begin = route.points[1] - route.points[0]
    here = roads.nearest(route.points[:1], np.arctan2(begin[1:], begin[:1]))
    lanes = [int(here.lane[0])]
    reached = float(roads.length[lanes[0]] - here.s[0])
    while reached < at[-1] and roads.successors[lanes[-1]]:
        onward = roads.successors[lanes[-1]]
        lane = min(onward, key=lambda one: _distance(roads, one, route.points, at - reached))
        lanes.append(lane)
        reached += float(roads.length[lane])
    return lanes


def _distance(roads: Roads, lane: int, points: FloatArray, at: FloatArray) -> float:
    """Mean distance (m) of a lane from a line of points that meets its begin at 0 m."""
    own = roads.samples(lane)
    s = roads.s[own][roads.s[own] <= at[-1]]
    line = np.stack([np.interp(s, at, points[:, i]) for i in (0, 1)], axis=-1)
    return float(np.hypot(*(roads.xy[own][: len(s)] - line).T).mean())


@dataclass(frozen=True, slots=True)
class _Walk:
    """Consecutive lanes; begin and end in m from the first lane's start."""

    lanes: tuple[int, ...]
    begin: float
    end: float


def _first_walk(roads: Roads, index: int) -> _Walk | None:
    """The first walk that makes a route; neighbouring numbers start in different places."""
    rng = np.random.default_rng(index)
    starts = np.flatnonzero((roads.junction < 0) & (roads.length >= 2.0 * CLEARANCE))
    order = np.random.default_rng(0).permutation(starts)  # the same for every index
    signalised = {line.lane for line in roads.stop_lines if line.kind is StopKind.SIGNAL}
    for turn in range(len(order)):
        start = int(order[(index + turn) % len(order)])
        for _ in range(ATTEMPTS):
            walk = _walk(roads, start, rng)
            if walk is not None and (not signalised or signalised.intersection(walk.lanes[1:])):
                return walk
    return None


def _walk(roads: Roads, start: int, rng: np.random.Generator) -> _Walk | None:
    """A random walk as long as drawn; None where it meets itself or a dead end."""
    begin = float(rng.uniform(CLEARANCE / 2.0, roads.length[start] - CLEARANCE))
    wanted = begin + float(rng.uniform(MIN_LENGTH, MAX_LENGTH))
    lanes, length = [start], float(roads.length[start])
    while length < wanted + CLEARANCE or roads.junction[lanes[-1]] >= 0:
        onward = [lane for lane in roads.successors[lanes[-1]] if lane not in lanes]
        if not onward:
            return None
        lanes.append(int(onward[rng.integers(len(onward))]))
        length += float(roads.length[lanes[-1]])
    last = float(roads.length[lanes[-1]])
    end = max(wanted, length - last + CLEARANCE)
    fits = MIN_LENGTH <= end - begin <= MAX_LENGTH and end + CLEARANCE <= length
    return _Walk(tuple(lanes), begin, end) if fits else None


def _route(roads: Roads, walk: _Walk) -> Route:
    rows = np.concatenate([np.arange(roads.first[i], roads.first[i + 1]) for i in walk.lanes])
    step = np.hypot(*np.diff(roads.xy[rows], axis=0).T)
    at = np.concatenate([[0.0], np.cumsum(step)])
    wanted = np.arange(walk.begin, walk.end, SPACING)
    points: FloatArray = np.stack(
        [np.interp(wanted, at, roads.xy[rows, axis]) for axis in (0, 1)], axis=-1
    )
    lanes = roads.lane[rows[np.searchsorted(at, wanted, side="right") - 1]]
    commands: tuple[RouteCommand, ...] = tuple(roads.command[lane] for lane in lanes)
    signs, signals = (_lines(roads, walk, kind) for kind in (StopKind.STOP, StopKind.SIGNAL))
    return Route(points, roads.speed_limit[lanes], commands, signs, signals)


def _lines(roads: Roads, walk: _Walk, kind: StopKind) -> tuple[float, ...]:
    """The walk's stop lines of one kind, m along the route."""
    begins = np.concatenate([[0.0], np.cumsum(roads.length[list(walk.lanes)])])
    lines = sorted(
        float(begins[walk.lanes.index(line.lane)] + line.s - walk.begin)
        for line in roads.stop_lines
        if line.kind is kind and line.lane in walk.lanes
    )
    return tuple(s for s in lines if 0.0 < s < walk.end - walk.begin)
