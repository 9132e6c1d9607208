"""The map's driving lanes as a raster, drawn once; crops of it are the drivable-area truth."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from common.frames import SEG_GRID, BevGrid, FloatArray, Pose2
from common.messages import GridArray
from sim.roads import Roads

CELL = 0.25  # m
MARGIN = 70.0  # m around the map, farther than a crop reaches
SHIFT = 4  # fractional bits of polygon corners


class LaneRaster:
    """Where lanes lie. Row 0 at the smallest y, column 0 at the smallest x."""

    def __init__(self, roads: Roads) -> None:
        """Draw every lane's surface."""
        self._origin = roads.xy.min(axis=0) - MARGIN
        columns, rows = np.ceil((roads.xy.max(axis=0) + MARGIN - self._origin) / CELL).astype(int)
        self.cells: NDArray[np.uint8] = np.zeros((rows, columns), np.uint8)
        for lane in range(len(roads)):
            left, right = roads.edges(lane)
            quads = np.stack([right[:-1], right[1:], left[1:], left[:-1]], axis=1)
            for quad in self._pixels(quads):
                cv2.fillConvexPoly(self.cells, quad, (1,), cv2.LINE_8, SHIFT)

    def _pixels(self, points: FloatArray) -> NDArray[np.int32]:
        """World points (..., 2) as cv2's fixed-point pixel centres."""
        scaled = ((points - self._origin) / CELL - 0.5) * (1 << SHIFT)
        rounded: NDArray[np.int32] = np.round(scaled).astype(np.int32)
        return rounded

    def crop(self, world_from_ego: Pose2, grid: BevGrid = SEG_GRID) -> GridArray:
        """The lanes (rows, columns) 0 or 1 of a grid in the ego frame."""
        points = world_from_ego.apply(grid.centres())
        columns, rows = np.moveaxis(np.floor((points - self._origin) / CELL).astype(int), -1, 0)
        height, width = self.cells.shape
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        values = self.cells[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]
        return np.where(inside, values, 0).astype(np.float32)
