"""Where an OpenDRIVE map's lanes lead: LibCarla goes there without a look whether it is a lane."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

from common.errors import UserError

Turn = tuple[int, int, int]  # from a lane to a road and a lane of it


@dataclass(frozen=True, slots=True)
class Part:
    """A lane section: its start (m), and for each lane those before and behind it, 0 for none."""

    start: float
    lanes: dict[int, tuple[int, int]]


def check_links(root: Xml.Element, source: str) -> None:
    """Refuse a lane that leads to no lane; `source` names the map.

    Raises:
        UserError: which lane, and where it leads.
    """
    roads = [(int(road.get("id", 0)), road, _parts(road)) for road in root.iterfind("road")]
    lanes = {number: {i for part in parts for i in part.lanes} for number, _, parts in roads}
    turns = _turns(root)
    for number, road, parts in roads:
        for lane, where, leads in _nexts(number, road, parts, lanes, turns):
            if not leads:
                raise UserError(
                    f"expected {where}, to which lane {lane} of road {number} of {source} leads, "
                    "got none; check the file"
                )


def _id(element: Xml.Element | None, name: str, key: str) -> int:
    """The id in a link's predecessor or successor; 0 for none, as in LibCarla."""
    found = None if element is None else element.find(name)
    return 0 if found is None else int(found.get(key, 0))


def _parts(road: Xml.Element) -> list[Part]:
    """A road's sections, from its start on."""
    parts = []
    for section in road.iterfind("lanes/laneSection"):
        lanes = {}
        for lane in section.iter("lane"):
            link = lane.find("link")
            ends = _id(link, "predecessor", "id"), _id(link, "successor", "id")
            lanes[int(lane.get("id", 0))] = ends
        parts.append(Part(float(section.get("s", 0)), lanes))
    return sorted(parts, key=lambda part: part.start)


def _turns(root: Xml.Element) -> dict[tuple[int, int], list[Turn]]:
    """What a junction (its id) connects an incoming road with; lane 0 leads everywhere."""
    turns: dict[tuple[int, int], list[Turn]] = {}
    for junction in root.iterfind("junction"):
        for connection in junction.iterfind("connection"):
            incoming, road = (
                int(connection.get(key, 0)) for key in ("incomingRoad", "connectingRoad")
            )
            some = turns.setdefault((int(junction.get("id", 0)), incoming), [])
            some.append((0, road, 0))
            for link in connection.iterfind("laneLink"):
                some.append((int(link.get("from", 0)), road, int(link.get("to", 0))))
    return turns


def _nexts(
    number: int,
    road: Xml.Element,
    parts: list[Part],
    lanes: dict[int, set[int]],
    turns: dict[tuple[int, int], list[Turn]],
) -> Iterator[tuple[int, str, bool]]:
    """Each lane, where it leads in words, and whether a lane is there (MapBuilder.cpp)."""
    link = road.find("link")
    before, behind = (_id(link, name, "elementId") for name in ("predecessor", "successor"))
    for k, part in enumerate(parts):
        for lane, (previous, following) in part.lanes.items():
            ahead, target = (following, behind) if lane <= 0 else (previous, before)
            others = parts[k + 1 :] if lane <= 0 else parts[:k]
            if others or (lane > 0 and part.start > 0.0):
                there = any(ahead in other.lanes for other in others)
                if ahead or lane == 0:
                    yield lane, f"lane {ahead} in another section", there
            elif target in lanes:
                if ahead or lane == 0:
                    yield lane, f"lane {ahead} of road {target}", ahead in lanes[target]
            else:
                for first, onto, last in turns.get((target, number), []):
                    if first == lane:
                        there = last in lanes.get(onto, ())
                        yield lane, f"lane {last} of road {onto}", there
