"""Still pictures of a town through the genuine client: places x cameras, weathers and labels."""

from __future__ import annotations

import queue
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import carla
import numpy as np

from common.errors import RigError
from common.frames import FloatArray
from common.messages import ImageArray
from sim import iso
from sim.lamps import seen_lamps
from sim.pavement import pavement
from sim.world import World, weather_named

SIZE = (384, 216)  # px, width and height of one picture unless given
FOV = 1.4  # rad
TIMEOUT = 60.0  # s on the clock for one picture
CARS, WALKERS = 40, 30  # set out to be looked at
CLEAR = 12.0  # m before the cameras that stay free
LIFT = 0.5  # m above the ground where they are dropped
SETTLE = 8  # ticks until they stand
EYE, BEHIND = (1.2, 0.0, 1.6), (-14.0, 0.0, 8.0)  # m from a spawn point on the road: x, y, z
VIEWS = (("ahead", EYE, (0.0, 0.0)), ("left", EYE, (0.0, 1.3)), ("above", BEHIND, (0.4, 0.0)))
"""Name, place (m) and pitch, yaw (rad) of the cameras at each place."""
LABELS = {
    "semantic_segmentation": carla.ColorConverter.CityScapesPalette,
    "depth": carla.ColorConverter.LogarithmicDepth,
    "instance_segmentation": carla.ColorConverter.Raw,
}


@dataclass(frozen=True, slots=True)
class Album:
    """Pictures (height, width, 3) RGB by row and column; a row is a camera at a place."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]  # weathers, then labels
    pictures: tuple[tuple[ImageArray, ...], ...]


def spread(points: FloatArray, count: int) -> list[int]:
    """Which of the points (N, 2) m lie far apart: each next one farthest from those before."""
    chosen = [0]
    distance = np.hypot(*(points - points[0]).T)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.hypot(*(points - points[chosen[-1]]).T))
    return chosen


def take(
    world: World,
    weathers: Sequence[str],
    places: int,
    size: tuple[int, int] = SIZE,
    seed: int = 0,
) -> Album:
    """Photograph the loaded town: set out cars and walkers, then one tick per weather.

    ``size`` is the width and height of one picture in px.

    Raises:
        UserError: an unknown weather.
        RigError: a camera stays silent.
    """
    spawns = world.map.get_spawn_points()
    poses = np.array([iso.transform_pose(one) for one in spawns])
    chosen = spread(poses[:, :2], places)
    rng = np.random.default_rng(seed)
    away = np.hypot(*(poses[:, None, :2] - poses[chosen, :2]).transpose(2, 0, 1)).min(axis=1)
    near = [int(i) for i in np.argsort(away, kind="stable") if away[i] > CLEAR]
    cars = _populate(world, [spawns[i] for i in near], rng)
    mounts, rows = [], []
    for i in chosen:
        for name, offset, (pitch, yaw) in VIEWS:
            mounts.append(_mount(poses[i], offset, pitch, yaw))
            rows.append(f"{poses[i, 0]:.0f} {poses[i, 1]:.0f} {name}")
    found: list[list[ImageArray]] = [[] for _ in mounts]
    columns = [*weathers, *LABELS]
    for column in columns:
        kind = column if column in LABELS else "rgb"
        if kind == "rgb":
            _dawns(world, weather_named(column), cars)
        for row, picture in zip(found, _shoot(world, kind, mounts, size), strict=True):
            row.append(picture)
    return Album(tuple(rows), tuple(columns), tuple(tuple(row) for row in found))


def _mount(
    pose: FloatArray, offset: tuple[float, float, float], pitch: float, yaw: float
) -> carla.Transform:
    """A camera's transform from a spawn point's pose (6,)."""
    x, y, z = offset
    c, s = np.cos(pose[5]), np.sin(pose[5])
    at = np.array([c * x - s * y, s * x + c * y, z])
    return iso.carla_transform([*(pose[:3] + at), 0.0, pitch, pose[5] + yaw])


def _dawns(world: World, weather: carla.WeatherParameters, cars: Sequence[int]) -> None:
    """Another weather, and the cars' lamps as they need them in it."""
    world.world.set_weather(weather)
    lamps = carla.VehicleLightState(int(seen_lamps(weather)))
    commands = [carla.command.SetVehicleLightState(car, lamps) for car in cars]
    world.client.apply_batch_sync(commands, False)


def _populate(
    world: World, spawns: Sequence[carla.Transform], rng: np.random.Generator
) -> list[int]:
    """Cars on the spawn points, walkers on the pavements; the cars' ids."""
    library = world.world.get_blueprint_library()
    kinds = sorted(library.filter("vehicle.*"), key=lambda one: str(one.id))
    people = sorted(library.filter("walker.pedestrian.*"), key=lambda one: str(one.id))
    commands = []
    for place in spawns[:CARS]:
        commands.append(carla.command.SpawnActor(kinds[rng.integers(len(kinds))], place))
    walks = pavement(world.map)
    for i in rng.permutation(len(walks.xy))[:WALKERS]:
        feet = [*walks.xy[i], walks.z[i] + 1.0 + LIFT]
        place = iso.carla_transform([*feet, 0.0, 0.0, rng.uniform(-3.1, 3.1)])
        commands.append(carla.command.SpawnActor(people[rng.integers(len(people))], place))
    answers = world.client.apply_batch_sync(commands, False)
    for _ in range(SETTLE):
        world.world.tick()
    return [answer.actor_id for answer in answers[: len(spawns[:CARS])] if not answer.error]


def _shoot(
    world: World, kind: str, mounts: Sequence[carla.Transform], size: tuple[int, int]
) -> list[ImageArray]:
    """One picture of a kind from every mount."""
    blueprint = world.world.get_blueprint_library().find(f"sensor.camera.{kind}")
    for key, value in (("image_size_x", size[0]), ("image_size_y", size[1])):
        blueprint.set_attribute(key, str(value))
    blueprint.set_attribute("fov", f"{float(iso.degrees(FOV)):.3f}")
    cameras, inboxes = [], []
    for mount in mounts:
        inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        camera = world.world.spawn_actor(blueprint, mount)
        camera.listen(inbox.put)
        cameras.append(camera)
        inboxes.append(inbox)
    world.world.tick()
    try:
        pictures = [_rgb(inbox.get(timeout=TIMEOUT), kind) for inbox in inboxes]
    except queue.Empty as error:
        raise RigError(f"a camera of {world.address} stayed silent") from error
    finally:
        for camera in cameras:
            camera.stop()
            camera.destroy()
    return pictures


def _rgb(image: carla.Image, kind: str) -> ImageArray:
    """(height, width, 3): labels in CARLA's colours, instances each in its own."""
    image.convert(LABELS.get(kind, carla.ColorConverter.Raw))
    bgra = np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)
    if kind != "instance_segmentation":
        return np.ascontiguousarray(bgra[..., 2::-1])
    number = bgra[..., 1].astype(np.uint32) | bgra[..., 0].astype(np.uint32) << 8
    mixed = (number * np.uint32(2654435761)) >> np.uint32(8)
    return np.stack([(mixed >> shift).astype(np.uint8) for shift in (0, 8, 16)], axis=-1)
