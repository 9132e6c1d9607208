"""Identity, velocity and existence over time: the only memory of the package.

Pictures of single frames become tracks by optimal assignment. A walker is a Kalman filter of
constant velocity, a vehicle one of constant turn rate and speed, which cannot move sideways:
Bar-Shalom, Li, Kirubarajan, "Estimation with Applications to Tracking and Navigation", 2001,
chapters 6.2 and 11.7. That a track is there at all is a log odds, fed by what is seen and not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from common.frames import FloatArray, Pose2, wrap_angle
from common.messages import LightEstimate, LightState, ObjectEstimate, ObjectKind

MEASUREMENT_SIGMA = {ObjectKind.VEHICLE: 0.5, ObjectKind.WALKER: 0.4}  # m, of a box centre
YAW_SIGMA = 0.2  # rad, of a vehicle's box
ACCEL_SIGMA = {ObjectKind.VEHICLE: 2.5, ObjectKind.WALKER: 1.0}  # m/s2, unmodelled motion
TURN_SIGMA = 0.7  # rad/s2, the same
SLIP_SIGMA = 0.3  # m per square root of a second by which a vehicle leaves its arc
START_SPEED_SIGMA = {ObjectKind.VEHICLE: 6.0, ObjectKind.WALKER: 1.5}  # m/s, before it is seen
START_RATE_SIGMA = 0.2  # rad/s
GATE = {ObjectKind.VEHICLE: 3.5, ObjectKind.WALKER: 1.5}  # m, plus what the filter is unsure of
COAST = 1.0  # s a track lives unseen
SURE = 0.5  # confidence that counts at first sight
NEUTRAL = {ObjectKind.VEHICLE: 0.3, ObjectKind.WALKER: 0.3}
"""Confidence that speaks neither for nor against a track; it is calibrated (train/calibrate.py)."""
EVIDENCE = 0.5  # weight of a frame: consecutive ones err together
MISS = 0.2  # log odds that a frame without it costs
BELIEF = (-1.5, 3.0)  # log odds, bounded: a pole may become a walker, and a walker go away
MOVES, STOPS = 2.4, 1.2
"""Standard deviations from nought above which a velocity begins, below which it ends to be one."""
SMOOTHING = 0.3  # share of a new size in the kept one
BACKWARDS = -1.0  # m/s; a vehicle that fast backwards was taken the wrong way round
TURNED = 3  # sightings more the other way round after which a standing one was, too
SHARPEST = 0.25  # 1/m, curvature a vehicle can drive; 4 m, the smallest cars' least radius
TURNS_AFTER = 5  # sightings before a turn rate is told

X, Y, YAW, SPEED, RATE = range(5)
"""Rows of a vehicle's state: m, m, rad, m/s, rad/s. A walker's: x, y m and its velocity m/s."""


@dataclass(frozen=True, slots=True)
class Track:
    """One object over time, in the world frame."""

    id: int
    kind: ObjectKind
    t: float  # s
    seen: float  # s, last matched
    hits: int
    state: FloatArray  # (5,) of a vehicle, (4,) of a walker
    covariance: FloatArray
    yaw: float  # rad, of a walker's box
    length: float  # m
    width: float  # m
    belief: float  # log odds that it is there
    turned: int = 0  # sightings of a standing vehicle the other way round, less those this way
    moves: bool = False

    def predict(self, t: float) -> Track:
        """The same track at a later time, not seen since."""
        move = _drive if self.kind is ObjectKind.VEHICLE else _walk
        state, covariance = move(self.state, self.covariance, t - self.t)
        belief = max(self.belief - MISS, BELIEF[0])
        return replace(self, t=t, state=state, covariance=covariance, belief=belief)

    def update(self, seen: ObjectEstimate, world: Pose2) -> Track:
        """The predicted track after a sighting at the world pose, at the track's time."""
        measured = np.array([world.x, world.y])
        sigma = np.full(2, MEASUREMENT_SIGMA[self.kind])
        turned = self.turned
        if self.kind is ObjectKind.VEHICLE:
            turn = _half_turn(world.yaw - float(self.state[YAW]))
            other = abs(wrap_angle(world.yaw - float(self.state[YAW]))) > math.pi / 2
            turned = max(turned + (1 if other else -1), 0)
            measured = np.append(measured, self.state[YAW] + turn)
            sigma = np.append(sigma, max(YAW_SIGMA, abs(turn)))
        rows = len(measured)
        spread = self.covariance[:rows, :rows] + np.diag(sigma**2)
        gain = np.linalg.solve(spread, self.covariance[:rows]).T
        state = self.state + gain @ (measured - self.state[:rows])
        if self.kind is ObjectKind.VEHICLE and (
            state[SPEED] < BACKWARDS or (turned > TURNED and state[SPEED] < -BACKWARDS)
        ):
            state = state * np.array([1.0, 1.0, 1.0, -1.0, 1.0]) + math.pi * np.eye(5)[YAW]
            turned = 0
        belief = self.belief + MISS + EVIDENCE * _evidence(seen)
        return replace(
            self,
            seen=self.t,
            hits=self.hits + 1,
            state=state,
            covariance=self.covariance - gain @ self.covariance[:rows],
            yaw=world.yaw,
            length=self.length + SMOOTHING * (seen.length - self.length),
            width=self.width + SMOOTHING * (seen.width - self.width),
            belief=min(max(belief, BELIEF[0]), BELIEF[1]),
            turned=turned,
        ).moving()

    def moving(self) -> Track:
        """The same track, told whether it moves or stands."""
        if self.kind is ObjectKind.WALKER:
            v = self.state[2:]
            square = float(v @ np.linalg.solve(self.covariance[2:, 2:], v))
        else:
            square = float(self.state[SPEED] ** 2 / self.covariance[SPEED, SPEED])
        return replace(self, moves=square > (STOPS if self.moves else MOVES) ** 2)

    @property
    def believed(self) -> bool:
        """Whether it is more likely there than not; at first sight only what is seen surely."""
        least = _log_odds(SURE) - _log_odds(NEUTRAL[self.kind]) if self.hits == 1 else 0.0
        return self.belief >= least

    @property
    def velocity(self) -> FloatArray:
        """(2,) m/s; nought unless it surely moves."""
        if not self.moves:
            return np.zeros(2)
        if self.kind is ObjectKind.WALKER:
            return self.state[2:]
        speed, yaw = self.state[SPEED], self.state[YAW]
        return np.array([speed * math.cos(yaw), speed * math.sin(yaw)])

    @property
    def yaw_rate(self) -> float | None:
        """rad/s, the less of it the less sure; None for walkers and while nothing is known."""
        if self.kind is ObjectKind.WALKER or self.hits < TURNS_AFTER:
            return None
        rate, doubt = float(self.state[RATE]), float(self.covariance[RATE, RATE])
        most = SHARPEST * float(np.hypot(*self.velocity))
        return min(max(rate**3 / (rate**2 + doubt), -most), most)


def _walk(state: FloatArray, covariance: FloatArray, dt: float) -> tuple[FloatArray, FloatArray]:
    transition = np.eye(4)
    transition[0, 2] = transition[1, 3] = dt
    gain = np.array([[dt * dt / 2, 0], [0, dt * dt / 2], [dt, 0], [0, dt]])
    noise = gain @ gain.T * ACCEL_SIGMA[ObjectKind.WALKER] ** 2
    return transition @ state, transition @ covariance @ transition.T + noise


def _drive(state: FloatArray, covariance: FloatArray, dt: float) -> tuple[FloatArray, FloatArray]:
    """Along an arc, taken as its chord."""
    _, _, yaw, speed, rate = state
    c, s = math.cos(yaw + 0.5 * rate * dt), math.sin(yaw + 0.5 * rate * dt)
    transition = np.eye(5)
    transition[X, YAW:] = -speed * s * dt, c * dt, -0.5 * speed * s * dt**2
    transition[Y, YAW:] = speed * c * dt, s * dt, 0.5 * speed * c * dt**2
    transition[YAW, RATE] = dt
    push = ACCEL_SIGMA[ObjectKind.VEHICLE] * np.array([0.5 * c * dt**2, 0.5 * s * dt**2, 0, dt, 0])
    turn = TURN_SIGMA * np.array([0.0, 0.0, 0.5 * dt**2, 0.0, dt])
    slip = SLIP_SIGMA**2 * dt * np.diag([1.0, 1.0, 0.0, 0.0, 0.0])
    noise = np.outer(push, push) + np.outer(turn, turn) + slip
    moved = state + np.array([speed * c * dt, speed * s * dt, rate * dt, 0.0, 0.0])
    return moved, transition @ covariance @ transition.T + noise


def _half_turn(turn: float) -> float:
    """The turn to the same box, either way round, (-pi/2, pi/2]."""
    return 0.5 * wrap_angle(2.0 * turn)


def _log_odds(share: float) -> float:
    share = min(max(share, 0.01), 0.99)
    return math.log(share / (1.0 - share))


def _evidence(seen: ObjectEstimate) -> float:
    return _log_odds(seen.confidence) - _log_odds(NEUTRAL[seen.kind])


def _start(number: int, t: float, seen: ObjectEstimate, world: Pose2) -> Track:
    sigma, speed_sigma = MEASUREMENT_SIGMA[seen.kind], START_SPEED_SIGMA[seen.kind]
    state, spread = [world.x, world.y, 0.0, 0.0], [sigma, sigma, speed_sigma, speed_sigma]
    if seen.kind is ObjectKind.VEHICLE:
        state = [world.x, world.y, world.yaw, 0.0, 0.0]
        spread = [sigma, sigma, YAW_SIGMA, speed_sigma, START_RATE_SIGMA]
    return Track(
        id=number,
        kind=seen.kind,
        t=t,
        seen=t,
        hits=1,
        state=np.array(state),
        covariance=np.diag(np.square(spread)),
        yaw=world.yaw,
        length=seen.length,
        width=seen.width,
        belief=min(max(_evidence(seen), BELIEF[0]), BELIEF[1]),
    )


def associate(
    tracks: list[Track], kinds: list[ObjectKind], xy: FloatArray
) -> list[tuple[int, int]]:
    """Pairs (track, detection) of least total distance (m) within the gates.

    `xy` (N, 2) are the detections' world positions.
    """
    if not tracks or not kinds:
        return []
    at = np.array([track.state[:2] for track in tracks])
    cost = np.hypot(*(at[:, None] - xy[None]).transpose(2, 0, 1))
    gate = np.array(
        [GATE[t.kind] + math.sqrt(max(t.covariance[0, 0], t.covariance[1, 1])) for t in tracks]
    )
    same = np.array([[t.kind is kind for kind in kinds] for t in tracks])
    allowed = same & (cost <= gate[:, None])
    rows, columns = linear_sum_assignment(np.where(allowed, cost, 1e6))
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if allowed[i, j]]


class Tracker:
    """Memory: the live tracks and the next id."""

    def __init__(self) -> None:
        self._tracks: list[Track] = []
        self._next_id = 1

    def step(
        self, t: float, world_from_ego: Pose2, objects: list[ObjectEstimate]
    ) -> tuple[ObjectEstimate, ...]:
        """The confirmed objects in the ego frame at `t`, with ids and velocities over ground."""
        worlds = [world_from_ego @ seen.ego_from_object for seen in objects]
        xy = np.array([(w.x, w.y) for w in worlds]).reshape(-1, 2)
        tracks = [track.predict(t) for track in self._tracks]
        matched = set()
        for i, j in associate(tracks, [seen.kind for seen in objects], xy):
            tracks[i] = tracks[i].update(objects[j], worlds[j])
            matched.add(j)
        for j, seen in enumerate(objects):
            if j not in matched:
                tracks.append(_start(self._next_id, t, seen, worlds[j]))
                self._next_id += 1
        self._tracks = [track for track in tracks if t - track.seen <= COAST]
        ego_from_world = world_from_ego.inverse()
        return tuple(_as_object(track, ego_from_world) for track in self._tracks if track.believed)


def _as_object(track: Track, ego_from_world: Pose2) -> ObjectEstimate:
    yaw = float(track.state[YAW]) if track.kind is ObjectKind.VEHICLE else track.yaw
    pose = ego_from_world @ Pose2(float(track.state[X]), float(track.state[Y]), yaw)
    turn = Pose2(0.0, 0.0, ego_from_world.yaw)
    return ObjectEstimate(
        kind=track.kind,
        ego_from_object=pose,
        length=track.length,
        width=track.width,
        velocity=turn.apply(track.velocity),
        confidence=1.0 / (1.0 + math.exp(-track.belief)),
        track_id=track.id,
        yaw_rate=track.yaw_rate,
    )


class LightFilter:
    """Memory: the light last believed, and what contradicts it."""

    HOLD = 0.5
    """s a light that is no longer seen is still believed (lenses hidden for a moment)."""
    AGREE = 2
    """Frames in a row that a change needs."""

    def __init__(self) -> None:
        self._believed: LightEstimate | None = None
        self._t = -math.inf
        self._rival: LightState | None = None
        self._votes = 0

    def step(self, t: float, seen: LightEstimate | None) -> LightEstimate | None:
        """The light to believe at `t`."""
        if seen is None:
            if t - self._t > self.HOLD:
                self._believed = None
            return self._believed
        if self._believed is None or seen.state is self._believed.state:
            self._votes = 0
            self._believed, self._t = seen, t
            return seen
        self._votes = self._votes + 1 if seen.state is self._rival else 1
        self._rival = seen.state
        state = self._believed.state
        if self._votes >= self.AGREE:
            state, self._votes = seen.state, 0
        self._believed, self._t = replace(seen, state=state), t
        return self._believed
