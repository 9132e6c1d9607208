"""Where an OpenDRIVE map's lanes lead: LibCarla goes there without a look whether it is a lane."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

from common.errors import UserError


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
    for number, road, parts in roads:
        for lane, where, leads in _nexts(road, parts, lanes):
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


def _nexts(
    road: Xml.Element, parts: list[Part], lanes: dict[int, set[int]]
) -> Iterator[tuple[int, str, bool]]:
    """Each linked lane, where it leads in words, and whether a lane is there (MapBuilder.cpp).

    Into junctions LibCarla looks before it goes.
    """
    link = road.find("link")
    before, behind = (_id(link, name, "elementId") for name in ("predecessor", "successor"))
    own = [set(part.lanes) for part in parts]
    passed = [set(), *itertools.accumulate(own, operator.or_)]
    coming = [set(), *itertools.accumulate(reversed(own), operator.or_)][::-1]
    for k, part in enumerate(parts):
        for lane, (previous, following) in part.lanes.items():
            ahead, target = (following, behind) if lane <= 0 else (previous, before)
            others = coming[k + 1] if lane <= 0 else passed[k]
            if not ahead and lane:
                continue
            if others or (lane > 0 and part.start > 0.0):
                yield lane, f"lane {ahead} in another section", ahead in others
            elif target in lanes:
                yield lane, f"lane {ahead} of road {target}", ahead in lanes[target]
