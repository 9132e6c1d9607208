"""A motorway's interchange: slip roads to and from a road that crosses on a bridge."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sim.maps.carriageway import Slip
from sim.maps.plan import Gate, Node, Profile, Street

RAMP = Profile(1, 60.0, ("solid", "white"), oneway=True, shoulder=1.5, rank=-1, kind="rural")
LEAD, TURN = 40.0, 48.0  # m straight on from a gate, m straight to the junction
RADII = (70.0, 60.0)  # m (RAA 2008, section 6.4: 40 to 80 for 50 to 60 km/h)
BRIDGE = 6.2  # m from road to road (RAA 2008: 4.70 clear; 1.5 of deck)


def slips(key: str, centre: float, reach: float) -> tuple[Slip, Slip]:
    """The exit before and the entry behind the crossing, `reach` m from `centre` m of the line."""
    whole = Slip("", True, 0.0).stations[3]
    exit_ = Slip(f"{key} exit", True, centre - reach - whole)
    return exit_, Slip(f"{key} entry", False, centre + reach)


def ramps(nodes: Mapping[str, Node], key: str, gates: Mapping[str, Gate]) -> tuple[Street, Street]:
    """From the exit to node `key` of the crossing road, and from there to the entry."""
    x, y = nodes[key].at
    off, on = gates[f"{key} exit"].ahead(LEAD), gates[f"{key} entry"].ahead(-LEAD)
    into = (x + math.copysign(TURN, off[0] - x), y)
    out = (x + math.copysign(TURN, on[0] - x), y)
    return (
        Street(f"{key} exit", key, RAMP, (off, into), RADII),
        Street(key, f"{key} entry", RAMP, (out, on), RADII[::-1]),
    )
