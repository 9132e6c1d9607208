"""Arrows on the lanes before junctions: where each lane leads."""

from __future__ import annotations

from collections.abc import Iterator

import carla
import numpy as np

from common.frames import FloatArray, wrap_angle
from sim.iso import transform_pose2
from sim.server.dress.builder import Builder, frame_at
from sim.server.dress.markings import CROSSING_HEIGHT, WHITE
from sim.server.ground import Ground

BEFORE = (10.0, 30.0)  # m from the arrow's foot to the junction
LENGTH = 4.0  # m (RMS-1: 5 in towns; 4 reads as well on short blocks)
SHAFT = 0.16  # m
LEFT, AHEAD, RIGHT = 1, 0, -1
TURN = 0.6  # rad: a way that bends more than this is a turn


def point_lanes(road_map: carla.Map, ground: Ground, builder: Builder) -> None:
    """Arrows where a direction has several lanes."""
    for end, turns in _approaches(road_map):
        for before in BEFORE:
            behind = end.previous(before)
            if behind and not behind[0].is_junction and behind[0].lane_id == end.lane_id:
                _arrow(behind[0], turns, ground, builder)


def _approaches(road_map: carla.Map) -> Iterator[tuple[carla.Waypoint, frozenset[int]]]:
    """Last waypoints before junctions and the ways that lead on from them, by road and lane."""
    found: dict[tuple[int, int], tuple[carla.Waypoint, set[int]]] = {}
    for way, _ in road_map.get_topology():
        if not way.is_junction:
            continue
        before = way.previous(0.5)
        if not before or before[0].is_junction or not _several(before[0]):
            continue
        steps = way.next_until_lane_end(1.0)
        end = steps[-1] if steps else way
        turn = wrap_angle(transform_pose2(end.transform).yaw - transform_pose2(way.transform).yaw)
        kind = AHEAD if abs(turn) < TURN else LEFT if turn > 0.0 else RIGHT
        key = (before[0].road_id, before[0].lane_id)
        found.setdefault(key, (before[0], set()))[1].add(kind)
    for key in sorted(found):
        yield found[key][0], frozenset(found[key][1])


def _several(waypoint: carla.Waypoint) -> bool:
    """Whether a lane of the same direction runs beside this one."""
    beside = (waypoint.get_left_lane(), waypoint.get_right_lane())
    return any(
        lane is not None
        and lane.lane_type == carla.LaneType.Driving
        and lane.lane_id * waypoint.lane_id > 0
        for lane in beside
    )


def _arrow(
    waypoint: carla.Waypoint, turns: frozenset[int], ground: Ground, builder: Builder
) -> None:
    pose = transform_pose2(waypoint.transform)
    frame = frame_at(pose.x, pose.y, 0.0, pose.yaw)
    z = waypoint.transform.location.z + 0.5
    for outline in _outlines(turns):
        flat = np.column_stack([outline, np.zeros(len(outline))]) @ frame[:3, :3].T + frame[:3, 3]
        flat[:, 2] = z
        flat[:, 2] = ground(flat)[0] + CROSSING_HEIGHT
        faces = np.array([[0, k + 1, k + 2] for k in range(len(outline) - 2)])
        builder.add(flat, faces, WHITE)


def _outlines(turns: frozenset[int]) -> Iterator[FloatArray]:
    """Convex pieces (N, 2) m, counter-clockwise, x ahead; one glyph for all the ways."""
    half = SHAFT / 2.0
    tip = LENGTH if AHEAD in turns else 0.55 * LENGTH
    yield np.array([(0.0, -half), (tip - 0.9, -half), (tip - 0.9, half), (0.0, half)])
    if AHEAD in turns:
        yield np.array([(tip - 0.9, -0.35), (tip, 0.0), (tip - 0.9, 0.35)])
    for side in (LEFT, RIGHT):
        if side not in turns:
            continue
        x = 0.55 * LENGTH - 0.9
        bend = np.array([(x - half, half), (x + 0.6, 0.5), (x + 0.8, 0.5), (x, -half)])
        head = np.array([(x + 0.35, 0.5), (x + 0.7, 1.15), (x + 1.05, 0.5)])
        for piece in (bend, head):
            yield piece[::-1] if side == LEFT else piece * [1.0, -1.0]
