"""A map made ready for a world: from its OpenDRIVE text to all that an episode needs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import KDTree

from common.errors import UserError
from common.frames import FloatArray, wrap_angles
from common.waiting import told
from sim.iso import transform_pose
from sim.maps.files import is_file, name_of, named, read_map, unknown_here
from sim.server import opendrive
from sim.server.dress import cache
from sim.server.dress.dressing import Dressing, dress
from sim.server.ground import Ground
from sim.server.scene import U32, Label, Material, Mesh, Sign, Signal, StaticObject
from sim.server.signals import signals_of, signs_of

if TYPE_CHECKING:
    import carla

SPAWN_SPACING = 14.0  # m between places along a lane
SPAWN_MARGIN = 8.0  # m of lane left free at either end
SPAWN_HEIGHT = 0.3  # m above the ground, as CARLA's
MOST_SPAWNS = 400  # a large map gets wider spacing
ROAD_AHEAD = 40.0  # m that must lead on from a spawn point


@dataclass(frozen=True)
class Town:
    """One map. World frame ISO 8855, metres, radians."""

    name: str
    xodr: str
    road_map: carla.Map
    spawn_points: FloatArray  # (N, 4) x, y, z, yaw
    signals: tuple[Signal, ...]
    signs: tuple[Sign, ...]
    dressing: Dressing

    @property
    def ground(self) -> Ground:
        """Heights and normals: `ground(points) -> (z, normal)`."""
        return self.dressing.ground

    @property
    def objects(self) -> tuple[StaticObject, ...]:
        """What stands still."""
        return self.dressing.objects

    @cached_property
    def lamps(self) -> dict[int, FloatArray]:
        """The street lights (3,) m by their posts' ids."""
        mesh = self.mesh()
        glows = mesh.material == Material.STREET_LAMP
        middle = mesh.vertices[mesh.faces[glows]].mean(axis=1).astype(np.float64)
        owner = mesh.instance[glows]
        posts = np.unique(owner[owner > 0])
        return {int(post): middle[owner == post].mean(axis=0) for post in posts}

    @cached_property
    def lens_heads(self) -> U32:
        """For each face of a light's lens, in the mesh's order, the id of the head it is in."""
        mesh = self.mesh()
        lenses = mesh.vertices[mesh.faces[mesh.material == Material.LAMP]].mean(axis=1)
        heads = [thing for thing in self.objects if thing.label == Label.TRAFFIC_LIGHT]
        if not heads:
            return np.zeros(len(lenses), np.uint32)
        _, nearest = KDTree([(head.x, head.y, head.z) for head in heads]).query(lenses)
        return np.array([head.id for head in heads], np.uint32)[nearest]

    def heads(self, signal: int) -> list[StaticObject]:
        """The heads of a traffic light, by its index."""
        mesh = self.mesh()
        owner = mesh.instance[mesh.material == Material.LAMP] // 4
        own = set(self.lens_heads[owner == signal].tolist())
        return [thing for thing in self.objects if thing.id in own]

    def mesh(self) -> Mesh:
        """All triangles of the town."""
        return self.dressing.mesh

    @cached_property
    def sha256(self) -> str:
        """The digest of the OpenDRIVE text."""
        return hashlib.sha256(self.xodr.encode()).hexdigest()


def load_town(source: str, folder: Path | None = None) -> Town:
    """A town by name, or any OpenDRIVE or OpenStreetMap file by path.

    Raises:
        UserError: no such town or file, or a file that is not a drivable map.
    """
    path = named(folder).get(source, Path(source))
    if not is_file(path):
        raise unknown_here(source, folder)
    return town_from_opendrive(name_of(path), read_map(path))


def town_from_opendrive(name: str, xodr: str) -> Town:
    """A town from OpenDRIVE text.

    Raises:
        UserError: the text is not a drivable OpenDRIVE map.
    """
    import carla

    network = opendrive.read(xodr, name)
    try:
        road_map = carla.Map(name, xodr)
        signals, signs = signals_of(road_map, network), signs_of(road_map, network)
        spawn_points = _spawn_points(road_map)
    except (RuntimeError, IndexError) as error:
        raise UserError(f"expected a map CARLA can read, got {name}: {error}; check it") from None
    if not len(spawn_points):
        raise UserError(f"expected a road to start on, got none long enough in {name}; check it")
    kept = cache.file_of(xodr)
    dressing = cache.stored(kept)
    if dressing is None:
        seed = int.from_bytes(hashlib.sha256(xodr.encode()).digest()[:8], "little")
        rng = np.random.default_rng(seed)
        with told(f"dressing {name}"):
            dressing = dress(network, road_map, signals, signs, rng)
        cache.store(kept, dressing)
    spawn_points[:, 2] = dressing.ground(spawn_points[:, :3])[0] + SPAWN_HEIGHT
    return Town(name, xodr, road_map, spawn_points, signals, signs, dressing)


def _spawn_points(road_map: carla.Map) -> FloatArray:
    """Places (N, 4) on driving lanes outside of junctions, in the order of roads and lanes."""
    lanes: dict[tuple[int, int, int], list[carla.Waypoint]] = {}
    for waypoint in road_map.generate_waypoints(1.0):
        if not waypoint.is_junction:
            key = (waypoint.road_id, -waypoint.lane_id, waypoint.section_id)
            lanes.setdefault(key, []).append(waypoint)
    total = float(sum(len(lane) for lane in lanes.values()))
    spacing = max(SPAWN_SPACING, total / MOST_SPAWNS)
    points = []
    for key in sorted(lanes):
        lane = sorted(lanes[key], key=lambda waypoint: waypoint.s)
        room = len(lane) - 2.0 * SPAWN_MARGIN
        if room < 0.0:
            continue
        count = int(room / spacing) + 1
        first = SPAWN_MARGIN + (room - (count - 1) * spacing) / 2.0
        for k in range(count):
            waypoint = lane[min(int(first + k * spacing), len(lane) - 1)]
            if waypoint.next(ROAD_AHEAD):
                points.append(transform_pose(waypoint.transform)[[0, 1, 2, 5]])
    found = np.array(points).reshape(-1, 4)
    found[:, 3] = wrap_angles(found[:, 3])  # as an actor's heading is given back
    return found
