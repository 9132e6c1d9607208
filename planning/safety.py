"""The last gate before the car: limits, emergency braking, a safe stop when command or scene fail.

Separate from the planner on purpose: it knows no route, and operators' commands pass it as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from common.messages import ControlCommand, EgoState, ObjectEstimate, Scene, Source
from common.vehicle import LINCOLN_MKZ, VehicleGeometry

IMPOSSIBLE = 150.0  # m/s; no speedometer says that
FAR = 1000.0  # m, m/s; whatever an object claims beyond is nonsense
MOVING = 0.3  # m/s below which there is nothing to brake, and the gear may change


@dataclass(frozen=True, slots=True)
class Limits:
    """What no command may exceed."""

    lateral_accel: float = 3.0  # m/s2; ISO 11270
    accel: float = 3.0  # m/s2
    brake: float = 8.0  # m/s2, a dry road's
    steer_rate: float = 0.8  # rad/s at the wheels; 12 rad/s at a hand wheel geared 15:1
    speed: float = 80.0 / 3.6  # m/s; StVFernLV annex 1 no. 3.2.2 d
    reverse_speed: float = 3.0  # m/s
    command_age: float = 0.3  # s
    scene_age: float = 0.5  # s
    stop_decel: float = 2.5  # m/s2, minimum-risk stop; Autoware's emergency stop
    stop_jerk: float = 1.5  # m/s3, the same
    reaction: float = 0.2  # s until emergency braking bites
    emergency_decel: float = 6.0  # m/s2 that emergency braking counts on
    horizon: float = 3.0  # s of swept path looked at
    oncoming_horizon: float = 1.0  # s, for who comes the other way: most pass beside the car
    lead_brake: float = 8.0  # m/s2 a vehicle ahead may brake with


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


def stop_distance(speed: float, decel: float, jerk: float) -> float:
    """Metres to rest from `speed` when braking builds up to `decel` m/s2 with `jerk` m/s3."""
    ramp = decel / jerk
    if speed <= 0.5 * jerk * ramp**2:
        ramp = math.sqrt(2.0 * speed / jerk)
        return speed * ramp - jerk * ramp**3 / 6.0
    after = speed - 0.5 * jerk * ramp**2
    return speed * ramp - jerk * ramp**3 / 6.0 + after**2 / (2.0 * decel)


class SafetyGate:
    """The gate; it remembers its last output and, once it stops the car for a fault, why."""

    def __init__(self, limits: Limits = Limits(), vehicle: VehicleGeometry = LINCOLN_MKZ) -> None:
        self.limits = limits
        self.vehicle = vehicle
        self.reset()

    def reset(self) -> None:
        """Release a latched stop; to be called only when its cause is cleared."""
        self.stopping: str | None = None  # why the car is brought to a safe stop; latched
        self.braking: str | None = None  # whom the car brakes for right now
        self._steer: float | None = None
        self._accel = 0.0
        self._speed = 0.0
        self._t: float | None = None

    def check(
        self, command: ControlCommand | None, ego: EgoState, scene: Scene | None, now: float
    ) -> ControlCommand:
        """The command that may go to the car at time `now` (s).

        A missing, stale or broken command or scene stops the car, jerk-limited, until `reset`.
        An operator may drive without a scene; then nothing brakes for obstacles.
        """
        limits = self.limits
        if abs(ego.speed) < IMPOSSIBLE:
            self._speed = ego.speed
        before = self._steer if self._steer is not None else _finite(ego.steer)
        dt = 0.05 if self._t is None else min(max(now - self._t, 0.0), 0.1)
        fault = _fault(command, ego, scene, now, limits)
        if self.stopping is None:
            self.stopping = fault
        backwards = self._speed < 0.0
        steer, accel, reverse, source = before, 0.0, backwards, Source.SAFETY
        if command is not None and fault is None:
            steer, accel = command.steer, command.accel
            reverse, source = command.reverse, command.source
        if reverse != backwards and abs(self._speed) > MOVING:
            accel, reverse, source = -limits.stop_decel, backwards, Source.SAFETY
        if self.stopping is not None:
            accel = max(min(self._accel, 0.0) - limits.stop_jerk * dt, -limits.stop_decel)
            source = Source.SAFETY
        steer = self._steerable(steer, before, dt)
        accel = min(max(accel, -limits.brake), limits.accel)
        if abs(self._speed) >= (limits.reverse_speed if reverse else limits.speed):
            accel = min(accel, 0.0)
        self.braking = _emergency(steer, accel, self._speed, scene, now, limits, self.vehicle)
        if self.braking is not None:
            accel, source = -limits.brake, Source.SAFETY
        self._steer, self._accel, self._t = steer, accel, _finite(now)
        return ControlCommand(now, steer, accel, reverse, source)

    def _steerable(self, steer: float, before: float, dt: float) -> float:
        """Steering within its rate, then within the lateral acceleration and the wheels' stop.

        The lateral acceleration has the last word: should the speed jump, the wheels follow it.
        """
        turn = self.limits.steer_rate * dt
        steer = min(max(steer, before - turn), before + turn)
        fastest = max(abs(self._speed), 0.1) ** 2
        most = math.atan(self.limits.lateral_accel * self.vehicle.wheelbase / fastest)
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
    if not -1e-6 <= now - command.t <= limits.command_age:
        return "the command is stale"
    pose = ego.world_from_ego
    if not all(map(math.isfinite, (ego.steer, pose.x, pose.y, pose.yaw))):
        return "the vehicle's state is not a number"
    if not abs(ego.speed) < IMPOSSIBLE:
        return "the vehicle's speed cannot be"
    if scene is None and command.source is not Source.PLANNER:
        return None
    if scene is None or not -1e-6 <= now - scene.t <= limits.scene_age:
        return "the scene is stale"
    return None


def _emergency(
    steer: float,
    accel: float,
    speed: float,
    scene: Scene | None,
    now: float,
    limits: Limits,
    vehicle: VehicleGeometry,
) -> str | None:
    """Whom the car must brake for: the first object that only hard braking now will miss."""
    if scene is None or abs(speed) < MOVING:
        return None
    for thing in scene.objects:
        if not _is_sane(thing):
            continue
        seen = (thing, steer, speed, min(max(now - scene.t, 0.0), 1.0), limits, vehicle)
        if _meets(*seen, max(accel, 0.0)) or _too_close(*seen):
            return f"{thing.kind.value} {thing.track_id}"
    return None


def _is_sane(thing: ObjectEstimate) -> bool:
    pose = thing.ego_from_object
    values = (pose.x, pose.y, pose.yaw, thing.length, thing.width, *thing.velocity)
    return all(abs(value) < FAR for value in values)


def _meets(
    thing: ObjectEstimate,
    steer: float,
    speed: float,
    age: float,
    limits: Limits,
    vehicle: VehicleGeometry,
    accel: float,
) -> bool:
    """Whether the boxes would meet if the car braked no sooner than now.

    The ego keeps its arc, and its command for the reaction time; then it brakes with
    `emergency_decel`. The object keeps its velocity. Only what the car drives into counts.
    """
    t = np.arange(0.0, limits.horizon, 0.1)
    after = abs(speed) + min(accel, limits.accel) * limits.reaction
    braked = np.clip(t - limits.reaction, 0.0, after / limits.emergency_decel)
    drove = abs(speed) * np.minimum(t, limits.reaction)
    drove = (drove + after * braked - 0.5 * limits.emergency_decel * braked**2) * np.sign(speed)
    turned = math.tan(steer) / vehicle.wheelbase * drove
    chord = drove * np.sinc(turned / (2.0 * np.pi))
    pose, velocity = thing.ego_from_object, np.asarray(thing.velocity, dtype=np.float64)
    dx = pose.x + velocity[0] * (age + t) - chord * np.cos(0.5 * turned)
    dy = pose.y + velocity[1] * (age + t) - chord * np.sin(0.5 * turned)
    c, s = np.cos(turned), np.sin(turned)
    ahead, side = (dx * c + dy * s) * np.sign(speed), dy * c - dx * s
    along, across = np.abs(np.cos(pose.yaw - turned)), np.abs(np.sin(pose.yaw - turned))
    length = 0.5 * (vehicle.length + along * thing.length + across * thing.width)
    width = 0.5 * (vehicle.width + across * thing.length + along * thing.width)
    moving = drove != np.append(drove[1:], drove[-1])
    met = (np.abs(ahead) < length) & (np.abs(side) < width) & moving
    oncoming = float(velocity[0]) * math.copysign(1.0, speed) < -1.0
    soon = t < (limits.oncoming_horizon if oncoming else limits.horizon)
    return bool(ahead[0] > 0.0 and (met & soon).any())


def _too_close(
    thing: ObjectEstimate,
    steer: float,
    speed: float,
    age: float,
    limits: Limits,
    vehicle: VehicleGeometry,
) -> bool:
    """Whether a vehicle straight ahead is nearer than RSS allows, and coming nearer.

    The response time is the brakes' own, not a human's: the gate sees every tick.
    """
    pose, velocity = thing.ego_from_object, thing.velocity
    lead = float(velocity[0]) * math.copysign(1.0, speed)
    ahead = (pose.x + float(velocity[0]) * age) * math.copysign(1.0, speed)
    bend = 0.5 * math.tan(steer) / vehicle.wheelbase * ahead**2
    aligned = abs(math.sin(pose.yaw)) < 0.5
    in_lane = abs(pose.y - bend) < 0.5 * (vehicle.width + thing.width)
    gap = ahead - 0.5 * (vehicle.length + thing.length)
    if not aligned or not in_lane or ahead < 0.0 or lead >= abs(speed):
        return False
    least = rss_distance(
        abs(speed),
        max(lead, 0.0),
        limits.reaction,
        0.0,
        limits.emergency_decel,
        limits.lead_brake,
    )
    return gap < least
