"""The town `motorway`: a ring of 3 + 3 lanes, two interchanges, a road on bridges between them.

Run `python -m sim.maps.make_motorway` to write `motorway.xodr`.
"""

from __future__ import annotations

import math

from common.frames import Pose2
from sim.maps import path
from sim.maps.carriageway import Carriageway
from sim.maps.curves import Piece, back, beside
from sim.maps.interchange import BRIDGE, ramps, slips
from sim.maps.network import build
from sim.maps.plan import Node, Profile, Street

STRAIGHT, RADIUS = 760.0, 260.0  # m (RAA 2008, section 5.2: 280 at 80 km/h)
MEDIAN = 4.0  # m between the lanes of the two directions (RAA 2008, section 4.3)
LANES, SPEED = 3, 100.0  # km/h
REACH = 180.0  # m from a gate to the crossing road
AWAY = 62.0  # m between the motorway's middle and the ramps' junctions
COUNTRY = Profile(1, 70.0, ("solid", "yellow"), shoulder=1.0, kind="rural")
FARM_ROAD = Profile(1, 50.0, shoulder=0.8, rank=-1, kind="rural")

RING = (
    Piece(Pose2(-STRAIGHT / 2, -RADIUS, 0.0), STRAIGHT),
    Piece(Pose2(STRAIGHT / 2, -RADIUS, 0.0), math.pi * RADIUS, 1.0 / RADIUS),
    Piece(Pose2(STRAIGHT / 2, RADIUS, math.pi), STRAIGHT),
    Piece(Pose2(-STRAIGHT / 2, RADIUS, math.pi), math.pi * RADIUS, 1.0 / RADIUS),
)
RAMPS = ("south out", "south in", "north in", "north out")
NODES = {
    "south out": Node((0.0, -RADIUS - AWAY), "yield", False, BRIDGE),
    "south in": Node((0.0, -RADIUS + AWAY), "yield", False, BRIDGE),
    "farm": Node((-10.0, -56.0), "stop", False, 1.5),
    "mill": Node((10.0, 56.0), "stop", False, 1.0),
    "north in": Node((0.0, RADIUS - AWAY), "yield", False, BRIDGE),
    "north out": Node((0.0, RADIUS + AWAY), "yield", False, BRIDGE),
}
STREETS = (
    Street("south out", "south in", COUNTRY),
    Street("south in", "farm", COUNTRY),
    Street("farm", "mill", COUNTRY),
    Street("mill", "north in", COUNTRY),
    Street("north in", "north out", COUNTRY),
    Street("mill", "farm", FARM_ROAD,
           ((110.0, 30.0), (190.0, 130.0), (330.0, 70.0), (320.0, -90.0), (190.0, -70.0),
            (110.0, -130.0)),
           (60.0, 55.0, 60.0, 60.0, 55.0, 50.0),
           heights=((0.2, 2.0), (0.5, 9.0), (0.8, 3.0))),
)  # fmt: skip


def make() -> str:
    """The town's OpenDRIVE text."""
    out, into = beside(RING, -MEDIAN / 2.0), beside(back(RING), -MEDIAN / 2.0)
    half = STRAIGHT / 2.0
    outer, inner = (math.pi * (RADIUS + side * MEDIAN / 2.0) for side in (1, -1))
    outward = (*slips("south out", half, REACH),
               *slips("north out", 3.0 * half + outer, REACH))  # fmt: skip
    inward = (*slips("north in", half + inner, REACH),
              *slips("south in", 3.0 * half + 2.0 * inner, REACH))  # fmt: skip
    carriageways = (
        Carriageway(out, LANES, SPEED, outward, 200),
        Carriageway(into, LANES, SPEED, inward, 300),
    )
    gates = {key: gate for one in carriageways for key, gate in one.gates()}
    slip_roads = (street for key in RAMPS for street in ramps(NODES, key, gates))
    return build("motorway", NODES, (*STREETS, *slip_roads), carriageways)


if __name__ == "__main__":
    path("motorway").write_text(make())
