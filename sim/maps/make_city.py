"""The town `city`: a grid of 4 x 3 blocks with an avenue, bends, lights, stop and yield signs.

Run `python -m sim.maps.make_city` to write `city.xodr`.
"""

from __future__ import annotations

from sim.maps import path
from sim.maps.network import build
from sim.maps.plan import Node, Profile, Street

AVENUE = Profile(2, 50.0, ("solid solid", "yellow"))
PARKED = Profile(1, 30.0, side=("parking", 2.2))
CYCLED = Profile(1, 50.0, side=("biking", 1.6))
PLAIN = Profile(1, 40.0)

# Rows a to d from south to north, columns 1 to 5 from west to east; corners are bends.
NODES = {
    "a2": Node((-118.0, -146.0), "yield"),
    "a3": Node((-4.0, -150.0), "signals"),
    "a4": Node((112.0, -144.0), "stop"),
    "b1": Node((-218.0, -64.0), "signals"),
    "b2": Node((-112.0, -60.0), "signals"),
    "b3": Node((2.0, -58.0), "signals"),
    "b4": Node((124.0, -54.0), "signals"),
    "b5": Node((222.0, -52.0), "signals"),
    "c1": Node((-212.0, 42.0), "stop"),
    "c2": Node((-116.0, 46.0), "signals"),
    "c3": Node((8.0, 52.0), "stop"),
    "c4": Node((120.0, 44.0), "signals"),
    "c5": Node((214.0, 50.0), "yield"),
    "d2": Node((-108.0, 146.0), "signals"),
    "d3": Node((4.0, 156.0), "yield"),
    "d4": Node((126.0, 148.0), "open"),
}
STREETS = (
    Street("b1", "b2", AVENUE),
    Street("b2", "b3", AVENUE),
    Street("b3", "b4", AVENUE),
    Street("b4", "b5", AVENUE),
    Street("a2", "a3", CYCLED, ((-62.0, -166.0),), (90.0,)),
    Street("a3", "a4", CYCLED),
    Street("a4", "b5", PLAIN, ((216.0, -140.0),), (28.0,)),
    Street("b5", "c5", PLAIN),
    Street("c5", "d4", PLAIN, ((218.0, 144.0),), (34.0,)),
    Street("d3", "d4", CYCLED, ((62.0, 176.0),), (80.0,)),
    Street("d2", "d3", CYCLED),
    Street("c1", "d2", PLAIN, ((-206.0, 140.0),), (30.0,)),
    Street("b1", "c1", PARKED),
    Street("a2", "b1", PLAIN, ((-214.0, -142.0),), (26.0,)),
    Street("a2", "b2", PARKED),
    Street("b2", "c2", PLAIN),
    Street("c2", "d2", PARKED),
    Street("a3", "b3", CYCLED),
    Street("b3", "c3", PARKED),
    Street("c3", "d3", PLAIN, ((30.0, 104.0),), (70.0,)),
    Street("a4", "b4", PARKED),
    Street("b4", "c4", CYCLED),
    Street("c4", "d4", PARKED),
    Street("c1", "c2", PARKED),
    Street("c3", "c4", PLAIN, ((60.0, 34.0),), (70.0,)),
    Street("c4", "c5", PARKED),
)


def make() -> str:
    """The town's OpenDRIVE text."""
    return build("city", NODES, STREETS)


if __name__ == "__main__":
    path("city").write_text(make())
