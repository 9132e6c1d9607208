"""Background vehicles as arrays: state, kernels' inputs, and one step of all drivers.

A pure simulation on the lane graph: it knows no client and no server. `decide` looks and chooses
an acceleration and a steering angle per vehicle; who integrates them (`roll` here, the
server's dynamics in a drive) then says where the vehicles are. World frame, SI, radians.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from sim.changing import change
from sim.following import accelerate, look, roll_kernel, track
from sim.kinds import KINDS, Bodies
from sim.lanes import LaneTable
from sim.right_of_way import claim
from sim.roads import IntArray
from sim.steering import steer

ROUTE = 12  # lanes a vehicle knows ahead, its own first
CLAIMS = 10  # junction lanes a vehicle can hold at once
RED, YELLOW, GREEN, OFF = 0, 1, 2, 3  # signal states, CARLA's TrafficLightState


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
    way: IntArray  # `Way`: which lanes it may use
    wish: FloatArray  # desired speed over the limit
    top: FloatArray  # m/s, never faster
    corner: FloatArray  # speed in bends over what cars drive there
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


def make_fleet(
    table: LaneTable, lane: IntArray, s: FloatArray, bodies: Bodies, rng: np.random.Generator
) -> Fleet:
    """Vehicles at rest on their lanes (N,) at s (N,) m, with drivers drawn from rng.

    Args:
        table: the lane graph.
        lane: (N,) where each vehicle stands; its `Way` must lead on from there.
        s: (N,) m along it.
        bodies: what they are.
        rng: draws driver types and first turns.
    """
    n = len(lane)
    way = np.array([KINDS[kind].way for kind in bodies.kind], dtype=np.int32)
    sample = np.zeros(n, dtype=np.int32)
    for i in range(n):
        own = slice(table.first[lane[i]], table.first[lane[i] + 1])
        sample[i] = own.start + np.argmin(np.abs(table.s[own] - s[i]))
    offset = s - table.s[sample]
    route = np.full((n, ROUTE), -1, dtype=np.int32)
    for i in range(n):
        route[i, 0] = lane[i]
        for k in range(1, ROUTE):
            begin, end = table.after_first[way[i], route[i, k - 1] : route[i, k - 1] + 2]
            route[i, k] = table.after[rng.integers(begin, end)]
    return Fleet(
        x=table.xy[sample, 0] + offset * np.cos(table.yaw[sample]),
        y=table.xy[sample, 1] + offset * np.sin(table.yaw[sample]),
        z=table.z[sample].copy(),
        yaw=table.yaw[sample].copy(),
        speed=np.zeros(n),
        steer=np.zeros(n),
        half_length=bodies.half_length.copy(),
        half_width=bodies.half_width.copy(),
        wheelbase=bodies.wheelbase.copy(),
        way=way,
        **_drivers(bodies.kind, rng),
        min_gap=rng.uniform(1.5, 3.0, n),
        route=route,
        sample=sample,
        s=s.copy(),
        claim_lane=np.full((n, CLAIMS), -1, dtype=np.int32),
        claim_s=np.zeros((n, CLAIMS)),
        waited=np.zeros(n),
        stood=np.zeros(n),
    )


def _drivers(kind: IntArray, rng: np.random.Generator) -> dict[str, FloatArray]:
    """The figures of drivers of these kinds (N,), drawn from the ranges of `KINDS`."""
    figures = ("wish", "top", "corner", "headway", "accel", "decel")
    ranges = {name: np.array([getattr(one, name) for one in KINDS])[kind] for name in figures}
    return {name: rng.uniform(*both.T) for name, both in ranges.items()}


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


def nothing_ahead(n: int) -> Ahead:
    """An empty sheet for `look` to fill in, for n vehicles."""
    figures = [np.zeros(n) for _ in range(7)]
    places = [np.zeros(n, dtype=np.int32) for _ in range(3)]
    gap, lead_speed, hold, target, enter, leave, room = figures
    leader, begin, end = places
    return Ahead(gap, lead_speed, leader, hold, target, enter, begin, end, leave, room)
