"""Identity and velocity over time: the only memory of the package.

Each object is a constant-velocity Kalman filter over its world position; pictures of single
frames become tracks by optimal assignment. Textbook equations: Bar-Shalom, Li, Kirubarajan,
"Estimation with Applications to Tracking and Navigation", 2001, chapter 6.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from common.frames import FloatArray, Pose2, wrap_angle
from common.messages import LightEstimate, LightState, ObjectEstimate, ObjectKind

MEASUREMENT_SIGMA = {ObjectKind.VEHICLE: 0.5, ObjectKind.WALKER: 0.3}  # m, of a box centre
ACCEL_SIGMA = {ObjectKind.VEHICLE: 2.5, ObjectKind.WALKER: 1.0}  # m/s2, unmodelled motion
START_SPEED_SIGMA = {ObjectKind.VEHICLE: 6.0, ObjectKind.WALKER: 1.5}  # m/s, before it is seen
GATE = {ObjectKind.VEHICLE: 3.5, ObjectKind.WALKER: 1.5}  # m, plus what the filter is unsure of
COAST = 0.6  # s a track lives unseen
CONFIRM_HITS = 2
SURE = 0.5  # confidence that counts at first sight
BELIEF = {ObjectKind.VEHICLE: 0.3, ObjectKind.WALKER: 0.43}
"""Confidence a track must have reached once to be reported: poles look like walkers, weakly."""
SMOOTHING = 0.3  # share of a new size or yaw in the kept one
MOVING = 1.5  # m/s above which the heading follows the velocity


@dataclass(frozen=True, slots=True)
class Track:
    """One object over time, in the world frame."""

    id: int
    kind: ObjectKind
    t: float  # s
    seen: float  # s, last matched
    hits: int
    state: FloatArray  # (4,) x, y m, vx, vy m/s
    covariance: FloatArray  # (4, 4)
    yaw: float  # rad
    length: float  # m
    width: float  # m
    confidence: float
    best: float  # the highest confidence so far

    def predict(self, t: float) -> Track:
        """The same track at a later time."""
        dt = t - self.t
        transition = np.eye(4)
        transition[0, 2] = transition[1, 3] = dt
        gain = np.array([[dt * dt / 2, 0], [0, dt * dt / 2], [dt, 0], [0, dt]])
        noise = gain @ gain.T * ACCEL_SIGMA[self.kind] ** 2
        return replace(
            self,
            t=t,
            state=transition @ self.state,
            covariance=transition @ self.covariance @ transition.T + noise,
        )

    def update(self, seen: ObjectEstimate, world: Pose2) -> Track:
        """The track after one more sighting at the world pose, at the track's time."""
        innovation = np.array([world.x, world.y]) - self.state[:2]
        spread = self.covariance[:2, :2] + np.eye(2) * MEASUREMENT_SIGMA[self.kind] ** 2
        gain = np.linalg.solve(spread, self.covariance[:2, :]).T
        state = self.state + gain @ innovation
        velocity = state[2:]
        yaw = self.yaw + SMOOTHING * _turn(self.yaw, world.yaw)
        speed = float(np.hypot(*velocity))
        if self.kind is ObjectKind.VEHICLE and speed > MOVING and self.hits > 3:
            yaw += SMOOTHING * _turn(yaw, math.atan2(velocity[1], velocity[0]))
        return replace(
            self,
            seen=self.t,
            hits=self.hits + 1,
            state=state,
            covariance=self.covariance - gain @ self.covariance[:2, :],
            yaw=wrap_angle(yaw),
            length=self.length + SMOOTHING * (seen.length - self.length),
            width=self.width + SMOOTHING * (seen.width - self.width),
            confidence=self.confidence + 0.5 * (seen.confidence - self.confidence),
            best=max(self.best, seen.confidence),
        )


def _turn(old: float, new: float) -> float:
    """The smaller turn from old to new."""
    return wrap_angle(new - old)


def _start(number: int, t: float, seen: ObjectEstimate, world: Pose2) -> Track:
    sigma, speed_sigma = MEASUREMENT_SIGMA[seen.kind], START_SPEED_SIGMA[seen.kind]
    return Track(
        id=number,
        kind=seen.kind,
        t=t,
        seen=t,
        hits=1,
        state=np.array([world.x, world.y, 0.0, 0.0]),
        covariance=np.diag([sigma**2, sigma**2, speed_sigma**2, speed_sigma**2]),
        yaw=world.yaw,
        length=seen.length,
        width=seen.width,
        confidence=seen.confidence,
        best=seen.confidence,
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
        return tuple(
            _as_object(track, ego_from_world)
            for track in self._tracks
            if track.best >= (BELIEF[track.kind] if track.hits >= CONFIRM_HITS else SURE)
        )


def _as_object(track: Track, ego_from_world: Pose2) -> ObjectEstimate:
    pose = ego_from_world @ Pose2(float(track.state[0]), float(track.state[1]), track.yaw)
    turn = Pose2(0.0, 0.0, ego_from_world.yaw)
    return ObjectEstimate(
        kind=track.kind,
        ego_from_object=pose,
        length=track.length,
        width=track.width,
        velocity=turn.apply(track.state[2:]),
        confidence=track.confidence,
        track_id=track.id,
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
