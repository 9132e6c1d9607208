"""Cameras, worlds, clients that come and go, hours of traffic: does anything leak?

    python -m tests.sim.server.soak --cameras 3000 --reloads 300 --connects 1000 --hours 4

The server's memory (resident set) is sampled all the way; its slope is a least-squares line
through the samples of the second half. Prints a Markdown table.
"""

import argparse
import contextlib
import faulthandler
import math
import queue
import sys
import time
from pathlib import Path

import carla
import numpy as np

from sim.bench import fleet, resident, server_process, tended
from sim.launch import embedded_server

STEP = 0.05
SAMPLES = 100  # of memory per stage
HANGING = 600.0  # s of one cycle after which the program ends with a traceback
MANAGED = 50  # vehicles of the Traffic Manager


def open_files(process):
    """How many files and sockets a process has open."""
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def stage(process, cycles, work, most):
    """Run `work` so many times, within `most` s: cycles, seconds, memory (kB), open files."""
    every = max(cycles // SAMPLES, 1)
    begun, samples = time.monotonic(), []
    for i in range(cycles):
        faulthandler.dump_traceback_later(HANGING, exit=True)
        work()
        if i % every == 0:
            samples.append((i, resident(process)))
        if time.monotonic() - begun > most:
            break
    faulthandler.cancel_dump_traceback_later()
    seconds = time.monotonic() - begun
    time.sleep(0.5)
    return i + 1, seconds, np.array(samples), open_files(process)


def slope(samples):
    """Kilobytes per cycle over the second half."""
    late = samples[len(samples) // 2 :]
    return float(np.polyfit(late[:, 0], late[:, 1], 1)[0]) if len(late) > 2 else 0.0


def camera_cycle(world):
    """A camera comes, sends one image, and goes."""
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    blueprint.set_attribute("image_size_x", "64")
    blueprint.set_attribute("image_size_y", "36")
    place = world.get_map().get_spawn_points()[0]

    def work():
        camera = world.spawn_actor(blueprint, place)
        images = queue.Queue()
        camera.listen(images.put)
        world.tick()
        images.get(timeout=60.0)
        camera.stop()
        camera.destroy()

    return work


def connect_cycle(port):
    """A client connects, looks around, and goes."""

    def work():
        client = carla.Client("127.0.0.1", port, worker_threads=1)
        client.set_timeout(60.0)
        client.get_world().get_settings()

    return work


def reload_cycle(client):
    """The world is loaded again, with a car in it."""

    def work():
        world = client.reload_world(False)
        world.spawn_actor(
            world.get_blueprint_library().find("vehicle.tesla.model3"),
            world.get_map().get_spawn_points()[0],
        )
        world.tick()

    return work


@contextlib.contextmanager
def managed_cycle(client):
    """Vehicles of the Traffic Manager drive for a simulated second."""
    world = client.reload_world(False)
    with tended(client, fleet(world, MANAGED)):

        def work():
            for _ in range(round(1.0 / STEP)):
                world.tick()

        yield work


def soak(cameras, reloads, connects, hours=0.0, most=math.inf):
    """Rows of the table as they come: stage, cycles, seconds, samples of memory, open files."""
    with embedded_server("city", step=STEP) as port:
        process = server_process()
        client = carla.Client("127.0.0.1", port, worker_threads=8)
        client.set_timeout(120.0)
        world = client.get_world()
        world.tick()
        stages = [
            ("camera created, listened to, destroyed", cameras, camera_cycle(world)),
            ("`reload_world`, a car, a tick", reloads, reload_cycle(client)),
            ("client connects, `get_world`", connects, connect_cycle(port)),
        ]
        for name, cycles, work in stages:
            if cycles:
                yield name, *stage(process, cycles, work, most)
        if hours:
            with managed_cycle(client) as work:
                seconds = round(3600 * hours)
                name = f"a simulated second of {MANAGED} vehicles"
                yield name, *stage(process, seconds, work, most)
        assert client.get_server_version() == "0.9.16"


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cameras", type=int, default=3000)
    parser.add_argument("--reloads", type=int, default=300)
    parser.add_argument("--connects", type=int, default=1000)
    parser.add_argument("--hours", type=float, default=4.0, help="simulated, of traffic")
    parser.add_argument("--seconds", type=float, default=math.inf, help="at most, a stage")
    wanted = parser.parse_args()
    sys.stdout.write(
        "| cycle | cycles | s | memory at the start, MB | at the end, MB | slope, kB a cycle "
        "| open files after |\n|---|---|---|---|---|---|---|\n"
    )
    counts = wanted.cameras, wanted.reloads, wanted.connects, wanted.hours
    for name, cycles, seconds, samples, files in soak(*counts, wanted.seconds):
        first, last = samples[0, 1] / 1024, samples[-1, 1] / 1024
        sys.stdout.write(
            f"| {name} | {cycles} | {seconds:.0f} | {first:.0f} | {last:.0f} "
            f"| {slope(samples):+.2f} | {files} |\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
