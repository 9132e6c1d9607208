"""The vehicle's side of remote supervision: a driver around a driver.

The autonomy plans in every tick, whoever drives; the operator's commands pass the same safety
gate as its own. All that moves the vehicle is decided here, in the vehicle's process.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from common.frames import wrap_angle
from common.messages import (
    ControlCommand,
    Decision,
    Driver,
    EgoState,
    Observation,
    Route,
    Source,
)
from common.vehicle import LINCOLN_MKZ
from planning.safety import SafetyGate
from teleop.handover import Inputs, Mode, State, step
from teleop.hub import Hub, Inbox
from teleop.link import Request
from teleop.watchdog import CaptureClock, Grade, SpeedGovernor, Timings, grade

OFF_ROUTE = 2.5  # m from the route's line: a lane's half width and a little
OFF_COURSE = 0.6  # rad between the car and its route
STANDING = 0.1  # m/s; below it the vehicle stands
FULL_THROTTLE = 2.5  # m/s2 of a full pedal
FULL_BRAKE = 6.0  # m/s2 of a full pedal
HOLD = -1.0  # m/s2, keeps a standing vehicle standing
COMFORTABLE_STOP = -2.5  # m/s2, Autoware's emergency stop, gentler than any AEB
EMERGENCY_STOP = -6.0  # m/s2
SPEED_LIMIT = 80 / 3.6  # m/s, StVFernLV Annex 1 no. 3.2.2 d
FORGED_BURST = 5  # refused messages between two ticks that look like an attack
CAP_GAIN = 0.8  # 1/s, brakes towards a speed cap


@dataclass(frozen=True, slots=True)
class Supervision:
    """What the console shows of one tick."""

    state: State
    age: float | None  # s of the newest command; None before the first
    grade: Grade
    cap: float | None  # m/s
    refused: str | None  # why a request was refused in this tick
    forged: int  # messages refused so far


class SupervisedDriver:
    """A driver under remote supervision. Remembers who drives and how stale the link is."""

    def __init__(
        self,
        driver: Driver,
        gate: SafetyGate,
        hub: Hub,
        clock: Callable[[], float],
        timings: Timings | None = None,
    ) -> None:
        self.captures = CaptureClock()
        self.supervision = Supervision(State(), None, Grade.EMERGENCY_STOP, None, None, 0)
        self._driver = driver
        self._gate = gate
        self._hub = hub
        self._clock = clock
        self._timings = timings or Timings()
        self._governor = SpeedGovernor()
        self._steer = 0.0

    def reset(self, route: Route) -> None:
        """A new route; who drives stays as it is."""
        self._driver.reset(route)

    def act(self, observation: Observation) -> Decision:
        """The decision of whoever drives, through the gate."""
        decision = self._driver.act(observation)
        now = self._clock()
        inbox = self._hub.drain()
        age = self._age(inbox, now)
        state, refused = self._next(inbox, age, now, observation, decision)
        if state.mode is Mode.STANDBY and self.supervision.state.mode is Mode.MINIMUM_RISK:
            self._gate.reset()
        cap = None
        if state.mode is Mode.REMOTE and age is not None:
            cap = self._governor.update(observation.ego.speed, age)
        self.supervision = Supervision(
            state,
            age,
            grade(age, self._timings),
            cap,
            refused,
            self.supervision.forged + inbox.forged,
        )
        command = self._command(state, inbox, cap, observation.ego, decision)
        if state.mode is not Mode.AUTONOMY:
            command = self._gate.check(command, observation.ego, decision.scene, observation.t)
        self._steer = command.steer
        return replace(decision, command=command)

    def _age(self, inbox: Inbox, now: float) -> float | None:
        """Age (s) of the newest command: of what its operator saw, or of itself if that is more."""
        if inbox.newest is None or inbox.received_at is None:
            return None
        seen = self.captures.age(inbox.newest.frame_id, now)
        return None if seen is None else max(seen, now - inbox.received_at)

    def _next(
        self,
        inbox: Inbox,
        age: float | None,
        now: float,
        observation: Observation,
        decision: Decision,
    ) -> tuple[State, str | None]:
        heard = None if inbox.received_at is None else now - inbox.received_at
        inputs = Inputs(
            request=Request.NONE,
            present=inbox.newest is not None and inbox.newest.present,
            command_grade=grade(age, self._timings),
            supervised=heard is not None and heard < self._timings.supervision_lost,
            tampered=inbox.forged >= FORGED_BURST,
            standing=abs(observation.ego.speed) < STANDING,
            autonomy_ready=decision.plan is not None
            and on_route(observation.route, observation.ego),
        )
        state, refused = self.supervision.state, None
        for request in inbox.requests or (Request.NONE,):
            state, reason = step(state, replace(inputs, request=request))
            refused = reason or refused
        return state, refused

    def _command(
        self, state: State, inbox: Inbox, cap: float | None, ego: EgoState, decision: Decision
    ) -> ControlCommand:
        if state.mode is Mode.AUTONOMY:
            return decision.command
        if state.mode is Mode.REMOTE and inbox.newest is not None:
            message = inbox.newest
            accel = message.accel * (FULL_THROTTLE if message.accel > 0 else FULL_BRAKE)
            limit = min(SPEED_LIMIT, SPEED_LIMIT if cap is None else cap)
            if abs(ego.speed) > limit:
                accel = min(accel, -CAP_GAIN * (abs(ego.speed) - limit))
            steer = message.steer * LINCOLN_MKZ.max_steer
            return ControlCommand(ego.t, steer, accel, message.reverse, Source.OPERATOR)
        if state.mode is Mode.STANDBY or abs(ego.speed) < STANDING:
            return ControlCommand(ego.t, self._steer, HOLD, False, Source.SAFETY)
        brake = EMERGENCY_STOP if state.emergency else COMFORTABLE_STOP
        planned = decision.command
        keeps_lane = decision.plan is not None and not planned.reverse and ego.speed > 0.0
        steer = planned.steer if keeps_lane else self._steer
        accel = min(brake, planned.accel) if keeps_lane else brake
        return ControlCommand(ego.t, steer, accel, ego.speed < 0.0, Source.SAFETY)


def on_route(route: Route, ego: EgoState) -> bool:
    """Whether the autonomy may begin here: on its route, heading along it, not rolling back."""
    here = ego.world_from_ego
    along = np.diff(route.points, axis=0)
    away = np.array([here.x, here.y]) - route.points[:-1]
    nearest = int(np.argmin(np.hypot(*away.T)))
    course = math.atan2(along[nearest, 1], along[nearest, 0])
    aside = float(np.hypot(*away[nearest]))
    turned = abs(wrap_angle(here.yaw - course))
    return aside <= OFF_ROUTE and turned <= OFF_COURSE and ego.speed > -STANDING
