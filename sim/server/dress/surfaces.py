"""What one drives and walks on: lanes, kerbs, pavements, verges."""

from __future__ import annotations

import numpy as np

from common.frames import FloatArray
from sim.server.dress.builder import Builder, Look
from sim.server.opendrive import Line, Network, Road, Section
from sim.server.scene import Label, Material

PAVED = frozenset(
    ("driving", "parking", "biking", "shoulder", "stop", "entry", "exit", "onRamp", "offRamp",
     "bidirectional", "restricted", "border", "bus", "taxi", "HOV", "mwyEntry", "mwyExit")
)  # fmt: skip
RAISED = frozenset(("sidewalk", "curb", "median", "walking"))
KERB_HEIGHT = 0.12  # m (RASt 06, section 6.1.6: 0.10 to 0.12)
KERB_WIDTH = 0.15  # m
VERGE = (0.8, 0.35)  # m outwards, m down: joins the road to the soil around

ROAD = Look(Material.ASPHALT, Label.ROAD)
PAVEMENT = Look(Material.PAVEMENT, Label.SIDEWALK)
KERB = Look(Material.KERB, Label.SIDEWALK)
GREEN = Look(Material.GRASS, Label.TERRAIN)
EDGE = Look(Material.GRASS, Label.TERRAIN)


def height(kind: str) -> float:
    """How far (m) a lane's surface lies above the road."""
    return KERB_HEIGHT if kind in RAISED else 0.0


def lay(network: Network, roads: Builder, pavements: Builder, edges: Builder) -> None:
    """All lanes: flat ones into `roads`, raised ones into `pavements`, the rest into `edges`."""
    for road in network.roads.values():
        for section in road.sections:
            s = road.stations(section)
            borders = section.borders(s)
            for sign in (1, -1):
                _side(road, section, s, borders, sign, (roads, pavements, edges))


def _side(
    road: Road,
    section: Section,
    s: FloatArray,
    borders: dict[int, tuple[FloatArray, FloatArray]],
    sign: int,
    builders: tuple[Builder, Builder, Builder],
) -> None:
    roads, pavements, edges = builders
    level = 0.0
    last: tuple[FloatArray, float] | None = None
    line = road.along(s)
    for lane in sorted((i for i in section.lanes if i * sign > 0), key=abs):
        inner, outer = borders[lane]
        kind = section.lanes[lane].kind
        up = height(kind)
        if kind in PAVED:
            ribbon(line, (inner, outer), (up, up), ROAD, roads)
        elif kind in RAISED:
            stone = np.where(np.abs(outer - inner) > KERB_WIDTH, sign * KERB_WIDTH, outer - inner)
            ribbon(line, (inner, inner + stone), (up, up), KERB, pavements)
            ribbon(line, (inner + stone, outer), (up, up), PAVEMENT, pavements)
        else:
            ribbon(line, (inner, outer), (up, up), GREEN, edges)
        if up != level:
            ribbon(line, (inner, inner), (level, up), KERB, edges)
        level, last = up, (outer, up)
    if last is not None and road.junction < 0:
        outer, up = last
        out, down = VERGE
        ribbon(line, (outer, outer + sign * out), (up, -down), EDGE, edges)


def ribbon(
    line: Line,
    t: tuple[FloatArray, FloatArray],
    up: tuple[float, float],
    look: Look,
    builder: Builder,
) -> None:
    """The strip between two values of t, each at its height (m) above the road."""
    near, far = line.at(t[0]), line.at(t[1])
    near[:, 2] += up[0]
    far[:, 2] += up[1]
    if np.sum(t[1] - t[0]) > 0.0 or (np.all(t[1] == t[0]) and np.sum(t[0]) > 0.0):
        builder.strip(far, near, look)
    else:
        builder.strip(near, far, look)
