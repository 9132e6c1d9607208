"""The plan of a town: where streets meet, what runs between, and what a street is made of.

Angles at a node grow counter-clockwise; whoever comes in on one arm finds the next arm on the
right hand. Right-hand traffic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from common.frames import Pose2
from sim.maps.curves import Piece, Point
from sim.maps.opendrive import Link

LANE = 3.5  # m, a lane of an urban main road (RASt 06, section 6.1.1: 3.25 to 3.50)
PAVEMENT = 3.0  # m
MARGIN_STRIP = 0.75  # m left of the lanes of a one-way road outside of towns (RAA 2008, 4.3)


@dataclass(frozen=True, slots=True)
class Profile:
    """A street's cross-section, the same on both sides unless it is one-way."""

    lanes: int  # driving lanes each way
    speed: float  # km/h
    centre: tuple[str, str] = ("broken", "yellow")  # roadMark type and colour
    side: tuple[str, float] | None = None  # "parking" or "biking" lane and its width (m)
    oneway: bool = False  # lanes lead from `a` to `b` alone, right of the line
    shoulder: float = 0.0  # m, instead of a pavement; 0 with a pavement
    rank: int = 0  # who has the right of way where lanes do not say so
    kind: str = "town"  # OpenDRIVE road type; "lowSpeed" streets have gardens, "rural" ones none

    @property
    def half(self) -> float:
        """How far (m) the kerb lies from the centre line at a junction."""
        return self.lanes * LANE

    @property
    def edge(self) -> float:
        """How far (m) signs keep from the centre line at least."""
        return self.half + self.shoulder

    @property
    def paved(self) -> bool:
        """Whether people walk beside it."""
        return self.shoulder == 0.0


@dataclass(frozen=True, slots=True)
class Node:
    """A place where streets meet, level."""

    at: Point
    control: str  # "signals", "stop", "yield" or "open"
    crossings: bool = True
    z: float = 0.0  # m


@dataclass(frozen=True, slots=True)
class Gate:
    """Where a street meets a carriageway: the street's line, heading with the traffic."""

    pose: Pose2
    link: Link
    z: float = 0.0  # m

    def ahead(self, distance: float) -> Point:
        """The point so many m on; behind for negative ones."""
        there = self.pose @ Pose2(distance, 0.0, 0.0)
        return (there.x, there.y)


@dataclass(frozen=True, slots=True)
class Street:
    """A road from `a` to `b`, nodes or gates; inner points are rounded corners."""

    a: str
    b: str
    profile: Profile
    via: tuple[Point, ...] = ()
    radii: tuple[float, ...] = ()
    line: tuple[Piece, ...] = ()  # the way from end to end, instead of points
    heights: tuple[tuple[float, float], ...] = ()  # share of the length, m


@dataclass(frozen=True, slots=True)
class Arm:
    """One end of a street at a node."""

    street: int
    begins: bool  # the street starts here
    outward: float  # rad, direction away from the node
    profile: Profile

    @property
    def lanes_in(self) -> int:
        """How many lanes lead to the node."""
        return 0 if self.profile.oneway and self.begins else self.profile.lanes

    @property
    def lanes_out(self) -> int:
        """How many lanes lead away."""
        return 0 if self.profile.oneway and not self.begins else self.profile.lanes

    def lane_in(self, k: int) -> int:
        """Lane id of the k-th incoming lane, 0 next to the centre line."""
        return k + 1 if self.begins else -(k + 1)

    def lane_out(self, k: int) -> int:
        """Lane id of the k-th outgoing lane."""
        return -self.lane_in(k)

    @property
    def pavement(self) -> int:
        """How far out the pavement lies, as a lane number."""
        return self.profile.lanes + (1 if self.profile.side is None else 2)

    @property
    def contact(self) -> str:
        """Which end of the street this is."""
        return "start" if self.begins else "end"


Ends = Mapping[str, Node | Gate]
