"""Where each bird's-eye-view cell looks into the images: index tables, fixed by the rig."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.frames import OBJECT_GRID, FloatArray
from common.messages import Camera
from common.rig import RIG

STRIDE = 8
"""Pixels per feature token, each way."""
HEIGHTS = (0.0, 0.5, 1.2, 2.5)
"""m above ground at which a cell is looked for: road, bumper, bonnet, roof."""
DEPTH_BINS = 16
DEPTH_EDGES: FloatArray = np.geomspace(2.0, 64.0, DEPTH_BINS)
"""m along the optical axis, centres of the depth gate's bins."""
SURROUND = tuple(range(4))
NARROW = (4,)


@dataclass(frozen=True, slots=True)
class LiftTable:
    """For each (slot, height) plane and grid cell: a token, and the depth bin it is gated by."""

    token: NDArray[np.int64]  # (planes, rows * columns); `tokens` where no camera sees the cell
    depth_bin: NDArray[np.int64]  # (planes, rows * columns)
    height: NDArray[np.int64]  # (planes,) index into HEIGHTS
    tokens: int


def _look(camera: Camera, points: FloatArray) -> tuple[FloatArray, NDArray[np.bool_], FloatArray]:
    """Pixels (N, 2), whether inside the image, and depth (N,) m of ego-frame points (N, 3)."""
    cam_from_ego = np.linalg.inv(camera.ego_from_cam)
    cam = points @ cam_from_ego[:3, :3].T + cam_from_ego[:3, 3]
    depth = cam[:, 2]
    safe = np.maximum(depth, 0.1)
    pixels = (cam @ camera.intrinsics.T)[:, :2] / safe[:, None]
    inside = (
        (depth > 0.5)
        & (pixels >= 0).all(axis=1)
        & (pixels[:, 0] < camera.width_px)
        & (pixels[:, 1] < camera.height_px)
    )
    return pixels, inside, depth


def make_table(rig: tuple[Camera, ...] = RIG) -> LiftTable:
    """The lift of a rig: per cell the surround camera that sees it most centrally, and the narrow.

    Tokens are numbered camera by camera, row by row; cells row by row of OBJECT_GRID.
    """
    columns = rig[0].width_px // STRIDE
    per_camera = columns * (rig[0].height_px // STRIDE)
    tokens = per_camera * len(rig)
    ground = OBJECT_GRID.centres().reshape(-1, 2)
    planes_token, planes_bin, planes_height = [], [], []
    for slot in (SURROUND, NARROW):
        for h, height in enumerate(HEIGHTS):
            points = np.column_stack([ground, np.full(len(ground), height)])
            token = np.full(len(ground), tokens)
            best = np.full(len(ground), np.inf)
            bins = np.zeros(len(ground), dtype=np.int64)
            for c in slot:
                pixels, inside, depth = _look(rig[c], points)
                off_centre = np.abs(pixels[:, 0] / rig[c].width_px - 0.5)
                better = inside & (off_centre < best)
                cell = (pixels // STRIDE).astype(np.int64)
                index = c * per_camera + cell[:, 1] * columns + cell[:, 0]
                nearest = np.abs(
                    np.log(np.maximum(depth, 0.1))[:, None] - np.log(DEPTH_EDGES)
                ).argmin(axis=1)
                token = np.where(better, index, token)
                bins = np.where(better, nearest, bins)
                best = np.where(better, off_centre, best)
            planes_token.append(token)
            planes_bin.append(bins)
            planes_height.append(h)
    return LiftTable(
        np.stack(planes_token).astype(np.int64),
        np.stack(planes_bin),
        np.array(planes_height, dtype=np.int64),
        tokens,
    )
