"""Ticks with Traffic Managers, by the thousand: how many lost their wake-up, and what became of it.

`python -m tests.sim.server.wakeups [--ticks N] [--vehicles N ...] [--busy N] [--reckless]`: the
genuine client ticks a town whose cars its Traffic Manager drives, beside `--busy` processes that
only burn time. `--reckless` takes the server's barrier away, so that wake-ups are lost often and
one sees that each is made good. Prints a line per number of vehicles; exit code 1 if a tick hung.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

import carla

from sim.bench import fleet, fresh, tended

HUNG = 60.0  # s after which a tick counts as hanging
LOST = b"has lost a tick"  # in the server's log
BURN = "while True: pass"
SERVE = """
import sys
from sim.server import main, traffic_managers
if sys.argv[1] == "reckless":
    traffic_managers.PATIENCE = traffic_managers.MOMENT = traffic_managers.SLACK = 0.0
    traffic_managers.OVERDUE = 1.0
main.serve("127.0.0.1", 0, "city", 0.05, maps=None, child=False)
"""


@contextmanager
def program(*command: str, **pipes: IO[bytes] | int) -> Iterator[subprocess.Popen[bytes]]:
    """A Python program that ends with the block."""
    child = subprocess.Popen([sys.executable, *command], **pipes)  # type: ignore[call-overload]
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def ticks(client: carla.Client, vehicles: int, count: int) -> tuple[float, float]:
    """Tick `count` times with vehicles under a Traffic Manager: all seconds, and the longest."""
    world = fresh(client)
    longest, began = 0.0, time.monotonic()
    with tended(client, fleet(world, vehicles)):
        for _ in range(count):
            at = time.monotonic()
            world.tick()
            longest = max(longest, time.monotonic() - at)
    return time.monotonic() - began, longest


def main() -> int:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=20_000)
    parser.add_argument("--vehicles", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--busy", type=int, default=0, metavar="N")
    parser.add_argument("--reckless", action="store_true")
    options = parser.parse_args()
    mode = "reckless" if options.reckless else "careful"
    worst = 0.0
    with ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryFile())
        server = stack.enter_context(program("-c", SERVE, mode, stdout=subprocess.PIPE, stderr=log))
        assert server.stdout is not None
        port = int(server.stdout.readline().rsplit(b":", 1)[1])
        for _ in range(options.busy):
            stack.enter_context(program("-c", BURN))
        client = carla.Client("127.0.0.1", port)
        client.set_timeout(HUNG)
        before = 0
        for vehicles in options.vehicles:
            seconds, longest = ticks(client, vehicles, options.ticks)
            worst = max(worst, longest)
            lost = os.pread(log.fileno(), 1 << 26, 0).count(LOST)
            print(  # noqa: T201
                f"{vehicles:4} vehicles {options.ticks:8} ticks {options.ticks / seconds:8.1f} 1/s "
                f"longest {longest:7.3f} s  lost and made good {lost - before}",
                flush=True,
            )
            before = lost
    return int(worst > HUNG)


if __name__ == "__main__":
    sys.exit(main())
