"""A route as a line to measure along: for truth and judge, who know where the ego truly is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.frames import FloatArray, wrap_angles
from common.messages import Route
from sim.roads import Roads, StopKind
from sim.routes import lanes_of_route

ON_ROUTE, ALONG = 2.0, 0.8  # m, rad from a row of the route: a stop line it crosses
HEADING_WEIGHT = 5.0  # m per rad: tells the two passes of a route that crosses itself apart


@dataclass(frozen=True, slots=True)
class RouteLine:
    """The route's rows with their arc length and direction."""

    xy: FloatArray  # (N, 2) m, world frame
    s: FloatArray  # (N,) m
    yaw: FloatArray  # (N,) rad

    @property
    def length(self) -> float:
        """Metres from the first row to the last."""
        return float(self.s[-1])

    def locate(self, x: float, y: float, yaw: float) -> tuple[float, float]:
        """Arc length and lateral offset (m, left positive) of the nearest row of like direction."""
        dx, dy = x - self.xy[:, 0], y - self.xy[:, 1]
        turn = np.abs(wrap_angles(self.yaw - yaw))
        i = int(np.argmin(np.hypot(dx, dy) + HEADING_WEIGHT * turn))
        c, s = np.cos(self.yaw[i]), np.sin(self.yaw[i])
        along = c * dx[i] + s * dy[i]
        return float(self.s[i] + along), float(c * dy[i] - s * dx[i])


def line_of(route: Route) -> RouteLine:
    """Directions are those of the next row."""
    steps = np.diff(route.points, axis=0)
    yaw = np.arctan2(steps[:, 1], steps[:, 0])
    s = np.concatenate([[0.0], np.cumsum(np.hypot(steps[:, 0], steps[:, 1]))])
    return RouteLine(route.points, s, np.append(yaw, yaw[-1]))


def stops_on(
    roads: Roads, route: Route, line: RouteLine, kind: StopKind
) -> tuple[tuple[float, str], ...]:
    """(m along the route, OpenDRIVE id) of the stop lines of one kind that the route crosses."""
    lanes = set(lanes_of_route(roads, route))
    found = []
    for stop in roads.stop_lines:
        if stop.kind is kind and stop.lane in lanes:
            pose = roads.pose(stop.lane, stop.s)
            near = np.hypot(line.xy[:, 0] - pose.x, line.xy[:, 1] - pose.y) <= ON_ROUTE
            if not (near & (np.abs(wrap_angles(line.yaw - pose.yaw)) <= ALONG)).any():
                continue  # the route ends before it
            found.append((line.locate(pose.x, pose.y, pose.yaw)[0], stop.opendrive_id))
    return tuple(sorted(found))


def signals_on(
    roads: Roads, route: Route, line: RouteLine, signals: Sequence[tuple[int, str]]
) -> tuple[tuple[float, int], ...]:
    """(m along the route, actor id) of the traffic lights that hold it.

    `signals`: each light's actor id and OpenDRIVE id.
    """
    actors = {opendrive_id: actor_id for actor_id, opendrive_id in signals}
    return tuple(
        (s, actors[opendrive_id])
        for s, opendrive_id in stops_on(roads, route, line, StopKind.SIGNAL)
        if opendrive_id in actors
    )
