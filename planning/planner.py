"""Scene and route in, plan out: propose, drive forward, score, choose."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from common.messages import EgoState, LightState, Plan, Route, Scene
from common.vehicle import LINCOLN_MKZ, VehicleGeometry
from planning import rules, signals
from planning.path import (
    STEP,
    Path,
    heading_error,
    junction_ahead,
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

STEADY = 0.05  # score that the previous plan's lateral target is given extra
YIELDING = 0.1  # score that yielding is given extra where the previous plan yielded
PATIENCE = 6.0  # s of standing for others after which the car takes what room there is
HELD = 40.0  # m before a line that holds the car within which it stands for the line's sake
IMPATIENT = 0.4  # share of the wished gaps it then keeps
NARROW = 0.1  # m at each side it then needs
SAME_SIDE = 0.3  # m between two lateral targets that are taken for one
SIDE_COST = 0.06  # score of leaving the lane's centre
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
    fastest: float = math.inf  # m/s, where the eyes and not the law set the limit
    care: float = 1.0  # share of `rules.careful`'s speed beside walkers
    sides: tuple[float, ...] = (-0.5, 0.5)  # m, lateral targets beside the lane's centre
    driver: DriverModel = DRIVER
    vehicle: VehicleGeometry = LINCOLN_MKZ

    @property
    def half(self) -> tuple[float, float]:
        """The ego's half length and half width, m."""
        return 0.5 * self.vehicle.length, 0.5 * self.vehicle.width


CAMERA = PlannerConfig(fastest=9.0, care=0.75)
"""For eyes that miss walkers beyond 15 m: from 9 m/s the car stops within 13 m, 0.7 s until a
motion is told from jitter and braked for, then 6 m/s2; beside walkers it takes that long, too."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the planner carries from plan to plan: its progress and its last intention."""

    s: float = 0.0  # m along the route
    t: float | None = None  # s, of the last plan
    accel: FloatArray = field(default_factory=lambda: np.zeros(1))  # (N,) m/s2, of the last plan
    side: float = 0.0  # m, lateral target relative to the lane's centre
    there: float = 0.0  # m, arc length at which that target is reached
    yielding: str = ""  # to whom the last plan yielded
    lane: float = 0.0  # m, how far left of the route the lane was seen
    served: float = -math.inf  # m, arc length of the last stop sign's line stopped at
    standing: dict[str, float] = field(default_factory=dict)  # s each object has stood, by name
    waited: float = 0.0  # s the ego has stood without a light or sign that says so
    signal: signals.Signal = field(default_factory=signals.Signal)  # the next light


class Planner:
    """The route's planner; it remembers one `Memory`."""

    def __init__(self, config: PlannerConfig = PlannerConfig()) -> None:
        self.config = config
        self._path: Path | None = None
        self._lines = _Lines((), ())
        self._memory = Memory()

    def reset(self, route: Route) -> None:
        """Forget everything; a new route begins."""
        self._path, self._lines = path_of(route), _Lines(route.stops, route.signals)
        self._memory = Memory()

    def plan(self, scene: Scene, ego: EgoState) -> Plan:
        """The plan for now (``ego.t``); the scene may be up to a second older."""
        if self._path is None:
            raise RuntimeError("expected reset(route) before plan(), got none; call it first")
        config, memory = self.config, self._memory
        seen = _read(self._path, self._lines, scene, ego, config, memory)
        rows = _candidates(seen, ego.speed, config, memory)
        states, held = _rollout(seen, rows, ego, config, memory)
        patience = 1.0 if seen.waited < PATIENCE else IMPATIENT
        scores = score(
            states,
            seen.future,
            scene.drivable,
            rows[:, TARGET] == seen.lane,
            seen.hold.line,
            config.half,
            config.dt,
            patience,
        )
        names = [""] * len(SHARES) + [stop.name for stop in seen.stops]
        names += [""] * (len(rows) - len(names))
        chosen = _choose(scores, rows, names, memory, seen.lane)
        side = float(rows[chosen, TARGET]) - seen.lane
        self._memory = Memory(
            s=seen.s,
            t=ego.t,
            accel=states[chosen, :, ACCEL],
            side=side,
            there=seen.s + float(rows[chosen, BLEND]),
            yielding=names[chosen],
            lane=seen.lane,
            served=seen.served,
            standing=seen.standing,
            waited=seen.waited,
            signal=seen.signal,
        )
        if seen.obstacle is not None and abs(side) > SAME_SIDE:
            reason = f"pass {seen.obstacle.name}"
        else:
            reason = _reason(seen, states[chosen], names[chosen], int(held[chosen]), scores)
        return _plan(ego.t, config.dt, states[chosen], reason, scores, chosen)


@dataclass(frozen=True, slots=True)
class _Situation:
    """What a plan starts from."""

    path: Path  # the stretch around the ego, ego frame
    s: float  # m along the route
    d: float  # m left of it
    lane: float  # m, how far left of the route the lane lies
    future: Forecast
    hold: rules.Hold
    served: float  # m, arc length of the last stop sign's line stopped at
    stops: tuple[rules.Stop, ...]
    obstacle: rules.Obstacle | None
    standing: dict[str, float]  # s each object has stood, by name
    waited: float  # s the ego has stood without a light or sign that says so
    signal: signals.Signal  # the next light


@dataclass(frozen=True, slots=True)
class _Lines:
    """Stop lines as the map knows them, m along the route, ascending."""

    signs: tuple[float, ...]
    signals: tuple[float, ...]


def _read(
    route: Path,
    lines: _Lines,
    scene: Scene,
    ego: EgoState,
    config: PlannerConfig,
    memory: Memory,
) -> _Situation:
    """Place the ego on its route, predict the others, ask the rules."""
    pose, half = ego.world_from_ego, config.half
    s, d = project(route, np.array([pose.x, pose.y]), memory.s, reach=25.0)
    path = stretch(route, pose.inverse(), s - config.behind, s + config.ahead)
    lane = _lane_memory(memory.lane, lane_offset(path, scene.lanes, s))
    steps = round(config.horizon / config.dt) + 1
    signal = _signal(path, lines.signals, scene, ego, s, memory, half[0])
    green = signal.state is LightState.GREEN
    future = forecast(scene, ego, path, s, steps, config.dt, priority=green)
    clear = rules.keep_clear(path, s, ego.speed, future, half[0])
    sign, served = rules.stop_sign(s, ego.speed, lines.signs, memory.served, half[0])
    light = signals.hold(signal, s, ego.speed, half[0])
    hold = min(light, sign, clear, key=lambda one: one.stop)
    stops = rules.yields(path, s, future, half)
    standing = _standing(memory, future, ego.t)
    return _Situation(
        path=path,
        s=s,
        d=d,
        lane=lane,
        future=future,
        hold=hold,
        served=served,
        stops=stops,
        obstacle=rules.obstacle(path, s, future, half, standing),
        standing=standing,
        waited=_waited(memory, ego, hold),
        signal=signal,
    )


def _signal(
    path: Path,
    lines: tuple[float, ...],
    scene: Scene,
    ego: EgoState,
    s: float,
    memory: Memory,
    half_length: float,
) -> signals.Signal:
    """What is known of the next light; a junction under way has none."""
    junction = junction_ahead(path, s)
    entry = math.inf
    if junction is not None and junction[0] > s + half_length:
        entry = junction[0]
    light, t = scene.light, ego.t
    return signals.watch(memory.signal, lines, s, ego.speed, t, light, entry, half_length)


def _candidates(
    seen: _Situation, speed: float, config: PlannerConfig, memory: Memory
) -> FloatArray:
    """Keep to the lane's centre, a little beside it, or round what stands in the way."""
    gap, aside = config.driver.gap, seen.d - seen.lane

    def aim(side: float, share: float, near: float) -> Aim:
        return Aim(seen.lane + side, _blend(memory, side, seen.s, aside, speed), share, near)

    sides = [aim(side, 1.0, gap) for side in config.sides]
    if seen.obstacle is not None:
        gap = rules.PASS_ROOM
        most = min(1.0, rules.PASS_SPEED / max(float(seen.path.speed.max()), 0.1))
        sides += [aim(side, most, rules.PASS_NEAR) for side in seen.obstacle.sides]
    stops = tuple(stop.stop for stop in seen.stops)
    return candidates(aim(0.0, 1.0, gap), tuple(sides), seen.hold.stop, stops)


def _rollout(
    seen: _Situation, rows: FloatArray, ego: EgoState, config: PlannerConfig, memory: Memory
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Drive the candidates forward from where the ego is and how it moves."""
    path, future = seen.path, seen.future
    allowed = rules.careful(path, future, config.half, config.care)
    course = heading_error(path, seen.s, slip(_bounded(ego.steer), config.vehicle))
    accel = _accel_now(memory, ego, config.dt)
    start = np.array([seen.s, seen.d, math.tan(_bounded(course)), max(ego.speed, 0.0), accel])
    return rollout(
        path.xy,
        path.yaw,
        path.curvature,
        np.minimum(config.cruise * allowed, config.fastest),
        (float(path.s[0]), STEP),
        start,
        rows,
        future.motion,
        future.extent,
        config.driver if seen.waited < PATIENCE else config.driver._replace(margin=NARROW),
        config.dt,
    )


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


def _waited(memory: Memory, ego: EgoState, hold: rules.Hold) -> float:
    """For how long (s) the ego has stood for others; moving, it grows patient twice as fast."""
    if memory.t is None or hold.stop - memory.s < HELD:
        return 0.0
    elapsed = ego.t - memory.t
    if abs(ego.speed) < STANDING:
        return min(memory.waited + elapsed, 2.0 * PATIENCE)
    return max(memory.waited - 2.0 * elapsed, 0.0)


def _standing(memory: Memory, future: Forecast, t: float) -> dict[str, float]:
    """For how long (s) each object has been seen standing, by name."""
    elapsed = t - memory.t if memory.t is not None else 0.0
    still = np.abs(future.speed[:, 0]) < STANDING
    return {
        name: memory.standing.get(name, -elapsed) + elapsed
        for name, stands in zip(future.names, still, strict=True)
        if stands
    }


def _choose(scores: Scores, rows: FloatArray, names: list[str], memory: Memory, lane: float) -> int:
    """The best proposal; where all collide, the one that does so last and slowest."""
    total = scores.total + STEADY * (np.abs(rows[:, TARGET] - lane - memory.side) < SAME_SIDE)
    if memory.yielding and memory.waited < PATIENCE:
        total += YIELDING * np.array([name != "" for name in names])
    total = total - SIDE_COST * (np.abs(rows[:, TARGET] - lane) > SAME_SIDE)
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


def _reason(seen: _Situation, states: FloatArray, yielding: str, held: int, scores: Scores) -> str:
    """What the car does and why, in a few words."""
    future, hold, s = seen.future, seen.hold, seen.s
    slowing = states[-1, SPEED] < max(states[0, SPEED] - 0.5, 1.0)
    threat = int(scores.threat[0])
    if yielding and slowing:
        return f"yield to {yielding}"
    if held >= 0:
        crosses = bool(future.walker[held]) or abs(math.sin(future.motion[held, 0, 5])) > 0.7
        return f"{'yield to' if crosses else 'follow'} {future.names[held]}"
    if slowing and math.isfinite(hold.stop) and hold.stop - s < 40.0:
        return hold.reason
    if slowing and threat >= 0:
        return f"brake for {future.names[threat]}"
    command = int(np.interp(s + 3.0, seen.path.s, seen.path.command).round())
    return TURNING.get(command, "follow route")
