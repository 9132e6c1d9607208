"""Everything an episode needs, set up from its spec: town, route, ego, traffic, judge, oracle."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np

from common.errors import UserError
from common.frames import Pose2
from common.messages import Camera, EpisodeSpec, Route, Scene
from common.rig import RIG
from drive.faults import check_fault
from sim.judge import Judge
from sim.lamps import EgoLamps
from sim.line import line_of
from sim.maps import files
from sim.raster import LaneRaster
from sim.readings import Readings
from sim.roads import Roads
from sim.routes import make_route
from sim.traffic import Traffic
from sim.truth import Truth
from sim.world import DT, World, weather_named

PLAN_TICKS = 2  # the oracle sees at the cameras' 10 Hz
TRAFFIC_STREAM = 0x7AF  # tells the traffic's dice from the ego's of the same seed
SCENARIOS = ("traffic", "empty")


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
    traffic: Traffic
    lamps: EgoLamps

    def close(self) -> None:
        """Take everything that was spawned off the world."""
        if self.world.gone:
            return
        with contextlib.suppress(RuntimeError):
            self.traffic.destroy()
        self.world.clear()

    def truth(self, readings: Readings) -> Scene | None:
        """The Scene as it is, for `driver="truth"` alone."""
        if self.spec.driver != "truth" or round(readings.t / DT) % PLAN_TICKS:
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


def check(spec: EpisodeSpec, *, embedded: bool) -> None:
    """Whether a spec names what there is: asked before a server starts, or is spoken to.

    Raises:
        UserError: no such scenario, weather or fault; where the server is ours, no such town.
    """
    if embedded:
        files.check(spec.town)
    check_fault(spec.fault)
    if spec.scenario not in SCENARIOS:
        names = ", ".join(SCENARIOS)
        raise UserError(f"expected a scenario, got {spec.scenario!r}; there are: {names}")
    weather_named(spec.weather)


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
    start = start_of(route)
    world.spawn_ego(start, spec.seed, RIG if spec.driver == "camera" else ())
    busy = spec.scenario == "traffic"
    vehicles, walkers = (spec.vehicles, spec.walkers) if busy else (0, 0)
    dice = np.random.default_rng([spec.seed, TRAFFIC_STREAM])
    traffic = Traffic(world, atlas.roads, dice, vehicles, walkers, start)
    if view is not None:
        world.film(view)
    signals = world.signals()
    judge = Judge(world.map, atlas.roads, route, signals)
    oracle = Truth(atlas.roads, route, signals, atlas.raster, world.parked())
    return Stage(spec, world, atlas, route, judge, oracle, traffic, EgoLamps(world, route))
