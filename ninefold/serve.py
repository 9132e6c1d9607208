"""`ninefold serve`: the embedded CARLA server."""

from __future__ import annotations

import argparse
import ipaddress
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from ninefold import arguments

DEFAULT_TOWN = "city"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `ninefold serve`."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument(
        "--port",
        type=arguments.whole(0, 65534),
        default=2000,
        help="RPC port; streams use the next one; 0 finds a pair",
    )
    parser.add_argument("--town", default=DEFAULT_TOWN, metavar="NAME|FILE", help="map to load")
    parser.add_argument(
        "--maps", type=Path, metavar="FOLDER", help="OpenDRIVE files that clients may load by name"
    )
    parser.add_argument(
        "--step",
        type=arguments.real(0.0, 1.0),
        metavar="S",
        help="start in synchronous mode with this step (s)",
    )
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C; with --child until the parent closes our standard input."""
    if options.child:
        for number in (signal.SIGINT, signal.SIGTERM):  # meant for the parent, which ends us
            signal.signal(number, signal.SIG_IGN)
        threading.Thread(target=_end_with_input, daemon=True).start()
    from sim.server.main import serve

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    if not is_loopback(options.host):
        print(
            f"warning: {options.host} opens the server to the network; CARLA's protocol has no "
            "authentication",
            file=sys.stderr,
        )
    serve(
        options.host,
        options.port,
        options.town,
        options.step,
        maps=options.maps,
        child=options.child,
    )
    print("ninefold: asked to stop; the server has ended", file=sys.stderr)
    return 0


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _end_with_input() -> None:
    """Nothing is left to save: end at once, whatever the other thread does."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)
