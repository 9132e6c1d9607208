"""Background traffic through the genuine client and the embedded server."""

import hashlib
from collections.abc import Iterator

import numpy as np
import pytest

from drive.stage import start_of
from sim.lamps import Lamp
from sim.launch import embedded_server
from sim.readings import Readings
from sim.roads import Roads
from sim.routes import make_route
from sim.traffic import Traffic
from sim.world import DT, World

VEHICLES, WALKERS = 25, 10


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with embedded_server("city", step=DT) as port, World("127.0.0.1", port) as world:
        yield world


def busy_city(world: World, seed: int) -> tuple[Traffic, Readings]:
    world.load("city")
    roads = Roads(world.map)
    start = start_of(make_route(roads, 0))
    world.spawn_ego(start, seed=0, rig=())
    dice = np.random.default_rng(seed)
    traffic = Traffic(world, roads, dice, VEHICLES, WALKERS, keep_clear=start)
    return traffic, world.start()


def run(world: World, seed: int, seconds: float) -> tuple[Traffic, Readings, str, float]:
    """The traffic, the last readings, a digest of all poses, the mean speed at the end."""
    traffic, readings = busy_city(world, seed)
    digest = hashlib.sha256()
    for _ in range(round(seconds / DT)):
        traffic.step(readings.users, readings.lights)
        readings = world.tick()
        digest.update(readings.users.pose.tobytes())
        assert not readings.contacts, "somebody drove into the standing ego"
    speed = np.hypot(*readings.users.velocity[:, :2].T)
    return traffic, readings, digest.hexdigest(), float(speed[~readings.users.walker].mean())


def test_vehicles_drive_in_their_lanes_and_walkers_walk(world: World) -> None:
    traffic, readings, _, speed = run(world, 1, 12.0)
    users = readings.users
    assert len(traffic.ids) == VEHICLES
    assert users.walker.sum() == WALKERS
    assert speed > 1.5
    rows = np.searchsorted(users.ids, traffic.ids)
    at = Roads(world.map).nearest(users.pose[rows, :2], users.pose[rows, 5])
    assert (at.lane >= 0).all()
    lamps = dict(world.world.get_vehicles_light_states())
    halted = traffic.ids[traffic.fleet.stood > 1.0]
    assert len(halted)
    assert all(int(lamps[int(one)]) & Lamp.BRAKE for one in halted)
    pace = np.hypot(*users.velocity[users.walker, :2].T)
    assert 0.7 < np.median(pace) < 2.0


def test_two_runs_are_identical_and_another_seed_differs(world: World) -> None:
    digests = [run(world, seed, 4.0)[2] for seed in (1, 1, 2)]
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_destroy_leaves_the_ego_alone(world: World) -> None:
    traffic, _ = busy_city(world, 3)
    traffic.destroy()
    readings = world.tick()
    assert readings.users.ids.tolist() == [readings.ego_id]
