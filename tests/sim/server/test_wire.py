import contextlib

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.server import rpc, wire
from sim.server.limits import limits_of
from sim.server.scene import Sign

numbers = st.floats(-1e4, 1e4, width=32)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=12),
    max_leaves=12,
)


@given(st.lists(numbers, min_size=14, max_size=14))
def test_weather_crosses_the_wire_unchanged(parameters):
    there = wire.to_weather(wire.weather(parameters))
    np.testing.assert_allclose(there, parameters, rtol=1e-12, atol=1e-12)


@given(st.tuples(*[numbers] * 3), st.tuples(*[st.floats(-180.0, 180.0)] * 3))
def test_a_transform_crosses_the_wire_unchanged(location, rotation):
    there = wire.to_transform(wire.pose([list(location), list(rotation)]))
    np.testing.assert_allclose(there, [location, rotation], rtol=1e-9, atol=1e-9)


@given(anything)
def test_no_reader_is_startled_by_any_value(value):
    readers = (
        wire.pose, wire.vector, wire.settings, wire.weather, wire.description, wire.whole,
        lambda value: wire.vehicle_controls([value]), wire.walker_control, wire.optional, wire.text,
    )  # fmt: skip
    for reader in readers:
        with contextlib.suppress(rpc.RpcError):
            reader(value)


@given(anything)
def test_whatever_is_no_request_ends_the_connection_politely(value):
    with contextlib.suppress(rpc.ProtocolError):
        rpc.parse(value)


def requests(unpacker, data):
    """The requests that are complete once `data` has come."""
    rpc.feed(unpacker, data)
    return list(iter(lambda: rpc.next_request(unpacker), None))


@given(st.binary(max_size=200))
def test_bytes_are_requests_or_a_protocol_error(data):
    with contextlib.suppress(rpc.ProtocolError):
        requests(rpc.new_unpacker(), data)


def test_requests_may_come_in_pieces():
    data = msgpack.packb([0, 1, "version", [[False]]]) + msgpack.packb([0, 2, "f", [[True], 3]])
    unpacker, found = rpc.new_unpacker(), []
    for i in range(len(data)):
        found += requests(unpacker, data[i : i + 1])
    assert [(r.id, r.method, r.waits, r.arguments) for r in found] == [
        (1, "version", True, []),
        (2, "f", False, [3]),
    ]


def test_a_position_that_is_not_finite_is_refused():
    with pytest.raises(rpc.RpcError, match="finite"):
        wire.vector([float("nan"), 0.0, 0.0])


def test_a_sign_holds_for_those_in_its_trigger_only():
    sign = Sign("traffic.speed_limit.50", "1", 10.0, 0.0, 0.0, np.pi / 2, (3.0, 0.0, 0.0),
                (2.0, 1.5, 1.0))  # fmt: skip
    points = np.array([[10.0, 3.0], [10.0, -3.0], [11.4, 4.9], [11.6, 3.0], [10.0, 5.1]])
    inside, limit = limits_of([sign]).passed(points)
    assert inside.tolist() == [0, 2]
    assert limit.tolist() == [50.0, 50.0]
