"""How fast bodies move and lasers turn: `measure()` for `ninefold bench`."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from sim.server.blueprints import CATALOGUE
from sim.server.dynamics import Vehicles
from sim.server.scene import Label, Weather
from sim.server.sensors import lidar
from sim.server.sensors.surroundings import Boxes, Surroundings
from sim.server.town import load_town

DT = 0.05  # s
VEHICLES = 100
STEPS = 100
SCANS = 30
CHANNELS, BEAMS = 64, 1800
RANGE = 100.0  # m


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


def _others() -> Boxes:
    """Fifty cars about the origin."""
    rng, count = np.random.default_rng(1), 50
    pose = np.zeros((count, 6))
    pose[:, :2] = rng.uniform(-90.0, 90.0, (count, 2))
    pose[:, 5] = rng.uniform(-3.0, 3.0, count)
    return Boxes(
        pose=pose,
        half=np.tile([2.4, 0.9, 0.75], (count, 1)),
        actor_id=np.arange(1, count + 1, dtype=np.uint32),
        label=np.full(count, Label.CAR, np.uint8),
        velocity=np.zeros((count, 3)),
    )


def _scanner() -> Callable[[], object]:
    """One whole turn of a roof-mounted laser in the town `city`, payload included."""
    town = load_town("city")
    surroundings = Surroundings(town.mesh())
    x, y, z, yaw = town.spawn_points[0]
    pose, boxes = np.array([x, y, z + 2.0, 0.0, 0.0, yaw]), _others()
    boxes.pose[:, :3] += pose[:3] - np.array([0.0, 0.0, 1.0])
    settings = {
        "channels": CHANNELS,
        "points_per_second": CHANNELS * BEAMS / DT,
        "rotation_frequency": 1.0 / DT,
        "range": RANGE,
        "dropoff_general_rate": 0.45,
        "dropoff_intensity_limit": 0.8,
        "dropoff_zero_intensity": 0.4,
        "atmosphere_attenuation_rate": 0.004,
    }
    laser = lidar.Laser(lidar.Settings.read(lambda key: str(settings.get(key, ""))))
    rng = np.random.default_rng(2)
    return lambda: lidar.points(laser, pose, DT, surroundings, boxes.without(pose[:3]), rng)


def _median_ms(act: Callable[[], object], times: int) -> float:
    walls = []
    for _ in range(times):
        start = time.perf_counter()
        act()
        walls.append(time.perf_counter() - start)
    return 1000.0 * float(np.median(walls))


def measure() -> dict[str, tuple[float, str]]:
    """Median wall times: a step of 100 vehicles, ground look-up included; a 64 x 1800 scan."""
    vehicles, weather = _crowd(), Weather()
    return {
        "dynamics_100_vehicles_ms": (
            _median_ms(lambda: vehicles.step(DT, _flat, weather), STEPS),
            "ms",
        ),
        "lidar_64x1800_ms": (_median_ms(_scanner(), SCANS), "ms"),
    }
