"""One server in a child process for the session; each test begins with a fresh episode."""

import contextlib
import socket

import carla
import pytest

from sim.launch import embedded_server

STEP = 0.05


@pytest.fixture(scope="session")
def port():
    with embedded_server("city", step=STEP) as number:
        yield number


@pytest.fixture
def client(port):
    client = carla.Client("127.0.0.1", port, worker_threads=8)
    client.set_timeout(60.0)
    return client


@pytest.fixture
def world(client):
    client.get_world().apply_settings(carla.WorldSettings(True, False, STEP))
    world = client.reload_world(False)
    world.tick()
    return world


@pytest.fixture
def spawn(world):
    """Spawn by type, at a spawn point or a transform, with attributes as keywords."""
    library = world.get_blueprint_library()
    points = world.get_map().get_spawn_points()
    sensors = []

    def spawn(type_id, place=0, parent=None, **attributes):
        blueprint = library.find(type_id)
        for key, value in attributes.items():
            blueprint.set_attribute(key, str(value))
        where = points[place] if isinstance(place, int) else place
        actor = world.spawn_actor(blueprint, where, attach_to=parent)
        if type_id.startswith("sensor."):
            sensors.append(actor)
        return actor

    yield spawn
    for sensor in sensors:
        with contextlib.suppress(RuntimeError):
            sensor.stop()


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def manager(client, world, free_port):
    """A Traffic Manager in step with the world."""
    manager = client.get_trafficmanager(free_port)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(1)
    yield manager
    manager.set_synchronous_mode(False)
    manager.shut_down()
