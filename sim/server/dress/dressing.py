"""The whole of a map's dressing."""

from __future__ import annotations

from dataclasses import dataclass

import carla
import numpy as np

from sim.server.dress.arrows import point_lanes
from sim.server.dress.builder import Builder
from sim.server.dress.earthworks import is_hilly, move_earth
from sim.server.dress.furniture import furnish
from sim.server.dress.houses import build_houses
from sim.server.dress.markings import paint
from sim.server.dress.parked import park
from sim.server.dress.plants import plant_streets, plant_wild
from sim.server.dress.plots import Plots, fronts
from sim.server.dress.roadside import guard_roads, light_streets
from sim.server.dress.surfaces import lay
from sim.server.dress.terrain import fill_junctions, soil
from sim.server.ground import Ground, lay_ground
from sim.server.opendrive import Network
from sim.server.scene import Mesh, Sign, Signal, StaticObject


@dataclass(frozen=True)
class Dressing:
    """What a town looks like and stands on."""

    mesh: Mesh
    objects: tuple[StaticObject, ...]
    ground: Ground


def dress(
    network: Network,
    road_map: carla.Map,
    signals: tuple[Signal, ...],
    signs: tuple[Sign, ...],
    rng: np.random.Generator,
) -> Dressing:
    """Make it."""
    roads, pavements, rest = Builder(), Builder(), Builder()
    lay(network, roads, pavements, rest)
    ground = lay_ground(roads.triangles(), pavements.triangles())
    ground = fill_junctions(network, ground, rest)
    soil(ground, rest)
    paint(network, road_map, signals, signs, ground, rest)
    point_lanes(road_map, ground, rest)
    plots = Plots(ground)
    if is_hilly(network):
        move_earth(network, plots, rest)
    streets = tuple(fronts(network))
    furnish(signals, signs, plots, rest)
    light_streets(streets, plots, rest)
    guard_roads(streets, plots, rest)
    build_houses(streets, plots, rng, rest)
    plant_streets(streets, plots, rng, rest)
    plant_wild(ground, plots, rng, rest)
    park(network, plots, rng.spawn(1)[0], rest)
    whole = Builder()
    for part in (roads, pavements, rest):
        whole.take(part)
    return Dressing(whole.mesh(), tuple(plots.objects), ground)
