"""Carriageways of a motorway: one-way lanes along a line, with slip roads that leave and join.

A slip road meets the carriageway by a lane beside the others: for an exit it opens, runs along
and splits off; for an entry it comes in, runs along and merges. No lane ends blind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from common.frames import Pose2
from sim.maps.curves import Piece, cut, hermite
from sim.maps.opendrive import Connection, Junction, Lane, Link, Road, RoadSignal, constant
from sim.maps.plan import LANE, MARGIN_STRIP, Gate

SHOULDER = 2.5  # m (RAA 2008, section 4.3: 2.50 to 3.00)
OPEN, BESIDE = 50.0, 80.0  # m in which a lane opens or closes, m that it runs beside the others
APART = 4.5  # m between the outer lane's edge and a slip road's line where they part
SPREAD = 0.05  # rad between the two
IDS = 16  # of one slip road


@dataclass(frozen=True, slots=True)
class Slip:
    """An exit or an entry; its gate has the name."""

    name: str
    exit: bool
    at: float  # m along the line where it begins

    @property
    def stations(self) -> tuple[float, float, float, float]:
        """Where the lane opens, runs beside, closes, is gone (m)."""
        return (
            self.at,
            self.at + OPEN,
            self.at + OPEN + BESIDE,
            self.at + 2.0 * OPEN + BESIDE,
        )


@dataclass(frozen=True, slots=True)
class Carriageway:
    """Lanes right of a line, its slip roads in order; without `ends` it is a ring."""

    line: tuple[Piece, ...]
    lanes: int
    speed: float  # km/h
    slips: tuple[Slip, ...]
    first: int  # of its ids
    ends: tuple[str, str] | None = None  # gates where it begins and ends

    @property
    def length(self) -> float:
        """How long (m) the line is."""
        return sum(piece.length for piece in self.line)

    @property
    def _last(self) -> int:
        """The id of the road behind the last slip road."""
        return self.first + IDS * (len(self.slips) - 1) + 1

    @property
    def _lead(self) -> int:
        """The id of the road before the first slip road."""
        return self._last if self.ends is None else self.first + IDS * len(self.slips)

    def _pose(self, s: float) -> Pose2:
        piece = cut(self.line, s, s + 1.0)[0] if s < self.length - 1.0 else self.line[-1]
        return piece.start if s < self.length - 1.0 else piece.at(piece.length)

    def gates(self) -> Iterator[tuple[str, Gate]]:
        """Where streets join, by name."""
        for i, slip in enumerate(self.slips):
            begin, _, _, end = slip.stations
            aside = Pose2(0.0, -self.lanes * LANE - APART, -SPREAD if slip.exit else SPREAD)
            number = self.first + IDS * i + (3 if slip.exit else 2)
            pose = self._pose(end if slip.exit else begin) @ aside
            yield slip.name, Gate(pose, Link("junction", number))
        if self.ends is not None:
            yield self.ends[0], Gate(self._pose(0.0), Link("road", self._lead, "start"))
            yield self.ends[1], Gate(self._pose(self.length), Link("road", self._last, "end"))

    def build(self, streets: Mapping[str, int]) -> tuple[list[Road], list[Junction]]:
        """All roads and junctions; `streets` are the ids of those that begin or end at gates."""
        roads, junctions = list(self._mains(streets)), []
        for i, slip in enumerate(self.slips):
            base = self.first + IDS * i
            before = self._lead if i == 0 else base - IDS + 1
            begin, near, far, end = slip.stations
            roads.append(self._stretch(base, near, far, self.lanes + 1, (base + 2, base + 3)))
            if not slip.exit:
                roads[-1] = _yielding(roads[-1], self.lanes + 1)
            street = streets[slip.name]
            there = (before, base), (base, base + 1)
            for k, (a, b) in enumerate(((begin, near), (far, end))):
                joint, number = base + 2 + k, base + 4 + 2 * k
                main = self._through(number, joint, (a, b), there[k])
                side, source, lane = self._aside(number + 1, slip, k, there[k], street)
                roads += [main, side]
                lanes = tuple((-n, -n) for n in range(1, self.lanes + 1))
                onward = Connection(there[k][0], number, lanes)
                junctions.append(
                    Junction(joint, (onward, Connection(source, number + 1, ((lane, -1),))))
                )
        return roads, junctions

    def _mains(self, streets: Mapping[str, int]) -> Iterator[Road]:
        """The stretches between slip roads."""
        if self.ends is not None:
            link = Link("road", streets[self.ends[0]], "end")
            stretch = self._stretch(
                self._lead, 0.0, self.slips[0].at, self.lanes, (0, self.first + 2)
            )
            yield linked(stretch, before=link)
        for i, (slip, after) in enumerate(pairwise([*self.slips, self.slips[0]])):
            base, begin = self.first + IDS * i, slip.stations[3]
            if i < len(self.slips) - 1:
                joints = (base + 3, base + IDS + 2)
                yield self._stretch(base + 1, begin, after.at, self.lanes, joints)
            elif self.ends is None:
                joints = (base + 3, self.first + 2)
                yield self._stretch(base + 1, begin, after.at + self.length, self.lanes, joints)
            else:
                stretch = self._stretch(base + 1, begin, self.length, self.lanes, (base + 3, 0))
                yield linked(stretch, after=Link("road", streets[self.ends[1]], "start"))

    def _stretch(
        self, number: int, begin: float, end: float, lanes: int, joints: tuple[int, int]
    ) -> Road:
        """A road from junction to junction, with a speed sign at its begin."""
        t = -(lanes * LANE + SHOULDER + 0.8)
        sign = RoadSignal(
            6000 + number, f"Speed_{self.speed:.0f}", 6.0, t, True, "274", self.speed,
            (-1, -lanes), z=2.0,
        )  # fmt: skip
        return Road(
            id=number,
            name=f"motorway{number}",
            junction=-1,
            pieces=cut(self.line, begin, end),
            lanes=tuple(_lanes(lanes)),
            centre_mark="solid",
            centre_colour="white",
            speed=self.speed,
            predecessor=Link("junction", joints[0]),
            successor=Link("junction", joints[1]),
            signals=(sign,),
            kind="motorway",
        )

    def _through(
        self, number: int, joint: int, span: tuple[float, float], roads: tuple[int, int]
    ) -> Road:
        """The lanes that go straight on beside a lane that opens or closes."""
        return Road(
            id=number,
            name=f"way{number}",
            junction=joint,
            pieces=cut(self.line, *span),
            lanes=tuple(_lanes(self.lanes, linked=True)),
            centre_mark="solid",
            centre_colour="white",
            speed=self.speed,
            predecessor=Link("road", roads[0], "end"),
            successor=Link("road", roads[1], "start"),
            kind="motorway",
        )

    def _aside(
        self, number: int, slip: Slip, k: int, roads: tuple[int, int], street: int
    ) -> tuple[Road, int, int]:
        """The way of the lane beside, at its first (k = 0) or second junction.

        Also the road and the lane that it comes from.
        """
        a, b = slip.stations[2 * k], slip.stations[2 * k + 1]
        outer = self.lanes * LANE
        gate = Pose2(0.0, -outer - APART, -SPREAD if slip.exit else SPREAD)
        inner, beside = Pose2(0.0, LANE - outer, 0.0), Pose2(0.0, -outer, 0.0)
        source, target = Link("road", roads[0], "end"), Link("road", roads[1], "start")
        into, out = (inner, beside) if k == 0 else (beside, inner)
        lanes = (-self.lanes, -self.lanes - 1) if k == 0 else (-self.lanes - 1, -self.lanes)
        if slip.exit and k == 1:
            out, target, lanes = gate, Link("road", street, "start"), (lanes[0], -1)
        if not slip.exit and k == 0:
            into, source, lanes = gate, Link("road", street, "end"), (-1, lanes[1])
        way = Road(
            id=number,
            name=f"way{number}",
            junction=_joint(self.first, number),
            pieces=(hermite(self._pose(a) @ into, self._pose(b) @ out),),
            lanes=(
                Lane(-1, "driving", constant(LANE), "solid", "white", *lanes),
                Lane(-2, "shoulder", constant(SHOULDER), "none"),
            ),
            centre_mark="broken",
            centre_colour="white",
            speed=self.speed,
            predecessor=source,
            successor=target,
            kind="motorway",
        )
        return way, source.id, lanes[0]


def _joint(first: int, number: int) -> int:
    """The junction of a way beside: ids of one slip road are base + 5 and base + 7."""
    offset = (number - first) % IDS
    return number - offset + (2 if offset == 5 else 3)


def _lanes(count: int, linked: bool = False) -> Iterator[Lane]:
    """Margin strip, driving lanes, hard shoulder; `linked` lanes lead on to their like."""
    yield Lane(1, "shoulder", constant(MARGIN_STRIP), "none")
    for k in range(1, count + 1):
        mark = "broken" if k < count or linked else "solid"
        ends = (-k, -k) if linked else (None, None)
        yield Lane(-k, "driving", constant(LANE), mark, "white", *ends)
    yield Lane(-count - 1, "shoulder", constant(SHOULDER), "none")


def linked(road: Road, before: Link | None = None, after: Link | None = None) -> Road:
    """A road whose lanes go on in another road's lanes of the same number."""
    lanes = tuple(
        replace(
            lane,
            predecessor=lane.id if before else None,
            successor=lane.id if after else None,
        )
        for lane in road.lanes
    )
    return replace(
        road,
        lanes=lanes,
        predecessor=before or road.predecessor,
        successor=after or road.successor,
    )


def _yielding(road: Road, lane: int) -> Road:
    """The outermost lane gives way where it ends."""
    t = -(lane * LANE + SHOULDER + 0.8)
    sign = RoadSignal(
        7000 + road.id, "Sign_Yield", road.length - 0.3, t, True, "205", -1.0, (-lane, -lane)
    )
    return replace(road, signals=(*road.signals, sign))
