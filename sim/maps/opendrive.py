"""OpenDRIVE 1.4 records and their text, as far as the built-in towns need them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree as Xml

from sim.maps.curves import Piece, Point

Cubic = tuple[float, float, float, float]
Cubics = tuple[tuple[float, Cubic], ...]  # each from its s (m) on


def constant(width: float) -> Cubics:
    """A lane's width (m) that stays the same."""
    return ((0.0, (width, 0.0, 0.0, 0.0)),)


def level(z: float) -> Cubics:
    """The elevation of a flat road at z m."""
    return ((0.0, (z, 0.0, 0.0, 0.0)),)


FLAT = level(0.0)


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane; positive ids lie left of the reference line."""

    id: int
    kind: str  # "driving", "parking", "biking", "sidewalk", ...
    widths: Cubics  # m
    mark: str  # roadMark type at the outer border
    mark_colour: str = "white"
    predecessor: int | None = None
    successor: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """What a road's end meets."""

    kind: str  # "road" or "junction"
    id: int
    contact: str | None = None  # "start" or "end" of the road met


@dataclass(frozen=True, slots=True)
class RoadSignal:
    """A traffic light or sign beside the road; its heading is that of the traffic it governs."""

    id: int
    name: str
    s: float
    t: float
    forward: bool  # it governs traffic along s
    type: str
    value: float
    lanes: tuple[int, int]
    z: float = 0.0
    dynamic: bool = False


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """A crossing: its outline (u along s, v to the left) about the reference line at `s`."""

    id: int
    s: float
    outline: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Road:
    """One road with one lane section."""

    id: int
    name: str
    junction: int  # -1 outside of junctions
    pieces: tuple[Piece, ...]
    lanes: tuple[Lane, ...]
    centre_mark: str
    centre_colour: str
    speed: float  # km/h, as the file has it
    predecessor: Link | None = None
    successor: Link | None = None
    signals: tuple[RoadSignal, ...] = ()
    crosswalks: tuple[Crosswalk, ...] = ()
    elevation: Cubics = FLAT
    kind: str = "town"  # "town", "rural" or "motorway"

    @property
    def length(self) -> float:
        """How long (m) the reference line is."""
        return sum(piece.length for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Connection:
    """One way through a junction."""

    incoming: int
    connecting: int
    lanes: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Controller:
    """Signals that are green together."""

    id: int
    sequence: int
    signals: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Junction:
    """A junction's ways and controllers."""

    id: int
    connections: tuple[Connection, ...]
    controllers: tuple[Controller, ...] = field(default=())


def document(name: str, roads: Sequence[Road], junctions: Sequence[Junction]) -> str:
    """The OpenDRIVE text of a town."""
    root = Xml.Element("OpenDRIVE")
    header = Xml.SubElement(
        root, "header", revMajor="1", revMinor="4", name=name, version="1", vendor="Ninefold"
    )
    Xml.SubElement(
        header, "geoReference"
    ).text = "+proj=tmerc +lat_0=48.0 +lon_0=8.0 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"
    for road in roads:
        _road(root, road)
    controllers = [controller for junction in junctions for controller in junction.controllers]
    for controller in controllers:
        entry = Xml.SubElement(root, "controller", _texts(
            name=f"controller{controller.id}", id=controller.id, sequence=controller.sequence
        ))  # fmt: skip
        for signal in controller.signals:
            Xml.SubElement(entry, "control", _texts(signalId=signal, type=0))
    for junction in junctions:
        _junction(root, junction)
    Xml.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, "unicode") + "\n"


def _texts(**attributes: object) -> dict[str, str]:
    return {
        key: f"{value:.9g}" if isinstance(value, float) else str(value)
        for key, value in attributes.items()
    }


def _exact(**attributes: float) -> dict[str, str]:
    return {key: f"{value:.12f}" for key, value in attributes.items()}


def _road(root: Xml.Element, road: Road) -> None:
    element = Xml.SubElement(
        root,
        "road",
        {
            **_texts(name=road.name, id=road.id, junction=road.junction),
            **_exact(length=road.length),
        },
    )
    link = Xml.SubElement(element, "link")
    for tag, end in (("predecessor", road.predecessor), ("successor", road.successor)):
        if end is not None:
            entry = Xml.SubElement(link, tag, _texts(elementType=end.kind, elementId=end.id))
            if end.contact is not None:
                entry.set("contactPoint", end.contact)
    kind = Xml.SubElement(element, "type", s="0", type=road.kind)
    Xml.SubElement(kind, "speed", _texts(max=road.speed, unit="km/h"))
    _plan(element, road.pieces)
    profile = Xml.SubElement(element, "elevationProfile")
    for s, (a, b, c, d) in road.elevation:
        Xml.SubElement(profile, "elevation", _exact(s=s, a=a, b=b, c=c, d=d))
    Xml.SubElement(element, "lateralProfile")
    _lanes(element, road)
    objects = Xml.SubElement(element, "objects")
    for crosswalk in road.crosswalks:
        _crosswalk(objects, crosswalk)
    signals = Xml.SubElement(element, "signals")
    for signal in road.signals:
        _signal(signals, signal)


def _plan(element: Xml.Element, pieces: Iterable[Piece]) -> None:
    view = Xml.SubElement(element, "planView")
    s = 0.0
    for piece in pieces:
        start = piece.start
        geometry = Xml.SubElement(
            view,
            "geometry",
            _exact(s=s, x=start.x, y=start.y, hdg=start.yaw, length=piece.length),
        )
        if piece.cubic is not None:
            u, v = piece.cubic
            names = ("aU", "bU", "cU", "dU", "aV", "bV", "cV", "dV")
            values = _exact(**dict(zip(names, (*u, *v), strict=True)))
            Xml.SubElement(geometry, "paramPoly3", {**values, "pRange": "normalized"})
        elif piece.curvature != 0.0:
            Xml.SubElement(geometry, "arc", _exact(curvature=piece.curvature))
        else:
            Xml.SubElement(geometry, "line")
        s += piece.length


def _lanes(element: Xml.Element, road: Road) -> None:
    lanes = Xml.SubElement(element, "lanes")
    Xml.SubElement(lanes, "laneOffset", s="0", a="0", b="0", c="0", d="0")
    section = Xml.SubElement(lanes, "laneSection", s="0")
    left = sorted((lane for lane in road.lanes if lane.id > 0), key=lambda lane: -lane.id)
    right = sorted((lane for lane in road.lanes if lane.id < 0), key=lambda lane: -lane.id)
    if left:
        side = Xml.SubElement(section, "left")
        for lane in left:
            _lane(side, lane)
    centre = Xml.SubElement(Xml.SubElement(section, "center"), "lane", id="0", type="none")
    _mark(centre, road.centre_mark, road.centre_colour)
    side = Xml.SubElement(section, "right")
    for lane in right:
        _lane(side, lane)


def _lane(side: Xml.Element, lane: Lane) -> None:
    element = Xml.SubElement(side, "lane", _texts(id=lane.id, type=lane.kind, level="false"))
    link = Xml.SubElement(element, "link")
    if lane.predecessor is not None:
        Xml.SubElement(link, "predecessor", id=str(lane.predecessor))
    if lane.successor is not None:
        Xml.SubElement(link, "successor", id=str(lane.successor))
    for s, (a, b, c, d) in lane.widths:
        Xml.SubElement(element, "width", _exact(sOffset=s, a=a, b=b, c=c, d=d))
    _mark(element, lane.mark, lane.mark_colour)


def _mark(lane: Xml.Element, kind: str, colour: str) -> None:
    change = "both" if kind == "broken" and colour == "white" else "none"
    width = {"none": 0.0, "curb": 0.15}.get(kind, 0.12)
    Xml.SubElement(lane, "roadMark", _texts(
        sOffset=0, type=kind, material="standard", color=colour, width=width, laneChange=change
    ))  # fmt: skip


def _crosswalk(objects: Xml.Element, crosswalk: Crosswalk) -> None:
    element = Xml.SubElement(objects, "object", _texts(
        id=crosswalk.id, name="SimpleCrosswalk", type="crosswalk", s=crosswalk.s, t=0.0,
        zOffset=0.0, hdg=0.0, pitch=0.0, roll=0.0, orientation="none", width=0.0, length=0.0,
    ))  # fmt: skip
    outline = Xml.SubElement(element, "outline")
    for u, v in (*crosswalk.outline, crosswalk.outline[0]):
        Xml.SubElement(outline, "cornerLocal", _texts(u=u, v=v, z=0.0))


def _signal(signals: Xml.Element, signal: RoadSignal) -> None:
    element = Xml.SubElement(signals, "signal", {
        **_texts(
            name=signal.name, id=signal.id, zOffset=signal.z, roll=0.0, pitch=0.0,
            orientation="+" if signal.forward else "-", dynamic="yes" if signal.dynamic else "no",
            country="OpenDRIVE", type=signal.type, subtype="-1", value=signal.value, text="",
            height=1.0, width=0.6, unit="km/h",
        ),
        **_exact(s=signal.s, t=signal.t, hOffset=0.0 if signal.forward else 3.141592653590),
    })  # fmt: skip
    Xml.SubElement(
        element, "validity", _texts(fromLane=min(signal.lanes), toLane=max(signal.lanes))
    )


def _junction(root: Xml.Element, junction: Junction) -> None:
    element = Xml.SubElement(root, "junction", _texts(id=junction.id, name=f"j{junction.id}"))
    for index, connection in enumerate(junction.connections):
        entry = Xml.SubElement(element, "connection", _texts(
            id=index, incomingRoad=connection.incoming, connectingRoad=connection.connecting,
            contactPoint="start",
        ))  # fmt: skip
        for from_lane, to_lane in connection.lanes:
            Xml.SubElement(entry, "laneLink", {"from": str(from_lane), "to": str(to_lane)})
    for controller in junction.controllers:
        Xml.SubElement(
            element,
            "controller",
            _texts(id=controller.id, type=0, sequence=controller.sequence),
        )
