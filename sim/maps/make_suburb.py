"""The town `suburb`: curves and hills about a roundabout, with stop and yield signs.

Run `python -m sim.maps.make_suburb` to write `suburb.xodr`.
"""

from __future__ import annotations

from sim.maps import path
from sim.maps.network import build
from sim.maps.plan import Node, Profile, Street
from sim.maps.ring import ring_nodes, ring_streets

COLLECTOR = Profile(1, 50.0, side=("biking", 1.6), kind="lowSpeed")
HOMES = Profile(1, 30.0, side=("parking", 2.0), kind="lowSpeed")
QUIET = Profile(1, 40.0, kind="lowSpeed")
CENTRE, HEIGHT = (0.0, 0.0), 4.0  # m, of the roundabout

NODES = {
    **ring_nodes(CENTRE, HEIGHT),
    "e": Node((185.0, 10.0), "stop", z=9.0),
    "ne": Node((150.0, 140.0), "stop", z=12.0),
    "n": Node((-12.0, 165.0), "stop", z=6.0),
    "w": Node((-190.0, -15.0), "yield", z=2.0),
    "sw": Node((-150.0, -150.0), "stop", z=1.0),
    "s": Node((14.0, -180.0), "stop", z=0.0),
}
STREETS = (
    *ring_streets(CENTRE),
    Street("ring e", "e", COLLECTOR, ((100.0, -22.0),), (110.0,)),
    Street("ring n", "n", COLLECTOR, ((22.0, 90.0),), (100.0,)),
    Street("ring w", "w", COLLECTOR, ((-100.0, 18.0),), (120.0,)),
    Street("ring s", "s", COLLECTOR, ((-26.0, -75.0), (16.0, -125.0)), (60.0, 45.0)),
    Street("e", "ne", HOMES, ((192.0, 90.0),), (45.0,), heights=((0.5, 12.5),)),
    Street("ne", "n", HOMES, ((70.0, 205.0),), (70.0,), heights=((0.5, 7.5),)),
    Street("ne", "e", QUIET, ((240.0, 190.0), (330.0, 110.0), (310.0, -20.0)), (60.0, 65.0, 60.0),
           heights=((0.25, 16.0), (0.5, 19.0), (0.75, 13.0))),
    Street("n", "w", QUIET, ((-110.0, 150.0), (-190.0, 190.0), (-230.0, 80.0)), (70.0, 50.0, 60.0),
           heights=((0.4, 15.0), (0.7, 12.0))),
    Street("w", "sw", HOMES, ((-198.0, -90.0),), (50.0,)),
    Street("sw", "s", HOMES, ((-100.0, -182.0),), (50.0,), heights=((0.5, 3.0),)),
    Street("sw", "s", QUIET, ((-195.0, -260.0), (-90.0, -320.0), (24.0, -290.0)),
           (45.0, 60.0, 55.0), heights=((0.5, -4.0),)),
    Street("s", "e", QUIET, ((110.0, -190.0), (180.0, -120.0)), (60.0, 60.0),
           heights=((0.45, 2.0), (0.7, 8.0))),
)  # fmt: skip


def make() -> str:
    """The town's OpenDRIVE text."""
    return build("suburb", NODES, STREETS)


if __name__ == "__main__":
    path("suburb").write_text(make())
