"""From nodes and streets to roads and junctions: right-hand traffic, kerbs, crossings, control.

Angles at a node grow counter-clockwise; whoever comes in on one arm finds the next arm on the
right hand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from common.frames import Pose2, wrap_angle
from sim.maps.curves import Piece, Point, connect, polyline
from sim.maps.opendrive import (
    Connection,
    Controller,
    Crosswalk,
    Junction,
    Lane,
    Link,
    Road,
    RoadSignal,
    document,
)

LANE = 3.5  # m, a lane of an urban main road (RASt 06, section 6.1.1: 3.25 to 3.50)
PAVEMENT = 3.0  # m
KERB_RADIUS = 6.0  # m at a corner (RASt 06, section 6.3.7: 6 to 8 for cars)
CROSSING = 5.0  # m between a road's end and the first curve: room for a crossing
CROSSING_WIDTH = 3.0  # m (RASt 06, section 6.1.8: at least 3)
SIDE_TAPER = (9.0, 6.0)  # m without a side lane at either end, m of its taper
FIRST_CONNECTOR, FIRST_JUNCTION = 1000, 500
FIRST_SIGNAL, FIRST_CONTROLLER, FIRST_CROSSWALK = 2000, 3000, 4000

Cubic = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Profile:
    """A street's cross-section, the same on both sides."""

    lanes: int  # driving lanes each way
    speed: float  # km/h
    centre: tuple[str, str] = ("broken", "yellow")  # roadMark type and colour
    side: tuple[str, float] | None = None  # "parking" or "biking" lane and its width (m)

    @property
    def half(self) -> float:
        """How far (m) the kerb lies from the centre line at a junction."""
        return self.lanes * LANE


@dataclass(frozen=True, slots=True)
class Node:
    """A place where streets meet."""

    at: Point
    control: str  # "signals", "stop", "yield" or "open"
    crossings: bool = True


@dataclass(frozen=True, slots=True)
class Street:
    """A road from node `a` to node `b`; inner points are rounded corners."""

    a: str
    b: str
    profile: Profile
    via: tuple[Point, ...] = ()
    radii: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Arm:
    """One end of a street at a node."""

    street: int
    begins: bool  # the street starts here
    outward: float  # rad, direction away from the node
    profile: Profile

    def lane_in(self, k: int) -> int:
        """Lane id of the k-th incoming lane, 0 next to the centre line."""
        return k + 1 if self.begins else -(k + 1)

    def lane_out(self, k: int) -> int:
        """Lane id of the k-th outgoing lane."""
        return -self.lane_in(k)

    @property
    def pavement(self) -> int:
        """How far out the pavement lies, as a lane number."""
        return self.profile.lanes + (1 if self.profile.side is None else 2)

    @property
    def contact(self) -> str:
        """Which end of the street this is."""
        return "start" if self.begins else "end"


def build(name: str, nodes: Mapping[str, Node], streets: Sequence[Street]) -> str:
    """The OpenDRIVE text of a town."""
    arms = {key: _arms(key, node, nodes, streets) for key, node in nodes.items()}
    junction_ids = {key: FIRST_JUNCTION + i for i, key in enumerate(nodes)}
    trims = {
        (arm.street, arm.begins): _trim(arms[key], i)
        for key in nodes
        for i, arm in enumerate(arms[key])
    }
    roads = [
        _street_road(index, street, nodes, trims, junction_ids)
        for index, street in enumerate(streets)
    ]
    junctions = []
    connectors: list[Road] = []
    for key, node in nodes.items():
        connections, ways = _connect(arms[key], roads, junction_ids[key], len(connectors))
        connectors += ways
        controllers = _control(node, arms[key], roads, junction_ids[key])
        junctions.append(Junction(junction_ids[key], connections, controllers))
    return document(name, [*roads, *connectors], junctions)


def _ends(street: Street, nodes: Mapping[str, Node]) -> tuple[Point, ...]:
    return (nodes[street.a].at, *street.via, nodes[street.b].at)


def _arms(
    key: str, node: Node, nodes: Mapping[str, Node], streets: Sequence[Street]
) -> tuple[Arm, ...]:
    """The arms of a node by ascending outward angle."""
    arms = []
    for index, street in enumerate(streets):
        points = _ends(street, nodes)
        for begins, end, inner in ((True, street.a, points[1]), (False, street.b, points[-2])):
            if end == key:
                angle = math.atan2(inner[1] - node.at[1], inner[0] - node.at[0])
                arms.append(Arm(index, begins, angle, street.profile))
    return tuple(sorted(arms, key=lambda arm: arm.outward))


def _trim(arms: Sequence[Arm], i: int) -> float:
    """How far from the node arm `i` ends (m): kerbs rounded, crossing before them."""
    own = arms[i]
    trim = 4.0
    for other in (arms[i - 1], arms[(i + 1) % len(arms)]):
        between = abs(wrap_angle(other.outward - own.outward))
        if between < 2.6:
            meet = (other.profile.half + own.profile.half * math.cos(between)) / math.sin(between)
            trim = max(trim, meet + KERB_RADIUS / math.tan(between / 2.0))
    return trim + CROSSING


def _street_road(
    index: int,
    street: Street,
    nodes: Mapping[str, Node],
    trims: Mapping[tuple[int, bool], float],
    junctions: Mapping[str, int],
) -> Road:
    points = list(_ends(street, nodes))
    points[0] = _towards(points[0], points[1], trims[index, True])
    points[-1] = _towards(points[-1], points[-2], trims[index, False])
    pieces = polyline(points, street.radii)
    length = sum(piece.length for piece in pieces)
    profile = street.profile
    return Road(
        id=index,
        name=f"{street.a}-{street.b}",
        junction=-1,
        pieces=pieces,
        lanes=(*_side(profile, length, 1), *_side(profile, length, -1)),
        centre_mark=profile.centre[0],
        centre_colour=profile.centre[1],
        speed=profile.speed,
        predecessor=Link("junction", junctions[street.a]),
        successor=Link("junction", junctions[street.b]),
    )


def _towards(start: Point, goal: Point, distance: float) -> Point:
    dx, dy = goal[0] - start[0], goal[1] - start[1]
    share = distance / math.hypot(dx, dy)
    return (start[0] + share * dx, start[1] + share * dy)


def _side(profile: Profile, length: float, sign: int) -> Iterator[Lane]:
    """The lanes of one side, from the centre line outwards."""
    for k in range(1, profile.lanes + 1):
        outer = k == profile.lanes
        mark = "broken" if not outer else "curb" if profile.side is None else "solid"
        yield Lane(sign * k, "driving", _constant(LANE), mark)
    k = profile.lanes + 1
    if profile.side is not None:
        kind, width = profile.side
        yield Lane(sign * k, kind, _tapered(width, length), "curb")
        k += 1
    yield Lane(sign * k, "sidewalk", _constant(PAVEMENT), "none")


def _constant(width: float) -> tuple[tuple[float, Cubic], ...]:
    return ((0.0, (width, 0.0, 0.0, 0.0)),)


def _tapered(width: float, length: float) -> tuple[tuple[float, Cubic], ...]:
    """A lane that is nothing at either end and `width` (m) between."""
    bare, taper = SIDE_TAPER
    c, d = 3.0 * width / taper**2, 2.0 * width / taper**3
    return (
        (0.0, (0.0, 0.0, 0.0, 0.0)),
        (bare, (0.0, 0.0, c, -d)),
        (bare + taper, (width, 0.0, 0.0, 0.0)),
        (length - bare - taper, (width, 0.0, -c, d)),
        (length - bare, (0.0, 0.0, 0.0, 0.0)),
    )


def _inbound(arm: Arm, road: Road) -> Pose2:
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


def _connect(
    arms: Sequence[Arm], roads: Sequence[Road], junction: int, made: int
) -> tuple[tuple[Connection, ...], list[Road]]:
    connections = []
    ways: list[Road] = []
    for i, source in enumerate(arms):
        for step in range(1, len(arms)):
            target = arms[(i + step) % len(arms)]
            start = _inbound(source, roads[source.street])
            end = _inbound(target, roads[target.street]) @ Pose2(0.0, 0.0, math.pi)
            turn = wrap_angle(end.yaw - start.yaw)
            for k_in, k_out in _ways(source.profile.lanes, target.profile.lanes, turn):
                kerb = step == 1 and k_in == source.profile.lanes - 1
                pieces = connect(
                    start @ Pose2(0.0, -k_in * LANE, 0.0),
                    end @ Pose2(0.0, -k_out * LANE, 0.0),
                    CROSSING,
                )
                identity = FIRST_CONNECTOR + made + len(ways)
                lane = (source.lane_in(k_in), target.lane_out(k_out))
                ways.append(_connector(identity, junction, pieces, (source, target), lane, kerb))
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
    lanes = [Lane(-1, "driving", _constant(LANE), "curb" if kerb else "none", "white", *lane)]
    if kerb:
        into = math.copysign(source.pavement, lane[0])
        out = math.copysign(target.pavement, lane[1])
        lanes.append(
            Lane(-2, "sidewalk", _constant(PAVEMENT), "none", "white", int(into), int(out))
        )
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


def _control(
    node: Node, arms: Sequence[Arm], roads: list[Road], junction: int
) -> tuple[Controller, ...]:
    """Put lights, signs and crossings on the arms' roads; give the lights' controllers."""
    base = 10 * (junction - FIRST_JUNCTION)
    minor = _minor(arms)
    for i, arm in enumerate(arms):
        road = roads[arm.street]
        signals = [*road.signals, _limit_sign(FIRST_SIGNAL + base + i + 5, arm, road)]
        if node.control == "signals":
            signals.append(_end_signal(FIRST_SIGNAL + base + i, arm, road, "light"))
        elif node.control in ("stop", "yield") and arm in minor:
            signals.append(_end_signal(FIRST_SIGNAL + base + i, arm, road, node.control))
        crosswalks = list(road.crosswalks)
        if node.crossings:
            crosswalks.append(_crosswalk(FIRST_CROSSWALK + base + i, arm, road))
        roads[arm.street] = replace(road, signals=tuple(signals), crosswalks=tuple(crosswalks))
    if node.control != "signals":
        return ()
    phases = _phases(arms)
    return tuple(
        Controller(FIRST_CONTROLLER + base + k, k, tuple(FIRST_SIGNAL + base + i for i in phase))
        for k, phase in enumerate(phases)
    )


def _phases(arms: Sequence[Arm]) -> list[tuple[int, ...]]:
    """Arms that face each other are green together."""
    phases: list[tuple[int, ...]] = []
    for i, arm in enumerate(arms):
        if any(i in phase for phase in phases):
            continue
        facing = [
            k
            for k in range(i + 1, len(arms))
            if abs(wrap_angle(arms[k].outward - arm.outward)) > 2.4
            and not any(k in phase for phase in phases)
        ]
        phases.append((i, *facing[:1]))
    return phases


def _minor(arms: Sequence[Arm]) -> tuple[Arm, ...]:
    """The arms that give way: all but the straightest pair."""
    pairs = [(a, b) for i, a in enumerate(arms) for b in arms[i + 1 :]]
    main = max(
        pairs,
        key=lambda pair: (
            pair[0].profile.lanes + pair[1].profile.lanes,
            abs(wrap_angle(pair[0].outward - pair[1].outward)),
        ),
    )
    return tuple(arm for arm in arms if arm not in main)


def _beside(arm: Arm, extra: float) -> float:
    """Where (t, m) a thing stands on the pavement to the right of incoming traffic."""
    return (1.0 if arm.begins else -1.0) * (arm.profile.half + extra)


def _end_signal(identity: int, arm: Arm, road: Road, kind: str) -> RoadSignal:
    """The light or sign that governs incoming traffic, at the road's end."""
    name, code = {
        "light": ("Signal_3Light_Post01", "1000001"),
        "stop": ("Sign_Stop", "206"),
        "yield": ("Sign_Yield", "205"),
    }[kind]
    s = 0.3 if arm.begins else road.length - 0.3
    lanes = (arm.lane_in(0), arm.lane_in(arm.profile.lanes - 1))
    return RoadSignal(
        identity, name, s, _beside(arm, 0.8), not arm.begins, code, -1.0, lanes,
        dynamic=kind == "light",
    )  # fmt: skip


def _limit_sign(identity: int, arm: Arm, road: Road) -> RoadSignal:
    """The speed limit that outgoing traffic meets behind the junction."""
    s = 6.0 if arm.begins else road.length - 6.0
    lanes = (arm.lane_out(0), arm.lane_out(arm.profile.lanes - 1))
    speed = arm.profile.speed
    return RoadSignal(
        identity, f"Speed_{speed:.0f}", s, -_beside(arm, 0.8), arm.begins, "274", speed, lanes,
        z=2.0,
    )  # fmt: skip


def _crosswalk(identity: int, arm: Arm, road: Road) -> Crosswalk:
    """A crossing just inside the junction, from kerb to kerb."""
    half = arm.profile.half
    near, far = 1.0, 1.0 + CROSSING_WIDTH
    if arm.begins:
        near, far = -near, -far
    outline = ((near, -half), (far, -half), (far, half), (near, half))
    return Crosswalk(identity, 0.01 if arm.begins else road.length - 0.01, outline)
