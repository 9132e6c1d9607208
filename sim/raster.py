"""The map's lanes, markings and stop lines as rasters, drawn once; their crops are the truth."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from common.frames import SEG_GRID, BevGrid, FloatArray, Pose2
from common.messages import GridArray
from sim.junctions import STACKED
from sim.roads import BoolArray, Roads

CELL = 0.25  # m
MARGIN = 70.0  # m around the map, farther than a crop reaches
SHIFT = 4  # fractional bits of polygon corners
OVER = 4.0  # m beside a lane in which one below makes it a bridge
ABUTMENT = 15  # samples of a lane before and behind that belong to the bridge
REACH = 70.0  # m from the ego within which a bridge matters
ANOTHER_LEVEL = 2.5  # m that a bridge lies above who passes under it
PAINT = 2  # cells a painted line is drawn wide: one cell of SEG_GRID


def on_bridges(roads: Roads) -> BoolArray:
    """Which samples (P,) of the lanes lie on a bridge above other lanes."""
    over = np.zeros(len(roads.xy), np.bool_)
    if np.ptp(roads.z) < STACKED:
        return over
    pairs = cKDTree(roads.xy).query_pairs(OVER, output_type="ndarray")
    rise = roads.z[pairs[:, 0]] - roads.z[pairs[:, 1]]
    over[pairs[rise > STACKED, 0]] = True
    over[pairs[rise < -STACKED, 1]] = True
    for point in np.flatnonzero(over):
        own = roads.samples(int(roads.lane[point]))
        over[max(own.start, point - ABUTMENT) : min(own.stop, point + ABUTMENT + 1)] = True
    return over


class GroundRaster:
    """A raster over the map. Row 0 at the smallest y, column 0 at the smallest x.

    What lies on bridges is drawn apart: who passes under one does not see its lanes.
    """

    def __init__(self, roads: Roads) -> None:
        """Nothing drawn yet."""
        self._origin = roads.xy.min(axis=0) - MARGIN
        columns, rows = np.ceil((roads.xy.max(axis=0) + MARGIN - self._origin) / CELL).astype(int)
        self.cells: NDArray[np.uint8] = np.zeros((rows, columns), np.uint8)
        self._roads, self._over = roads, on_bridges(roads)
        self.upper = np.zeros_like(self.cells) if self._over.any() else None

    def _level(self, point: int) -> NDArray[np.uint8]:
        """The cells that a sample's surroundings are drawn into."""
        return self.upper if self.upper is not None and self._over[point] else self.cells

    def _passes_under(self, world_from_ego: Pose2) -> bool:
        """Whether the bridges around lie above the ego's road."""
        xy = np.array([[world_from_ego.x, world_from_ego.y]])
        here = self._roads.nearest(xy, np.array([world_from_ego.yaw])).point[0]
        near = np.hypot(*(self._roads.xy[self._over] - xy).T) < REACH
        decks = self._roads.z[self._over][near]
        return bool(len(decks) and decks.min() > self._roads.z[here] + ANOTHER_LEVEL)

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
        rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
        values = self.cells[rows, columns]
        if self.upper is not None and not self._passes_under(world_from_ego):
            values = values | self.upper[rows, columns]
        return np.where(inside, values, 0).astype(np.float32)


class LaneRaster(GroundRaster):
    """Where lanes lie."""

    def __init__(self, roads: Roads) -> None:
        """Draw every lane's surface."""
        super().__init__(roads)
        for lane in range(len(roads)):
            left, right = roads.edges(lane)
            quads = np.stack([right[:-1], right[1:], left[1:], left[:-1]], axis=1)
            for i, quad in enumerate(self._pixels(quads), roads.samples(lane).start):
                cv2.fillConvexPoly(self._level(i), quad, (1,), cv2.LINE_8, SHIFT)


class _PaintRaster(GroundRaster):
    """Lines on the ground."""

    def _line(self, point: int, a: NDArray[np.int32], b: NDArray[np.int32]) -> None:
        cv2.line(self._level(point), a.tolist(), b.tolist(), (1,), PAINT, cv2.LINE_8, SHIFT)


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
                    self._line(own.start + int(i), pixels[i], pixels[i + 1])


class StopLineRaster(_PaintRaster):
    """Where signals and signs hold the traffic."""

    def __init__(self, roads: Roads) -> None:
        """Draw every stop line across its lane."""
        super().__init__(roads)
        for line in roads.stop_lines:
            ends = self._pixels(np.stack([line.left, line.right]))
            self._line(roads.sample(line.lane, line.s), *ends)
