"""People on pavements: they stroll, turn at corners, and cross where and when they dare.

A pure simulation on the graph of `sim.pavement`, as `sim.fleet` is on the lane graph: `stroll`
says where everybody heads and how fast, the simulator moves them. World frame, SI.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from common.jit import helper, kernel
from sim.pavement import IntArray, Pavement
from sim.steering import FAR

AIM = 1.2  # m; the point walked to lies so far ahead
ARRIVED = 0.9  # m from an edge's end
CROSS_SHARE = 0.4  # of those who pass a crossing
BOLD_SHARE = 0.15  # of those who cross do so in front of traffic that can still brake
BOLD_DECEL = 3.0  # m/s2 that the bold expect of a driver
BOLD_REACTION = 1.2  # s, Green 2000, "How long does it take to stop?"
PATIENCE = 20.0  # s at the kerb, then they walk on
LIGHT_PATIENCE = 75.0  # s at the kerb where there is a light: five phases of 15 s
HURRY = 1.15  # times the pace, on a crossing
BESIDE = 2.0  # m either side of the crossing's line that a vehicle sweeps
TURN_BACK = 3.0  # s in front of somebody who stands in the way
ARM = 1.0  # m kept to the body in front
NO_LIGHT, WAIT, GO = -1, 0, 1


class Walkers(NamedTuple):
    """All walkers; arrays over N, changed in place."""

    x: FloatArray  # m
    y: FloatArray
    edge: IntArray
    way: IntArray  # +1 along the edge, -1 against it
    side: FloatArray  # 0..1 of the room, to the right of the way
    pace: FloatArray  # m/s
    bold: NDArray[np.bool_]  # crosses in front of traffic, this time
    waited: FloatArray  # s at the kerb; negative while not waiting
    stood: FloatArray  # s with somebody in the way


class Cars(NamedTuple):
    """Vehicles as walkers see them; arrays over M."""

    x: FloatArray
    y: FloatArray
    yaw: FloatArray
    half_length: FloatArray
    half_width: FloatArray
    speed: FloatArray  # m/s


def make_walkers(
    graph: Pavement, edge: IntArray, s: FloatArray, rng: np.random.Generator
) -> Walkers:
    """Walkers on edges (N,) at s (N,) m; paces about Bohannon 1997, comfortable gait of adults."""
    n = len(edge)
    x, y = np.zeros(n), np.zeros(n)
    side = rng.uniform(0.1, 0.9, n)
    way = rng.choice(np.array([-1, 1], dtype=np.int32), n)
    for i in range(n):
        x[i], y[i] = _point(graph, edge[i], s[i], way[i], side[i])
    return Walkers(
        x=x,
        y=y,
        edge=edge.astype(np.int32),
        way=way,
        side=side,
        pace=rng.normal(1.35, 0.15, n).clip(0.9, 1.8),
        bold=np.zeros(n, dtype=np.bool_),
        waited=np.full(n, -1.0),
        stood=np.zeros(n),
    )


def stroll(
    graph: Pavement,
    walkers: Walkers,
    cars: Cars,
    walk: IntArray,
    dt: float,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Where everybody heads now, unit vectors (N, 2), and how fast, (N,) m/s.

    Walk (E,) tells of every edge whether a light lets people go: `GO`, `WAIT`, or `NO_LIGHT`.
    """
    n = len(walkers.x)
    heading, speed = np.empty((n, 2)), np.empty(n)
    _stroll(graph, walkers, cars, walk, dt, rng.random((n, 3)), heading, speed)
    return heading, speed


@kernel
def _stroll(
    graph: Pavement,
    walkers: Walkers,
    cars: Cars,
    walk: IntArray,
    dt: float,
    draws: FloatArray,
    heading: FloatArray,
    speed: FloatArray,
) -> None:
    for i in range(len(walkers.x)):
        s = _along(graph, walkers, i)
        left = graph.length[walkers.edge[i]] - s if walkers.way[i] > 0 else s
        if left < ARRIVED and walkers.waited[i] < 0.0:
            _turn(graph, walkers, i, (draws[i, 0], draws[i, 1], draws[i, 2]))
            s = _along(graph, walkers, i)
        edge = walkers.edge[i]
        speed[i] = walkers.pace[i]
        if walkers.waited[i] >= 0.0:
            walkers.waited[i] += dt
            patience = PATIENCE if walk[edge] == NO_LIGHT else LIGHT_PATIENCE
            if walk[edge] != WAIT and _is_free(graph, walkers, cars, i):
                walkers.waited[i] = -1.0
            elif walkers.waited[i] > patience:
                _turn(graph, walkers, i, (draws[i, 0], 1.0, 1.0))
            else:
                speed[i] = 0.0
        elif graph.crossing[edge]:
            speed[i] *= HURRY
        x, y = _point(graph, edge, s + walkers.way[i] * AIM, walkers.way[i], walkers.side[i])
        dx, dy = x - walkers.x[i], y - walkers.y[i]
        far = max(math.hypot(dx, dy), 1e-6)
        heading[i, 0], heading[i, 1] = dx / far, dy / far
        blocked = _is_blocked(walkers, cars, i, dx / far, dy / far)
        walkers.stood[i] = walkers.stood[i] + dt if blocked else 0.0
        if blocked:
            speed[i] = 0.0
        if walkers.stood[i] > TURN_BACK:
            walkers.way[i], walkers.stood[i] = -walkers.way[i], 0.0


@helper
def _along(graph: Pavement, walkers: Walkers, i: int) -> float:
    """Arc length (m) of the edge's point nearest to a walker."""
    best, s = FAR * FAR, 0.0
    edge = walkers.edge[i]
    for p in range(graph.first[edge], graph.first[edge + 1] - 1):
        ax, ay = graph.xy[p, 0], graph.xy[p, 1]
        bx, by = graph.xy[p + 1, 0] - ax, graph.xy[p + 1, 1] - ay
        square = max(bx * bx + by * by, 1e-12)
        u = ((walkers.x[i] - ax) * bx + (walkers.y[i] - ay) * by) / square
        u = min(max(u, 0.0), 1.0)
        away = (ax + u * bx - walkers.x[i]) ** 2 + (ay + u * by - walkers.y[i]) ** 2
        if away < best:
            best, s = away, graph.s[p] + u * math.sqrt(square)
    return s


@helper
def _point(graph: Pavement, edge: int, s: float, way: int, side: float) -> tuple[float, float]:
    """The point at s m of an edge, to the right of the way."""
    p = graph.first[edge]
    while p < graph.first[edge + 1] - 2 and graph.s[p + 1] < s:
        p += 1
    dx, dy = graph.xy[p + 1, 0] - graph.xy[p, 0], graph.xy[p + 1, 1] - graph.xy[p, 1]
    size = max(math.hypot(dx, dy), 1e-6)
    dx, dy = dx / size, dy / size
    u = min(max(s, 0.0), graph.length[edge]) - graph.s[p]
    off = side * graph.room[edge] * way
    return graph.xy[p, 0] + u * dx + off * dy, graph.xy[p, 1] + u * dy - off * dx


@helper
def _turn(graph: Pavement, walkers: Walkers, i: int, draw: tuple[float, float, float]) -> None:
    """Picks the next edge at the node reached: a crossing by chance, else another pavement."""
    edge = walkers.edge[i]
    waiting = walkers.waited[i] >= 0.0
    forward = walkers.way[i] > 0
    node = graph.node[edge, 1] if forward != waiting else graph.node[edge, 0]
    over = draw[1] < CROSS_SHARE
    for attempt in range(2):
        count = 0
        for row in range(graph.edge_first[node], graph.edge_first[node + 1]):
            other = graph.edges[row]
            if other != edge and (graph.crossing[other] == over or attempt == 1):
                count += 1
        if count == 0:
            continue
        pick = int(draw[0] * count)
        for row in range(graph.edge_first[node], graph.edge_first[node + 1]):
            other = graph.edges[row]
            if other != edge and (graph.crossing[other] == over or attempt == 1):
                if pick == 0:
                    walkers.edge[i] = other
                    walkers.way[i] = 1 if graph.node[other, 0] == node else -1
                    walkers.waited[i] = 0.0 if graph.crossing[other] else -1.0
                    walkers.bold[i] = draw[2] < BOLD_SHARE
                    return
                pick -= 1
    walkers.way[i] = -walkers.way[i]
    walkers.waited[i] = -1.0


@helper
def _is_free(graph: Pavement, walkers: Walkers, cars: Cars, i: int) -> bool:
    """Whether a walker at the kerb thinks it can cross before any vehicle comes."""
    edge = walkers.edge[i]
    begin, end = graph.first[edge], graph.first[edge + 1] - 1
    ax, ay = graph.xy[begin, 0], graph.xy[begin, 1]
    bx, by = graph.xy[end, 0] - ax, graph.xy[end, 1] - ay
    length = max(graph.length[edge], 1e-6)
    need = length / (walkers.pace[i] * HURRY) + 1.0
    for j in range(len(cars.x)):
        tx, ty = math.cos(cars.yaw[j]), math.sin(cars.yaw[j])
        turn = tx * by - ty * bx
        if abs(turn) < 0.2 * length:
            continue
        dx, dy = ax - cars.x[j], ay - cars.y[j]
        ahead = (dx * by - dy * bx) / turn  # m along the vehicle's way to the crossing's line
        across = (dx * ty - dy * tx) / turn  # 0..1 along the crossing
        if not -BESIDE / length < across < 1.0 + BESIDE / length:
            continue
        gap = ahead - cars.half_length[j] - 1.0
        if ahead + cars.half_length[j] + 1.0 < 0.0 or (gap > 0.0 and cars.speed[j] < 0.3):
            continue
        v = cars.speed[j]
        brake = v * BOLD_REACTION + v * v / (2.0 * BOLD_DECEL)
        if gap > v * need or (walkers.bold[i] and gap > brake):
            continue
        return False
    return True


@helper
def _is_blocked(walkers: Walkers, cars: Cars, i: int, ux: float, uy: float) -> bool:
    """Whether the next step would go into a vehicle or into the back of somebody."""
    x, y = walkers.x[i] + ARM * ux, walkers.y[i] + ARM * uy
    for j in range(len(cars.x)):
        cos, sin = math.cos(cars.yaw[j]), math.sin(cars.yaw[j])
        dx, dy = x - cars.x[j], y - cars.y[j]
        along, across = abs(cos * dx + sin * dy), abs(cos * dy - sin * dx)
        if along < cars.half_length[j] + 0.4 and across < cars.half_width[j] + 0.4:
            return True
    for j in range(len(walkers.x)):
        if j != i and walkers.way[j] == walkers.way[i] and walkers.edge[j] == walkers.edge[i]:
            dx, dy = walkers.x[j] - walkers.x[i], walkers.y[j] - walkers.y[i]
            if dx * ux + dy * uy > 0.0 and dx * dx + dy * dy < 0.49 and walkers.waited[j] < 0.0:
                return True
    return False
