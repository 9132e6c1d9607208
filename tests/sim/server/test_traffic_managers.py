"""The barrier of Traffic Managers, and what becomes of a cycle that does not follow its tick."""

import selectors
import socket

import msgpack
import pytest

from sim.server import traffic_managers
from sim.server.rouse import Rouser
from sim.server.traffic_managers import OVERDUE, TrafficManagers


class Clock:
    """Time that goes on only when told."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """The clock of the register."""
    clock = Clock()
    monkeypatch.setattr(traffic_managers, "time", clock)
    return clock


def call(managers, peer, *methods):
    for method in methods:
        managers.observe(peer, method, True)
        managers.answered(peer, method)


CYCLE = (
    "get_vehicle_light_states", "get_weather_parameters", "apply_batch", "get_episode_settings"
)  # fmt: skip


def ticking(managers, port=8000):
    """A connection whose Traffic Manager has made a cycle, and then a tick."""
    peer = object()
    assert managers.add(port, "127.0.0.1", peer)
    call(managers, peer, "tick_cue", *CYCLE, "tick_cue")
    return peer


def test_a_cycle_that_does_not_follow_its_tick_is_lost_and_told_once(clock):
    managers = TrafficManagers()
    peer = ticking(managers)
    assert managers.lost(clock.now) == [] and managers.patience() == OVERDUE
    clock.now += OVERDUE
    assert managers.lost(clock.now) == [(peer, 8000)]
    assert managers.lost(clock.now) == [] and managers.patience() is None


def test_a_cycle_that_begins_in_time_is_not_lost(clock):
    managers = TrafficManagers()
    call(managers, ticking(managers), "get_vehicle_light_states")
    clock.now += 2.0 * OVERDUE
    assert managers.lost(clock.now) == []


@pytest.mark.parametrize("end", ["remove", "forget"])
def test_nothing_is_awaited_of_a_traffic_manager_that_has_ended(clock, end):
    managers = TrafficManagers()
    peer = ticking(managers)
    if end == "remove":
        assert managers.remove(8000)
    else:
        managers.forget(peer)
    clock.now += 2.0 * OVERDUE
    assert managers.lost(clock.now) == [] and managers.patience() is None


def test_whoever_ticks_without_a_traffic_manager_is_left_alone(clock):
    managers = TrafficManagers()
    ticking(managers)
    call(managers, object(), "tick_cue")
    assert managers.patience() == OVERDUE


def test_a_tick_waits_for_the_end_of_a_cycle(clock):
    managers = TrafficManagers()
    call(managers, ticking(managers), *CYCLE[:3])
    assert managers.waiting()
    clock.now += traffic_managers.PATIENCE
    assert not managers.waiting()


def test_traffic_managers_that_keep_step_with_the_ticks_are_at_rest(clock):
    managers = TrafficManagers()
    peer = ticking(managers)
    managers.add(8001, "127.0.0.1", peer)
    assert managers.restless(peer)
    for _ in range(traffic_managers.STEADY + 1):
        call(managers, peer, *CYCLE, *CYCLE, "tick_cue")
    assert not managers.restless(peer)
    call(managers, peer, *CYCLE, *CYCLE, "get_episode_settings")
    assert managers.restless(peer)


@pytest.mark.parametrize("between", [(), (*CYCLE, "get_episode_settings"), (*CYCLE, *CYCLE)])
def test_traffic_managers_that_miss_ticks_or_do_more_than_ticks_ask_for_are_restless(
    clock, between
):
    managers = TrafficManagers()
    peer = ticking(managers)
    for _ in range(traffic_managers.STEADY + 1):
        call(managers, peer, *between, "tick_cue")
    assert managers.restless(peer)


def test_a_connection_without_traffic_managers_has_none_that_are_restless():
    assert not TrafficManagers().restless(object())


def test_a_traffic_manager_is_roused_by_leaving_synchronous_mode_and_coming_back():
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as manager, selectors.DefaultSelector() as selector:
        rouser = Rouser(selector, *manager.getsockname())
        client, _ = manager.accept()
        with client:
            unpacker = msgpack.Unpacker()
            while not rouser.closed:
                for key, events in selector.select(0.01):
                    key.data(events)
                client.setblocking(False)
                try:
                    unpacker.feed(client.recv(4096))
                except BlockingIOError:
                    continue
                for kind, number, method, arguments in unpacker:
                    heard.append((method, arguments))
                    client.sendall(msgpack.packb([kind + 1, number, None, None]))
    assert heard == [("set_synchronous_mode", [False]), ("set_synchronous_mode", [True])]


def test_a_traffic_manager_that_nobody_hears_costs_nothing():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    with selectors.DefaultSelector() as selector:
        rouser = Rouser(selector, *address)
        while not rouser.closed:
            for key, events in selector.select(0.1):
                key.data(events)
