"""Plan in, control command out: the plan's curvature to steer, its acceleration to keep."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from common.frames import Pose2, wrap_angle
from common.messages import ControlCommand, EgoState, Plan, Source
from common.vehicle import LINCOLN_MKZ, VehicleGeometry
from planning.path import slip

PREVIEW_TIME, PREVIEW_LEAST = 0.3, 1.5  # s and m over which the plan's curvature is taken
SPEED_GAIN = 0.8  # 1/s
LAG = 0.15  # s between command and effect: the plan is read that much ahead
HOLD_SPEED, HOLD_ACCEL = 0.05, -1.0  # m/s below which a stopping car is held, with m/s2
JERK, BRAKE_JERK = 3.0, 20.0  # m/s3, calm and when braking harder than `CALM`
CALM = -4.0  # m/s2
STEER_RATE = 0.6  # rad/s at the wheels; 9 rad/s at a hand wheel geared 15:1


class Follower:
    """Follows plans at the control rate; it remembers the plan's place and its last command."""

    def __init__(self, vehicle: VehicleGeometry = LINCOLN_MKZ) -> None:
        self.vehicle = vehicle
        self.reset()

    def reset(self) -> None:
        """Forget the last plan and command."""
        self._world_from_plan: Pose2 | None = None
        self._plan_t = -math.inf
        self._last: ControlCommand | None = None

    def command(self, plan: Plan, ego: EgoState) -> ControlCommand:
        """The command for now; the first call with a plan should be at its time ``plan.t``.

        A plan older than a few ticks is followed from where the vehicle stood when it was new.
        """
        if plan.t != self._plan_t or self._world_from_plan is None:
            self._plan_t, self._world_from_plan = plan.t, _place(plan, ego)
        plan_from_ego = self._world_from_plan.inverse() @ ego.world_from_ego
        steer = self._steer(plan, plan_from_ego, ego.speed)
        accel = self._accel(plan, ego)
        last = self._last or ControlCommand(ego.t, steer, 0.0, False, Source.PLANNER)
        if ego.speed < HOLD_SPEED and accel > 0.0:
            last = replace(last, accel=max(last.accel, 0.0))  # the brake is let go at once
        steer, accel = _limited(steer, accel, last, ego.t - last.t)
        self._last = ControlCommand(ego.t, steer, accel, False, Source.PLANNER)
        return self._last

    def _steer(self, plan: Plan, plan_from_ego: Pose2, speed: float) -> float:
        """The plan's curvature a short preview ahead, and a feedback for a plan grown old, rad.

        The feedback is the planner's own (`propose.settle`): 6/L^2 on offset, 4/L on direction.
        """
        before = self._last.steer if self._last is not None else 0.0
        s = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(plan.xy, axis=0).T))])
        if s[-1] < 0.3:
            return before
        origin = np.array([plan_from_ego.x, plan_from_ego.y])
        now = int(np.hypot(*(plan.xy - origin).T).argmin())
        c, sn = math.cos(plan.yaw[now]), math.sin(plan.yaw[now])
        delta = origin - plan.xy[now]
        ahead, side = float(delta @ (c, sn)), float(delta @ (-sn, c))
        course = plan_from_ego.yaw + slip(before, self.vehicle)
        start = float(s[now]) + ahead + LAG * speed
        near = max(start - self.vehicle.rear_axle, 0.0)
        far = near + max(PREVIEW_LEAST, PREVIEW_TIME * speed)
        yaw = np.interp((s[now] + ahead, near, far), s, np.unwrap(plan.yaw))
        length = max(min(far, float(s[-1])) - near, 0.5)
        reach = max(6.0, 1.5 * speed)
        curvature = (yaw[2] - yaw[1]) / length
        curvature -= 6.0 * side / reach**2 + 4.0 * wrap_angle(course - float(yaw[0])) / reach
        steer = math.atan(curvature * self.vehicle.wheelbase)
        return min(max(steer, -self.vehicle.max_steer), self.vehicle.max_steer)

    def _accel(self, plan: Plan, ego: EgoState) -> float:
        """The plan's acceleration and a pull towards its speed, m/s2."""
        times = np.arange(len(plan.speed)) * plan.dt
        age = ego.t - plan.t
        now, soon = np.interp((age, age + plan.dt), times, plan.speed)
        ahead = np.interp((age + LAG, age + LAG + plan.dt), times, plan.speed)
        if max(now, ego.speed) < HOLD_SPEED and max(soon, ahead[1]) < HOLD_SPEED:
            return HOLD_ACCEL
        feed = (ahead[1] - ahead[0]) / plan.dt
        return float(feed + SPEED_GAIN * (now - ego.speed))


def _place(plan: Plan, ego: EgoState) -> Pose2:
    """The plan's frame in the world: the ego's pose, taken back by a late plan's age."""
    age = min(max(ego.t - plan.t, 0.0), 1.0)
    turned = ego.yaw_rate * age
    drove = ego.speed * age
    then_from_now = Pose2(drove * math.cos(turned / 2), drove * math.sin(turned / 2), turned)
    return ego.world_from_ego @ then_from_now.inverse()


def _limited(
    steer: float, accel: float, last: ControlCommand, elapsed: float
) -> tuple[float, float]:
    """Steering rate and jerk kept within comfort; hard braking may build up fast."""
    dt = min(max(elapsed, 0.0), 0.2)
    turn = STEER_RATE * dt
    steer = min(max(steer, last.steer - turn), last.steer + turn)
    down = BRAKE_JERK if accel < CALM else JERK
    up = BRAKE_JERK if last.accel < CALM else JERK
    return steer, min(max(accel, last.accel - down * dt), last.accel + up * dt)
