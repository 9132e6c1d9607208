"""From a plan to roads and junctions: kerbs, crossings, control, hills."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from common.frames import wrap_angle
from sim.maps.carriageway import Carriageway, linked
from sim.maps.control import FIRST_JUNCTION, control, limit_sign
from sim.maps.curves import Piece, Point, cut, polyline
from sim.maps.opendrive import Cubics, Junction, Lane, Link, Road, constant, document, level
from sim.maps.plan import LANE, MARGIN_STRIP, PAVEMENT, Arm, Ends, Gate, Node, Profile, Street
from sim.maps.ways import room, ways_through

KERB_RADIUS = 6.0  # m at a corner (RASt 06, section 6.3.7: 6 to 8 for cars)
SIDE_TAPER = (9.0, 6.0)  # m without a side lane at either end, m of its taper
FIRST_GATE_SIGN = 5000


def build(
    name: str,
    nodes: Mapping[str, Node],
    streets: Sequence[Street],
    carriageways: Sequence[Carriageway] = (),
) -> str:
    """The OpenDRIVE text of a town."""
    ends: Ends = {**nodes, **{key: gate for one in carriageways for key, gate in one.gates()}}
    arms = {key: _arms(key, node, ends, streets) for key, node in nodes.items()}
    links = {key: Link("junction", FIRST_JUNCTION + i) for i, key in enumerate(nodes)}
    trims = {
        (arm.street, arm.begins): _trim(nodes[key], arms[key], i)
        for key in nodes
        for i, arm in enumerate(arms[key])
    }
    roads = [_street_road(i, street, ends, trims, links) for i, street in enumerate(streets)]
    junctions = []
    connectors: list[Road] = []
    for key, node in nodes.items():
        number = links[key].id
        connections, ways = ways_through(node, arms[key], roads, number, len(connectors))
        connectors += ways
        controllers = control(node, arms[key], roads, number)
        junctions.append(Junction(number, connections, controllers))
    joined = {key: i for i, street in enumerate(streets) for key in (street.a, street.b)}
    for carriageway in carriageways:
        more, joints = carriageway.build(joined)
        connectors += more
        junctions += joints
    return document(name, [*roads, *connectors], junctions)


def _points(street: Street, ends: Ends) -> tuple[Point, ...]:
    return (_place(ends[street.a]), *street.via, _place(ends[street.b]))


def _place(end: Node | Gate) -> Point:
    return end.at if isinstance(end, Node) else (end.pose.x, end.pose.y)


def _arms(key: str, node: Node, ends: Ends, streets: Sequence[Street]) -> tuple[Arm, ...]:
    """The arms of a node by ascending outward angle."""
    arms = []
    for index, street in enumerate(streets):
        points = _points(street, ends)
        for begins, end, inner in ((True, street.a, points[1]), (False, street.b, points[-2])):
            if end == key:
                angle = math.atan2(inner[1] - node.at[1], inner[0] - node.at[0])
                if street.line:
                    angle = _outward(street.line, begins)
                arms.append(Arm(index, begins, angle, street.profile))
    return tuple(sorted(arms, key=lambda arm: arm.outward))


def _outward(line: Sequence[Piece], begins: bool) -> float:
    if begins:
        return line[0].start.yaw
    return wrap_angle(line[-1].at(line[-1].length).yaw + math.pi)


def _trim(node: Node, arms: Sequence[Arm], i: int) -> float:
    """How far from the node arm `i` ends (m): kerbs rounded, crossing before them."""
    own = arms[i]
    trim = 4.0
    for other in (arms[i - 1], arms[(i + 1) % len(arms)]):
        between = abs(wrap_angle(other.outward - own.outward))
        if between < 2.6:
            meet = (other.profile.half + own.profile.half * math.cos(between)) / math.sin(between)
            trim = max(trim, meet + KERB_RADIUS / math.tan(between / 2.0))
    return trim + room(node)


def _street_road(
    index: int,
    street: Street,
    ends: Ends,
    trims: Mapping[tuple[int, bool], float],
    links: Mapping[str, Link],
) -> Road:
    pieces = _line(street, ends, trims.get((index, True), 0.0), trims.get((index, False), 0.0))
    length = sum(piece.length for piece in pieces)
    profile = street.profile
    a, b = ends[street.a], ends[street.b]
    road = Road(
        id=index,
        name=f"{street.a}-{street.b}",
        junction=-1,
        pieces=pieces,
        lanes=(*_side(profile, length, 1), *_side(profile, length, -1)),
        centre_mark=profile.centre[0],
        centre_colour=profile.centre[1],
        speed=profile.speed,
        predecessor=links[street.a] if isinstance(a, Node) else a.link,
        successor=links[street.b] if isinstance(b, Node) else b.link,
        elevation=climb(
            [(0.0, a.z), *((share * length, z) for share, z in street.heights), (length, b.z)]
        ),
        kind=profile.kind,
    )
    if isinstance(b, Gate) and b.link.kind == "road":
        road = linked(road, after=b.link)
    if isinstance(a, Gate) and a.link.kind == "road":
        road = linked(road, before=a.link)
    if isinstance(a, Gate):
        arm = Arm(index, True, 0.0, profile)
        road = replace(road, signals=(limit_sign(FIRST_GATE_SIGN + index, arm, road),))
    return road


def _line(street: Street, ends: Ends, before: float, behind: float) -> tuple[Piece, ...]:
    """The street's line without what its junctions take (m)."""
    if street.line:
        length = sum(piece.length for piece in street.line)
        return cut(street.line, before, length - behind)
    points = list(_points(street, ends))
    points[0] = _towards(points[0], points[1], before)
    points[-1] = _towards(points[-1], points[-2], behind)
    return polyline(points, street.radii)


def _towards(start: Point, goal: Point, distance: float) -> Point:
    dx, dy = goal[0] - start[0], goal[1] - start[1]
    share = distance / math.hypot(dx, dy)
    return (start[0] + share * dx, start[1] + share * dy)


def climb(knots: Sequence[tuple[float, float]]) -> Cubics:
    """The elevation through (s, z) m: level at both ends, without a kink between."""
    if all(z == knots[0][1] for _, z in knots):
        return level(knots[0][1])
    slopes = [0.0]
    for (before, low), (beyond, high) in zip(knots[:-2], knots[2:], strict=True):
        slopes.append((high - low) / (beyond - before))
    slopes.append(0.0)
    found = []
    for k, ((s, z), (end, high)) in enumerate(pairwise(knots)):
        length = end - s
        mean, first, last = (high - z) / length, slopes[k], slopes[k + 1]
        bend = (3.0 * mean - 2.0 * first - last) / length
        found.append((s, (z, first, bend, (first + last - 2.0 * mean) / length**2)))
    return tuple(found)


def _side(profile: Profile, length: float, sign: int) -> Iterator[Lane]:
    """The lanes of one side, from the centre line outwards."""
    if profile.oneway and sign > 0:
        if not profile.paved:
            yield Lane(1, "shoulder", constant(MARGIN_STRIP), "none")
        return
    kerbed = profile.side is None and profile.paved
    for k in range(1, profile.lanes + 1):
        mark = "broken" if k < profile.lanes else "curb" if kerbed else "solid"
        yield Lane(sign * k, "driving", constant(LANE), mark)
    k = profile.lanes + 1
    if profile.side is not None:
        kind, width = profile.side
        yield Lane(sign * k, kind, _tapered(width, length), "curb")
        k += 1
    if profile.paved:
        yield Lane(sign * k, "sidewalk", constant(PAVEMENT), "none")
    else:
        yield Lane(sign * k, "shoulder", constant(profile.shoulder), "none")


def _tapered(width: float, length: float) -> Cubics:
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
