"""Pictures of one step: the camera with boxes and plan, the scene from above. Pure functions."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from common.frames import SEG_GRID, FloatArray, Pose2
from common.messages import (
    Camera,
    GridArray,
    ImageArray,
    LightEstimate,
    LightState,
    ObjectEstimate,
    ObjectKind,
    Plan,
    Route,
    Scene,
)
from common.vehicle import LINCOLN_MKZ

Colour = tuple[int, int, int]  # RGB

GROUND: Colour = (24, 27, 33)
ROAD: Colour = (58, 63, 74)
INK: Colour = (232, 236, 241)
FAINT: Colour = (140, 148, 160)
PLAN: Colour = (64, 196, 255)
ROUTE: Colour = (112, 128, 160)
VEHICLE: Colour = (255, 176, 59)
WALKER: Colour = (255, 92, 168)
EGO: Colour = (120, 230, 150)
LIGHT: dict[LightState, Colour] = {
    LightState.RED: (255, 70, 60),
    LightState.YELLOW: (255, 205, 50),
    LightState.GREEN: (70, 220, 110),
    LightState.OFF: (120, 120, 120),
}


def _ramp(low: Colour, high: Colour) -> ImageArray:
    """Colours (1, 256, 3) from `low` to `high`, a table for cv2.LUT."""
    return np.linspace(low, high, 256).round().astype(np.uint8)[None]


SURFACE = _ramp(GROUND, ROAD)
RIBBON = _ramp((0, 0, 0), PLAN)
PX_PER_M = 8
HEIGHTS = {ObjectKind.VEHICLE: 1.55, ObjectKind.WALKER: 1.75}  # m; a Scene's boxes are flat
NEAR = 0.4  # m before the camera, where lines are cut
SHIFT = 4  # fractional bits of drawn points
SIGNS = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
"""A box's corners seen from above; the roof's come after the floor's."""
FLOOR = [(0, 1), (1, 2), (2, 3), (3, 0)]
EDGES = np.array([*FLOOR, *((a + 4, b + 4) for a, b in FLOOR), (0, 4), (1, 5), (2, 6), (3, 7)])


def corners(thing: ObjectEstimate) -> FloatArray:
    """The outline (4, 2) m in the ego frame."""
    return thing.ego_from_object.apply(SIGNS * (thing.length / 2.0, thing.width / 2.0))


def colour_of(thing: ObjectEstimate) -> Colour:
    """Vehicles amber, walkers pink."""
    return WALKER if thing.kind is ObjectKind.WALKER else VEHICLE


def on_camera(out: ImageArray, camera: Camera, scene: Scene | None, plan: Plan | None) -> None:
    """Draw the plan as a ribbon on the road and a box around every road user into the picture."""
    cam_from_ego: FloatArray = np.asarray(np.linalg.inv(camera.ego_from_cam), np.float64)
    if plan is not None:
        _ribbon(out, camera, cam_from_ego, plan)
    if scene is not None:
        for kind in ObjectKind:
            things = [one for one in scene.objects if one.kind is kind]
            if things:
                _boxes(out, camera, cam_from_ego, things)


def _in_camera(points: FloatArray, cam_from_ego: FloatArray) -> FloatArray:
    return points @ cam_from_ego[:3, :3].T + cam_from_ego[:3, 3]


def _pixels(points: FloatArray, camera: Camera) -> NDArray[np.int32]:
    """Cam-frame points (..., 3) in front of the camera as cv2's fixed-point pixels."""
    seen = points @ camera.intrinsics.T
    return _fixed(seen[..., :2] / seen[..., 2:])


def _fixed(pixels: FloatArray) -> NDArray[np.int32]:
    bounded = np.clip(pixels, -8000.0, 8000.0) * (1 << SHIFT)
    out: NDArray[np.int32] = np.round(bounded).astype(np.int32)
    return out


def _boxes(
    out: ImageArray, camera: Camera, cam_from_ego: FloatArray, things: list[ObjectEstimate]
) -> None:
    """The edges of boxes of one kind, cut at the near plane."""
    flat = np.stack([corners(thing) for thing in things])
    heights = np.zeros((len(things), 8, 1))
    heights[:, 4:] = HEIGHTS[things[0].kind]
    points = _in_camera(np.dstack([np.hstack([flat, flat]), heights]), cam_from_ego)
    a, b = (points[:, EDGES[:, end]].reshape(-1, 3) for end in (0, 1))
    seen = np.maximum(a[:, 2], b[:, 2]) > NEAR
    a, b = a[seen], b[seen]
    lines = np.stack([_cut(a, b), _cut(b, a)], axis=1)
    cv2.polylines(
        out, list(_pixels(lines, camera)), False, colour_of(things[0]), 1, cv2.LINE_AA, SHIFT
    )


def _cut(a: FloatArray, b: FloatArray) -> FloatArray:
    """Cam-frame points `a` (N, 3), moved towards `b` onto the near plane where they lie behind."""
    share = np.clip((NEAR - a[:, 2]) / np.where(a[:, 2] < NEAR, b[:, 2] - a[:, 2], 1.0), 0.0, 1.0)
    return a + (b - a) * share[:, None]


def _ribbon(out: ImageArray, camera: Camera, cam_from_ego: FloatArray, plan: Plan) -> None:
    """As wide as the car's track, fading with the distance."""
    across = np.stack([-np.sin(plan.yaw), np.cos(plan.yaw)], axis=-1) * 0.75
    edges = [np.column_stack([plan.xy + side * across, np.zeros(len(plan.xy))]) for side in (1, -1)]
    left, right = (_in_camera(edge, cam_from_ego) for edge in edges)
    quads = np.stack([left[:-1], left[1:], right[1:], right[:-1]], axis=1)
    ahead = quads[:, :, 2].min(axis=1) >= NEAR
    polygons = _pixels(quads[ahead], camera)
    window = _window(out, polygons)
    if window is None:
        return
    x0, y0, patch = window
    strength = np.zeros(patch.shape[:2], np.uint8)
    for i, polygon in zip(np.flatnonzero(ahead), polygons, strict=True):
        level = round(130 * (1.0 - i / len(left)))
        moved = polygon - (np.array([x0, y0], np.int32) << SHIFT)
        cv2.fillConvexPoly(strength, moved, (level,), cv2.LINE_8, SHIFT)
    shares = cv2.merge([strength] * 3)
    kept = cv2.multiply(patch, 255 - shares, scale=1.0 / 255.0)
    cv2.add(kept, cv2.LUT(shares, RIBBON), patch)


def _window(out: ImageArray, polygons: NDArray[np.int32]) -> tuple[int, int, ImageArray] | None:
    """Left and top px of the part of the picture that holds the polygons, and that part."""
    if polygons.size == 0:
        return None
    x, y, width, height = cv2.boundingRect(polygons.reshape(-1, 2) >> SHIFT)
    x0, y0 = max(x - 1, 0), max(y - 1, 0)
    x1, y1 = min(x + width + 2, out.shape[1]), min(y + height + 2, out.shape[0])
    return None if x1 <= x0 or y1 <= y0 else (x0, y0, out[y0:y1, x0:x1])


def _blend(out: ImageArray, polygon: NDArray[np.int32], colour: Colour, share: float) -> None:
    """Fill a polygon with a share 0..1 of the colour."""
    window = _window(out, polygon)
    if window is None:
        return
    x0, y0, patch = window
    painted = patch.copy()
    moved = polygon - (np.array([x0, y0], np.int32) << SHIFT)
    cv2.fillConvexPoly(painted, moved, colour, cv2.LINE_AA, SHIFT)
    cv2.addWeighted(painted, share, patch, 1.0 - share, 0.0, patch)


def from_above(
    scene: Scene | None, plan: Plan | None, route: Route, world_from_ego: Pose2
) -> ImageArray:
    """The ego's surroundings (640, 384, 3): row 0 is 60 m ahead, column 0 is 24 m to the left."""
    rows, columns = SEG_GRID.shape
    scale = round(SEG_GRID.cell * PX_PER_M)
    drivable: GridArray = np.zeros((rows, columns), np.float32)
    if scene is not None and scene.drivable is not None:
        drivable = scene.drivable
    level = cv2.convertScaleAbs(drivable, alpha=255.0)
    coarse = cv2.LUT(cv2.merge([level] * 3), SURFACE)
    size = (columns * scale, rows * scale)
    out: ImageArray = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)
    _polyline(out, world_from_ego.inverse().apply(route.points), ROUTE, 2)
    if scene is not None:
        for lane in scene.lanes:
            _polyline(out, lane.centre, FAINT if lane.index else INK, 1)
        _stop_line(out, scene.light)
        for thing in scene.objects:
            _from_above(out, thing)
    if plan is not None:
        _polyline(out, plan.xy, PLAN, 3)
    ego = SIGNS * (LINCOLN_MKZ.length / 2.0, LINCOLN_MKZ.width / 2.0)
    cv2.fillConvexPoly(out, _above(ego), EGO, cv2.LINE_AA, SHIFT)
    return out


def _above(points: FloatArray) -> NDArray[np.int32]:
    """Ego-frame points (..., 2) as pixels (column, row) of the view from above."""
    cells = SEG_GRID.cells(points) * (SEG_GRID.cell * PX_PER_M)
    return _fixed(cells[..., ::-1] - 0.5)


def _polyline(out: ImageArray, points: FloatArray, colour: Colour, width: int) -> None:
    near = np.hypot(points[:, 0], points[:, 1]) < 90.0
    for run in np.split(
        np.flatnonzero(near), np.flatnonzero(np.diff(np.flatnonzero(near)) > 1) + 1
    ):
        cv2.polylines(out, [_above(points[run])], False, colour, width, cv2.LINE_AA, SHIFT)


def _stop_line(out: ImageArray, light: LightEstimate | None) -> None:
    if light is None or light.distance is None:
        return
    line = np.array([[light.distance, 2.0], [light.distance, -2.0]])
    cv2.polylines(out, [_above(line)], False, LIGHT[light.state], 4, cv2.LINE_AA, SHIFT)


def _from_above(out: ImageArray, thing: ObjectEstimate) -> None:
    """The outline, filled by confidence, with where it will be in a second."""
    outline = _above(corners(thing))
    _blend(out, outline, colour_of(thing), 0.25 + 0.6 * thing.confidence)
    cv2.polylines(out, [outline], True, colour_of(thing), 1, cv2.LINE_AA, SHIFT)
    if math.hypot(*thing.velocity) > 0.3:
        centre = np.array([thing.ego_from_object.x, thing.ego_from_object.y])
        ahead = np.stack([centre, centre + thing.velocity])
        cv2.polylines(out, [_above(ahead)], False, colour_of(thing), 1, cv2.LINE_AA, SHIFT)
