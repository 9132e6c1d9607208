"""The last gate before the car: limits, emergency braking, a safe stop when command or scene fail.

Separate from the planner on purpose: it knows no route, and operators' commands pass it as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from common.messages import ControlCommand, EgoState, ObjectEstimate, Scene, Source
from common.vehicle import LINCOLN_MKZ, VehicleGeometry


@dataclass(frozen=True, slots=True)
class Limits:
    """What no command may exceed."""

    lateral_accel: float = 3.0  # m/s2; ISO 11270
    accel: float = 3.0  # m/s2
    brake: float = 8.0  # m/s2, a dry road's
    steer_rate: float = 0.8  # rad/s at the wheels; 12 rad/s at a hand wheel geared 15:1
    speed: float = 22.2  # m/s; StVFernLV annex 1 no. 3.2.2 d: 80 km/h
    command_age: float = 0.3  # s
    scene_age: float = 0.5  # s
    stop_decel: float = 2.5  # m/s2, minimum-risk stop; Autoware's emergency stop
    stop_jerk: float = 1.5  # m/s3, minimum-risk stop
    aeb_reaction: float = 0.2  # s, RSS response time of brakes
    aeb_decel: float = 6.0  # m/s2 the emergency braking counts on
    aeb_horizon: float = 2.5  # s of swept path looked at


def rss_distance(
    rear: float, front: float, reaction: float, accel: float, brake: float, lead_brake: float
) -> float:
    """The least safe gap (m) between two cars in line (Shalev-Shwartz 2017).

    Args:
        rear: speed of the rear car, m/s.
        front: speed of the front car, m/s.
        reaction: s.
        accel: m/s2 the rear car may gain while it reacts.
        brake: m/s2 the rear car brakes with at least.
        lead_brake: m/s2 the front car brakes with at most.
    """
    after = rear + reaction * accel
    gap = rear * reaction + 0.5 * accel * reaction**2 + after**2 / (2.0 * brake)
    return max(gap - front**2 / (2.0 * lead_brake), 0.0)


class SafetyGate:
    """The gate; it remembers its last output and, once it stops the car for a fault, why."""

    def __init__(self, limits: Limits = Limits(), vehicle: VehicleGeometry = LINCOLN_MKZ) -> None:
        self.limits = limits
        self.vehicle = vehicle
        self.reset()

    def reset(self) -> None:
        """Release a latched stop; to be called only when its cause is cleared."""
        self.stopping: str | None = None  # why the car is brought to a safe stop, latched
        self.braking: str | None = None  # whom the car brakes for right now
        self._steer: float | None = None
        self._accel = 0.0
        self._t = -math.inf

    def check(
        self, command: ControlCommand | None, ego: EgoState, scene: Scene | None, now: float
    ) -> ControlCommand:
        """The command that may go to the car at time `now` (s).

        A missing, stale or broken command or scene stops the car, jerk-limited, until `reset`.
        """
        fault = _fault(command, ego, scene, now, self.limits)
        if self.stopping is None and fault is not None:
            self.stopping = fault
        steer_now = self._steer if self._steer is not None else _finite(ego.steer)
        steer, accel, source, reverse = steer_now, 0.0, Source.SAFETY, False
        if command is not None and fault is None:
            steer, reverse = command.steer, command.reverse
            accel, source = command.accel, command.source
        dt = min(max(now - self._t, 0.0), 0.1)
        if self.stopping is not None:
            steer = steer_now if fault is not None else steer
            accel = max(min(self._accel, 0.0) - self.limits.stop_jerk * dt, -self.limits.stop_decel)
            source = Source.SAFETY
        steer = self._bounded_steer(steer, steer_now, abs(_finite(ego.speed)), dt)
        accel = min(max(accel, -self.limits.brake), self.limits.accel)
        if abs(_finite(ego.speed)) >= self.limits.speed:
            accel = min(accel, 0.0)
        self.braking = _emergency(steer, accel, ego, scene, now, self.limits, self.vehicle)
        if self.braking is not None:
            accel, source = -self.limits.brake, Source.SAFETY
        self._steer, self._accel, self._t = steer, accel, now
        return ControlCommand(now, steer, accel, reverse, source)

    def _bounded_steer(self, steer: float, before: float, speed: float, dt: float) -> float:
        """Steering within its rate, the lateral acceleration and the wheels' stop, in that order.

        The lateral acceleration has the last word: should the speed jump, the wheels follow it.
        """
        turn = self.limits.steer_rate * dt
        steer = min(max(steer, before - turn), before + turn)
        most = math.atan(self.limits.lateral_accel * self.vehicle.wheelbase / max(speed, 0.1) ** 2)
        most = min(most, self.vehicle.max_steer)
        return min(max(steer, -most), most)


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _fault(
    command: ControlCommand | None, ego: EgoState, scene: Scene | None, now: float, limits: Limits
) -> str | None:
    """Why this input cannot be driven with, None where it can."""
    if command is None:
        return "no command"
    if not (math.isfinite(command.steer) and math.isfinite(command.accel)):
        return "the command is not a number"
    if not 0.0 <= now - command.t + 1e-6 <= limits.command_age:
        return "the command is stale"
    pose = ego.world_from_ego
    if not all(map(math.isfinite, (ego.speed, ego.steer, pose.x, pose.y, pose.yaw))):
        return "the vehicle's state is not a number"
    if scene is None and command.source is Source.OPERATOR:
        return None
    if scene is None or not 0.0 <= now - scene.t + 1e-6 <= limits.scene_age:
        return "the scene is stale"
    return None


def _emergency(
    steer: float,
    accel: float,
    ego: EgoState,
    scene: Scene | None,
    now: float,
    limits: Limits,
    vehicle: VehicleGeometry,
) -> str | None:
    """Whom the car must brake for: the first object that only hard braking now will miss."""
    speed = _finite(ego.speed)
    if scene is None or speed < 0.3:
        return None
    for thing in scene.objects:
        if _meets_too_soon(thing, steer, speed, accel, now - scene.t, limits, vehicle):
            return f"{thing.kind.value} {thing.track_id}"
    return None


def _meets_too_soon(
    thing: ObjectEstimate,
    steer: float,
    speed: float,
    accel: float,
    age: float,
    limits: Limits,
    vehicle: VehicleGeometry,
) -> bool:
    """Whether braking now with `aeb_decel` is no more than needed to miss the object.

    The ego keeps its arc and, for the reaction time, its command, then brakes; the object keeps
    its velocity. They are discs along the boxes' axes, checked every 0.1 s.
    """
    pose, velocity = thing.ego_from_object, np.asarray(thing.velocity, dtype=np.float64)
    if not all(map(math.isfinite, (pose.x, pose.y, pose.yaw, *velocity, thing.length))):
        return False
    t = np.arange(0.0, limits.aeb_horizon, 0.1)
    gained = speed + min(max(accel, 0.0), limits.accel) * limits.aeb_reaction
    braking = np.maximum(t - limits.aeb_reaction, 0.0)
    stop = gained / limits.aeb_decel
    braked = np.minimum(braking, stop)
    drove = speed * np.minimum(t, limits.aeb_reaction) + braked * (
        gained - 0.5 * limits.aeb_decel * braked
    )
    curvature = math.tan(steer) / vehicle.wheelbase
    turned = curvature * drove
    half = np.sinc(turned / (2.0 * np.pi))
    ego = np.stack([drove * half * np.cos(turned / 2), drove * half * np.sin(turned / 2)], axis=-1)
    other = np.array([pose.x, pose.y]) + velocity * (max(age, 0.0) + t)[:, None]
    delta = other - ego
    c, s = np.cos(turned), np.sin(turned)
    ahead, side = delta[:, 0] * c + delta[:, 1] * s, delta[:, 1] * c - delta[:, 0] * s
    facing = pose.yaw - turned
    long = 0.5 * (vehicle.length + np.abs(np.cos(facing)) * thing.length)
    long = long + 0.5 * np.abs(np.sin(facing)) * thing.width
    wide = 0.5 * (vehicle.width + np.abs(np.sin(facing)) * thing.length)
    wide = wide + 0.5 * np.abs(np.cos(facing)) * thing.width
    met = (np.abs(ahead) < long) & (np.abs(side) < wide) & (ahead > 0.0)
    return bool(met.any())
