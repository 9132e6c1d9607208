"""`ninefold bench render`: the renderer's speed in the city, with shadows and antialiasing.

The world's other figures come along: physics, lasers, traffic.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ninefold import bench_physics, bench_traffic
from ninefold.peer_llvmpipe import Peer, why_not
from sim.server.blueprints import CATALOGUE
from sim.server.render.renderer import Renderer
from sim.server.scene import Instances, View, Weather
from sim.server.town import Town, load_town

THREADS = 2
VEHICLES, WALKERS = 50, 30
FRAMES, WARM_UP = 30, 3
STEP = 0.05  # s between frames
WEATHER = Weather(sun_azimuth=0.8)
RIG = ((0.0, 1.7453), (0.0, 0.6109), (1.0472, 1.7453), (-1.0472, 1.7453), (np.pi, 1.7453))
"""Five cameras of 256x128: yaw and horizontal field of view, rad (front wide, front narrow, left,
right, rear)."""

CHILD = "from ninefold.bench_render import first_frame; first_frame()"


def measure() -> dict[str, tuple[float, str]]:
    """Frame times (median), time from process start to the first frame, and a peer's ratio."""
    town = load_town("city")
    crowd = crowd_of(town)
    renderer = Renderer(town.mesh(), THREADS)
    signals = np.zeros(len(town.signals), np.uint8)
    one = (looking(town, 0, 0.0, 640, 360, np.pi / 2.0),)
    rig = tuple(looking(town, 0, yaw, 256, 128, fov) for yaw, fov in RIG)

    def drawing(views: Sequence[View]) -> Callable[[int], object]:
        return lambda k: renderer.render_many(
            views, moved(crowd, k * STEP), signals, WEATHER, k * STEP
        )

    (ours,), (five,) = medians_ms(drawing(one)), medians_ms(drawing(rig))
    figures = {"render_640x360_ms": (ours, "ms"), "render_rig_ms": (five, "ms")}
    reason = why_not()
    if reason is None:
        peer = Peer(town.mesh(), crowd, WEATHER, one[0])
        ours, theirs = medians_ms(drawing(one), lambda k: peer.draw(moved(crowd, k * STEP)))
        figures["llvmpipe_over_ours_640x360"] = (theirs / ours, "times")
    else:
        print(f"llvmpipe_over_ours_640x360 left out: {reason}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as home:
        figures["first_frame_cold_s"] = (seconds_to_first_frame(Path(home)), "s")
        figures["first_frame_warm_s"] = (seconds_to_first_frame(Path(home)), "s")
    return figures | bench_physics.measure() | bench_traffic.measure()


def medians_ms(*draws: Callable[[int], object]) -> list[float]:
    """The median time (ms) of each, frame by frame in turn, so that all meet the same machine."""
    times: list[list[float]] = [[] for _ in draws]
    for k in range(FRAMES + WARM_UP):
        for taken, draw in zip(times, draws, strict=True):
            begin = time.perf_counter()
            draw(k)
            taken.append(time.perf_counter() - begin)
    return [1e3 * statistics.median(taken[WARM_UP:]) for taken in times]


def seconds_to_first_frame(home: Path) -> float:
    """From the start of a process to its first picture, with its caches under ``home``."""
    caches = {"NINEFOLD_HOME": str(home), "NUMBA_CACHE_DIR": str(home / "kernels")}
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", CHILD], check=True, env={**os.environ, **caches})
    return time.perf_counter() - begin


def first_frame() -> None:
    """Load the city and draw one picture; what `seconds_to_first_frame` times."""
    town = load_town("city")
    renderer = Renderer(town.mesh(), THREADS)
    signals = np.zeros(len(town.signals), np.uint8)
    view = looking(town, 0, 0.0, 640, 360, np.pi / 2.0)
    renderer.render(view, crowd_of(town), signals, WEATHER, 0.0)


def crowd_of(town: Town) -> Instances:
    """Vehicles on the first spawn points about the camera, walkers beside them."""
    vehicles = [b.id for b in CATALOGUE if b.id.startswith("vehicle.")]
    walkers = [b for b in CATALOGUE if b.id.startswith("walker.")]
    spawn = town.spawn_points
    near = np.argsort(np.hypot(*(spawn[:, :2] - spawn[0, :2]).T), kind="stable")[1:]
    people = [walkers[k % len(walkers)] for k in range(WALKERS)]
    count = VEHICLES + WALKERS
    poses = np.tile(np.eye(4, dtype=np.float32), (count, 1, 1))
    for k in range(count):
        x, y, _, yaw = spawn[near[(k if k < VEHICLES else 2 * (k - VEHICLES)) % len(near)]]
        aside = 0.0 if k < VEHICLES else 5.5
        x, y = x + aside * np.sin(yaw), y - aside * np.cos(yaw)
        height = 0.0 if k < VEHICLES else people[k - VEHICLES].half_extent[2]
        ground = float(town.ground(np.array([[x, y]]))[0][0])
        poses[k, :2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
        poses[k, :3, 3] = x, y, ground + height
    rng = np.random.default_rng(1)
    names = [vehicles[k % len(vehicles)] for k in range(VEHICLES)] + [b.id for b in people]
    return Instances(
        model=tuple(names),
        world_from_model=poses,
        colour=rng.uniform(0.02, 0.8, (count, 3)).astype(np.float32),
        actor_id=np.arange(1, count + 1, dtype=np.uint32),
        steer=np.zeros(count, np.float32),
        travel=np.zeros(count, np.float32),
        lights=np.zeros(count, np.uint32),
        speed=np.where(np.arange(count) < VEHICLES, 8.0, 1.4).astype(np.float32),
    )


def moved(crowd: Instances, t: float) -> Instances:
    """The crowd t seconds later, each going up to 6 m to and fro along its own axis."""
    poses = crowd.world_from_model.copy()
    way: NDArray[np.float32] = (crowd.speed * np.float32(0.75 * np.sin(t))).astype(np.float32)
    poses[:, :3, 3] += way[:, None] * poses[:, :3, 0]
    return replace(crowd, world_from_model=poses, travel=way)


def looking(town: Town, spawn: int, yaw: float, width: int, height: int, fov: float) -> View:
    """A camera 1.5 m above a spawn point, ``yaw`` (rad) to the left of its direction."""
    x, y, _, heading = town.spawn_points[spawn]
    z = float(town.ground(np.array([[x, y]]))[0][0]) + 1.5
    c, s = np.cos(heading + yaw), np.sin(heading + yaw)
    pose = np.eye(4)
    pose[:3, :3] = np.array([[s, 0.0, c], [-c, 0.0, s], [0.0, -1.0, 0.0]])
    pose[:3, 3] = x, y, z
    return View(pose, width, height, fov)
