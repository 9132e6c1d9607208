"""Everything an episode needs, set up from its spec: town, route, ego, traffic, judge, oracle."""

from __future__ import annotations

from dataclasses import dataclass

from common.frames import Pose2
from common.messages import Camera, EpisodeSpec, Route, Scene
from common.rig import RIG
from sim.judge import Judge
from sim.line import line_of
from sim.raster import LaneRaster
from sim.readings import Readings
from sim.roads import Roads
from sim.routes import make_route
from sim.truth import Truth
from sim.world import World

PLAN_TICKS = 2  # the oracle sees at the cameras' 10 Hz


@dataclass(frozen=True, slots=True)
class Atlas:
    """What one map says, read once."""

    xodr: str
    roads: Roads
    raster: LaneRaster


@dataclass(frozen=True, slots=True)
class Stage:
    """One episode, ready to run."""

    spec: EpisodeSpec
    world: World
    atlas: Atlas
    route: Route
    judge: Judge
    oracle: Truth

    def truth(self, readings: Readings) -> Scene | None:
        """The Scene as it is, for `driver="truth"` alone."""
        if self.spec.driver != "truth" or round(readings.t / 0.05) % PLAN_TICKS:
            return None
        return self.oracle.scene(readings)


def atlas_of(world: World, known: Atlas | None = None) -> Atlas:
    """The loaded map's atlas; `known` if it is the same map."""
    xodr = world.map.to_opendrive()
    if known is not None and known.xodr == xodr:
        return known
    roads = Roads(world.map)
    return Atlas(xodr, roads, LaneRaster(roads))


def start_of(route: Route) -> Pose2:
    """Where the ego begins, ``world_from_ego``."""
    line = line_of(route)
    return Pose2(float(line.xy[0, 0]), float(line.xy[0, 1]), float(line.yaw[0]))


def set_stage(
    world: World, spec: EpisodeSpec, known: Atlas | None = None, view: Camera | None = None
) -> Stage:
    """Load, spawn and hand out; `view` is a further camera for the audience.

    Raises:
        UserError: an unknown town, weather or route.
        RigError: the simulator failed.
    """
    world.load(spec.town, spec.weather)
    atlas = atlas_of(world, known)
    route = make_route(atlas.roads, spec.route)
    world.spawn_ego(start_of(route), spec.seed, RIG if spec.driver == "camera" else (), view)
    signals = world.signals()
    judge = Judge(world.map, atlas.roads, route, signals)
    oracle = Truth(atlas.roads, route, signals, atlas.raster)
    return Stage(spec, world, atlas, route, judge, oracle)
