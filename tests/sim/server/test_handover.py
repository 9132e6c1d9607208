"""Loads by clients whose Traffic Managers run: they stand still while the client has no episode."""

import os
import socket
import subprocess
import sys
import textwrap

import msgpack
import pytest

from sim.server.traffic_managers import STEADY

PATHS = os.pathsep.join(path for path in sys.path if path)

# in asynchronous mode, where the genuine client takes no care of itself: it ends with a signal
LOADS = """
    import sys
    import time
    import carla

    port, *managers = map(int, sys.argv[1:])
    client = carla.Client("127.0.0.1", port, worker_threads=1)
    client.set_timeout(60.0)
    world = client.get_world()
    world.apply_settings(carla.WorldSettings())
    text = world.get_map().to_opendrive()

    def cars():
        model = world.get_blueprint_library().find("vehicle.tesla.model3")
        places = world.get_map().get_spawn_points()
        made = [world.spawn_actor(model, places[i]) for i in range(len(managers))]
        for car, manager in zip(made, managers):
            car.set_autopilot(True, manager)
        world.wait_for_tick()
        return made

    loads = (
        client.reload_world,
        lambda: client.generate_opendrive_world(text),
        lambda: client.load_world("motorway"),  # last, since it has no red light
    )
    for load in loads:
        cars()
        time.sleep(0.1)  # the Traffic Managers are at it
        world = load()
        print(world.get_map().name, flush=True)
    left = {car: car.get_location() for car in cars()}
    while left:
        world.wait_for_tick(60.0)
        left = {car: at for car, at in left.items() if car.get_location().distance(at) < 5.0}
    print("driven", flush=True)
"""


@pytest.fixture
def city(client):
    """The session's server, and its town again when the test ends."""
    yield
    client.load_world("city")


@pytest.mark.parametrize("managers", [1, 2])
def test_a_client_whose_traffic_managers_run_freely_loads_worlds_and_they_drive_on(
    port, city, managers
):
    command = [sys.executable, "-c", textwrap.dedent(LOADS), str(port)]
    with (
        socket.create_server(("127.0.0.1", 0)) as first,
        socket.create_server(("127.0.0.1", 0)) as second,
    ):
        free = [str(one.getsockname()[1]) for one in (first, second)][:managers]
    run = subprocess.run(
        [*command, *free],
        capture_output=True,
        text=True,
        timeout=120.0,
        env={**os.environ, "PYTHONPATH": PATHS},
    )
    names = [line for line in run.stdout.splitlines() if "InMemoryMap" not in line]
    loads = [f"Carla/Maps/{name}" for name in ("city", "OpenDriveMap", "motorway")]
    assert names == [*loads, "driven"], run.stderr
    assert run.returncode == 0


def answers(port, *requests):
    """The methods in the order of their answers, of requests sent at once on one connection."""
    order = []
    with socket.create_connection(("127.0.0.1", port), 60.0) as sock:
        messages = ([0, i, method, [[False], *args]] for i, (method, *args) in enumerate(requests))
        sock.sendall(b"".join(map(msgpack.packb, messages)))
        unpacker = msgpack.Unpacker(raw=False)
        while len(order) < len(requests):
            data = sock.recv(1 << 16)
            assert data
            unpacker.feed(data)
            order += [requests[number][0] for _, number, _, _ in unpacker]
    return order


LOAD, SETTINGS = ("load_new_episode", "", False, 65535), ("get_episode_settings",)
ARRIVAL = (("get_episode_info",), SETTINGS, ("get_sensor_token", 1 << 29))  # nobody's stream
RENEWAL = ("get_required_files", "TM")


def registered(port):
    return ("add_traffic_manager_running", ["127.0.0.1", port])


def test_a_load_waits_for_every_traffic_manager_and_they_wait_for_its_client(port, free_port):
    begin = (registered(free_port), registered(free_port + 1), LOAD, ("version",), SETTINGS)
    assert answers(port, *begin, ("version",), SETTINGS, ("version",), *ARRIVAL) == [
        "add_traffic_manager_running", "add_traffic_manager_running", "version", "version",
        "load_new_episode", "version", "get_episode_info", "get_episode_settings",
        "get_sensor_token", "get_episode_settings", "get_episode_settings",
    ]  # fmt: skip


def test_a_load_that_is_refused_holds_nobody(port, free_port):
    atlantis = ("load_new_episode", "Atlantis", False, 65535)
    assert answers(port, registered(free_port), atlantis, SETTINGS, ("version",)) == [
        "add_traffic_manager_running", "load_new_episode", "get_episode_settings", "version",
    ]  # fmt: skip


def test_a_load_does_not_wait_for_ever_for_a_traffic_manager(port, free_port):
    assert answers(port, registered(free_port), LOAD)[-1] == "load_new_episode"


def test_a_traffic_manager_does_not_wait_for_ever_for_its_client(port, free_port):
    assert answers(port, registered(free_port), LOAD, SETTINGS)[-1] == "get_episode_settings"


def test_the_first_tick_waits_until_every_traffic_manager_has_the_new_map(port, world, free_port):
    begin = (registered(free_port), registered(free_port + 1), LOAD, SETTINGS, SETTINGS, *ARRIVAL)
    tick = (("tick_cue",), RENEWAL, ("version",), RENEWAL, ("tick_cue",), ("version",))
    assert answers(port, *begin, *tick)[-6:] == [
        "get_required_files", "version", "tick_cue", "get_required_files", "tick_cue", "version",
    ]  # fmt: skip


def test_the_first_tick_does_not_wait_for_ever(port, world, free_port):
    tick = (("tick_cue",), ("version",))
    order = answers(port, registered(free_port), LOAD, SETTINGS, *ARRIVAL, *tick)
    assert order[-2:] == ["version", "tick_cue"]


def test_in_synchronous_mode_a_town_comes_with_its_own_map(client, city, world, manager):
    for town in ("motorway", "city") * 2:
        world = client.load_world(town, False)
        assert world.get_map().name == f"Carla/Maps/{town}"
        model = world.get_blueprint_library().find("vehicle.tesla.model3")
        car = world.spawn_actor(model, world.get_map().get_spawn_points()[1])
        car.set_autopilot(True, manager.get_port())
        for _ in range(STEADY + 2):  # from the second load on they are known to keep step
            world.tick()
        assert car.get_control().throttle > 0.0


def test_a_client_without_traffic_managers_loads_at_once(port):
    assert answers(port, LOAD, SETTINGS, ("version",)) == [
        "load_new_episode", "get_episode_settings", "version"
    ]  # fmt: skip


def test_a_client_that_leaves_in_the_midst_of_its_load_leaves_nothing_behind(port, free_port):
    with socket.create_connection(("127.0.0.1", port), 60.0) as sock:
        for number, (method, *arguments) in enumerate((registered(free_port), LOAD, SETTINGS)):
            sock.sendall(msgpack.packb([0, number, method, [[False], *arguments]]))
    assert answers(port, registered(free_port + 1), LOAD, SETTINGS, *ARRIVAL)
