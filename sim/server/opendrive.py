"""OpenDRIVE 1.4 as arrays: what the dresser and the ground need and `carla.Map` does not give.

Geometry follows LibCarla, so that surfaces lie where the client's waypoints lie.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from xml.etree import ElementTree as Xml

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from sim.server import soundness

F64 = NDArray[np.float64]
CUBIC_STEP = 0.25  # m between the points that give a cubic its arc length


@dataclass(frozen=True)
class Cubics:
    """A piecewise cubic of s; zero where nothing is given."""

    start: F64  # (N,) m, ascending
    coefficients: F64  # (N, 4) a, b, c, d

    def __call__(self, s: F64) -> F64:
        """The value at each s (m)."""
        if not len(self.start):
            return np.zeros_like(s)
        k = np.clip(np.searchsorted(self.start, s, side="right") - 1, 0, None)
        a, b, c, d = self.coefficients[k].T
        ds = s - self.start[k]
        value: F64 = a + ds * (b + ds * (c + ds * d))
        return value


@dataclass(frozen=True)
class Mark:
    """A roadMark record; it holds from `start` on."""

    start: float  # m from the section's start
    kind: str  # "solid", "broken", "solid solid", "curb", "none", ...
    colour: str
    width: float  # m


@dataclass(frozen=True)
class Lane:
    """One lane of a section."""

    id: int
    kind: str
    width: Cubics  # of m from the section's start
    marks: tuple[Mark, ...]  # at the outer border; of lane 0: on the centre line


@dataclass(frozen=True)
class Section:
    """A stretch of road with the same lanes."""

    start: float  # m
    end: float  # m
    lanes: dict[int, Lane]

    def borders(self, s: F64) -> dict[int, tuple[F64, F64]]:
        """Values of t (m) at each lane's inner and outer border, the lane offset not counted."""
        found = {}
        for sign in (1, -1):
            t = np.zeros_like(s)
            for k in sorted(abs(i) for i in self.lanes if i * sign > 0):
                lane = self.lanes[sign * k]
                outer = t + sign * np.maximum(lane.width(s - self.start), 0.0)
                found[lane.id] = (t, outer)
                t = outer
        return found


@dataclass(frozen=True)
class Line:
    """A road's reference line at some places, (N,) each."""

    x: F64
    y: F64
    heading: F64
    z: F64
    tilt: F64  # m up per m to the left
    offset: F64  # m that the lanes lie to the left

    def at(self, t: F64) -> F64:
        """World points (N, 3) m at t (m, left of the lane-offset line)."""
        lateral = t + self.offset
        return np.stack(
            [
                self.x - np.sin(self.heading) * lateral,
                self.y + np.cos(self.heading) * lateral,
                self.z + lateral * self.tilt,
            ],
            axis=-1,
        )


@dataclass(frozen=True)
class Road:
    """One road."""

    id: int
    junction: int  # -1 outside of junctions
    length: float  # m
    plan: tuple[Xml.Element, ...]
    elevation: Cubics
    superelevation: Cubics
    offset: Cubics
    sections: tuple[Section, ...]
    speed: Cubics  # m/s; empty where the file has none
    kind: str  # of its first type record: "town", "rural", "motorway", ...; "" for none
    objects: tuple[Xml.Element, ...]

    @cached_property
    def _starts(self) -> F64:
        return np.array([float(piece.get("s", 0)) for piece in self.plan])

    def reference(self, s: F64) -> tuple[F64, F64, F64]:
        """x, y (m) and heading (rad) of the reference line at each s."""
        x, y, heading = np.empty_like(s), np.empty_like(s), np.empty_like(s)
        which = np.clip(np.searchsorted(self._starts, s, side="right") - 1, 0, None)
        for k in np.unique(which):
            at = which == k
            u, v, turn = _local(self.plan[k], s[at] - self._starts[k])
            x0, y0, h0 = (float(self.plan[k].get(key, 0)) for key in ("x", "y", "hdg"))
            x[at] = x0 + np.cos(h0) * u - np.sin(h0) * v
            y[at] = y0 + np.sin(h0) * u + np.cos(h0) * v
            heading[at] = h0 + turn
        return x, y, heading

    def along(self, s: F64) -> Line:
        """The road at each s (m), ready for many values of t."""
        x, y, heading = self.reference(s)
        tilt = np.tan(self.superelevation(s))
        return Line(x, y, heading, self.elevation(s), tilt, self.offset(s))

    def surface(self, s: F64, t: F64) -> F64:
        """World points (N, 3) at s and t (m, left of the lane-offset line)."""
        return self.along(s).at(t)

    def heading(self, s: F64) -> F64:
        """Heading (rad) of the reference line."""
        return self.reference(s)[2]

    def stations(self, section: Section, step: float = 2.0) -> F64:
        """Values of s that draw a section well: closer where it bends or climbs."""
        fine = np.linspace(
            section.start, section.end, max(2, int((section.end - section.start) / 0.5) + 2)
        )
        heading = np.unwrap(self.heading(fine))
        slope = np.gradient(self.elevation(fine), fine) if len(fine) > 1 else np.zeros_like(fine)
        travel = np.abs(np.diff(heading)) / 0.06 + np.abs(np.diff(slope)) / 0.01
        travel += np.diff(fine) / (8.0 * step)
        marks = np.concatenate([[0.0], np.cumsum(travel)])
        count = max(2, int(np.ceil(marks[-1])) + 1)
        stations = np.interp(np.linspace(0.0, marks[-1], count), marks, fine)
        bends = [bend for lane in section.lanes.values() for bend in _tapers(lane, section)]
        return _spread(np.concatenate([stations, [b for b in bends if b < section.end - 0.1]]))


@dataclass(frozen=True)
class Network:
    """A map's roads, by id, in the file's order."""

    roads: dict[int, Road]
    controllers: tuple[tuple[str, ...], ...]  # signal ids that are green together
    bare: dict[str, float]  # signals that do not say which lanes they govern: id -> t (m)


def _tapers(lane: Lane, section: Section) -> list[float]:
    """Values of s (m) where a lane's changing width should be drawn."""
    starts = section.start + lane.width.start
    ends = np.append(starts[1:], section.end)
    changing = np.any(lane.width.coefficients[:, 1:] != 0.0, axis=1) & (ends - starts < 60.0)
    return [
        float(s)
        for start, end in zip(starts[changing], ends[changing], strict=True)
        for s in np.linspace(start, end, max(2, min(5, int((end - start) / 1.5) + 1)))
        if section.start < s < section.end
    ]


def _spread(values: F64) -> F64:
    """Sorted, without near doubles; the ends stay."""
    ordered = np.unique(values)
    keep = np.concatenate([[True], np.diff(ordered) > 0.05])
    keep[-1] = True
    found: F64 = ordered[keep]
    return found


def _local(piece: Xml.Element, s: F64) -> tuple[F64, F64, F64]:
    """u, v (m) and turn (rad) of a geometry record in its own frame."""
    arc = piece.find("arc")
    if arc is not None:
        curvature = float(arc.get("curvature", 0))
        if abs(curvature) < 1e-12:
            return s, np.zeros_like(s), np.zeros_like(s)
        turn = curvature * s
        return np.sin(turn) / curvature, (1.0 - np.cos(turn)) / curvature, turn
    length = float(piece.get("length", 0))
    spiral = piece.find("spiral")
    if spiral is not None:
        return _spiral(spiral, length, s)
    poly = piece.find("paramPoly3")
    if poly is not None:
        scale = length if poly.get("pRange") == "arcLength" else 1.0
        u = [float(poly.get(key, 0)) for key in ("aU", "bU", "cU", "dU")]
        v = [float(poly.get(key, 0)) for key in ("aV", "bV", "cV", "dV")]
        return _cubic(u, v, scale, length, s)
    poly = piece.find("poly3")
    if poly is not None:
        v = [float(poly.get(key, 0)) for key in "abcd"]
        return _cubic([0.0, 1.0, 0.0, 0.0], v, length, length, s)
    return s, np.zeros_like(s), np.zeros_like(s)


def _spiral(spiral: Xml.Element, length: float, s: F64) -> tuple[F64, F64, F64]:
    """A clothoid by the trapezoid rule on a fine grid."""
    first, last = float(spiral.get("curvStart", 0)), float(spiral.get("curvEnd", 0))
    grid = np.linspace(0.0, length, max(16, int(length / 0.1)))
    turn = first * grid + (last - first) * grid**2 / (2.0 * max(length, 1e-9))
    u, v = _integrate(np.cos(turn), grid), _integrate(np.sin(turn), grid)
    return np.interp(s, grid, u), np.interp(s, grid, v), np.interp(s, grid, turn)


def _integrate(values: F64, grid: F64) -> F64:
    steps = np.diff(grid) * (values[1:] + values[:-1]) / 2.0
    return np.concatenate([[0.0], np.cumsum(steps)])


def _cubic(
    u: list[float], v: list[float], end: float, length: float, s: F64
) -> tuple[F64, F64, F64]:
    """A parametric cubic over 0..end, read by arc length."""
    p = np.linspace(0.0, end, max(8, int(length / CUBIC_STEP)))
    powers = np.stack([np.ones_like(p), p, p**2, p**3])
    x, y = np.array(u) @ powers, np.array(v) @ powers
    rates = np.stack([np.zeros_like(p), np.ones_like(p), 2 * p, 3 * p**2])
    turn = np.unwrap(np.arctan2(np.array(v) @ rates, np.array(u) @ rates))
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    return np.interp(s, arc, x), np.interp(s, arc, y), np.interp(s, arc, turn)


def _cubics(records: Iterable[Xml.Element], key: str) -> Cubics:
    rows = sorted(
        (float(r.get(key, 0)), *(float(r.get(name, 0)) for name in "abcd")) for r in records
    )
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return Cubics(table[:, 0], table[:, 1:])


def _lane(element: Xml.Element) -> Lane:
    marks = tuple(
        Mark(
            max(float(mark.get("sOffset", 0)), 0.0),
            mark.get("type", "none"),
            mark.get("color", "white"),
            float(mark.get("width", 0.12)),
        )
        for mark in element.findall("roadMark")
    )
    width = _cubics(element.findall("width"), "sOffset")
    return Lane(int(element.get("id", 0)), element.get("type", "none"), width, marks)


SPEED_UNITS = {"mph": 0.44704, "km/h": 1 / 3.6, "m/s": 1.0}  # OpenDRIVE 1.4, table 5.3.2.1


def _speed(road: Xml.Element) -> Cubics:
    rows = []
    for kind in road.findall("type"):
        speed = kind.find("speed")
        if speed is not None and speed.get("max", "").replace(".", "", 1).isdigit():
            unit = SPEED_UNITS.get(speed.get("unit", "m/s"), 1.0)
            rows.append((float(kind.get("s", 0)), float(speed.get("max", 0)) * unit))
    table = np.array(sorted(rows), dtype=np.float64).reshape(-1, 2)
    values = np.zeros((len(table), 4))
    values[:, 0] = table[:, 1]
    return Cubics(table[:, 0], values)


def _kind(road: Xml.Element) -> str:
    first = road.find("type")
    return "" if first is None else first.get("type", "")


def _road(element: Xml.Element) -> Road:
    length = float(element.get("length", 0))
    parts = sorted(element.iterfind("lanes/laneSection"), key=lambda part: float(part.get("s", 0)))
    starts = [float(part.get("s", 0)) for part in parts]
    sections = []
    for part, start, end in zip(parts, starts, [*starts, length][1:], strict=True):
        lanes = {lane.id: lane for lane in map(_lane, part.iter("lane"))}
        if end - start > 1e-3:
            sections.append(Section(start, end, lanes))
    return Road(
        id=int(element.get("id", 0)),
        junction=int(element.get("junction", -1)),
        length=length,
        plan=tuple(
            sorted(element.iterfind("planView/geometry"), key=lambda g: float(g.get("s", 0)))
        ),
        elevation=_cubics(element.iterfind("elevationProfile/elevation"), "s"),
        superelevation=_cubics(element.iterfind("lateralProfile/superelevation"), "s"),
        offset=_cubics(element.iterfind("lanes/laneOffset"), "s"),
        sections=tuple(sections),
        speed=_speed(element),
        kind=_kind(element),
        objects=tuple(element.iterfind("objects/object")),
    )


def read(text: str, source: str) -> Network:
    """The roads of an OpenDRIVE text; `source` names it in errors.

    Raises:
        UserError: not XML, not OpenDRIVE, or not a sound map with a driving lane.
    """
    try:
        root = Xml.fromstring(text)
    except Xml.ParseError as error:
        raise UserError(f"expected an OpenDRIVE file, got {source}: {error}; check it") from None
    if root.tag != "OpenDRIVE":
        raise UserError(f"expected an OpenDRIVE file, got <{root.tag}> in {source}; check it")
    try:
        for piece in root.iterfind("road/planView/geometry"):
            _ = [float(v) for e in piece.iter() for k, v in e.attrib.items() if k != "pRange"]
        found = [road for road in map(_road, root.iterfind("road")) if road.plan]
        soundness.check(root, found, source)
        bare = {
            signal.get("id", ""): float(signal.get("t", 0))
            for signal in root.iterfind("road/signals/signal")
            if signal.find("validity") is None
        }
    except ValueError as error:
        raise UserError(f"expected numbers in {source}, got {error}; check the file") from None
    roads = {road.id: road for road in found}
    controllers = tuple(
        tuple(dict.fromkeys(c.get("signalId", "") for c in controller.iterfind("control")))
        for controller in root.iterfind("controller")
    )
    return Network(roads, controllers, bare)
