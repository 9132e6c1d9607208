"""`ninefold bench plan`: what a plan costs, among 20 vehicles and 12 walkers."""

from __future__ import annotations

import math
import time

import numpy as np

from common.frames import SEG_GRID, Pose2
from common.messages import (
    EgoState,
    LaneEstimate,
    LightEstimate,
    LightState,
    ObjectEstimate,
    ObjectKind,
    Route,
    RouteCommand,
    Scene,
)
from planning.planner import Planner

SCENES = 400
VEHICLES, WALKERS = 20, 12
WARM = 20  # plans before the clock starts: compiled code is loaded
RADIUS = 10.0  # m of the turn in the middle of the route


def measure() -> dict[str, tuple[float, str]]:
    """Median and 99th percentile of planning time over generated scenes, every one another."""
    rng = np.random.default_rng(0)
    route = _route()
    planner = Planner()
    planner.reset(route)
    times = []
    for k in range(SCENES + WARM):
        ego = _ego(route, rng, k)
        scene = _scene(ego, rng)
        started = time.perf_counter()
        planner.plan(scene, ego)
        times.append(1000.0 * (time.perf_counter() - started))
    values = np.array(times[WARM:])
    return {
        "plan_median_ms": (float(np.median(values)), "ms"),
        "plan_p99_ms": (float(np.percentile(values, 99)), "ms"),
    }


def _route() -> Route:
    """150 m, a left turn in a junction, 150 m."""
    straight = np.arange(0.0, 150.0)
    angle = np.arange(0.0, math.pi / 2, 1.0 / RADIUS)
    bend = np.stack([150.0 + RADIUS * np.sin(angle), RADIUS * (1.0 - np.cos(angle))], axis=-1)
    points = np.concatenate(
        [
            np.stack([straight, np.zeros(150)], axis=-1),
            bend,
            np.stack([np.full(150, 150.0 + RADIUS), RADIUS + straight], axis=-1),
        ]
    )
    follow = (RouteCommand.LANE_FOLLOW,) * 150
    return Route(
        points, np.full(len(points), 13.9), (*follow, *(RouteCommand.LEFT,) * len(bend), *follow)
    )


def _ego(route: Route, rng: np.random.Generator, k: int) -> EgoState:
    """On the way along the route, a little beside it."""
    row = 20 + k % 250
    ahead = route.points[row + 1] - route.points[row]
    x, y = route.points[row] + rng.normal(0.0, 0.1, 2)
    yaw = math.atan2(ahead[1], ahead[0]) + rng.normal(0.0, 0.02)
    return EgoState(0.1 * k, Pose2(x, y, yaw), float(rng.uniform(0.0, 12.0)), 0.0, 0.0, 0.0)


def _scene(ego: EgoState, rng: np.random.Generator) -> Scene:
    """Vehicles and walkers all around within 50 m, most of them moving; a light; a road."""
    objects = []
    for number in range(VEHICLES + WALKERS):
        vehicle = number < VEHICLES
        yaw = float(rng.uniform(-math.pi, math.pi))
        speed = float(rng.uniform(0.0, 10.0 if vehicle else 1.5))
        pose = Pose2(float(rng.uniform(-20.0, 50.0)), float(rng.uniform(-25.0, 25.0)), yaw)
        objects.append(
            ObjectEstimate(
                ObjectKind.VEHICLE if vehicle else ObjectKind.WALKER,
                pose,
                4.6 if vehicle else 0.5,
                1.9 if vehicle else 0.5,
                speed * np.array([math.cos(yaw), math.sin(yaw)]),
                1.0,
                number,
                float(rng.normal(0.0, 0.2)),
            )
        )
    centre = np.stack([np.arange(-10.0, 50.0), np.zeros(60)], axis=-1)
    lane = LaneEstimate(0, centre, np.full(60, 3.5), 1.0)
    state = (LightState.RED, LightState.GREEN)[int(rng.integers(2))]
    drivable = (np.abs(SEG_GRID.centres()[..., 1]) < 6.0).astype(np.float32)
    light = LightEstimate(state, float(rng.uniform(0.0, 60.0)), 1.0)
    return Scene(ego.t, tuple(objects), (lane,), light, drivable, "generated")
