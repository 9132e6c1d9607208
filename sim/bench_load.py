"""How long a server takes to be ready for the first time, and towns to load.

Everything begins with empty caches: kernels are compiled before the server is ready, then each town
is dressed at its first load and taken from the cache at the second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import carla

from sim.launch import embedded_server

MAPS = Path(__file__).parents[2] / "shared/maps/carla"
OWN, CARLAS = ("suburb", "motorway", "mixed"), ("Town01", "Town04", "Town10HD")
AWAY = "city"  # loaded before each load from the cache
TIMEOUT = 300.0  # s
CHILD = "from sim.bench_load import load_all; load_all()"


def measure() -> dict[str, tuple[float, str]]:
    """Seconds until `client.load_world` gives the world back; the server's start is cold too."""
    with tempfile.TemporaryDirectory() as home:
        caches = {"NINEFOLD_HOME": home, "NUMBA_CACHE_DIR": str(Path(home) / "kernels")}
        command, environment = [sys.executable, "-c", CHILD], {**os.environ, **caches}
        child = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE)
    return {name: (seconds, "s") for name, seconds in json.loads(child.stdout).items()}


def load_all() -> None:
    """Print the figures as JSON; what `measure` runs."""
    here = [name for name in CARLAS if (MAPS / f"{name}.xodr").is_file()]
    for name in sorted(set(CARLAS) - set(here)):
        sys.stderr.write(f"load_{name} left out: expected {MAPS}/{name}.xodr, found none\n")
    began = time.monotonic()
    with embedded_server(AWAY, maps=MAPS if here else None) as port:
        figures = {"server_ready_cold_s": time.monotonic() - began}
        client = carla.Client("127.0.0.1", port)
        client.set_timeout(TIMEOUT)
        for name in (*OWN, *here):
            figures[f"load_{name}_s"] = _seconds(client.load_world, name)
            client.load_world(AWAY)
            figures[f"load_{name}_from_cache_s"] = _seconds(client.load_world, name)
    json.dump(figures, sys.stdout)


def _seconds(load: Callable[[str], object], town: str) -> float:
    began = time.monotonic()
    load(town)
    return time.monotonic() - began
