"""The embedded server's speed, seen by the genuine client over loopback."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import carla

from common.errors import RigError
from common.messages import Camera
from common.rig import RIG, ego_from_cam
from sim.launch import embedded_server
from sim.mounted import Mounted

TOWN = "city"
STEP = 0.05  # s
SECONDS = 3.0  # of wall time per figure
TIMEOUT = 60.0  # s
THREADS = 8  # of the client that takes pictures: no stream shall wait for another's


def measure() -> dict[str, tuple[float, str]]:
    """Ticks and frames per second, the seconds until the server is ready, what it holds then."""
    began = time.monotonic()
    with embedded_server(TOWN, step=STEP) as port:
        ready = time.monotonic() - began
        memory = resident(server_process()) / 1e3
        client = carla.Client("127.0.0.1", port)
        client.set_timeout(TIMEOUT)
        audience = carla.Client("127.0.0.1", port, worker_threads=THREADS)
        audience.set_timeout(TIMEOUT)
        return {
            "server_ready_s": (ready, "s"),
            "memory_after_load_mb": (memory, "MB"),
            "tick_idle_per_s": (idle(client), "1/s"),
            "tick_100_vehicles_per_s": (moving(client, 100), "1/s"),
            "tick_tm_50_per_s": (managed(client, 50), "1/s"),
            "tick_tm_100_per_s": (managed(client, 100), "1/s"),
            "camera_640x360_per_s": (pictures(audience, around(1)), "1/s"),
            "cameras_4_640x360_per_s": (pictures(audience, around(4)), "1/s"),
            "rig_per_s": (pictures(audience, RIG), "1/s"),
        }


def rate(step: Callable[[], object]) -> float:
    """Calls of `step` per second of wall time."""
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        step()
        count += 1
    return count / (time.perf_counter() - began)


def fresh(client: carla.Client) -> carla.World:
    """A new episode, in step with us."""
    client.get_world().apply_settings(carla.WorldSettings(True, False, STEP))
    world = client.reload_world(False)
    world.tick()
    return world


def idle(client: carla.Client) -> float:
    """Ticks per second of a town where nothing moves but the lights."""
    return rate(fresh(client).tick)


def moving(client: carla.Client, count: int) -> float:
    """Ticks per second with vehicles that circle."""
    world = fresh(client)
    commands = [carla.command.SpawnActor(*pair) for pair in fleet(world, count)]
    cars = [answer.actor_id for answer in client.apply_batch_sync(commands) if not answer.error]
    turn = carla.VehicleControl(throttle=0.4, steer=0.6)
    client.apply_batch_sync([carla.command.ApplyVehicleControl(car, turn) for car in cars])
    return rate(world.tick)


def fleet(world: carla.World, count: int) -> list[tuple[carla.ActorBlueprint, carla.Transform]]:
    """Cars for places that lie apart."""
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    points = world.get_map().get_spawn_points()
    stride = len(points) // count
    return [(blueprint, point) for point in points[:: max(stride, 1)][:count]]


def managed(client: carla.Client, count: int) -> float:
    """Ticks per second with vehicles that the client's Traffic Manager drives."""
    world = fresh(client)
    with tended(client, fleet(world, count)):
        for _ in range(40):
            world.tick()
        return rate(world.tick)


@contextlib.contextmanager
def tended(
    client: carla.Client, cars: list[tuple[carla.ActorBlueprint, carla.Transform]]
) -> Iterator[None]:
    """Cars that a Traffic Manager of the client drives, in step with its ticks."""
    with traffic_manager(client) as manager:
        autopilot = carla.command.SetAutopilot(carla.command.FutureActor, True, manager.get_port())
        spawn = carla.command.SpawnActor
        client.apply_batch_sync([spawn(*car).then(autopilot) for car in cars])
        yield


@contextlib.contextmanager
def traffic_manager(client: carla.Client) -> Iterator[carla.TrafficManager]:
    """A Traffic Manager of the client on a free port, in step with its ticks."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    manager = client.get_trafficmanager(port)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(1)
    yield manager
    manager.set_synchronous_mode(False)
    manager.shut_down()


def pictures(client: carla.Client, cameras: Sequence[Camera]) -> float:
    """Ticks per second with cameras on a moving car, every picture waited for."""
    world = fresh(client)
    car = world.spawn_actor(*fleet(world, 1)[0])
    mounted = Mounted(world, car)
    boxes = [mounted.camera(camera, 0.0) for camera in cameras]
    car.apply_control(carla.VehicleControl(throttle=0.4, steer=0.6))

    def frame() -> None:
        world.tick()
        for box in boxes:
            box.get(timeout=TIMEOUT)

    frame()
    per_second = rate(frame)
    mounted.close()
    return per_second


def around(count: int) -> list[Camera]:
    """Cameras of 640 x 360 above a car's bonnet that look ahead, left, back, right."""
    return [
        Camera(f"{k}", 640, 360, math.pi / 2, ego_from_cam((1.5, 0.0, 1.8), k * math.pi / 2))
        for k in range(count)
    ]


def server_process() -> int:
    """The id of the embedded server, a child of this process.

    Raises:
        RigError: there is none.
    """
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    for child in children:
        if b"serve" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    raise RigError("expected the server to be a child of this process, found none")


def resident(process: int) -> int:
    """Kilobytes of memory that a process holds.

    Raises:
        RigError: it has ended.
    """
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RigError(f"expected process {process} to run, it has ended")
