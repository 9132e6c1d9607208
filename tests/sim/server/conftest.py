"""One server in a child process per test module; each test begins with a fresh episode."""

import carla
import pytest

from sim.launch import embedded_server

STEP = 0.05


@pytest.fixture(scope="module")
def port():
    with embedded_server("city", step=STEP) as number:
        yield number


@pytest.fixture
def client(port):
    client = carla.Client("127.0.0.1", port, worker_threads=8)
    client.set_timeout(20.0)
    return client


@pytest.fixture
def world(client):
    client.get_world().apply_settings(carla.WorldSettings(True, False, STEP))
    world = client.reload_world(False)
    world.tick()
    return world
