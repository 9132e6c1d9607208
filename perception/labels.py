"""From a true Scene and what the pictures show of it to one labelled sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from common.frames import SEG_GRID, FloatArray, Pose2
from common.messages import ImageArray, LaneEstimate, Scene
from perception.contract import KINDS, LIGHTS, RASTERS, STOP_BINS
from perception.dataset import LANE_STATIONS, MAX_LABELS, MAX_LAMPS, Samples, empty

LANE_SLOTS = {0: ("lane_own", 0), 1: ("lane_left", 1), -1: ("lane_right", 2)}
LANE_BEHIND, LANE_AHEAD = -5.0, 45.0  # m, what is kept of a lane
SHIFT = 4  # fractional bits of polygon corners
LAMP_MIN_PX = 2
"""A lit lens of fewer pixels over both images is not seen."""


@dataclass(frozen=True, slots=True)
class Moment:
    """All that one sample is made of."""

    images: ImageArray  # (5, 128, 256, 3)
    scene: Scene  # source "truth"
    world_from_ego: Pose2
    speed: float  # m/s
    pixels: Mapping[int, int]  # per track id, over all images
    marking: NDArray[np.bool_]  # SEG_GRID
    stop_line: NDArray[np.bool_]  # SEG_GRID
    lamps: tuple[FloatArray, FloatArray]  # (N, 3) each, front and narrow: u, v px, pixels


def lane_cells(centre: FloatArray, width: FloatArray) -> NDArray[np.bool_]:
    """SEG_GRID cells that a lane covers; centre (N, 2) m, width (N,) m."""
    tangent = np.gradient(centre, axis=0)
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-6)[:, None]
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=-1)
    left, right = centre + 0.5 * width[:, None] * normal, centre - 0.5 * width[:, None] * normal
    quads = np.stack([left[:-1], left[1:], right[1:], right[:-1]], axis=1)
    pixels = (SEG_GRID.cells(quads) - 0.5)[..., ::-1] * (1 << SHIFT)
    out = np.zeros(SEG_GRID.shape, np.uint8)
    for quad in np.round(pixels).astype(np.int32):
        cv2.fillConvexPoly(out, quad, (1,), cv2.LINE_8, SHIFT)
    return out > 0


def sample_of(moment: Moment) -> Samples:
    """One row of `dataset.SAMPLE`."""
    row: Samples = empty(1)[0]
    scene = moment.scene
    row["images"] = moment.images
    row["speed"], row["t"] = moment.speed, scene.t
    pose = moment.world_from_ego
    row["world_from_ego"] = pose.x, pose.y, pose.yaw
    rasters = {"marking": moment.marking, "stop_line": moment.stop_line}
    if scene.drivable is not None:
        rasters["drivable"] = scene.drivable > 0.5
    for lane in scene.lanes:
        _put_lane(row, rasters, lane)
    for name, cells in rasters.items():
        row["rasters"] |= cells.astype(np.uint8) << RASTERS.index(name)
    _put_objects(row, moment)
    _put_light(row, moment)
    return row


def _put_lane(row: Samples, rasters: dict[str, NDArray[np.bool_]], lane: LaneEstimate) -> None:
    x = lane.centre[:, 0]
    kept = (x >= LANE_BEHIND) & (x <= LANE_AHEAD) & (np.abs(lane.centre[:, 1]) <= SEG_GRID.y_max)
    centre, width = lane.centre[kept], lane.width[kept]
    if lane.index not in LANE_SLOTS or len(centre) < 2:
        return
    name, slot = LANE_SLOTS[lane.index]
    rasters[name] = lane_cells(centre, width)
    pick = np.linspace(0, len(centre) - 1, min(LANE_STATIONS, len(centre))).round().astype(int)
    row["lanes"][slot, : len(pick)] = np.column_stack([centre[pick], width[pick]])


def _put_objects(row: Samples, moment: Moment) -> None:
    """Those nearest first, as many as there is room for."""
    things = sorted(
        moment.scene.objects, key=lambda o: np.hypot(o.ego_from_object.x, o.ego_from_object.y)
    )
    for i, thing in enumerate(things[:MAX_LABELS]):
        pose = thing.ego_from_object
        seen = 0 if thing.track_id is None else moment.pixels.get(thing.track_id, 0)
        row["objects"][i] = (
            KINDS.index(thing.kind),
            pose.x,
            pose.y,
            pose.yaw,
            thing.length,
            thing.width,
            *thing.velocity,
            seen,
        )


def _put_light(row: Samples, moment: Moment) -> None:
    light = moment.scene.light
    if light is None or light.distance is None or light.distance > STOP_BINS:
        return
    row["stop_distance"] = light.distance
    if sum(float(lamps[:, 2].sum()) for lamps in moment.lamps) < LAMP_MIN_PX:
        return
    row["light"] = LIGHTS.index(light.state)
    for slot, lamps in enumerate(moment.lamps):
        largest = lamps[np.argsort(-lamps[:, 2], kind="stable")][:MAX_LAMPS]
        row["lamps"][slot, : len(largest)] = largest[:, :2]
