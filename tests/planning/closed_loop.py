"""A small world for the planner: a kinematic bicycle, scripted agents, a light."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial import cKDTree

from common.frames import SEG_GRID, Pose2
from common.messages import (
    ControlCommand,
    EgoState,
    LaneEstimate,
    LightEstimate,
    LightState,
    ObjectEstimate,
    ObjectKind,
    Plan,
    Route,
    RouteCommand,
    Scene,
)
from common.vehicle import LINCOLN_MKZ
from perception.track import Tracker
from planning.follow import Follower
from planning.planner import CAMERA, Planner, PlannerConfig
from planning.safety import SafetyGate

DT = 0.05
CAR, PERSON = (4.5, 1.9), (0.5, 0.5)


@dataclass(frozen=True)
class Change:
    """From the moment `when` holds: accelerate to a speed, turn at a rate."""

    accel: float  # m/s2, towards `speed`
    speed: float  # m/s
    at: float = math.inf  # s
    near: float = 0.0  # m, or when the ego is as near as this
    yaw_rate: float = 0.0  # rad/s
    turn: float = math.inf  # rad to turn at most


@dataclass(frozen=True)
class Agent:
    kind: ObjectKind
    x: float
    y: float
    yaw: float
    speed: float
    changes: tuple[Change, ...] = ()
    size: tuple[float, float] | None = None

    @property
    def box(self) -> tuple[float, float]:
        return self.size or (CAR if self.kind is ObjectKind.VEHICLE else PERSON)


def car(x, y, yaw=0.0, speed=0.0, *changes, size=None) -> Agent:
    return Agent(ObjectKind.VEHICLE, x, y, yaw, speed, changes, size)


def person(x, y, yaw=0.0, speed=0.0, *changes) -> Agent:
    return Agent(ObjectKind.WALKER, x, y, yaw, speed, changes)


@dataclass(frozen=True)
class Light:
    """A stop line at arc length `s`, what it shows from which time on, and who sees it how."""

    s: float
    shows: tuple[tuple[float, LightState], ...]
    hidden: tuple[float, float] = (-math.inf, -3.0)  # m to the line between which it is not seen
    wrong: float = 0.0  # share of the frames that show another colour
    missed: float = 0.0  # share of the frames that show no light
    off: float = 0.0  # m, one sigma of the seen distance

    def state(self, t: float) -> LightState:
        return [state for since, state in self.shows if t >= since][-1]


@dataclass(frozen=True)
class Eyes:
    """A camera's view of the agents: it misses, errs, and sees what is not there."""

    reach: tuple[float, float] = (40.0, 25.0)  # m, of vehicles, of walkers
    missed: float = 0.2  # share of the frames without it
    sigma: float = 0.3  # m, of a place
    ghosts: tuple[tuple[Agent, float, float], ...] = ()  # what, share of frames, confidence


@dataclass(frozen=True)
class Log:
    t: np.ndarray
    x: np.ndarray
    y: np.ndarray
    yaw: np.ndarray
    speed: np.ndarray
    accel: np.ndarray
    steer: np.ndarray
    s: np.ndarray
    d: np.ndarray
    clearance: np.ndarray  # m to the nearest agent's box, 0 when touching
    reasons: tuple[str, ...]

    def said(self, words: str) -> bool:
        return any(words in reason for reason in self.reasons)


@dataclass(frozen=True)
class Maneuver:
    name: str
    route: Route
    checks: tuple[Callable[[Log], None], ...]
    agents: tuple[Agent, ...] = ()
    light: Light | None = None
    speed: float = 8.0
    start: tuple[float, float] = (0.0, 0.0)  # lateral offset m, heading error rad
    seconds: float = 20.0
    drivable: tuple[float, float] | None = None  # the road's edges left and right of the route, m
    noise: float = 0.0  # m, on objects' positions
    astray: tuple[float, float] | None = None  # m, the localiser's error; then the lane is seen
    seed: int = 0
    eyes: Eyes | None = None  # None: everybody is seen as he is


@dataclass
class Mover:
    """An agent under way."""

    script: Agent
    x: float
    y: float
    yaw: float
    speed: float
    turned: float = 0.0
    started: int = 0
    rate: float = 0.0

    def step(self, t: float, ego: Pose2) -> None:
        waiting = self.script.changes[self.started :]
        if waiting:
            gap = math.hypot(self.x - ego.x, self.y - ego.y)
            if t >= waiting[0].at or gap <= waiting[0].near:
                self.started += 1
                self.turned = 0.0
        self.rate = 0.0
        if self.started:
            change = self.script.changes[self.started - 1]
            step = change.accel * DT
            self.speed += min(max(change.speed - self.speed, -step), step)
            if abs(self.turned) < change.turn and self.speed > 0.1:
                self.rate = change.yaw_rate
                self.turned += self.rate * DT
        self.yaw += self.rate * DT
        self.x += self.speed * math.cos(self.yaw) * DT
        self.y += self.speed * math.sin(self.yaw) * DT


def line(*parts: tuple[str, float], limit: float = 13.9, signals: tuple[float, ...] = ()) -> Route:
    """A route from parts: ("straight", m), ("left", radius m), ("right", radius m), ("cross", m).

    Turns are quarter circles; they and "cross" lie inside a junction.
    """
    xy, yaw, commands = [np.zeros(2)], 0.0, []
    for what, size in parts:
        quarter = what in ("left", "right")
        length = size * math.pi / 2 if quarter else size
        steps = max(round(length), 1)
        bend = (1 if what == "left" else -1) * math.pi / 2 / steps if quarter else 0.0
        code = {"left": RouteCommand.LEFT, "right": RouteCommand.RIGHT}.get(
            what, RouteCommand.STRAIGHT if what == "cross" else RouteCommand.LANE_FOLLOW
        )
        for _ in range(steps):
            middle = yaw + bend / 2
            xy.append(xy[-1] + length / steps * np.array([math.cos(middle), math.sin(middle)]))
            yaw += bend
            commands.append(code)
    points = np.array(xy)
    return Route(points, np.full(len(points), limit), (commands[0], *commands), signals=signals)


def polyline(agent_box: tuple[float, float], pose: Pose2) -> np.ndarray:
    half = 0.5 * np.array(agent_box)
    corners = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]]) * half
    return pose.apply(corners)


def box_gap(a: np.ndarray, b: np.ndarray) -> float:
    """Distance between two boxes given by corners (4, 2): 0 when they meet."""
    for p in (a, b):
        for k in range(4):
            edge = p[(k + 1) % 4] - p[k]
            axis = np.array([edge[1], -edge[0]]) / np.hypot(*edge)
            pa, pb = a @ axis, b @ axis
            if pa.max() < pb.min() or pb.max() < pa.min():
                break
        else:
            continue
        break
    else:
        return 0.0
    best = math.inf
    for p, q in ((a, b), (b, a)):
        for k in range(4):
            start, edge = q[k], q[(k + 1) % 4] - q[k]
            share = np.clip(((p - start) @ edge) / (edge @ edge), 0.0, 1.0)
            best = min(best, float(np.hypot(*(p - start - share[:, None] * edge).T).min()))
    return best


@dataclass
class World:
    """The ego as a kinematic bicycle with a lag, and the agents."""

    maneuver: Maneuver
    pose: Pose2 = field(init=False)
    speed: float = field(init=False)
    accel: float = 0.0
    steer: float = 0.0
    t: float = 0.0
    movers: list[Mover] = field(init=False)

    def __post_init__(self) -> None:
        points = self.maneuver.route.points
        yaw = math.atan2(*(points[1] - points[0])[::-1])
        side, turn = self.maneuver.start
        start = points[0] + side * np.array([-math.sin(yaw), math.cos(yaw)])
        self.pose = Pose2(start[0], start[1], yaw + turn)
        self.speed = self.maneuver.speed
        self.movers = [Mover(a, a.x, a.y, a.yaw, a.speed) for a in self.maneuver.agents]
        self.rng = np.random.default_rng(self.maneuver.seed)
        self.tracker = Tracker()

    def ego(self) -> EgoState:
        rate = self.speed * math.tan(self.steer) / LINCOLN_MKZ.wheelbase
        dx, dy = self.maneuver.astray or (0.0, 0.0)
        believed = Pose2(self.pose.x + dx, self.pose.y + dy, self.pose.yaw)
        return EgoState(self.t, believed, self.speed, self.accel, rate, self.steer)

    def lanes(self, s: float) -> tuple[LaneEstimate, ...]:
        """The own lane as a camera would see it: where it is, whatever the localiser believes."""
        if self.maneuver.astray is None:
            return ()
        first = max(int(s) - 5, 0)
        centre = self.pose.inverse().apply(self.maneuver.route.points[first : first + 40])
        centre = centre + self.rng.normal(0.0, 0.1, centre.shape)
        return (LaneEstimate(0, centre, np.full(len(centre), 3.5), 0.9),)

    def scene(self, s: float) -> Scene:
        objects = []
        ego_from_world = self.pose.inverse()
        for number, mover in enumerate(self.movers):
            pose = ego_from_world @ Pose2(mover.x, mover.y, mover.yaw)
            jitter = self.rng.normal(0.0, self.maneuver.noise, 2) if self.maneuver.noise else (0, 0)
            pose = Pose2(pose.x + jitter[0], pose.y + jitter[1], pose.yaw)
            velocity = mover.speed * np.array([math.cos(pose.yaw), math.sin(pose.yaw)])
            length, width = mover.script.box
            kind = mover.script.kind
            if math.hypot(pose.x, pose.y) < 80.0:
                objects.append(
                    ObjectEstimate(kind, pose, length, width, velocity, 1.0, number, mover.rate)
                )
        seen = tuple(objects) if self.maneuver.eyes is None else self.seen()
        return Scene(self.t, seen, self.lanes(s), self.light(s), self.drivable(), "script")

    def seen(self) -> tuple[ObjectEstimate, ...]:
        """The agents as a camera and the tracker behind it see them."""
        eyes, ego_from_world = self.maneuver.eyes, self.pose.inverse()
        assert eyes is not None
        agents = [(m.script, m.x, m.y, m.yaw, 1.0 - eyes.missed, 0.75) for m in self.movers]
        agents += [(a, a.x, a.y, a.yaw, share, sure) for a, share, sure in eyes.ghosts]
        found = []
        for script, x, y, yaw, share, sure in agents:
            roll, error = self.rng.random(), self.rng.normal(0.0, 1.0, 4)
            pose = ego_from_world @ Pose2(x, y, yaw + 0.1 * error[2])
            reach = eyes.reach[0 if script.kind is ObjectKind.VEHICLE else 1]
            if roll < share and math.hypot(pose.x, pose.y) < reach and pose.x > -15.0:
                place = Pose2(
                    pose.x + eyes.sigma * error[0], pose.y + eyes.sigma * error[1], pose.yaw
                )
                confidence = min(max(sure + 0.1 * error[3], 0.05), 0.98)
                found.append(
                    ObjectEstimate(script.kind, place, *script.box, np.zeros(2), confidence, None)
                )
        return self.tracker.step(self.t, self.ego().world_from_ego, found)

    def light(self, s: float) -> LightEstimate | None:
        """The light as it is seen from arc length s."""
        signal = self.maneuver.light
        if signal is None or signal.s - s >= 70.0:
            return None
        hidden, roll, distance = signal.hidden, self.rng.random(), signal.s - s
        if hidden[0] < distance <= hidden[1] or roll < signal.missed:
            return None
        state = signal.state(self.t)
        if roll > 1.0 - signal.wrong:
            state = LightState.GREEN if state is LightState.RED else LightState.RED
        return LightEstimate(state, distance + signal.off * self.rng.normal(), 1.0)

    def drivable(self) -> np.ndarray | None:
        """The road as a band along the route, on the ego's grid."""
        if self.maneuver.drivable is None:
            return None
        low, raster = band(self.maneuver.route, *self.maneuver.drivable)
        cells = np.floor((self.pose.apply(SEG_GRID.centres()) - low) / SEG_GRID.cell).astype(int)
        known = ((cells >= 0) & (cells < raster.shape)).all(-1)
        cells = np.clip(cells, 0, np.array(raster.shape) - 1)
        return np.where(known, raster[cells[..., 0], cells[..., 1]], 0.0).astype(np.float32)

    def step(self, command: ControlCommand) -> None:
        self.accel += (command.accel - self.accel) * min(DT / 0.15, 1.0)
        self.steer += (command.steer - self.steer) * min(DT / 0.1, 1.0)
        faster = max(self.speed + self.accel * DT, 0.0)
        if faster == 0.0 and command.accel <= 0.0:
            self.accel = 0.0
        drove = 0.5 * (self.speed + faster) * DT
        turned = drove * math.tan(self.steer) / LINCOLN_MKZ.wheelbase
        rear = LINCOLN_MKZ.rear_axle
        moved = Pose2(-rear, 0, 0) @ Pose2(
            drove * math.cos(turned / 2), drove * math.sin(turned / 2), turned
        )
        self.pose = self.pose @ moved @ Pose2(rear, 0, 0)
        self.speed = faster
        self.t += DT
        for mover in self.movers:
            mover.step(self.t, self.pose)


BANDS: dict[tuple[int, float, float], tuple[np.ndarray, np.ndarray]] = {}


def band(route: Route, left: float, right: float) -> tuple[np.ndarray, np.ndarray]:
    """A raster in the world, cells SEG_GRID.cell wide: its low corner (2,), 1 on the road."""
    key = (id(route), left, right)
    if key not in BANDS:
        points = route.points
        yaw = np.arctan2(*np.gradient(points, axis=0).T[::-1])
        low, high = points.min(0) - 20.0, points.max(0) + 60.0
        shape = np.ceil((high - low) / SEG_GRID.cell).astype(int)
        cells = low + (np.stack(np.indices(shape), -1).reshape(-1, 2) + 0.5) * SEG_GRID.cell
        k = cKDTree(points).query(cells)[1]
        delta = cells - points[k]
        d = delta[:, 1] * np.cos(yaw[k]) - delta[:, 0] * np.sin(yaw[k])
        BANDS[key] = low, ((d < left) & (d > -right)).reshape(shape)
    return BANDS[key]


def along(route: Route, pose: Pose2) -> tuple[float, float]:
    """Arc length and lateral offset of the pose on the route's polyline."""
    points = route.points
    steps = np.hypot(*np.diff(points, axis=0).T)
    s = np.concatenate([[0.0], np.cumsum(steps)])
    delta = np.diff(points, axis=0)
    rel = np.array([pose.x, pose.y]) - points[:-1]
    share = np.clip((rel * delta).sum(1) / steps**2, 0.0, 1.0)
    gap = np.hypot(*(rel - share[:, None] * delta).T)
    k = int(gap.argmin())
    cross = delta[k, 0] * rel[k, 1] - delta[k, 1] * rel[k, 0]
    return float(s[k] + share[k] * steps[k]), float(cross / steps[k])


def run(maneuver: Maneuver, look: Callable[[World, Plan], None] | None = None) -> Log:
    """Drive it; planner, follower and safety gate as in a real drive, 20 Hz and 10 Hz."""
    world = World(maneuver)
    config = PlannerConfig() if maneuver.eyes is None else CAMERA
    planner, follower, gate = Planner(config), Follower(), SafetyGate()
    planner.reset(maneuver.route)
    rows: list[tuple[float, ...]] = []
    reasons: list[str] = []
    plan, scene = None, None
    for tick in range(round(maneuver.seconds / DT)):
        s, d = along(maneuver.route, world.pose)
        ego = world.ego()
        if tick % 2 == 0 or plan is None or scene is None:
            scene = world.scene(s)
            plan = planner.plan(scene, ego)
            reasons.append(plan.reason)
            if look is not None:
                look(world, plan)
        command = gate.check(follower.command(plan, ego), ego, scene, world.t)
        mine = polyline((LINCOLN_MKZ.length, LINCOLN_MKZ.width), world.pose)
        gaps = [box_gap(mine, polyline(m.script.box, Pose2(m.x, m.y, m.yaw))) for m in world.movers]
        pose = world.pose
        state = (world.t, pose.x, pose.y, pose.yaw, world.speed, world.accel, world.steer)
        rows.append((*state, s, d, min(gaps, default=math.inf)))
        if rows[-1][-1] == 0.0 or s > len(maneuver.route.points) - 6:
            break
        world.step(command)
    return Log(*np.array(rows).T, tuple(reasons))


def with_noise(maneuver: Maneuver, noise: float, seed: int) -> Maneuver:
    return replace(maneuver, noise=noise, seed=seed)


# checks


def check_no_collision(log: Log) -> None:
    assert log.clearance.min() > 0.0, f"touched at {log.t[-1]:.1f} s, {log.speed[-1]:.1f} m/s"


def check_comfort(log: Log) -> None:
    assert log.accel.min() > -3.3, f"braked with {log.accel.min():.1f} m/s2"
    assert log.accel.max() < 2.4
    across = log.speed**2 * np.tan(log.steer) / LINCOLN_MKZ.wheelbase
    assert np.abs(across).max() < 3.0, f"lateral {np.abs(across).max():.1f} m/s2"
    jerk = (log.accel[15:] - log.accel[10:-5]) / (5 * DT)
    assert np.abs(jerk).max() < 4.13, f"jerk {np.abs(jerk).max():.1f}"


def check_finds_the_lane(log: Log) -> None:
    settled = (log.s > 25.0) & (log.s < log.s[-1] - 30.0)
    assert np.abs(log.d[settled]).max() < 0.25, f"{np.abs(log.d[settled]).max():.2f} m beside it"


def check_on_line(log: Log) -> None:
    assert np.abs(log.d).max() < 0.6, f"{np.abs(log.d).max():.2f} m off the route"


def arrives(distance: float) -> Callable[[Log], None]:
    def check(log: Log) -> None:
        assert log.s[-1] >= distance, f"only came {log.s[-1]:.0f} m: {log.reasons[-1]}"

    return check


def stops_before(distance: float, within: float) -> Callable[[Log], None]:
    def check(log: Log) -> None:
        front = log.s[-1] + LINCOLN_MKZ.length / 2
        assert log.speed[-1] < 0.1, f"still moves with {log.speed[-1]:.1f} m/s"
        assert distance - within <= front <= distance, f"stands at {front:.1f} m"

    return check


def never_below(speed: float) -> Callable[[Log], None]:
    def check(log: Log) -> None:
        k = int(np.where(log.s < log.s[-1] - 50.0, log.speed, math.inf).argmin())
        assert log.speed[k] >= speed, f"slowed to {log.speed[k]:.1f} m/s: {log.reasons[k // 2]}"

    return check


def passes_at_most(s: float, speed: float) -> Callable[[Log], None]:
    def check(log: Log) -> None:
        fastest = float(log.speed[np.abs(log.s - s) < 3.0].max())
        assert fastest <= speed, f"passed with {fastest:.1f} m/s"

    return check


def says(words: str) -> Callable[[Log], None]:
    def check(log: Log) -> None:
        assert log.said(words), f"never said {words!r}: {sorted(set(log.reasons))}"

    return check


def keeps(gap: float) -> Callable[[Log], None]:
    def check(log: Log) -> None:
        assert log.clearance.min() >= gap, f"came as near as {log.clearance.min():.2f} m"

    return check
