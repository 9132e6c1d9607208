"""What `carla.Map` does not tell of its OpenDRIVE text: speed limits, and where sidewalks are."""

from __future__ import annotations

import xml.etree.ElementTree as ET

UNITS = {"m/s": 1.0, "km/h": 1.0 / 3.6, "mph": 0.44704}  # m/s; ASAM OpenDRIVE 1.7, e_unitSpeed


class SpeedLimits:
    """Speed limits by OpenDRIVE road, section and lane id: the lane's own, else the road's."""

    def __init__(self, xodr: str) -> None:
        self._limits: dict[tuple[int, int, int], float | None] = {}
        for road in ET.fromstring(xodr).iter("road"):
            general = _limit(road.find("type/speed"))
            number = int(road.get("id", "-1"))
            for section, lanes in enumerate(road.iter("laneSection")):
                for lane in lanes.iter("lane"):
                    own = _limit(lane.find("speed"))
                    key = number, section, int(lane.get("id", "0"))
                    self._limits[key] = general if own is None else own

    def at(self, road: int, section: int, lane: int) -> float | None:
        """The limit in m/s; None where the map has none."""
        return self._limits.get((road, section, lane))


def _limit(speed: ET.Element | None) -> float | None:
    """The figure of a <speed>; "no limit" and "undefined" are None."""
    if speed is None:
        return None
    try:
        figure = float(speed.get("max", ""))
    except ValueError:
        return None
    return figure * UNITS.get(speed.get("unit", "m/s"), 1.0) if figure > 0.0 else None


def sidewalks(xodr: str) -> list[tuple[int, int, float, float]]:
    """Every sidewalk lane: road, lane id, begin and end in m along the road."""
    found = []
    for road in ET.fromstring(xodr).iter("road"):
        sections = list(road.iter("laneSection"))
        begins = [float(section.get("s", "0")) for section in sections]
        ends = [*begins[1:], float(road.get("length", "0"))]
        for section, begin, end in zip(sections, begins, ends, strict=True):
            for lane in section.iter("lane"):
                if lane.get("type") == "sidewalk" and end - begin > 0.2:
                    number = int(road.get("id", "-1"))
                    found.append((number, int(lane.get("id", "0")), begin, end))
    return found
