"""Paint on the road: lane markings, stop lines, crossings."""

from __future__ import annotations

from collections.abc import Sequence

import carla
import cv2
import numpy as np

from common.frames import FloatArray
from sim.iso import carla_transform, vector
from sim.server.dress.builder import Builder, Look
from sim.server.ground import Ground
from sim.server.opendrive import Lane, Line, Mark, Network, Road, Section
from sim.server.scene import Label, Material, Sign, Signal

PAINT_HEIGHT = 0.012  # m above the road
CROSSING_HEIGHT = 0.016  # m
DASH, GAP = 3.0, 6.0  # m in towns (RMS-1, 1:2)
FAST_DASH, FAST_GAP = 6.0, 12.0  # m on fast roads (RMS-1)
FAST = 20.0  # m/s: above this a road is fast
DOUBLE = 0.12  # m between the lines of a double marking
STOP_LINE = 0.5  # m (StVO, sign 294)
WAIT, WAIT_GAP = 0.5, 0.25  # m across the lane: strokes where one gives way (StVO, sign 341)
STRIPE, STRIPE_GAP = 0.5, 0.5  # m of a crossing (StVO, sign 293)
WHITE = Look(Material.MARKING_WHITE, Label.ROAD_LINE)
YELLOW = Look(Material.MARKING_YELLOW, Label.ROAD_LINE)


def paint(
    network: Network,
    road_map: carla.Map,
    signals: Sequence[Signal],
    signs: Sequence[Sign],
    ground: Ground,
    builder: Builder,
) -> None:
    """All of it."""
    for road in network.roads.values():
        for section in road.sections:
            for lane in section.lanes.values():
                _borders(road, section, lane, builder)
    stops = [sign for sign in signs if sign.kind == "traffic.stop"]
    things: list[Signal | Sign] = [*signals, *stops]
    for thing in things:
        _stop_line(thing, ground, builder)
    for sign in signs:
        if sign.kind == "traffic.yield" and not _merges(sign, road_map):
            _wait_line(sign, ground, builder)
    for outline in crossings(road_map):
        _zebra(outline, ground, builder)


def _borders(road: Road, section: Section, lane: Lane, builder: Builder) -> None:
    """The markings on a lane's outer border."""
    ends = [mark.start for mark in lane.marks[1:]]
    for mark, end in zip(lane.marks, [*ends, np.inf], strict=False):
        start = section.start + mark.start
        stop = min(section.start + end, section.end)
        if stop - start < 0.3:
            continue
        look = YELLOW if mark.colour == "yellow" else WHITE
        for offset, broken in _lines(mark):
            s, pieces = _stretches(road, section, start, stop, broken)
            t = np.zeros_like(s)
            if lane.id != 0 and len(s):
                t = section.borders(s)[lane.id][1]
            _lines_on(road.along(s), t + offset, max(mark.width, 0.1), pieces, look, builder)


def _lines(mark: Mark) -> list[tuple[float, bool]]:
    """Lateral offset (m) and brokenness of the lines a marking is made of, right to left."""
    kinds = {"solid": False, "broken": True, "botts": True}
    words = [kinds[word] for word in mark.kind.split() if word in kinds]
    if len(words) == 2:
        apart = (DOUBLE + max(mark.width, 0.1)) / 2.0
        return [(apart, words[0]), (-apart, words[1])]
    return [(0.0, words[0])] if words else []


def _stretches(
    road: Road, section: Section, start: float, stop: float, broken: bool
) -> tuple[FloatArray, int]:
    """Values of s along the painted stretches, one after the other, and how many those are."""
    if not broken:
        s = road.stations(section)
        inner = s[(s > start + 0.05) & (s < stop - 0.05)]
        return np.concatenate([[start], inner, [stop]]), 1
    speed = road.speed(np.array([start]))[0]
    dash, gap = (FAST_DASH, FAST_GAP) if speed > FAST else (DASH, GAP)
    first = np.arange(start + gap / 2.0, stop - dash, dash + gap)
    return (first[:, None] + np.array([0.0, dash / 2.0, dash])).ravel(), len(first)


def _lines_on(
    line: Line, t: FloatArray, width: float, pieces: int, look: Look, builder: Builder
) -> None:
    """Painted lines about t: as many pieces of the same number of points."""
    if pieces == 0:
        return
    left, right = line.at(t + width / 2.0), line.at(t - width / 2.0)
    left[:, 2] += PAINT_HEIGHT
    right[:, 2] += PAINT_HEIGHT
    left, right = left.reshape(pieces, -1, 3), right.reshape(pieces, -1, 3)
    corners = np.stack([right[:, :-1], right[:, 1:], left[:, 1:], left[:, :-1]], axis=2)
    builder.quads(corners.reshape(-1, 4, 3), look, corners.reshape(-1, 4, 3)[..., :2])


def _front(thing: Signal | Sign) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The middle of the trigger's front end (2,) m, and the directions right and ahead."""
    c, s = np.cos(thing.yaw), np.sin(thing.yaw)
    right, ahead = np.array([c, s]), np.array([-s, c])
    x, y, _ = thing.trigger_centre
    front = np.array([thing.x, thing.y]) + x * right + y * ahead + thing.trigger_extent[1] * ahead
    return front, right, ahead


def _stop_line(thing: Signal | Sign, ground: Ground, builder: Builder) -> None:
    """Across the lanes, at the front end of the trigger."""
    half = thing.trigger_extent[0] - 0.15
    _strokes(thing, np.array([-half]), 2.0 * half, ground, builder)


def _wait_line(sign: Sign, ground: Ground, builder: Builder) -> None:
    """The same in short strokes."""
    wide = 2.0 * sign.trigger_extent[0] - 0.3
    count = int((wide + WAIT_GAP) / (WAIT + WAIT_GAP))
    first = (WAIT_GAP - count * (WAIT + WAIT_GAP)) / 2.0
    _strokes(sign, first + (WAIT + WAIT_GAP) * np.arange(float(count)), WAIT, ground, builder)


def _strokes(
    thing: Signal | Sign, begins: FloatArray, long: float, ground: Ground, builder: Builder
) -> None:
    """Pieces of a line across the lanes, from m to the right of their middle on."""
    front, right, ahead = _front(thing)
    back = front - STOP_LINE * ahead
    for x in begins:
        near, far = x * right, (x + long) * right
        corners = np.array([back + near, back + far, front + far, front + near])
        builder.quads(_on_ground(corners, thing.z, ground, CROSSING_HEIGHT), WHITE)


def _merges(sign: Sign, road_map: carla.Map) -> bool:
    """Whether the sign's lane joins one beside it that goes the same way: no line there."""
    lane = road_map.get_waypoint(carla_transform([*_front(sign)[0], sign.z, 0, 0, 0]).location)
    beside = lane.get_left_lane() if lane else None
    if beside is None or sign.trigger_extent[0] > lane.lane_width:
        return False
    return bool(beside.lane_type == carla.LaneType.Driving and beside.lane_id * lane.lane_id > 0)


def _on_ground(corners: FloatArray, z: float, ground: Ground, up: float) -> FloatArray:
    heights = ground(np.column_stack([corners, np.full(len(corners), z + 0.5)]))[0]
    return np.concatenate([corners, heights[:, None] + up], axis=1)


def crossings(road_map: carla.Map) -> list[FloatArray]:
    """Outlines (N, 3) m of the map's crosswalks; the client's list closes each with its first."""
    found: list[FloatArray] = []
    points: list[FloatArray] = []
    for location in road_map.get_crosswalks():
        point = vector(location)
        if points and np.allclose(point, points[0], atol=1e-3):
            found.append(np.array(points))
            points = []
        else:
            points.append(point)
    return found


def _zebra(outline: FloatArray, ground: Ground, builder: Builder) -> None:
    """Stripes along the traffic's direction: the short way of the outline."""
    middle = outline[:, :2].mean(axis=0)
    local = (outline[:, :2] - middle).astype(np.float32)
    box = np.asarray(cv2.boxPoints(cv2.minAreaRect(local)), np.float64) + middle
    long_side, short_side = box[1] - box[0], box[3] - box[0]
    if np.linalg.norm(long_side) < np.linalg.norm(short_side):
        long_side, short_side = short_side, long_side
    length = float(np.linalg.norm(long_side))
    if length < 1.0:
        return
    axis = long_side / length
    count = int((length + STRIPE_GAP) / (STRIPE + STRIPE_GAP))
    margin = (length - count * (STRIPE + STRIPE_GAP) + STRIPE_GAP) / 2.0
    z = float(outline[:, 2].mean())
    if axis[0] * short_side[1] - axis[1] * short_side[0] < 0.0:
        short_side, base = -short_side, box[0] + short_side
    else:
        base = box[0]
    for k in range(count):
        near = base + axis * (margin + k * (STRIPE + STRIPE_GAP))
        far = near + axis * STRIPE
        corners = np.array([near, far, far + short_side, near + short_side])
        builder.quads(_on_ground(corners, z, ground, CROSSING_HEIGHT), WHITE)
