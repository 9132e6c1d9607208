"""A map seen from above: lanes, crossings, stop lines, lights, signs, places to start."""

from __future__ import annotations

from dataclasses import dataclass

import carla
import cv2
import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from common.messages import ImageArray
from sim import iso
from sim.roads import Marking, Roads, StopKind

LONGEST = 2600  # px of the longer side
SHARPEST = 8.0  # px per m at most
MARGIN = 20.0  # m around the lanes
SHIFT = 4  # bits of cv2's fixed point
ARROW_EVERY = 30  # samples between arrows along a lane
STEP = 100.0  # m, the scale bar

Colour = tuple[int, int, int]  # RGB
GRASS, WHITE, BLACK = (214, 226, 204), (255, 255, 255), (20, 20, 20)
LOW, HIGH = np.array([120, 120, 126]), np.array([205, 160, 120])
INSIDE = 18  # darker inside of junctions
CROSSING: Colour = (245, 245, 120)
LINES = {StopKind.SIGNAL: (220, 30, 30), StopKind.STOP: (150, 0, 90), StopKind.YIELD: (235, 120, 0)}
SPAWN, LIGHT, SIGN = (40, 90, 220), (0, 150, 60), (170, 0, 170)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A picture and where it lies: pixel = (point - corner) * scale, y up."""

    picture: ImageArray
    corner: FloatArray  # (2,) m, lower left
    scale: float  # px per m

    def pixels(self, xy: FloatArray) -> NDArray[np.int32]:
        """Points (..., 2) m in cv2's fixed point."""
        u = (xy[..., 0] - self.corner[0]) * self.scale
        v = self.picture.shape[0] - (xy[..., 1] - self.corner[1]) * self.scale
        found: NDArray[np.int32] = np.round(np.stack([u, v], axis=-1) * (1 << SHIFT)).astype(
            np.int32
        )
        return found

    def line(self, xy: FloatArray, colour: Colour, width: int) -> None:
        """A polyline (N, 2) m."""
        cv2.polylines(self.picture, [self.pixels(xy)], False, colour, width, cv2.LINE_AA, SHIFT)

    def area(self, xy: FloatArray, colour: Colour) -> None:
        """A filled polygon (N, 2) m."""
        cv2.fillPoly(self.picture, [self.pixels(xy)], colour, cv2.LINE_AA, SHIFT)

    def dot(self, xy: FloatArray, colour: Colour, radius: float) -> None:
        """A disc of so many pixels."""
        middle = self.pixels(xy).tolist()
        size = round(radius * (1 << SHIFT))
        cv2.circle(self.picture, middle, size, colour, -1, cv2.LINE_AA, SHIFT)

    def text(self, xy: FloatArray, words: str, colour: Colour, high: float = 0.4) -> None:
        """Words to the right of a point."""
        u, v = (self.pixels(xy) >> SHIFT).tolist()
        at, face = (u + 5, v + 4), cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(self.picture, words, at, face, high, colour, 1, cv2.LINE_AA)


def draw(world: carla.World) -> ImageArray:
    """The loaded map of a world, RGB; higher lanes are warmer."""
    road_map = world.get_map()
    roads = Roads(road_map)
    corner = roads.xy.min(axis=0) - MARGIN
    size = roads.xy.max(axis=0) + MARGIN - corner
    scale = min(LONGEST / float(size.max()), SHARPEST)
    width, height = (int(n) for n in np.ceil(size * scale))
    sheet = Sheet(np.full((height, width, 3), GRASS, np.uint8), corner, scale)
    _lanes(sheet, roads)
    _control(sheet, roads, world)
    for place in road_map.get_spawn_points():
        pose = iso.transform_pose2(place)
        tip = np.array([(2.4, 0.0), (-1.6, 1.0), (-1.6, -1.0)])
        c, s = np.cos(pose.yaw), np.sin(pose.yaw)
        sheet.area(tip @ np.array([[c, s], [-s, c]]) + (pose.x, pose.y), SPAWN)
    _legend(sheet, roads)
    return sheet.picture


def _lanes(sheet: Sheet, roads: Roads) -> None:
    """Surfaces from the lowest up, then edges, crossings and arrows."""
    low, high = float(roads.z.min()), float(roads.z.max())
    middle = np.array([roads.z[roads.samples(lane)].mean() for lane in range(len(roads))])
    for lane in np.argsort(middle, kind="stable").tolist():
        share = (middle[lane] - low) / max(high - low, 1.0)
        shade = LOW + share * (HIGH - LOW) - (INSIDE if roads.junction[lane] >= 0 else 0)
        red, green, blue = (int(value) for value in shade)
        sheet.area(roads.polygon(lane), (red, green, blue))
    for outline in roads.crosswalks:
        sheet.area(outline, CROSSING)
    for lane in range(len(roads)):
        _marks(sheet, roads, lane)
        own = roads.samples(lane)
        for i in range(own.start + ARROW_EVERY // 2, own.stop, ARROW_EVERY):
            c, s = np.cos(roads.yaw[i]), np.sin(roads.yaw[i])
            head = np.array([(-1.2, 0.8), (0.8, 0.0), (-1.2, -0.8)])
            sheet.line(head @ np.array([[c, s], [-s, c]]) + roads.xy[i], WHITE, 1)


def _marks(sheet: Sheet, roads: Roads, lane: int) -> None:
    own = roads.samples(lane)
    for edge, kinds in zip(
        roads.edges(lane), (roads.marking_left[own], roads.marking_right[own]), strict=True
    ):
        kind = int(kinds[len(kinds) // 2])
        if kind == Marking.SOLID:
            sheet.line(edge, WHITE, 1)
        elif kind == Marking.BROKEN:
            for i in range(0, len(edge) - 3, 9):
                sheet.line(edge[i : i + 4], WHITE, 1)


def _control(sheet: Sheet, roads: Roads, world: carla.World) -> None:
    """Stop lines on the lanes; lights and signs where their actors stand."""
    for line in roads.stop_lines:
        sheet.line(np.stack([line.left, line.right]), LINES[line.kind], 3)
    for actor in sorted(world.get_actors().filter("traffic.*"), key=lambda one: int(one.id)):
        at = iso.transform_pose(actor.get_transform())[:2]
        kind = str(actor.type_id).split(".", 1)[1]
        light = kind.startswith("traffic_light")
        sheet.dot(at, LIGHT if light else SIGN, 3.0)
        if not light and kind != "unknown":
            sheet.text(at, kind.removeprefix("speed_limit."), SIGN)


def _legend(sheet: Sheet, roads: Roads) -> None:
    start = sheet.corner + 8.0 / sheet.scale
    end = start + np.array([STEP, 0.0])
    sheet.line(np.stack([start, end]), BLACK, 3)
    words = (
        f"{STEP:.0f} m; {roads.name.rsplit('/', 1)[-1]}: {len(roads)} lanes, height "
        f"{roads.z.min():.1f} to {roads.z.max():.1f} m; blue: spawn points; green: lights; "
        "red, purple, orange lines: light, stop, yield"
    )
    sheet.text(end, words, BLACK, 0.45)
