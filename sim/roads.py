"""The lane graph of a map as arrays, read once from the genuine `carla.Map`.

World frame (ISO 8855: the map's OpenDRIVE axes, ``y = -y_carla``), metres, radians. A lane is one
driving lane of one OpenDRIVE lane section, sampled every metre in its direction of travel. Lanes
are numbered by (road, section, lane id), so that the order depends on nothing but the map.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from common.frames import FloatArray, Pose2, wrap_angles
from common.messages import RouteCommand
from sim.iso import pose_from_carla, vector
from sim.junctions import MEET, Conflict, conflicts, turn_command
from sim.opendrive import SpeedLimits

if TYPE_CHECKING:
    import carla

IntArray = NDArray[np.int32]
BoolArray = NDArray[np.bool_]
Key = tuple[int, int, int]  # road, section, lane id

SPACING = 1.0  # m between samples of a lane
MAX_LINK_GAP = 1.0  # m; a link over a wider gap would make a car jump sideways
DEFAULT_SPEED_LIMIT = 50.0 / 3.6  # m/s; the urban limit in most of the world, UN Vienna convention
LANE_SEARCH = 32  # samples looked at for the nearest lane that also fits the heading


class StopKind(IntEnum):
    """Why a vehicle may have to stop at a line."""

    SIGNAL = 1
    STOP = 2
    YIELD = 3


class Marking(IntEnum):
    """What is painted along a lane's edge."""

    NONE = 0
    BROKEN = 1
    SOLID = 2


LANDMARKS = {"1000001": StopKind.SIGNAL, "206": StopKind.STOP, "205": StopKind.YIELD}
"""OpenDRIVE signal types as CARLA reads them (LibCarla, SignalType)."""


@dataclass(frozen=True, slots=True)
class StopLine:
    """Where a signal or sign holds the traffic of one lane."""

    kind: StopKind
    opendrive_id: str
    lane: int
    s: float  # m along the lane
    left: FloatArray  # (2,) m, world frame: ends of the line
    right: FloatArray  # (2,) m


@dataclass(frozen=True, slots=True)
class Positions:
    """Points seen from the lane graph; arrays of one shape (N,)."""

    lane: IntArray  # -1 where no lane is near enough
    s: FloatArray  # m along the lane
    lateral: FloatArray  # m, positive left of the centre line
    point: IntArray  # nearest sample


class Roads:
    """The lane graph. Arrays over P samples and L lanes; nothing changes after construction.

    Attributes:
        xy, z, yaw, width: (P, 2), (P,), (P,), (P,) centre line samples.
        s: (P,) m along the lane.
        lane: (P,) which lane a sample belongs to.
        may_change_left, may_change_right: (P,) whether the map permits a lane change here.
        marking_left, marking_right: (P,) `Marking`.
        first: (L + 1,); lane i owns the samples first[i] to first[i + 1] - 1, at least two.
        keys: (L, 3) OpenDRIVE road, section and lane id.
        length, speed_limit: (L,) m, m/s.
        junction: (L,) OpenDRIVE id of the junction a lane lies in, -1 for none.
        left, right: (L,) neighbour lane of the same direction, -1 for none.
        successors, predecessors: (L,) tuples of lanes.
        command: (L,) what a connection of a junction does; LANE_FOLLOW outside.
        conflicts: pairs of lanes whose cars can meet, both ways round.
        stop_lines: all of them; stop_line: (L,) index of the one that holds a lane, -1 for none.
        crosswalks: polygons (K, 2) m.
    """

    def __init__(self, carla_map: carla.Map) -> None:
        self.name: str = carla_map.name
        entries, links = _topology(carla_map)
        limits = SpeedLimits(carla_map.to_opendrive())
        keys = sorted(entries)
        index = {key: i for i, key in enumerate(keys)}
        samples = [_sample(entries[key]) for key in keys]
        self.keys = np.array(keys, dtype=np.int32).reshape(-1, 3)
        self._stack(samples)
        self.junction = np.array([_junction(entries[key]) for key in keys], dtype=np.int32)
        self.left = np.array([_neighbour(one, index, 0) for one in samples], dtype=np.int32)
        self.right = np.array([_neighbour(one, index, 1) for one in samples], dtype=np.int32)
        self._link([[index[key] for key in links[one]] for one in keys])
        self.speed_limit = self._speed_limits(limits)
        self.command = tuple(self._commands())
        half = np.full(len(self.xy), 0.5 * MEET)
        self.conflicts: tuple[Conflict, ...] = conflicts(
            self.xy, self.z, self.s, self.lane, self.successors, half, half
        )
        self.stop_lines = tuple(self._stop_lines(carla_map, index))
        self.stop_line = np.full(len(keys), -1, dtype=np.int32)
        for i, line in reversed(list(enumerate(self.stop_lines))):
            self.stop_line[line.lane] = i
        self.crosswalks = tuple(_polygons(carla_map.get_crosswalks()))

    def __len__(self) -> int:
        """How many lanes."""
        return len(self.keys)

    def samples(self, lane: int) -> slice:
        """Which samples a lane owns."""
        return slice(int(self.first[lane]), int(self.first[lane + 1]))

    def pose(self, lane: int, s: float) -> Pose2:
        """The centre line's pose ``world_from_lane`` at s m along a lane."""
        own = self.samples(lane)
        at = self.s[own]
        x, y = (float(np.interp(s, at, self.xy[own, axis])) for axis in (0, 1))
        return Pose2(x, y, float(self.yaw[self.sample(lane, s)]))

    def sample(self, lane: int, s: float) -> int:
        """The sample of a lane nearest to s m along it."""
        own = self.samples(lane)
        return int(own.start + np.argmin(np.abs(self.s[own] - s)))

    def edges(self, lane: int) -> tuple[FloatArray, FloatArray]:
        """The left and the right edge of a lane, (n, 2) m each."""
        own = self.samples(lane)
        normal = np.stack([-np.sin(self.yaw[own]), np.cos(self.yaw[own])], axis=-1)
        half = 0.5 * self.width[own, None] * normal
        return self.xy[own] + half, self.xy[own] - half

    def polygon(self, lane: int) -> FloatArray:
        """The surface of a lane as a polygon (2n, 2) m, counter-clockwise on a straight lane."""
        left, right = self.edges(lane)
        return np.concatenate([right, left[::-1]])

    def nearest(self, xy: FloatArray, yaw: FloatArray | None = None) -> Positions:
        """The lane nearest to each point (N, 2) m; with headings (N,) rad, one that fits them.

        A heading fits within 90 degrees. Without a fit, or farther than the lane's width from
        its centre line, the lane is -1.
        """
        k = 1 if yaw is None else min(LANE_SEARCH, len(self.xy))
        found = self._tree.query(np.atleast_2d(xy), k=[*range(1, k + 1)])
        distance, near = np.asarray(found[0]), np.asarray(found[1])
        if yaw is not None:
            off = np.abs(wrap_angles(self.yaw[near] - np.asarray(yaw)[:, None])) > np.pi / 2.0
            distance = np.where(off, np.inf, distance)
        best = np.argmin(distance, axis=1)
        rows = np.arange(len(near))
        point = near[rows, best].astype(np.int32)
        delta = np.atleast_2d(xy) - self.xy[point]
        cos, sin = np.cos(self.yaw[point]), np.sin(self.yaw[point])
        along = cos * delta[:, 0] + sin * delta[:, 1]
        lateral = cos * delta[:, 1] - sin * delta[:, 0]
        on_lane = distance[rows, best] <= self.width[point]
        lane = np.where(on_lane, self.lane[point], -1).astype(np.int32)
        s = np.clip(self.s[point] + along, 0.0, self.length[self.lane[point]])
        return Positions(lane, s, lateral, point)

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.xy)

    def _stack(self, samples: list[_Samples]) -> None:
        rows = np.concatenate([one.rows for one in samples])
        self.xy, self.z, self.yaw, self.width = rows[:, :2], rows[:, 2], rows[:, 3], rows[:, 4]
        flags = np.concatenate([one.flags for one in samples])
        self.may_change_left: BoolArray = (flags[:, 0] & 2) > 0
        self.may_change_right: BoolArray = (flags[:, 0] & 1) > 0
        self.marking_left, self.marking_right = flags[:, 1], flags[:, 2]
        counts = [len(one.rows) for one in samples]
        self.first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        self.lane = np.repeat(np.arange(len(samples)), counts).astype(np.int32)
        step = np.hypot(*np.diff(self.xy, axis=0, prepend=self.xy[:1]).T)
        step[self.first[:-1]] = 0.0
        travelled = np.cumsum(step)
        self.s = travelled - travelled[self.first[:-1]][self.lane]
        self.length = self.s[self.first[1:] - 1]

    def _link(self, links: list[list[int]]) -> None:
        begin, end = self.xy[self.first[:-1]], self.xy[self.first[1:] - 1]
        self.successors: tuple[tuple[int, ...], ...] = tuple(
            tuple(sorted({b for b in after if math.dist(end[a], begin[b]) <= MAX_LINK_GAP}))
            for a, after in enumerate(links)
        )
        before: list[list[int]] = [[] for _ in links]
        for a, after in enumerate(self.successors):
            for b in after:
                before[b].append(a)
        self.predecessors: tuple[tuple[int, ...], ...] = tuple(tuple(one) for one in before)

    def _speed_limits(self, limits: SpeedLimits) -> FloatArray:
        """The map's own; a connection without one has its approach's."""
        own = [limits.at(*(int(i) for i in key)) for key in self.keys]
        for _ in range(4):  # lanes of one connection may follow each other
            for lane, limit in enumerate(own):
                if limit is None:
                    known = [own[p] for p in self.predecessors[lane]]
                    own[lane] = next((one for one in known if one is not None), None)
        return np.array([DEFAULT_SPEED_LIMIT if one is None else one for one in own])

    def _commands(self) -> Iterator[RouteCommand]:
        """A connection's lanes all carry the turn of the whole connecting road."""
        for lane in range(len(self)):
            if self.junction[lane] < 0:
                yield RouteCommand.LANE_FOLLOW
                continue
            begin = self._end_of_road(lane, self.predecessors)
            end = self._end_of_road(lane, self.successors)
            turn = self.yaw[self.first[end + 1] - 1] - self.yaw[self.first[begin]]
            yield turn_command(float(turn))

    def _end_of_road(self, lane: int, links: tuple[tuple[int, ...], ...]) -> int:
        road = self.keys[lane, 0]
        for _ in range(len(self)):
            onward = [one for one in links[lane] if self.keys[one, 0] == road and one != lane]
            if not onward:
                break
            lane = onward[0]
        return lane

    def _stop_lines(self, carla_map: carla.Map, index: dict[Key, int]) -> Iterator[StopLine]:
        """Signals first, then signs, each by lane and place.

        A lane is held by what its validity records name; CARLA's maps use lane 0 for the pole.
        """
        found: set[tuple[StopKind, int, float, float, str]] = set()
        for mark in carla_map.get_all_landmarks():
            kind = LANDMARKS.get(mark.type)
            for lane_id in _valid_lanes(mark) if kind else ():
                at = carla_map.get_waypoint_xodr(mark.road_id, lane_id, mark.s)
                if kind and at is not None and _key(at) in index:
                    x, y, _ = vector(at.transform.location)
                    found.add((kind, index[_key(at)], x, y, str(mark.id)))
        for kind, lane, x, y, opendrive_id in sorted(found):
            own = self.samples(lane)
            i = own.start + int(np.argmin(np.hypot(*(self.xy[own] - (x, y)).T)))
            across = 0.5 * self.width[i] * np.array([-np.sin(self.yaw[i]), np.cos(self.yaw[i])])
            yield StopLine(
                kind, opendrive_id, lane, float(self.s[i]), self.xy[i] + across, self.xy[i] - across
            )


@dataclass(frozen=True, slots=True)
class _Samples:
    """One lane as read."""

    key: Key
    rows: FloatArray  # (n, 5) x, y, z, yaw, width
    flags: NDArray[np.uint8]  # (n, 3) lane change bits, left and right marking
    neighbours: tuple[Key | None, Key | None]  # left, right


def _key(waypoint: carla.Waypoint) -> Key:
    return waypoint.road_id, waypoint.section_id, waypoint.lane_id


def _junction(waypoint: carla.Waypoint) -> int:
    return int(waypoint.junction_id) if waypoint.is_junction else -1


def _topology(carla_map: carla.Map) -> tuple[dict[Key, carla.Waypoint], dict[Key, list[Key]]]:
    """The first waypoint of every lane, and the lanes that follow it.

    `get_topology` pairs a lane's first waypoint with its successor's first one, or with its own
    last one where the lane ends.
    """
    entries: dict[Key, carla.Waypoint] = {}
    links: dict[Key, list[Key]] = {}
    for begin, after in carla_map.get_topology():
        entries.setdefault(_key(begin), begin)
        onward = links.setdefault(_key(begin), [])
        if _key(after) != _key(begin):
            onward.append(_key(after))
    for onward in links.values():
        onward[:] = [key for key in onward if key in entries]
    return entries, links


def _sample(entry: carla.Waypoint) -> _Samples:
    waypoints = [entry, *entry.next_until_lane_end(SPACING)]
    transforms, widths, flags = [], [], []
    for one in waypoints:
        transform = one.transform
        at, turn = transform.location, transform.rotation
        transforms.append((at.x, at.y, at.z, turn.pitch, turn.yaw, turn.roll))
        widths.append(one.lane_width)
        left, right = _marking(one.left_lane_marking), _marking(one.right_lane_marking)
        flags.append((int(one.lane_change), left, right))
    pose = pose_from_carla(transforms)
    middle = waypoints[len(waypoints) // 2]
    beside = middle.get_left_lane(), middle.get_right_lane()
    table = np.column_stack([pose[:, :3], wrap_angles(pose[:, 5]), widths])
    if len(table) > 2 and math.dist(table[-1, :2], table[-2, :2]) < 0.05 * SPACING:
        table, flags = np.delete(table, -2, axis=0), flags[:-1]
    if len(table) == 1:
        raise ValueError(f"lane {_key(entry)} has no length")
    left_key, right_key = (None if one is None else _key(one) for one in beside)
    return _Samples(_key(entry), table, np.array(flags, dtype=np.uint8), (left_key, right_key))


def _marking(marking: carla.LaneMarking) -> Marking:
    kind = str(marking.type)
    if kind == "NONE":
        return Marking.NONE
    return Marking.BROKEN if kind in ("Broken", "BrokenBroken", "BottsDots") else Marking.SOLID


def _neighbour(samples: _Samples, index: dict[Key, int], side: int) -> int:
    """The lane beside, where it drives the same way: its lane id then has the same sign."""
    key = samples.neighbours[side]
    if key is None or key[2] * samples.key[2] < 0:
        return -1
    return index.get(key, -1)


def _valid_lanes(mark: carla.Landmark) -> list[int]:
    lanes = []
    for begin, end in mark.get_lane_validities():
        lanes += [lane for lane in range(min(begin, end), max(begin, end) + 1) if lane != 0]
    return lanes


def _polygons(corners: list[carla.Location]) -> Iterator[FloatArray]:
    """CARLA gives all crosswalks as one list; a polygon ends where its first corner comes again."""
    polygon: list[tuple[float, float]] = []
    for corner in corners:
        x, y, _ = vector(corner)
        polygon.append((x, y))
        if len(polygon) > 2 and polygon[-1] == polygon[0]:
            yield np.array(polygon[:-1])
            polygon = []
