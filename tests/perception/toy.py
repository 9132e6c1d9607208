"""Small street scenes drawn by hand: a road, boxes on it, a lamp above it. Seen by the real rig."""

import cv2
import numpy as np

from common.frames import SEG_GRID
from common.rig import RIG
from perception.contract import RASTERS
from perception.dataset import empty

LAMP_COLOURS = {1: (255, 40, 30), 2: (255, 210, 30), 3: (40, 255, 90), 4: (60, 60, 60)}
LANE_WIDTH = 3.5


def project(camera, points):
    cam_from_ego = np.linalg.inv(camera.ego_from_cam)
    cam = points @ cam_from_ego[:3, :3].T + cam_from_ego[:3, 3]
    pixels = cam @ camera.intrinsics.T
    return pixels[:, :2] / np.maximum(pixels[:, 2:], 1e-6), cam[:, 2]


def ground_points(camera):
    """Where each pixel's ray meets the ground (H, W, 2), NaN above the horizon."""
    v, u = np.mgrid[0 : camera.height_px, 0 : camera.width_px] + 0.5
    rays = np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(camera.intrinsics).T
    rays = rays @ camera.ego_from_cam[:3, :3].T
    scale = np.where(rays[..., 2] < -1e-3, -camera.ego_from_cam[2, 3] / rays[..., 2], np.nan)
    return camera.ego_from_cam[:2, 3] + scale[..., None] * rays[..., :2]


def lane_masks(xy, shift, stop):
    y = xy[..., 1] - shift
    x = xy[..., 0]
    own = (np.abs(y) < LANE_WIDTH / 2) & (x < stop)
    left = (np.abs(y - LANE_WIDTH) < LANE_WIDTH / 2) & (x < stop)
    edges = np.abs(np.abs(y) - LANE_WIDTH / 2) < 0.25
    return {
        "drivable": np.abs(y - LANE_WIDTH / 2) < LANE_WIDTH,
        "marking": edges,
        "stop_line": (np.abs(x - stop) < 0.5) & (np.abs(y) < LANE_WIDTH / 2),
        "lane_own": own,
        "lane_left": left,
        "lane_right": np.zeros_like(own),
    }


def draw_box(image, camera, x, y, length, width, height, colour):
    corners = np.array(
        [
            (x + i * length / 2, y + j * width / 2, z)
            for i in (-1, 1)
            for j in (-1, 1)
            for z in (0.0, height)
        ]
    )
    pixels, depth = project(camera, corners)
    if (depth < 0.5).any():
        return 0
    hull = cv2.convexHull(pixels.astype(np.float32)).astype(np.int32)
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, hull, 1)
    image[mask > 0] = colour
    return int(mask.sum())


def scenes(count, seed):
    rng = np.random.default_rng(seed)
    rows = empty(count)
    for row in rows:
        fill(row, rng)
    return rows


def fill(row, rng):
    shift = rng.uniform(-0.8, 0.8)
    stop = rng.uniform(12.0, 45.0)
    light = int(rng.integers(0, 5))
    masks = lane_masks(SEG_GRID.centres(), shift, stop)
    row["rasters"] = sum(masks[n].astype(np.uint8) << i for i, n in enumerate(RASTERS))
    row["light"], row["stop_distance"] = light, stop if light else np.nan
    for i, y in enumerate((shift, shift + LANE_WIDTH)):
        stations = np.linspace(0, min(stop, 40.0), 24)
        row["lanes"][i] = np.stack([stations, np.full(24, y), np.full(24, LANE_WIDTH)], -1)
    boxes = []
    for i in range(int(rng.integers(1, 5))):
        walker = rng.random() < 0.3
        x, y = rng.uniform(6, 30), shift + rng.uniform(-5, 8)
        size = (0.5, 0.5, 1.8) if walker else (4.5, 1.9, 1.5)
        boxes.append((x, y, size, tuple(int(v) for v in rng.integers(60, 255, 3))))
        row["objects"][i] = (int(walker), x, y, 0.0, size[0], size[1], 0.0, 0.0, 0)
    order = np.argsort([-np.hypot(x, y) for x, y, _, _ in boxes])
    for c, camera in enumerate(RIG):
        row["images"][c] = picture(camera, shift, stop)
        for i in order:
            x, y, (length, width, height), colour = boxes[i]
            row["objects"][i, 8] += draw_box(
                row["images"][c], camera, x, y, length, width, height, colour
            )
    if light:
        draw_lamp(row, light, np.array([[stop + 2.0, shift - 3.0, 4.5]]))


def picture(camera, shift, stop):
    image = np.full((camera.height_px, camera.width_px, 3), (150, 180, 210), np.uint8)
    ground = ground_points(camera)
    image[np.isfinite(ground[..., 0])] = (70, 120, 60)
    masks = lane_masks(np.nan_to_num(ground, nan=1e6), shift, stop)
    image[masks["drivable"]] = (80, 80, 85)
    image[masks["marking"] | masks["stop_line"]] = (230, 230, 230)
    return image


def draw_lamp(row, light, place):
    for slot, c in enumerate((0, 4)):
        pixels, depth = project(RIG[c], place)
        u, v = pixels[0]
        if depth[0] > 0 and 0 <= u < 256 and 0 <= v < 128:
            radius = max(1, round(0.2 * RIG[c].intrinsics[0, 0] / depth[0]))
            image = np.ascontiguousarray(row["images"][c])
            cv2.circle(image, (int(u), int(v)), radius + 1, (20, 20, 20), -1)
            cv2.circle(image, (int(u), int(v)), radius, LAMP_COLOURS[light], -1)
            row["images"][c] = image
            row["lamps"][slot, 0] = u, v
