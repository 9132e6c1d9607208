"""How fast bodies move: `measure()` for `ninefold bench`."""

from __future__ import annotations

import time

import numpy as np

from sim.server.blueprints import CATALOGUE
from sim.server.dynamics import Vehicles
from sim.server.scene import Weather

DT = 0.05  # s
VEHICLES = 100
STEPS = 100


def _flat(xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    up = np.zeros((len(xy), 3))
    up[:, 2] = 1.0
    return np.zeros(len(xy)), up


def _crowd() -> Vehicles:
    """Vehicles of all models, everyone under throttle and turning."""
    rng = np.random.default_rng(0)
    models = [blueprint for blueprint in CATALOGUE if blueprint.physics]
    vehicles = Vehicles()
    for i in range(VEHICLES):
        slot = vehicles.add(models[i % len(models)], [20.0 * i, 0.0, 0.0, 0.0, 0.0, 0.0])
        vehicles.control(slot, rng.uniform(0.2, 0.6), rng.uniform(-0.3, 0.3), 0.0)
    return vehicles


def measure() -> dict[str, tuple[float, str]]:
    """Median wall time of one step of 100 vehicles, ground look-up included."""
    vehicles, walls = _crowd(), []
    for _ in range(STEPS):
        start = time.perf_counter()
        vehicles.step(DT, _flat, Weather())
        walls.append(time.perf_counter() - start)
    return {"dynamics_100_vehicles_ms": (1000.0 * float(np.median(walls)), "ms")}
