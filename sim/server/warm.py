"""Kernels compiled, or loaded, before somebody waits for them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterable

import numpy as np

from common.frames import FloatArray
from sim.server import collisions, sketches
from sim.server.cameras import ENCODERS
from sim.server.devices import DEVICES
from sim.server.simulation import DEFAULT_STEP, Simulation
from sim.server.spawn import spawn
from sim.server.town import load_town
from sim.server.wire import Description, Settings

LATER = (
    "sensor.camera.normals", "sensor.camera.optical_flow", "sensor.camera.dvs",
    "sensor.lidar.ray_cast", "sensor.lidar.ray_cast_semantic",
    "sensor.other.radar", "sensor.other.obstacle",
)  # fmt: skip
"""Sensors that few ask for, and whose kernels take seconds to compile."""
FIRST = tuple(kind for kind in (*ENCODERS, *DEVICES) if kind not in LATER)
TOWN = "city"  # any would do
ASIDE = 19  # the lowest priority


def warm_up(sim: Simulation) -> None:
    """A step of a car and a walker, and the common sensors."""
    scratch, pose = _scratch(sim)
    for type_id in ("vehicle.tesla.model3", "walker.pedestrian.0001"):
        spawn(scratch, Description(0, type_id, {}), pose.copy(), None)
        pose[2] += 10.0
    for _ in range(2):
        scratch.episode.step(DEFAULT_STEP, scratch.settings)
        scratch.episode.rows()
    collisions.warm_up()
    rehearse(sim, FIRST)


def rehearse(sim: Simulation, kinds: Iterable[str]) -> None:
    """One reading of sensors of these kinds."""
    scratch, pose = _scratch(sim)
    for kind in kinds:
        sim.sensing.forget(spawn(scratch, Description(0, kind, {}), pose, None))


def rehearse_rest(sim: Simulation) -> None:
    """What few ask for: the sensors of `LATER`, debug drawings."""
    rehearse(sim, LATER)
    sketches.warm_up()


def _scratch(sim: Simulation) -> tuple[Simulation, FloatArray]:
    """Another episode of the same town, seen by the same sensors; a place above its ground."""
    town = sim.episode.town
    scratch = Simulation(town, Settings(), 0)
    scratch.sensing = sim.sensing
    x, y, z, yaw = town.spawn_points[0].tolist()
    return scratch, np.array([x, y, z + 1.5, 0.0, 0.0, yaw])


def compile_rest() -> subprocess.Popen[bytes]:
    """A process aside that compiles for what few ask for; it ends with this one."""
    path = os.pathsep.join(one for one in sys.path if one)
    return subprocess.Popen(
        [sys.executable, "-c", "from sim.server.warm import aside; aside()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
    )


def aside() -> None:
    """What that process does; nobody waits for it."""
    os.nice(ASIDE)
    threading.Thread(target=_end_with_input, daemon=True).start()
    rehearse_rest(Simulation(load_town(TOWN), Settings(), 0))


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)
