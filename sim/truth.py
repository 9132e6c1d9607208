"""The Scene as it truly is: for the oracle driver and for labels, never for a camera driver."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray, Pose2
from common.messages import (
    LaneEstimate,
    LightEstimate,
    LightState,
    ObjectEstimate,
    ObjectKind,
    Route,
    Scene,
)
from sim.line import line_of, signals_on
from sim.raster import LaneRaster
from sim.readings import Readings, RoadUsers
from sim.roads import Roads
from sim.routes import lanes_of_route

RANGE = 60.0  # m around the ego
LIGHT_RANGE = 80.0  # m to the stop line
PASSED = 3.0  # m behind the line the ego's origin still counts as held by it
BEHIND, AHEAD = 10.0, 50.0  # m of lane given
ANOTHER_LEVEL = 4.0  # m; what is farther up or down stands on another road


class Truth:
    """Reads Scenes off the simulator; holds what the map and the route say once and for all."""

    def __init__(
        self,
        roads: Roads,
        route: Route,
        signals: Sequence[tuple[int, str]],
        raster: LaneRaster | None = None,
        parked: RoadUsers | None = None,
    ) -> None:
        """`signals`: each traffic light's actor id and OpenDRIVE id; `parked`: cars of the map."""
        self._roads = roads
        self._line = line_of(route)
        self._raster = raster or LaneRaster(roads)
        self._parked = parked
        self._route_lanes = frozenset(lanes_of_route(roads, route))
        self._stops = signals_on(roads, route, self._line, signals)

    def scene(self, readings: Readings, *, to_junction: bool = False) -> Scene:
        """Everything around the ego in this tick.

        With `to_junction` lanes end where a junction begins (unless the ego is in it): farther
        on only the route knows which way its lane goes, and no picture shows the route.
        """
        world_from_ego = readings.world_from_ego
        return Scene(
            t=readings.t,
            objects=self._objects(readings),
            lanes=self._lanes(world_from_ego, to_junction),
            light=self._light(readings, world_from_ego),
            drivable=self._raster.crop(world_from_ego),
            source="truth",
        )

    def _objects(self, readings: Readings) -> tuple[ObjectEstimate, ...]:
        users, ego = readings.users, readings.ego_row
        others = np.arange(len(users.ids)) != ego
        seen, z = readings.world_from_ego, float(users.pose[ego, 2])
        moving = _around(users, others, seen, z)
        if self._parked is None:
            return moving
        return moving + _around(self._parked, np.ones(len(self._parked.ids), np.bool_), seen, z)

    def _light(self, readings: Readings, world_from_ego: Pose2) -> LightEstimate | None:
        found = self.governing(world_from_ego)
        if found is None:
            return None
        actor_id, distance = found
        return LightEstimate(dict(readings.lights).get(actor_id, LightState.OFF), distance, 1.0)

    def governing(self, world_from_ego: Pose2) -> tuple[int, float] | None:
        """The next signal along the route: its actor id, and m to its stop line."""
        at, _ = self._line.locate(world_from_ego.x, world_from_ego.y, world_from_ego.yaw)
        for s, actor_id in self._stops:
            if -PASSED <= s - at <= LIGHT_RANGE:
                return actor_id, s - at
        return None

    def _lanes(self, world_from_ego: Pose2, to_junction: bool) -> tuple[LaneEstimate, ...]:
        roads = self._roads
        xy = np.array([[world_from_ego.x, world_from_ego.y]])
        here = roads.nearest(xy, np.array([world_from_ego.yaw]))
        own = int(here.lane[0])
        if own < 0:
            return ()
        lanes = {0: own, 1: int(roads.left[own]), -1: int(roads.right[own])}
        ego_from_world = world_from_ego.inverse()
        return tuple(
            LaneEstimate(index, ego_from_world.apply(roads.xy[rows]), roads.width[rows], 1.0)
            for index, lane in lanes.items()
            if lane >= 0 and len(rows := self._rows(lane, xy[0], to_junction)) >= 2
        )

    def _rows(self, lane: int, xy: FloatArray, to_junction: bool) -> FloatArray:
        """Samples of a lane and its followers from `BEHIND` to `AHEAD` of the nearest one."""
        roads = self._roads
        own = np.arange(*roads.samples(lane).indices(len(roads.xy)))
        s = roads.s[own] - roads.s[own[np.argmin(np.hypot(*(roads.xy[own] - xy).T))]]
        parts = [own[(s >= -BEHIND) & (s <= AHEAD)]]
        reached = float(s[-1])
        while reached < AHEAD and (onward := self._follower(lane)) is not None:
            if to_junction and roads.junction[lane] < 0 <= roads.junction[onward]:
                break
            lane = onward
            own = np.arange(*roads.samples(lane).indices(len(roads.xy)))[1:]
            parts.append(own[reached + roads.s[own] <= AHEAD])
            reached += float(roads.length[lane])
        return np.concatenate(parts)

    def _follower(self, lane: int) -> int | None:
        """The lane that goes on: the route's, or the straightest."""
        onward = self._roads.successors[lane]
        chosen = [one for one in onward if one in self._route_lanes]
        turns = [self._turn(one) for one in onward]
        if chosen:
            return chosen[0]
        return onward[int(np.argmin(turns))] if onward else None

    def _turn(self, lane: int) -> float:
        own = self._roads.samples(lane)
        change = self._roads.yaw[own.stop - 1] - self._roads.yaw[own.start]
        return abs(math.remainder(float(change), 2.0 * math.pi))


def _around(
    users: RoadUsers, which: NDArray[np.bool_], world_from_ego: Pose2, z: float
) -> tuple[ObjectEstimate, ...]:
    """Those of the users that are near the ego, which stands at height z (m)."""
    yaw = users.pose[:, 5]
    c, s = np.cos(yaw), np.sin(yaw)
    bx, by = users.box_centre[:, 0], users.box_centre[:, 1]
    centre = users.pose[:, :2] + np.stack([c * bx - s * by, s * bx + c * by], axis=-1)
    seen = world_from_ego.inverse().apply(centre)
    back = Pose2(0.0, 0.0, -world_from_ego.yaw)
    velocity = back.apply(users.velocity[:, :2])
    near = which & (np.hypot(seen[:, 0], seen[:, 1]) <= RANGE)
    near &= np.abs(users.pose[:, 2] - z) < ANOTHER_LEVEL
    return tuple(
        ObjectEstimate(
            kind=ObjectKind.WALKER if users.walker[i] else ObjectKind.VEHICLE,
            ego_from_object=Pose2(
                float(seen[i, 0]), float(seen[i, 1]), float(yaw[i]) - world_from_ego.yaw
            ),
            length=2.0 * float(users.half_extent[i, 0]),
            width=2.0 * float(users.half_extent[i, 1]),
            velocity=velocity[i],
            confidence=1.0,
            track_id=int(users.ids[i]),
            yaw_rate=float(users.spin[i, 2]),
        )
        for i in np.flatnonzero(near)
    )
