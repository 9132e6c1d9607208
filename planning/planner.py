"""Scene and route in, plan out: propose, drive forward, score, choose."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from common.messages import EgoState, LightState, Plan, Route, Scene
from common.vehicle import LINCOLN_MKZ, VehicleGeometry
from planning import rules
from planning.path import (
    STEP,
    Path,
    heading_error,
    lane_offset,
    path_of,
    project,
    slip,
    stretch,
)
from planning.predict import STANDING, Forecast, forecast
from planning.propose import (
    ACCEL,
    BLEND,
    LEAST_BLEND,
    SHARES,
    SPEED,
    STOP,
    TARGET,
    YAW,
    Aim,
    DriverModel,
    X,
    Y,
    blend_length,
    candidates,
    rollout,
)
from planning.score import Scores, score

STEADY = 0.02  # score that the previous plan's intention is given extra
SAME_SIDE = 0.3  # m between two lateral targets that are taken for one
SIDE_COST = 0.06  # score per metre beside the lane's centre
LANE_GAIN, LANE_MOST = 0.1, 0.8  # share of a lane's seen offset taken over per plan; m at most
TURNING = dict(enumerate(("follow route", "turn left", "turn right", "go straight")))
"""By index into `path.COMMANDS`."""


DRIVER = DriverModel()


@dataclass(frozen=True, slots=True)
class PlannerConfig:
    """What one may turn."""

    horizon: float = 5.0  # s; nuPlan takes 4, an unprotected left turn needs more
    dt: float = 0.1  # s
    behind: float = 15.0  # m of path kept behind the ego
    ahead: float = 100.0  # m of path looked at ahead
    cruise: float = 0.95  # share of the speed limit aimed at
    sides: tuple[float, ...] = (-0.5, 0.5)  # m, lateral targets beside the lane's centre
    driver: DriverModel = DRIVER
    vehicle: VehicleGeometry = LINCOLN_MKZ


@dataclass(frozen=True, slots=True)
class Memory:
    """What the planner carries from plan to plan: its progress and its last intention."""

    s: float = 0.0  # m along the route
    t: float | None = None  # s, of the last plan
    accel: FloatArray = field(default_factory=lambda: np.zeros(1))  # (N,) m/s2, of the last plan
    side: float = 0.0  # m, lateral target relative to the lane's centre
    there: float = 0.0  # m, arc length at which that target is reached
    stop: float = math.inf  # m, arc length the last plan yielded at
    lane: float = 0.0  # m, how far left of the route the lane was seen
    served: float = -math.inf  # m, arc length of the last stop sign's line stopped at
    standing: dict[str, float] = field(default_factory=dict)  # s each object has stood, by name


class Planner:
    """The route's planner; it remembers one `Memory`."""

    def __init__(self, config: PlannerConfig = PlannerConfig()) -> None:
        self.config = config
        self._path: Path | None = None
        self._stops: tuple[float, ...] = ()
        self._memory = Memory()

    def reset(self, route: Route) -> None:
        """Forget everything; a new route begins."""
        self._path, self._stops = path_of(route), route.stops
        self._memory = Memory()

    def plan(self, scene: Scene, ego: EgoState) -> Plan:
        """The plan for now (``ego.t``); the scene may be up to a second older."""
        if self._path is None:
            raise RuntimeError("expected reset(route) before plan(), got none; call it first")
        config, memory = self.config, self._memory
        pose = ego.world_from_ego
        s, d = project(self._path, np.array([pose.x, pose.y]), memory.s, reach=25.0)
        path = stretch(self._path, pose.inverse(), s - config.behind, s + config.ahead)
        lane = _lane_memory(memory.lane, lane_offset(path, scene.lanes, s))
        steps = round(config.horizon / config.dt) + 1
        green = scene.light is not None and scene.light.state is LightState.GREEN
        future = forecast(scene, ego, path, steps, config.dt, priority=green)
        half = (0.5 * config.vehicle.length, 0.5 * config.vehicle.width)
        hold = rules.hold(path, s, ego.speed, scene.light, future, half[0])
        sign, served = rules.stop_sign(s, ego.speed, self._stops, memory.served, half[0])
        hold = min(hold, sign, key=lambda one: one.stop)
        stops = rules.yields(path, s, future, half)
        standing = _standing(memory, future, ego.t)
        thing = rules.obstacle(path, s, future, half, standing)
        gap = config.driver.gap
        sides = [(side, 1.0, gap) for side in config.sides]
        if thing is not None:
            gap = rules.PASS_ROOM
            most = min(1.0, rules.PASS_SPEED / max(float(path.speed.max()), 0.1))
            sides += [(side, most, rules.PASS_NEAR) for side in thing.sides]
        rows = candidates(
            Aim(lane, _blend(memory, 0.0, s, d - lane, ego.speed), 1.0, gap),
            tuple(
                Aim(lane + side, _blend(memory, side, s, d - lane, ego.speed), most, near)
                for side, most, near in sides
            ),
            hold.stop,
            tuple(stop.stop for stop in stops),
        )
        course = heading_error(path, s, slip(_bounded(ego.steer), config.vehicle))
        accel = _accel_now(memory, ego, config.dt)
        start = np.array([s, d, math.tan(_bounded(course)), max(ego.speed, 0.0), accel])
        states, held = rollout(
            path.xy,
            path.yaw,
            path.curvature,
            config.cruise * path.speed,
            (float(path.s[0]), STEP),
            start,
            rows,
            future.motion,
            future.extent,
            config.driver,
            config.dt,
        )
        scores = score(states, future, scene.drivable, hold.line, half, config.dt)
        chosen = _choose(scores, rows, memory, lane)
        stop = float(rows[chosen, STOP]) if rows[chosen, STOP] < hold.stop else math.inf
        side = float(rows[chosen, TARGET]) - lane
        there = s + float(rows[chosen, BLEND])
        accels = states[chosen, :, ACCEL]
        self._memory = Memory(
            s, ego.t, accels, side, there, stop, lane, standing=standing, served=served
        )
        if thing is not None and abs(side) > SAME_SIDE:
            reason = f"pass {thing.name}"
        else:
            reason = _reason(chosen, states[chosen], held, scores, hold, stops, future, path, s)
        return _plan(ego.t, config.dt, states[chosen], reason, scores, chosen)


def _bounded(angle: float) -> float:
    return min(max(angle, -1.2), 1.2)


def _lane_memory(before: float, seen: float | None) -> float:
    """The lane's offset, followed slowly and bounded: a few frames of nonsense cannot steer."""
    if seen is None:
        return before * (1.0 - 0.2 * LANE_GAIN)
    return before + LANE_GAIN * (min(max(seen, -LANE_MOST), LANE_MOST) - before)


def _blend(memory: Memory, side: float, s: float, aside: float, speed: float) -> float:
    """Metres in which to reach a lateral target; a move under way is finished where it was to be.

    Planned afresh each time, a move would get no nearer to its end than its length.
    """
    if abs(side - memory.side) < SAME_SIDE:
        return max(memory.there - s, LEAST_BLEND, 1.5 * speed)
    return blend_length(side - aside, speed)


def _accel_now(memory: Memory, ego: EgoState, dt: float) -> float:
    """The acceleration the last plan has reached by now; the measured one where there is none."""
    if memory.t is None or not 0.0 <= ego.t - memory.t <= 0.5:
        return min(max(ego.accel, -3.0), 2.0)
    rows = np.arange(len(memory.accel)) * dt
    return float(np.interp(ego.t - memory.t, rows, memory.accel))


def _standing(memory: Memory, future: Forecast, t: float) -> dict[str, float]:
    """For how long (s) each object has been seen standing, by name."""
    elapsed = t - memory.t if memory.t is not None else 0.0
    still = np.abs(future.speed[:, 0]) < STANDING
    return {
        name: memory.standing.get(name, -elapsed) + elapsed
        for name, stands in zip(future.names, still, strict=True)
        if stands
    }


def _choose(scores: Scores, rows: FloatArray, memory: Memory, lane: float) -> int:
    """The best proposal; where all collide, the one that does so last and slowest."""
    total = scores.total + STEADY * (np.abs(rows[:, TARGET] - lane - memory.side) < SAME_SIDE)
    total = total - SIDE_COST * np.abs(rows[:, TARGET] - lane)
    if not (scores.total > 0.0).any():
        hit = np.where(np.isfinite(scores.hit), scores.hit, 100.0) * scores.line
        return int(np.argmax(hit - 0.01 * scores.progress))
    return int(np.argmax(np.where(scores.total > 0.0, total, -1.0)))


def _plan(
    t: float, dt: float, states: FloatArray, reason: str, scores: Scores, chosen: int
) -> Plan:
    parts = {
        "total": scores.total,
        "collision": scores.collision,
        "drivable": scores.drivable,
        "line": scores.line,
        "progress": scores.progress,
        "ttc": scores.ttc,
        "comfort": scores.comfort,
    }
    values = tuple((name, float(part[chosen])) for name, part in parts.items())
    xy, yaw, speed = states[:, X : Y + 1].copy(), states[:, YAW].copy(), states[:, SPEED].copy()
    return Plan(t, dt, xy, yaw, speed, reason, values)


def _reason(
    chosen: int,
    states: FloatArray,
    held: NDArray[np.int64],
    scores: Scores,
    hold: rules.Hold,
    stops: tuple[rules.Stop, ...],
    future: Forecast,
    path: Path,
    s: float,
) -> str:
    """What the car does and why, in a few words."""
    slowing = states[-1, SPEED] < max(states[0, SPEED] - 0.5, 1.0)
    row = chosen - len(SHARES)
    threat = int(scores.threat[0])
    if 0 <= row < len(stops) and stops[row].stop < hold.stop and slowing:
        return f"yield to {stops[row].name}"
    if int(held[chosen]) >= 0:
        n = int(held[chosen])
        crosses = bool(future.walker[n]) or abs(math.sin(future.motion[n, 0, 5])) > 0.7
        return f"{'yield to' if crosses else 'follow'} {future.names[n]}"
    if slowing and math.isfinite(hold.stop) and hold.stop - s < 40.0:
        return hold.reason
    if slowing and threat >= 0:
        return f"brake for {future.names[threat]}"
    command = int(np.interp(s + 3.0, path.s, path.command).round())
    return TURNING.get(command, "follow route")
