"""What an OpenDRIVE map must keep to: LibCarla crashes on less, and nobody could drive on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree as Xml

import numpy as np

from common.errors import UserError
from sim.server.links import check_links

if TYPE_CHECKING:
    from sim.server.opendrive import Road

SHAPES = ("line", "arc", "spiral", "poly3", "paramPoly3")
FARTHEST = 1e7  # m from the origin: beyond every map projection's numbers
HIGHEST = 1e4  # m
WIDEST = 1e4  # m from the reference line
LONGEST = 2e5  # m of all roads together: two minutes and 3 GB to dress and to draw
MOST_LANES = 1000  # on either side, that a signal may name
MOST_THINGS = {"signals/signal": 20_000, "objects/object": 20_000, "lanes/laneSection": 30_000}
"""Of all roads together; 200 km of city streets have 2,900, 1,800 and 6,200."""
MOST_ABREAST = 200  # lanes of one section
BROADEST = 10.0  # m, of a road mark
EVERY = 10.0  # m between the places where a road is looked at


def check(root: Xml.Element, roads: Sequence[Road], source: str) -> None:
    """Refuse what LibCarla would crash on, and what nobody can drive on.

    Raises:
        UserError: what is wrong with the map; `source` names it.
    """
    _check_counts(root, source)
    if len({road.id for road in roads}) < len(roads):
        raise UserError(f"expected road ids to differ in {source}, got one twice; check the file")
    for road in roads:
        _check_plan(road, source)
    total = sum(road.length for road in roads)
    if total > LONGEST:
        raise UserError(f"expected at most {LONGEST:g} m of roads in {source}, got {total:g}")
    for road in roads:
        _check_figures(road, source)
    lanes = [lane for road in roads for part in road.sections for lane in part.lanes.values()]
    if not any(lane.kind == "driving" and len(lane.width.start) for lane in lanes):
        raise UserError(f"expected a road with a driving lane in {source}, got none; check it")
    _check_signals(root, source)
    _check_objects(root, source)
    check_links(root, source)


def _check_counts(root: Xml.Element, source: str) -> None:
    """Not more of anything than can be dressed while somebody waits."""
    for path, most in MOST_THINGS.items():
        count = sum(1 for _ in root.iterfind(f"road/{path}"))
        if count > most:
            name = path.rsplit("/", 1)[-1]
            raise UserError(f"expected at most {most} {name}s in {source}, got {count}")
    for section in root.iterfind("road/lanes/laneSection"):
        abreast = sum(1 for _ in section.iter("lane"))
        if abreast > MOST_ABREAST:
            raise UserError(
                f"expected at most {MOST_ABREAST} lanes side by side in {source}, got {abreast}"
            )


def _check_plan(road: Road, source: str) -> None:
    """Lengths, and geometry from the road's start on that LibCarla knows by its first child."""
    lengths = [float(piece.get("length", 0)) for piece in road.plan]
    if not all(0.0 < length <= LONGEST for length in (road.length, *lengths)):
        raise UserError(
            f"expected road {road.id} of {source} to have a length, at most {LONGEST:g} m; "
            "check the file"
        )
    if not float(road.plan[0].get("s", 0)) <= 0.0:
        raise UserError(f"expected the geometry of road {road.id} of {source} to begin at s = 0")
    for piece in road.plan:
        if not len(piece) or piece[0].tag not in SHAPES:
            raise UserError(
                f"expected a geometry of road {road.id} of {source} to hold first one of "
                f"{', '.join(SHAPES)}; check the file"
            )


def _check_figures(road: Road, source: str) -> None:
    """Finite figures of a sensible size wherever the road leads."""
    s = np.linspace(0.0, road.length, int(road.length / EVERY) + 2)
    with np.errstate(invalid="ignore", over="ignore"):
        line = road.along(s)
    figures = [(line.x, FARTHEST), (line.y, FARTHEST), (line.heading, np.inf), (line.tilt, np.inf)]
    figures += [(line.z, HIGHEST), (line.offset, WIDEST)]
    for section in road.sections:
        for inner, outer in section.borders(s).values():
            held = (s >= section.start) & (s <= section.end)
            figures += [(inner[held], WIDEST), (outer[held], WIDEST)]
        marks = [mark.width for lane in section.lanes.values() for mark in lane.marks]
        figures.append((np.array(marks), BROADEST))
    for values, most in figures:
        if not (np.isfinite(values) & (np.abs(values) <= most)).all():
            raise UserError(
                f"expected finite figures in road {road.id} of {source}, none beyond what a road "
                "can be; check its geometry, elevation and lanes"
            )


def _check_objects(root: Xml.Element, source: str) -> None:
    """Figures of a sensible size, and a place on the road, which LibCarla wants of crosswalks."""
    for road in root.iterfind("road"):
        length = float(road.get("length", 0))
        for thing in road.iterfind("objects/object"):
            s = float(thing.get("s", 0))
            figures = [float(thing.get(key, 0)) for key in ("t", "zOffset", "hdg")]
            for corner in thing.iter("cornerLocal"):
                figures += [float(corner.get(key, 0)) for key in "uvz"]
            if not (0.0 <= s <= length and all(abs(figure) <= WIDEST for figure in figures)):
                raise UserError(
                    f"expected object {thing.get('id')} on road {road.get('id')} of {source} to "
                    f"lie at 0 to {length:g} m of it, with figures up to {WIDEST:g}; check the file"
                )


def _check_signals(root: Xml.Element, source: str) -> None:
    signals = {signal.get("id") for signal in root.iterfind("road/signals/signal")}
    named = [(e.get("signalId"), "a controller") for e in root.iterfind("controller/control")]
    named += [(e.get("id"), "a road") for e in root.iterfind("road/signals/signalReference")]
    for signal, owner in named:
        if signal not in signals:
            raise UserError(
                f"expected signal {signal} of {owner} in {source}, got none; check the file"
            )
    for validity in root.iterfind("road/signals/*/validity"):
        ends = [int(validity.get(key, 0)) for key in ("fromLane", "toLane")]
        if max(map(abs, ends)) > MOST_LANES:
            raise UserError(
                f"expected a signal of {source} to name lanes up to {MOST_LANES}, got {ends}"
            )
