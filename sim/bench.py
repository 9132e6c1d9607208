"""The embedded server's speed, seen by the genuine client over loopback."""

from __future__ import annotations

import contextlib
import queue
import socket
import time
from collections.abc import Callable, Iterator

import carla

from sim.launch import embedded_server

TOWN = "city"
STEP = 0.05  # s
SECONDS = 3.0  # of wall time per figure
TIMEOUT = 60.0  # s
THREADS = 8  # of the client, for its streams


def measure() -> dict[str, tuple[float, str]]:
    """Ticks and frames per second, and the seconds until the server is ready."""
    began = time.monotonic()
    with embedded_server(TOWN, step=STEP) as port:
        ready = time.monotonic() - began
        client = carla.Client("127.0.0.1", port, worker_threads=THREADS)
        client.set_timeout(TIMEOUT)
        return {
            "server_ready_s": (ready, "s"),
            "tick_idle_per_s": (idle(client), "1/s"),
            "tick_100_vehicles_per_s": (moving(client, 100), "1/s"),
            "tick_tm_50_per_s": (managed(client, 50), "1/s"),
            "tick_tm_100_per_s": (managed(client, 100), "1/s"),
            "camera_640x360_per_s": (cameras(client, 1), "1/s"),
            "cameras_4_640x360_per_s": (cameras(client, 4), "1/s"),
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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    manager = client.get_trafficmanager(port)
    manager.set_synchronous_mode(True)
    autopilot = carla.command.SetAutopilot(carla.command.FutureActor, True, port)
    spawn = carla.command.SpawnActor
    client.apply_batch_sync([spawn(*car).then(autopilot) for car in cars])
    yield
    manager.set_synchronous_mode(False)
    manager.shut_down()


def cameras(client: carla.Client, count: int) -> float:
    """Frames per second of rgb cameras of 640 x 360 on a moving car, each image waited for."""
    world = fresh(client)
    car = world.spawn_actor(*fleet(world, 1)[0])
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    blueprint.set_attribute("image_size_x", "640")
    blueprint.set_attribute("image_size_y", "360")
    sensors, boxes = [], []
    for i in range(count):
        place = carla.Transform(carla.Location(1.5, 0.0, 1.8), carla.Rotation(yaw=90.0 * i))
        sensors.append(world.spawn_actor(blueprint, place, attach_to=car))
        boxes.append(queue.Queue[carla.Image]())
        sensors[-1].listen(boxes[-1].put)
    car.apply_control(carla.VehicleControl(throttle=0.4, steer=0.6))

    def frame() -> None:
        world.tick()
        for box in boxes:
            box.get(timeout=TIMEOUT)

    frame()
    per_second = rate(frame)
    for sensor in sensors:
        sensor.stop()
    return per_second
