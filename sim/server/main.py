"""The server as a program: `ninefold serve` and the child process of `sim.launch`."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import sys
from pathlib import Path

import numpy as np

from common import waiting
from common.compiling import tell_of_compiling
from common.errors import UserError
from sim.server import collisions
from sim.server.cameras import ENCODERS
from sim.server.devices import DEVICES
from sim.server.server import Server
from sim.server.simulation import DEFAULT_STEP, Simulation
from sim.server.spawn import spawn
from sim.server.town import load_town
from sim.server.wire import Description, Settings


def serve(
    host: str, port: int, source: str, step: float | None, *, maps: Path | None, child: bool
) -> None:
    """Serve until a signal; a child's end is its parent's, signals are not for it.

    Clients may load the built-in towns and the OpenDRIVE files of the folder `maps` by name.
    A child says on standard output, to its parent, what takes long until it serves.

    Raises:
        UserError: a taken port, an unknown town, a broken map, a missing folder, a step that is
            not positive.
    """
    if step is not None and not 0.0 < step <= 1.0:
        raise UserError(f"expected a step in (0, 1] s, got {step}; use --step 0.05")
    if maps is not None and not maps.is_dir():
        raise UserError(f"expected a folder of OpenDRIVE files, got {maps}; check --maps")
    to_parent = logging.StreamHandler(sys.stdout)
    if child:
        waiting.tell(to_parent)
    tell_of_compiling()
    settings = Settings() if step is None else Settings(synchronous=True, fixed_delta=step)
    server = Server(host, port, load_town(source, maps), settings, maps)
    warm_up(server.sim)
    if child:
        waiting.log.removeHandler(to_parent)
    else:
        _stop_on_signals(server)
    if sys.stdout is not None:  # closed by who started us
        sys.stdout.write(f"serving {server.sim.episode.town.name} on {host}:{server.port}\n")
        sys.stdout.flush()
    server.run()


def warm_up(sim: Simulation) -> None:
    """Compile the kernels, or load them, before the first client waits for them."""
    town = sim.episode.town
    x, y, z, yaw = town.spawn_points[0].tolist()
    pose = np.array([x, y, z + 1.5, 0.0, 0.0, yaw])
    scratch = Simulation(town, Settings(), 0)
    scratch.sensing = sim.sensing
    for type_id in ("vehicle.tesla.model3", "walker.pedestrian.0001"):
        spawn(scratch, Description(0, type_id, {}), pose.copy(), None)
        pose[2] += 10.0
    for _ in range(2):
        scratch.episode.step(DEFAULT_STEP, scratch.settings)
        scratch.episode.rows()
    collisions.warm_up()
    for type_id in (*ENCODERS, *DEVICES):
        sim.sensing.forget(spawn(scratch, Description(0, type_id, {}), pose, None))


def _stop_on_signals(server: Server) -> None:
    def stop(*_: object) -> None:
        server.running = False

    wake, tell = os.pipe()  # ends the loop's wait
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell)
    server.selector.register(wake, selectors.EVENT_READ, lambda _: os.read(wake, 64))
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
