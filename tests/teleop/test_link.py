import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleop.link import Gatekeeper, OperatorMessage, Rejection, Request, mac, seal

KEY = b"k" * 32
FIELDS = {
    "session": "s1",
    "seq": 1,
    "frame": 7,
    "request": "none",
    "present": True,
    "steer": 0.25,
    "accel": -0.5,
    "reverse": False,
}


def test_a_sealed_message_arrives_as_it_was_sent() -> None:
    message = Gatekeeper("s1", KEY).accept(seal(KEY, FIELDS))
    assert message == OperatorMessage(1, 7, Request.NONE, True, 0.25, -0.5, False)


def test_a_message_is_accepted_once() -> None:
    gate = Gatekeeper("s1", KEY)
    text = seal(KEY, FIELDS)
    assert isinstance(gate.accept(text), OperatorMessage)
    assert gate.accept(text) is Rejection.REPLAYED
    assert gate.accept(seal(KEY, {**FIELDS, "seq": 0})) is Rejection.REPLAYED
    assert gate.rejections[Rejection.REPLAYED] == 2


def test_another_key_or_session_is_refused() -> None:
    gate = Gatekeeper("s1", KEY)
    assert gate.accept(seal(b"x" * 32, FIELDS)) is Rejection.BAD_MAC
    assert gate.accept(seal(KEY, {**FIELDS, "session": "s2"})) is Rejection.OTHER_SESSION


@pytest.mark.parametrize(
    "change",
    [
        {"steer": 1.01},
        {"steer": math.nan},
        {"accel": math.inf},
        {"accel": -2},
        {"steer": "0"},
        {"steer": True},
        {"request": "fly"},
        {"present": 1},
        {"seq": -1},
        {"seq": 10**400},
        {"steer": 10**400},
        {"frame": 2**40},
    ],
)
def test_values_out_of_range_are_refused(change: dict[str, object]) -> None:
    verdict = Gatekeeper("s1", KEY).accept(seal(KEY, {**FIELDS, **change}))
    assert verdict in (Rejection.OUT_OF_RANGE, Rejection.MALFORMED)


@pytest.mark.parametrize("missing", sorted(FIELDS))
def test_a_message_without_a_field_is_refused(missing: str) -> None:
    fields = {name: value for name, value in FIELDS.items() if name != missing}
    assert isinstance(Gatekeeper("s1", KEY).accept(seal(KEY, fields)), Rejection)


@given(st.one_of(st.text(), st.binary()))
def test_no_bytes_whatever_are_taken_for_a_command_or_raise(text: str | bytes) -> None:
    assert isinstance(Gatekeeper("s1", KEY).accept(text), Rejection)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values, st.sampled_from(sorted(FIELDS)))
def test_signed_nonsense_never_raises_and_never_leaves_the_range(value: object, name: str) -> None:
    payload = json.dumps({**FIELDS, name: value})
    verdict = Gatekeeper("s1", KEY).accept(f"{payload}.{mac(KEY, payload.encode())}")
    if isinstance(verdict, OperatorMessage):
        assert -1.0 <= verdict.steer <= 1.0
        assert -1.0 <= verdict.accel <= 1.0


@given(st.integers(0, 200))
def test_one_flipped_character_breaks_the_seal(position: int) -> None:
    text = seal(KEY, FIELDS)
    position %= len(text)
    changed = text[:position] + chr(ord(text[position]) ^ 1) + text[position + 1 :]
    assert isinstance(Gatekeeper("s1", KEY).accept(changed), Rejection)
