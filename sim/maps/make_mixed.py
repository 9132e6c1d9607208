"""The town `mixed`: city blocks and a hilly suburb, joined by a motorway and a country road.

Run `python -m sim.maps.make_mixed` to write `mixed.xodr`.
"""

from __future__ import annotations

from sim.maps import path
from sim.maps.carriageway import Carriageway
from sim.maps.curves import line
from sim.maps.interchange import BRIDGE, ramps, slips
from sim.maps.network import build
from sim.maps.plan import Node, Profile, Street
from sim.maps.ring import ring_nodes, ring_streets

AVENUE = Profile(2, 50.0, ("solid solid", "yellow"))
PLAIN = Profile(1, 50.0)
PARKED = Profile(1, 30.0, side=("parking", 2.2))
CYCLED = Profile(1, 40.0, side=("biking", 1.6))
HOMES = Profile(1, 30.0, side=("parking", 2.0), kind="lowSpeed")
QUIET = Profile(1, 50.0, kind="lowSpeed")
COUNTRY = Profile(1, 70.0, ("solid", "yellow"), shoulder=1.0, kind="rural")
MOTORWAY_END = Profile(2, 60.0, ("solid", "white"), oneway=True, shoulder=2.5, kind="rural")
LANES, SPEED = 2, 100.0  # km/h
WEST, EAST, CROSSING = -100.0, 540.0, 220.0  # m, x of the motorway's ends and of the bridge
EASTBOUND, WESTBOUND = -57.0, -53.0  # m, y of the lines left of the lanes
REACH = 130.0  # m from a gate to the bridge
CENTRE = (660.0, 130.0)  # m, of the roundabout

NODES = {
    "a1": Node((-310.0, -92.0), "signals"),
    "a2": Node((-195.0, -90.0), "signals"),
    "b2": Node((-195.0, -20.0), "signals"),
    "c0": Node((-425.0, 78.0), "stop"),
    "c1": Node((-310.0, 82.0), "signals"),
    "c2": Node((-195.0, 80.0), "yield"),
    "d1": Node((-312.0, 188.0), "stop"),
    "d2": Node((-198.0, 190.0), "signals"),
    "south": Node((CROSSING, EASTBOUND - 55.0), "yield", False, BRIDGE),
    "north": Node((CROSSING, WESTBOUND + 55.0), "yield", False, BRIDGE),
    "field": Node((CROSSING, 120.0), "stop", False, 4.0),
    "mill": Node((CROSSING, -215.0), "stop", False, 2.0),
    "e1": Node((640.0, -90.0), "signals"),
    "e2": Node((640.0, -20.0), "signals"),
    **ring_nodes(CENTRE, 5.0),
    "hill": Node((800.0, 138.0), "stop", z=9.0),
}
STREETS = (
    Street("a1", "a2", PLAIN),
    Street("a2", "b2", PLAIN),
    Street("b2", "c2", PLAIN),
    Street("c2", "d2", CYCLED),
    Street("a1", "c1", AVENUE),
    Street("c1", "d1", PARKED),
    Street("c0", "c1", PARKED),
    Street("c1", "c2", PARKED),
    Street("d1", "d2", CYCLED),
    Street("a1", "c0", PLAIN, ((-422.0, -94.0),), (28.0,)),
    Street("c0", "d1", PLAIN, ((-428.0, 186.0),), (30.0,)),
    Street("d2", "field", COUNTRY, ((-70.0, 225.0), (80.0, 130.0)), (130.0, 130.0),
           heights=((0.5, 8.0),)),
    Street("field", "ring w", COUNTRY, ((430.0, 185.0),), (180.0,), heights=((0.5, 9.0),)),
    Street("north", "field", COUNTRY),
    Street("south", "north", COUNTRY),
    Street("south", "mill", COUNTRY),
    Street("mill", "a1", COUNTRY, ((-40.0, -235.0), (-306.0, -215.0)), (160.0, 45.0),
           heights=((0.4, 3.0),)),
    Street("mill", "e1", COUNTRY, ((430.0, -240.0), (638.0, -215.0)), (160.0, 45.0),
           heights=((0.5, 5.0),)),
    Street("e1", "e2", PLAIN),
    Street("e2", "ring s", QUIET, ((646.0, 50.0),), (90.0,)),
    *ring_streets(CENTRE),
    Street("ring e", "hill", HOMES),
    Street("ring n", "hill", HOMES, ((650.0, 265.0), (806.0, 260.0)), (55.0, 50.0),
           heights=((0.5, 14.0),)),
    Street("hill", "e1", HOMES, ((806.0, -85.0),), (50.0,), heights=((0.5, 3.0),)),
    Street("a2", "east begin", MOTORWAY_END, ((-155.0, -90.0), (-120.0, EASTBOUND)), (35.0, 35.0)),
    Street("east end", "e1", MOTORWAY_END, ((560.0, EASTBOUND), (598.0, -90.0)), (35.0, 35.0)),
    Street("e2", "west begin", MOTORWAY_END, ((598.0, -20.0), (560.0, WESTBOUND)), (35.0, 35.0)),
    Street("west end", "b2", MOTORWAY_END, ((-120.0, WESTBOUND), (-155.0, -20.0)), (35.0, 35.0)),
)  # fmt: skip


def make() -> str:
    """The town's OpenDRIVE text."""
    east = (line((WEST, EASTBOUND), (EAST, EASTBOUND)),)
    west = (line((EAST, WESTBOUND), (WEST, WESTBOUND)),)
    carriageways = (
        Carriageway(east, LANES, SPEED, slips("south", CROSSING - WEST, REACH), 200,
                    ("east begin", "east end")),
        Carriageway(west, LANES, SPEED, slips("north", EAST - CROSSING, REACH), 300,
                    ("west begin", "west end")),
    )  # fmt: skip
    gates = {key: gate for one in carriageways for key, gate in one.gates()}
    slip_roads = (street for key in ("south", "north") for street in ramps(NODES, key, gates))
    return build("mixed", NODES, (*STREETS, *slip_roads), carriageways)


if __name__ == "__main__":
    path("mixed").write_text(make())
