"""The ways through a junction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from common.frames import Pose2, wrap_angle
from sim.maps.curves import Piece, connect
from sim.maps.opendrive import Connection, Lane, Link, Road, constant, level
from sim.maps.plan import LANE, PAVEMENT, Arm, Node

CROSSING = 5.0  # m between a road's end and the first curve: room for a crossing
NO_CROSSING = 1.0  # m, the same where nobody crosses
FIRST_CONNECTOR = 1000


def inbound(arm: Arm, road: Road) -> Pose2:
    """The road's end on its reference line, heading into the junction."""
    if arm.begins:
        return road.pieces[0].start @ Pose2(0.0, 0.0, math.pi)
    return road.pieces[-1].at(road.pieces[-1].length)


def _ways(lanes_in: int, lanes_out: int, turn: float) -> list[tuple[int, int]]:
    """Which incoming lane leads to which outgoing one; 0 lies next to the centre line."""
    if turn < -0.8:
        return [(lanes_in - 1, lanes_out - 1)]
    if turn > 0.8:
        return [(0, 0)]
    kept = min(lanes_in, lanes_out)
    return [(lanes_in - kept + k, lanes_out - kept + k) for k in range(kept)]


def room(node: Node) -> float:
    """How far (m) a road ends before the first curve of a junction."""
    return CROSSING if node.crossings else NO_CROSSING


def ways_through(
    node: Node, arms: Sequence[Arm], roads: Sequence[Road], junction: int, made: int
) -> tuple[tuple[Connection, ...], list[Road]]:
    """The connections of a junction and their roads; `made` connectors are there already."""
    connections = []
    ways: list[Road] = []
    for i, source in enumerate(arms):
        for step in range(1, len(arms)):
            target = arms[(i + step) % len(arms)]
            if not source.lanes_in or not target.lanes_out:
                continue
            start = inbound(source, roads[source.street])
            end = inbound(target, roads[target.street]) @ Pose2(0.0, 0.0, math.pi)
            turn = wrap_angle(end.yaw - start.yaw)
            for k_in, k_out in _ways(source.lanes_in, target.lanes_out, turn):
                paved = source.profile.paved and target.profile.paved
                kerb = paved and step == 1 and k_in == source.lanes_in - 1
                pieces = connect(
                    start @ Pose2(0.0, -k_in * LANE, 0.0),
                    end @ Pose2(0.0, -k_out * LANE, 0.0),
                    room(node),
                )
                identity = FIRST_CONNECTOR + made + len(ways)
                lane = (source.lane_in(k_in), target.lane_out(k_out))
                way = _connector(identity, junction, pieces, (source, target), lane, kerb)
                ways.append(replace(way, elevation=level(node.z)))
                connections.append(Connection(source.street, identity, ((lane[0], -1),)))
    return tuple(connections), ways


def _connector(
    identity: int,
    junction: int,
    pieces: tuple[Piece, ...],
    arms: tuple[Arm, Arm],
    lane: tuple[int, int],
    kerb: bool,
) -> Road:
    """The road of one way; along a kerb it carries the pavement of the corner."""
    source, target = arms
    lanes = [Lane(-1, "driving", constant(LANE), "curb" if kerb else "none", "white", *lane)]
    if kerb:
        into = math.copysign(source.pavement, lane[0])
        out = math.copysign(target.pavement, lane[1])
        lanes.append(Lane(-2, "sidewalk", constant(PAVEMENT), "none", "white", int(into), int(out)))
    return Road(
        id=identity,
        name=f"way{identity}",
        junction=junction,
        pieces=pieces,
        lanes=tuple(lanes),
        centre_mark="none",
        centre_colour="white",
        speed=min(source.profile.speed, target.profile.speed),
        predecessor=Link("road", source.street, source.contact),
        successor=Link("road", target.street, target.contact),
    )
