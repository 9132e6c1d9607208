"""The server as a program: `ninefold serve` and the child process of `sim.launch`."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import sys
from pathlib import Path

from common import waiting
from common.compiling import tell_of_compiling
from common.errors import UserError
from sim.server.server import Server
from sim.server.town import load_town
from sim.server.warm import compile_rest, rehearse_rest, warm_up
from sim.server.wire import Settings


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
    compiling = tell_of_compiling()
    settings = Settings() if step is None else Settings(synchronous=True, fixed_delta=step)
    server = Server(host, port, load_town(source, maps), settings, maps)
    warm_up(server.sim)
    if not compiling.ever:  # the others are on disk too, or else compiled now
        rehearse_rest(server.sim)
    if child:
        waiting.log.removeHandler(to_parent)
    else:
        _stop_on_signals(server)
    if sys.stdout is not None:  # closed by who started us
        sys.stdout.write(f"serving {server.sim.episode.town.name} on {host}:{server.port}\n")
        sys.stdout.flush()
    with compile_rest() if compiling.ever else contextlib.nullcontext():
        server.run()


def _stop_on_signals(server: Server) -> None:
    def stop(*_: object) -> None:
        server.running = False

    wake, tell = os.pipe()  # ends the loop's wait
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell)
    server.selector.register(wake, selectors.EVENT_READ, lambda _: os.read(wake, 64))
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
