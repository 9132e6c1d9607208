import pytest

from common.messages import Infraction, Outcome
from drive.disengage import disengagements


def broke(kind: str, t: float, at_fault: bool = True) -> Infraction:
    return Infraction(kind, t, 0.0, 0.0, "", at_fault)


def test_what_a_safety_driver_prevents_counts_once_each_in_order_of_time():
    found = [broke("red_light", 30.0), broke("collision_walker", 12.0), broke("min_speed", 50.0)]
    counted = disengagements(Outcome.COLLISION, 60.0, found, None)
    assert [(one.cause, one.t) for one in counted] == [
        ("collision_walker", 12.0),
        ("red_light", 30.0),
    ]
    assert {one.initiator for one in counted} == {"referee"}


def test_what_others_did_to_the_car_does_not_count():
    found = [broke("collision_vehicle", 5.0, at_fault=False)]
    assert disengagements(Outcome.COLLISION, 60.0, found, None) == ()


@pytest.mark.parametrize("outcome", [Outcome.STUCK, Outcome.TIMEOUT, Outcome.DRIVER_ERROR])
def test_a_car_that_needs_help_counts_once(outcome: Outcome):
    (one,) = disengagements(outcome, 60.0, [], None)
    assert (one.cause, one.t) == (outcome.value.lower(), 60.0)


def test_a_stop_by_the_gate_counts_as_the_systems_and_not_again_as_stuck():
    (one,) = disengagements(Outcome.STUCK, 200.0, [], (20.0, "no scene for 0.5 s"))
    assert (one.kind, one.initiator, one.t) == ("minimum_risk", "system", 20.0)


def test_a_clean_success_has_none():
    assert disengagements(Outcome.SUCCESS, 60.0, [broke("min_speed", 50.0)], None) == ()
