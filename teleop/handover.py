"""Who drives: a pure state machine. No message can move a vehicle whose stop is latched.

STANDBY -> AUTONOMY or REMOTE -> MINIMUM_RISK (latched) -> STANDBY, once it stands and the operator
has cleared the cause (StVFernLV Annex 1 no. 3.3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from teleop.link import Request
from teleop.watchdog import Grade


class Mode(str, Enum):
    """Who has the dynamic driving task."""

    STANDBY = "standby"  # standing, nobody drives
    AUTONOMY = "autonomy"
    REMOTE = "remote"
    MINIMUM_RISK = "minimum_risk"  # the vehicle brings itself to a stop, and stays


@dataclass(frozen=True, slots=True)
class State:
    """The mode, why, and how hard to brake in MINIMUM_RISK."""

    mode: Mode = Mode.STANDBY
    cause: str = "waiting for an operator"
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class Inputs:
    """What one tick knows."""

    request: Request  # of the newest accepted message since the last tick
    present: bool  # the operator is at the controls
    command_grade: Grade  # age of the newest command
    supervised: bool  # a console is heard often enough to supervise
    tampered: bool  # a burst of forged messages
    standing: bool  # the vehicle does not move
    autonomy_ready: bool  # the driver has a plan, and the car is where it may begin


def stop(state: State, cause: str, *, emergency: bool) -> State:
    """Begin, or harden, a minimum-risk stop; the first cause is kept."""
    if state.mode is Mode.MINIMUM_RISK:
        return replace(state, emergency=state.emergency or emergency)
    return State(Mode.MINIMUM_RISK, cause, emergency)


def step(state: State, inputs: Inputs) -> tuple[State, str | None]:
    """The next state, and why a request was refused, if it was."""
    if inputs.tampered:
        return stop(state, "forged commands on the link", emergency=False), None
    if inputs.request is Request.STOP:
        return stop(state, "stopped by the operator", emergency=True), None
    if state.mode is Mode.MINIMUM_RISK:
        return _clear(state, inputs)
    if state.mode is Mode.REMOTE:
        return _remote(state, inputs)
    if state.mode is Mode.AUTONOMY and not inputs.supervised:
        return stop(state, "supervision lost", emergency=False), None
    return _requests(state, inputs)


def _clear(state: State, inputs: Inputs) -> tuple[State, str | None]:
    if inputs.request is Request.CLEAR:
        if inputs.standing and inputs.supervised and inputs.present:
            return State(Mode.STANDBY, f"cleared: {state.cause}"), None
        return state, "a stop is cleared only at standstill, by an operator at the controls"
    if inputs.request is not Request.NONE:
        return state, f"stopped ({state.cause}); clear the cause first"
    return state, None


def _remote(state: State, inputs: Inputs) -> tuple[State, str | None]:
    if inputs.command_grade >= Grade.EMERGENCY_STOP:
        return stop(state, "operator silent", emergency=True), None
    if inputs.command_grade >= Grade.COMFORTABLE_STOP:
        return stop(state, "operator silent", emergency=False), None
    if not inputs.present:
        return stop(state, "operator not at the controls", emergency=False), None
    return _requests(state, inputs)


def _requests(state: State, inputs: Inputs) -> tuple[State, str | None]:
    if inputs.request is Request.TAKE_OVER and state.mode is not Mode.REMOTE:
        if not inputs.present:
            return state, "take-over needs the operator at the controls"
        if inputs.command_grade >= Grade.GOVERN:
            return state, "take-over needs a latency below the legal limit"
        return State(Mode.REMOTE, "taken over by the operator"), None
    if inputs.request in (Request.ENGAGE, Request.HAND_BACK) and state.mode is not Mode.AUTONOMY:
        if not inputs.autonomy_ready:
            return (
                state,
                "the autonomy cannot begin here: bring the car onto its route, heading along it",
            )
        return State(Mode.AUTONOMY, "driving by itself"), None
    return state, None
