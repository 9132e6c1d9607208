import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleop.watchdog import (
    CaptureClock,
    Grade,
    SpeedGovernor,
    Timings,
    adapted_speed,
    grade,
    stopping_distance,
)

KMH = 1 / 3.6


@pytest.mark.parametrize(("speed", "adapted"), [(10, 8), (30, 24), (50, 40), (70, 56), (80, 64)])
def test_adapted_speeds_match_the_regulations_table(speed: float, adapted: float) -> None:
    assert adapted_speed(speed, 0.25) == pytest.approx(adapted)


def test_the_cap_ratchets_while_latency_stays_high_and_goes_when_it_is_back() -> None:
    governor = SpeedGovernor()
    speed, caps = 50 * KMH, []
    for _ in range(5):
        cap = governor.update(speed, 0.25)
        assert cap is not None
        caps.append(cap / KMH)
        speed = cap
    assert caps == pytest.approx([40, 32, 25.6, 20.48, 16.384])
    assert governor.update(speed, 0.19) is None


def test_the_cap_waits_until_the_vehicle_has_slowed_down_to_it() -> None:
    governor = SpeedGovernor()
    first = governor.update(50 * KMH, 0.25)
    assert governor.update(45 * KMH, 0.25) == first


def test_stopping_distances_match_the_worked_example() -> None:
    assert stopping_distance(50 * KMH, 1.0, 7.0, 0.20) == pytest.approx(30.445, abs=1e-3)
    assert stopping_distance(50 * KMH, 1.0, 7.0, 0.25) == pytest.approx(31.140, abs=1e-3)


@given(st.floats(0, 10), st.floats(0, 10))
def test_an_older_command_is_never_graded_better(a: float, b: float) -> None:
    young, old = sorted((a, b))
    assert grade(young, Timings()) <= grade(old, Timings())


def test_silence_from_the_start_is_the_worst_grade() -> None:
    assert grade(None, Timings()) is Grade.EMERGENCY_STOP


@pytest.mark.parametrize(
    "change",
    [{"warn": 0.0}, {"comfortable_stop": 2.0}, {"govern": -1.0}, {"supervision_lost": 0.1}],
)
def test_no_limit_can_be_switched_off(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Timings(**change)


def test_a_frozen_picture_ages_although_messages_keep_coming() -> None:
    clock = CaptureClock()
    clock.captured(1, 10.0)
    clock.captured(2, 10.1)
    assert clock.age(2, 10.15) == pytest.approx(0.05)
    assert clock.age(2, 11.6) == pytest.approx(1.5)
    assert clock.age(3, 11.6) is None
