"""Scene and route in, plan out: propose, drive forward, score, choose."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from common.messages import EgoState, LightState, Plan, Route, Scene
from common.vehicle import LINCOLN_MKZ, VehicleGeometry
from planning import rules, signals
from planning.memory import PATIENCE, Memory, accel_now, lane_kept, stood_for, waited_for
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
from planning.predict import Forecast, forecast
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
    S,
    X,
    Y,
    blend_length,
    candidates,
    rollout,
)
from planning.score import Scores, score

STEADY = 0.05  # score that the previous plan's lateral target is given extra
YIELDING = 0.1  # score that yielding is given extra where the previous plan yielded
IMPATIENT = 0.4  # share of the wished gaps it then keeps
NARROW = 0.1  # m at each side it then needs
SAME_SIDE = 0.3  # m between two lateral targets that are taken for one
SIDE_COST = 0.06  # score of leaving the lane's centre
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
        intent = _intend(seen, scene, ego, config, memory)
        if (signal := _caught(seen, intent, config)) is not seen.signal:
            seen = _held_by(seen, signal, ego.speed, config)
            intent = _intend(seen, scene, ego, config, memory)
        rows, states, chosen = intent.rows, intent.states, intent.chosen
        side = float(rows[chosen, TARGET]) - seen.lane
        self._memory = Memory(
            s=seen.s,
            t=ego.t,
            accel=states[chosen, :, ACCEL],
            side=side,
            there=seen.s + float(rows[chosen, BLEND]),
            yielding=intent.names[chosen],
            lane=seen.lane,
            served=seen.served,
            standing=seen.standing,
            waited=seen.waited,
            signal=seen.signal,
        )
        if seen.obstacle is not None and abs(side) > SAME_SIDE:
            reason = f"pass {seen.obstacle.name}"
        else:
            reason = _reason(seen, intent, config.half[0])
        return _plan(ego.t, config.dt, states[chosen], reason, intent.scores, chosen)


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
class _Intent:
    """The candidates driven forward and judged, and which of them is best."""

    rows: FloatArray  # (P, 6) of `propose.candidates`
    names: tuple[str, ...]  # (P,) to whom each yields, "" for nobody
    states: FloatArray  # (P, T, 7)
    held: NDArray[np.int64]  # (P,) the object that holds each, -1 for none
    scores: Scores
    chosen: int


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
    lane = lane_kept(memory.lane, lane_offset(path, scene.lanes, s))
    steps = round(config.horizon / config.dt) + 1
    signal = _signal(path, lines.signals, scene, ego, s, memory, half[0])
    green = signal.state is LightState.GREEN
    future = forecast(scene, ego, path, s, steps, config.dt, priority=green)
    clear = rules.keep_clear(path, s, ego.speed, future, half[0])
    sign, served = rules.stop_sign(s, ego.speed, lines.signs, memory.served, half[0])
    light = signals.hold(signal, s, ego.speed, half[0])
    hold = min(light, sign, clear, key=lambda one: one.stop)
    stops = rules.yields(path, s, future, half)
    standing = stood_for(memory, future, ego.t)
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
        waited=waited_for(memory, ego, hold),
        signal=signal,
    )


def _intend(
    seen: _Situation, scene: Scene, ego: EgoState, config: PlannerConfig, memory: Memory
) -> _Intent:
    """Propose, drive forward, score, choose."""
    rows = _candidates(seen, ego.speed, config, memory)
    states, held = _rollout(seen, rows, ego, config, memory)
    scores = score(
        states,
        seen.future,
        scene.drivable,
        rows[:, TARGET] == seen.lane,
        seen.hold.line,
        config.half,
        config.dt,
        1.0 if seen.waited < PATIENCE else IMPATIENT,
    )
    names = [""] * len(SHARES) + [stop.name for stop in seen.stops]
    names += [""] * (len(rows) - len(names))
    chosen = _choose(scores, rows, names, memory, seen.lane)
    return _Intent(rows, tuple(names), states, held, scores, chosen)


def _caught(seen: _Situation, intent: _Intent, config: PlannerConfig) -> signals.Signal:
    """The next light, once it is known how the car means to pass it."""
    states = intent.states[intent.chosen]
    behind = junction_ahead(seen.path, seen.signal.line) if seen.signal.line < math.inf else None
    leave = seen.signal.line if behind is None else behind[1]
    return signals.caught(
        seen.signal, states[:, S], states[:, SPEED], config.dt, leave, config.half[0]
    )


def _held_by(
    seen: _Situation, signal: signals.Signal, speed: float, config: PlannerConfig
) -> _Situation:
    """The situation where the light holds the car as well."""
    light = signals.hold(signal, seen.s, speed, config.half[0])
    hold = min(light, seen.hold, key=lambda one: one.stop)
    return replace(seen, signal=signal, hold=hold)


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
    accel = accel_now(memory, ego, config.dt)
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


def _blend(memory: Memory, side: float, s: float, aside: float, speed: float) -> float:
    """Metres in which to reach a lateral target; a move under way is finished where it was to be.

    Planned afresh each time, a move would get no nearer to its end than its length.
    """
    if abs(side - memory.side) < SAME_SIDE:
        return max(memory.there - s, LEAST_BLEND, 1.5 * speed)
    return blend_length(side - aside, speed)


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


def _reason(seen: _Situation, intent: _Intent, half_length: float) -> str:
    """What the car does and why, in a few words."""
    future, hold, s = seen.future, seen.hold, seen.s
    states, scores = intent.states[intent.chosen], intent.scores
    yielding, held = intent.names[intent.chosen], int(intent.held[intent.chosen])
    if (
        held >= 0
        and future.motion[held, 0, 3] - future.extent[held, 0, 0] > hold.line + half_length
    ):
        held = -1  # beyond the line that the car stops at
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
