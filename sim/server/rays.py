"""Straight lines through the world: what they meet, of ground, static objects and road users."""

from __future__ import annotations

import carla
import numpy as np

from common.frames import FloatArray
from sim import iso
from sim.server.actors import Kind
from sim.server.episode import Episode
from sim.server.poses import matrices
from sim.server.scene import Label

STEP = 0.5  # m between looks at the ground
LONGEST = 10_000.0  # m of a ray
CLOSE_ENOUGH = 40  # halvings of a step

Hit = tuple[float, FloatArray, int]  # share of the ray, point (3,), label


def cast(episode: Episode, start: FloatArray, end: FloatArray) -> list[Hit]:
    """What the segment meets, nearest first: the first point of each box, and of the ground."""
    if np.linalg.norm(end - start) > LONGEST:
        end = start + (end - start) * (LONGEST / np.linalg.norm(end - start))
    hits = [*_boxes(episode, start, end), *_ground(episode, start, end)]
    return sorted(hits, key=lambda hit: hit[0])


def _boxes(episode: Episode, start: FloatArray, end: FloatArray) -> list[Hit]:
    actors = episode.actors
    solid = [a for a in actors if a.kind in (Kind.VEHICLE, Kind.WALKER)]
    objects = episode.town.objects
    count = len(solid) + len(objects)
    if not count:
        return []
    poses, extents = np.zeros((count, 6)), np.zeros((count, 3))
    poses[: len(objects), :3] = [(o.x, o.y, o.z) for o in objects] or np.zeros((0, 3))
    poses[: len(objects), 5] = [o.yaw for o in objects]
    extents[: len(objects)] = [o.extent for o in objects] or np.zeros((0, 3))
    labels = [o.label for o in objects] + [a.label for a in solid]
    for i, actor in enumerate(solid, len(objects)):
        poses[i], extents[i] = actors.pose[actor.row], actor.extent
        poses[i, :3] += matrices(poses[i])[:3, :3] @ actor.centre
    shares = meet_boxes(poses, extents, start, end)
    return [
        (float(shares[i]), start + shares[i] * (end - start), labels[i])
        for i in np.nonzero(np.isfinite(shares))[0]
    ]


def meet_boxes(
    poses: FloatArray, extents: FloatArray, start: FloatArray, end: FloatArray
) -> FloatArray:
    """Where a segment enters boxes with centre poses (N, 6): shares (N,) of it, inf for never."""
    world_from_box = matrices(poses)
    turn = np.swapaxes(world_from_box[:, :3, :3], 1, 2)
    origin = (turn @ (start - poses[:, :3])[:, :, None])[:, :, 0]
    way = turn @ (end - start)
    with np.errstate(divide="ignore", invalid="ignore"):
        one, two = (-extents - origin) / way, (extents - origin) / way
    parallel = way == 0.0
    inside = np.abs(origin) <= extents
    near = np.where(parallel, np.where(inside, -np.inf, np.inf), np.minimum(one, two)).max(axis=1)
    far = np.where(parallel, np.where(inside, np.inf, -np.inf), np.maximum(one, two)).min(axis=1)
    met = (near <= far) & (far >= 0.0) & (near <= 1.0)
    return np.where(met, np.maximum(near, 0.0), np.inf)


def _ground(episode: Episode, start: FloatArray, end: FloatArray) -> list[Hit]:
    count = int(np.linalg.norm((end - start)[:2]) / STEP) + 2
    shares = np.linspace(0.0, 1.0, count)
    height = _above(episode, start, end, shares)
    below = np.nonzero((height[:-1] > 0.0) & (height[1:] <= 0.0))[0]
    if not len(below):
        return []
    low, high = shares[below[0]], shares[below[0] + 1]
    for _ in range(CLOSE_ENOUGH):
        middle = 0.5 * (low + high)
        if _above(episode, start, end, np.array([middle]))[0] > 0.0:
            low = middle
        else:
            high = middle
    point = start + high * (end - start)
    return [(float(high), point, surface(episode, point))]


def _above(episode: Episode, start: FloatArray, end: FloatArray, shares: FloatArray) -> FloatArray:
    points = start + shares[:, None] * (end - start)
    z, _ = episode.town.ground(points[:, :2])
    return np.asarray(points[:, 2] - z, np.float64)


def surface(episode: Episode, point: FloatArray) -> int:
    """The label of the ground at a point (3,): road, pavement or terrain."""
    place = carla.Location(*iso.mirror(point).tolist())
    lane = episode.town.road_map.get_waypoint(place, False, carla.LaneType.Any)
    if lane is None:
        return Label.TERRAIN
    if lane.lane_type == carla.LaneType.Sidewalk:
        return Label.SIDEWALK
    drivable = carla.LaneType.Driving | carla.LaneType.Parking | carla.LaneType.Shoulder
    return Label.ROAD if lane.lane_type & drivable else Label.TERRAIN
