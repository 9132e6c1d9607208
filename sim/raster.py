"""The map's lanes, markings and stop lines as rasters, drawn once; their crops are the truth."""

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
PAINT = 2  # cells a painted line is drawn wide: one cell of SEG_GRID


class GroundRaster:
    """A raster over the map. Row 0 at the smallest y, column 0 at the smallest x."""

    def __init__(self, roads: Roads) -> None:
        """Nothing drawn yet."""
        self._origin = roads.xy.min(axis=0) - MARGIN
        columns, rows = np.ceil((roads.xy.max(axis=0) + MARGIN - self._origin) / CELL).astype(int)
        self.cells: NDArray[np.uint8] = np.zeros((rows, columns), np.uint8)

    def _pixels(self, points: FloatArray) -> NDArray[np.int32]:
        """World points (..., 2) as cv2's fixed-point pixel centres."""
        scaled = ((points - self._origin) / CELL - 0.5) * (1 << SHIFT)
        rounded: NDArray[np.int32] = np.round(scaled).astype(np.int32)
        return rounded

    def crop(self, world_from_ego: Pose2, grid: BevGrid = SEG_GRID) -> GridArray:
        """What is drawn, (rows, columns) 0 or 1, of a grid in the ego frame."""
        points = world_from_ego.apply(grid.centres())
        columns, rows = np.moveaxis(np.floor((points - self._origin) / CELL).astype(int), -1, 0)
        height, width = self.cells.shape
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        values = self.cells[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]
        return np.where(inside, values, 0).astype(np.float32)


class LaneRaster(GroundRaster):
    """Where lanes lie."""

    def __init__(self, roads: Roads) -> None:
        """Draw every lane's surface."""
        super().__init__(roads)
        for lane in range(len(roads)):
            left, right = roads.edges(lane)
            quads = np.stack([right[:-1], right[1:], left[1:], left[:-1]], axis=1)
            for quad in self._pixels(quads):
                cv2.fillConvexPoly(self.cells, quad, (1,), cv2.LINE_8, SHIFT)


class _PaintRaster(GroundRaster):
    """Lines on the ground."""

    def _line(self, a: NDArray[np.int32], b: NDArray[np.int32]) -> None:
        cv2.line(self.cells, a.tolist(), b.tolist(), (1,), PAINT, cv2.LINE_8, SHIFT)


class MarkingRaster(_PaintRaster):
    """Where lane markings lie, the gaps of broken ones included."""

    def __init__(self, roads: Roads) -> None:
        """Draw every lane's edges as far as they are marked."""
        super().__init__(roads)
        for lane in range(len(roads)):
            own = roads.samples(lane)
            marked = (roads.marking_left[own], roads.marking_right[own])
            for edge, there in zip(roads.edges(lane), marked, strict=True):
                pixels = self._pixels(edge)
                for i in np.flatnonzero((there[:-1] > 0) & (there[1:] > 0)):
                    self._line(pixels[i], pixels[i + 1])


class StopLineRaster(_PaintRaster):
    """Where signals and signs hold the traffic."""

    def __init__(self, roads: Roads) -> None:
        """Draw every stop line across its lane."""
        super().__init__(roads)
        for line in roads.stop_lines:
            self._line(*self._pixels(np.stack([line.left, line.right])))
