"""Roundabouts: one-way arcs between the arms, which give way (Merkblatt Kreisverkehre 2006)."""

from __future__ import annotations

import math
from itertools import pairwise

from common.frames import Pose2
from sim.maps.curves import Piece, Point
from sim.maps.plan import Node, Profile, Street

RADIUS = 20.0  # m of the island; outer diameter 47 m with lane
ARMS = ("e", "n", "w", "s")
RING = Profile(1, 30.0, ("none", "white"), oneway=True, rank=1, kind="lowSpeed")


def ring_nodes(centre: Point, z: float, name: str = "ring") -> dict[str, Node]:
    """Nodes `NAME e`, `n`, `w` and `s`, where the arms may join; a street for each is needed."""
    return {
        f"{name} {arm}": Node(_at(centre, k), "yield", crossings=False, z=z)
        for k, arm in enumerate(ARMS)
    }


def ring_streets(centre: Point, name: str = "ring") -> tuple[Street, ...]:
    """The arcs from each arm to the next one, counter-clockwise."""
    streets = []
    for k, (arm, beyond) in enumerate(pairwise([*ARMS, ARMS[0]])):
        x, y = _at(centre, k)
        start = Pose2(x, y, (k + 1) * math.pi / 2.0)
        arc = Piece(start, RADIUS * math.pi / 2.0, 1.0 / RADIUS)
        streets.append(Street(f"{name} {arm}", f"{name} {beyond}", RING, line=(arc,)))
    return tuple(streets)


def _at(centre: Point, k: int) -> Point:
    angle = k * math.pi / 2.0
    return (centre[0] + RADIUS * math.cos(angle), centre[1] + RADIUS * math.sin(angle))
