from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleop.handover import Inputs, Mode, State, step
from teleop.link import Request
from teleop.watchdog import Grade

CALM = Inputs(
    request=Request.NONE,
    present=True,
    command_grade=Grade.FRESH,
    supervised=True,
    tampered=False,
    standing=False,
    autonomy_ready=True,
)
inputs = st.builds(
    Inputs,
    st.sampled_from(Request),
    st.booleans(),
    st.sampled_from(Grade),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


def after(mode: Mode, **changes: object) -> State:
    return step(State(mode, "test"), replace(CALM, **changes))[0]  # type: ignore[arg-type]


def test_the_operator_takes_over_and_hands_back() -> None:
    assert after(Mode.AUTONOMY, request=Request.TAKE_OVER).mode is Mode.REMOTE
    assert after(Mode.REMOTE, request=Request.HAND_BACK).mode is Mode.AUTONOMY


def test_nobody_drives_until_an_operator_engages() -> None:
    assert after(Mode.STANDBY).mode is Mode.STANDBY
    assert after(Mode.STANDBY, request=Request.ENGAGE).mode is Mode.AUTONOMY


def test_a_silent_operator_stops_the_car_first_gently_then_hard() -> None:
    gentle = after(Mode.REMOTE, command_grade=Grade.COMFORTABLE_STOP)
    assert (gentle.mode, gentle.emergency) == (Mode.MINIMUM_RISK, False)
    hard = after(Mode.REMOTE, command_grade=Grade.EMERGENCY_STOP)
    assert (hard.mode, hard.emergency) == (Mode.MINIMUM_RISK, True)


def test_an_operator_who_leaves_the_controls_stops_the_car() -> None:
    assert after(Mode.REMOTE, present=False).mode is Mode.MINIMUM_RISK


def test_the_autonomy_stops_when_nobody_supervises() -> None:
    assert after(Mode.AUTONOMY, supervised=False).mode is Mode.MINIMUM_RISK


def test_forged_commands_stop_the_car_in_any_mode() -> None:
    for mode in Mode:
        assert after(mode, tampered=True).mode is Mode.MINIMUM_RISK


def test_a_take_over_over_a_slow_link_or_with_nobody_there_is_refused_with_a_reason() -> None:
    for change in ({"command_grade": Grade.GOVERN}, {"present": False}):
        state, refused = step(
            State(Mode.AUTONOMY), replace(CALM, request=Request.TAKE_OVER, **change)
        )
        assert state.mode is Mode.AUTONOMY
        assert refused


def test_a_hand_back_without_a_plan_is_refused_with_a_reason() -> None:
    state, refused = step(
        State(Mode.REMOTE), replace(CALM, request=Request.HAND_BACK, autonomy_ready=False)
    )
    assert state.mode is Mode.REMOTE
    assert refused


@pytest.mark.parametrize("change", [{"standing": False}, {"supervised": False}, {"present": False}])
def test_a_stop_is_cleared_only_at_standstill_by_an_operator_who_is_there(
    change: dict[str, bool],
) -> None:
    ready = replace(CALM, standing=True, request=Request.CLEAR)
    stopped = State(Mode.MINIMUM_RISK, "operator silent")
    assert step(stopped, ready)[0].mode is Mode.STANDBY
    assert step(stopped, replace(ready, **change))[0].mode is Mode.MINIMUM_RISK


@given(st.lists(inputs, max_size=30))
def test_nothing_but_clear_ever_moves_a_latched_vehicle(sequence: list[Inputs]) -> None:
    state = State(Mode.MINIMUM_RISK, "operator silent")
    for one in sequence:
        state, _ = step(
            state, replace(one, request=Request.STOP) if one.request is Request.CLEAR else one
        )
        assert state.mode is Mode.MINIMUM_RISK


@given(st.lists(inputs, max_size=40))
def test_a_stop_once_hard_stays_hard_until_it_is_cleared(sequence: list[Inputs]) -> None:
    state = State()
    for one in sequence:
        before = state
        state, _ = step(state, one)
        if before.mode is Mode.MINIMUM_RISK and state.mode is Mode.MINIMUM_RISK:
            assert state.emergency >= before.emergency
            assert state.cause == before.cause
        if before.mode is Mode.MINIMUM_RISK and state.mode is not Mode.MINIMUM_RISK:
            assert state.mode is Mode.STANDBY
