"""What background traffic costs its client: `ninefold bench traffic`."""

from __future__ import annotations

import statistics
import time

VEHICLES = 100
WARM_UP = 100  # ticks until everybody drives
TICKS = 200


def measure() -> dict[str, tuple[float, str]]:
    """Per tick: 100 drivers decide, and one batch carries their controls to the server."""
    import numpy as np

    from drive.stage import start_of
    from sim.launch import embedded_server
    from sim.roads import Roads
    from sim.routes import make_route
    from sim.traffic import Traffic
    from sim.world import DT, World

    times = []
    with embedded_server("city", step=DT) as port, World("127.0.0.1", port) as world:
        world.load("city")
        roads = Roads(world.map)
        start = start_of(make_route(roads, 0))
        world.spawn_ego(start, seed=0, rig=())
        dice = np.random.default_rng(0)
        traffic = Traffic(world, roads, dice, vehicles=VEHICLES, walkers=0, keep_clear=start)
        readings = world.start()
        for _ in range(WARM_UP + TICKS):
            started = time.perf_counter()
            traffic.step(readings.users, readings.lights)
            world.flush()
            times.append((time.perf_counter() - started) * 1e3)
            readings = world.tick()
    return {"traffic_100_vehicles_ms": (statistics.median(times[WARM_UP:]), "ms")}
