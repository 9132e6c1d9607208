"""Plain stand-ins for the town, the traffic lights and the vehicles, until theirs are there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import carla
import numpy as np

from common.errors import UserError
from common.frames import FloatArray
from sim.server.blueprints import Blueprint
from sim.server.scene import Sign, Signal, StaticObject

MAPS = Path(__file__).parents[1] / "maps"


@dataclass(frozen=True, slots=True)
class Town:
    """A flat town."""

    name: str
    xodr: str
    road_map: carla.Map
    spawn_points: FloatArray
    signals: tuple[Signal, ...] = ()
    signs: tuple[Sign, ...] = ()
    objects: tuple[StaticObject, ...] = ()


def town_names() -> tuple[str, ...]:
    """The built-in towns."""
    return tuple(sorted(path.stem for path in MAPS.glob("*.xodr")))


def load_town(source: str) -> Town:
    """A built-in town or a file."""
    path = MAPS / f"{source}.xodr" if source in town_names() else Path(source)
    if not path.is_file():
        known = ", ".join(town_names())
        raise UserError(f"expected a town ({known}) or an .xodr file, got {source}")
    return town_from_opendrive(path.stem, path.read_text())


def town_from_opendrive(name: str, xodr: str) -> Town:
    """A town from an OpenDRIVE text."""
    try:
        road_map = carla.Map(name, xodr)
        waypoints = [w for w in road_map.generate_waypoints(30.0) if not w.is_junction]
    except RuntimeError as error:
        raise UserError(f"expected an OpenDRIVE map, got {name}: {error}") from error
    if not waypoints:
        raise UserError(f"expected an OpenDRIVE map with roads, got {name} without any")
    places = [w.transform for w in waypoints]
    points = [
        [t.location.x, -t.location.y, t.location.z + 0.3, t.rotation.yaw * -np.pi / 180.0]
        for t in places
    ]
    return Town(name, xodr, road_map, np.array(points))


class LightController:
    """Lights that stay green."""

    def __init__(self, signals: tuple[Signal, ...]) -> None:
        count = len(signals)
        self.states = np.full(count, 2, np.uint8)
        self.elapsed, self.frozen = np.zeros(count), np.zeros(count, bool)
        self.green, self.yellow, self.red = np.full((3, count), [[10.0], [3.0], [2.0]])

    def step(self, dt: float) -> None:
        """Let time pass."""
        self.elapsed[~self.frozen] += dt

    def governing(
        self, xy: FloatArray, yaw: FloatArray
    ) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """No light governs anybody."""
        return np.full(len(xy), -1)


class Vehicles:
    """Kinematic bicycles on the plane."""

    def __init__(self, capacity: int = 512) -> None:
        self.pose = np.zeros((capacity, 6))
        self.velocity, self.rates, self.acceleration = np.zeros((3, capacity, 3))
        self.throttle, self.steer, self.brake, self.speed = np.zeros((4, capacity))
        self.hand_brake, self.reverse = np.zeros((2, capacity), bool)
        self._free = list(range(capacity - 1, -1, -1))

    def add(self, blueprint: Blueprint, pose: FloatArray) -> int:
        """A vehicle at rest."""
        slot = self._free.pop()
        self.pose[slot] = pose
        for array in (self.velocity, self.rates, self.acceleration, self.throttle, self.steer,
                      self.brake, self.speed, self.hand_brake, self.reverse):  # fmt: skip
            array[slot] = 0
        return slot

    def remove(self, slot: int) -> None:
        """Gone."""
        self._free.append(slot)

    def step(self, dt: float) -> None:
        """Let time pass."""
        drive = 4.0 * self.throttle * np.where(self.reverse, -1.0, 1.0)
        slowing = (8.0 * np.maximum(self.brake, self.hand_brake) + 0.05 * abs(self.speed)) * dt
        speed = self.speed + drive * dt
        self.speed[:] = np.sign(speed) * np.maximum(abs(speed) - slowing, 0.0)
        self.rates[:, 2] = self.speed * np.tan(-0.8 * self.steer) / 2.9
        self.pose[:, 5] += self.rates[:, 2] * dt
        ahead = np.stack([np.cos(self.pose[:, 5]), np.sin(self.pose[:, 5])], axis=-1)
        before = self.velocity[:, :2].copy()
        self.velocity[:, :2] = self.speed[:, None] * ahead
        self.acceleration[:, :2] = (self.velocity[:, :2] - before) / dt
        self.pose[:, :2] += self.velocity[:, :2] * dt
