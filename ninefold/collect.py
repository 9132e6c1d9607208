"""`ninefold collect`: labelled samples from the embedded simulator.

The oracle drives many short episodes; now and then a hand on the wheel pushes it off the lane's
centre, so that the network sees the road from where a car should not be.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.files import only_writer
from common.messages import Decision, Driver, EpisodeSpec, Observation, Route
from ninefold import arguments

if TYPE_CHECKING:
    from drive.episode import Step
    from drive.run import Simulator
    from drive.stage import Atlas, Stage
    from perception.dataset import Samples
    from sim.labels import Shot
    from sim.raster import GroundRaster

DEFAULT_TOWN = "city"
WEATHERS = (
    "ClearNoon",
    "CloudyNoon",
    "WetNoon",
    "ClearSunset",
    "SoftRainNoon",
    "CloudySunset",
    "ClearNoon",
    "MidRainyNoon",
    "WetCloudySunset",
    "HardRainNoon",
)
PERIOD_TICKS = 8  # 0.4 s between pictures
MOVED = 1.0  # m since the last sample, or
STOOD = 2.0  # s since it: what makes a new sample
NUDGE_EVERY, NUDGE_FOR = (3.0, 8.0), (0.4, 0.9)  # s between pushes, s a push lasts
NUDGE_STEER = 0.06  # rad at the wheels, at most
HELD_OUT_SEED = 900_000
"""Episodes for figures have seeds from here on, episodes for training lie below."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `ninefold collect`."""
    parser.add_argument(
        "--town", default=DEFAULT_TOWN, metavar="NAME|FILE.xodr", help="where to drive"
    )
    parser.add_argument(
        "--frames", type=arguments.whole(1, 10**8), default=10_000, help="samples in all"
    )
    parser.add_argument(
        "--per-episode", type=arguments.whole(1, 10**6), default=120, help="samples per episode"
    )
    parser.add_argument("--seed", type=arguments.seed, default=0, help="of the first episode")
    parser.add_argument("--vehicles", type=arguments.crowd, default=30, help="of the traffic")
    parser.add_argument("--walkers", type=arguments.crowd, default=20, help="beside the streets")
    parser.add_argument("--out", type=Path, default=Path("runs/data"), help="folder of samples")


def run(options: argparse.Namespace) -> int:
    """Record until there are enough samples; goes on where it was cut short."""
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    from drive.stage import check

    check(plan_of(options).episode(0), embedded=True)
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn()) as bar:
        task = bar.add_task("collect", total=options.frames)
        assert TimeRemainingColumn is not None
        for count in collect(plan_of(options), options.frames, options.out):
            bar.update(task, completed=min(count, options.frames))
    print(f"samples: {options.out}; next: ninefold train --data {options.out}")
    return 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to record."""

    town: str
    seed: int
    per_episode: int
    vehicles: int
    walkers: int

    def episode(self, index: int) -> EpisodeSpec:
        """Episode number index: another route, another seed, the next weather."""
        rng = np.random.default_rng([self.seed, index])
        return EpisodeSpec(
            town=self.town,
            route=int(rng.integers(0, 100)),
            seed=self.seed + index,
            driver="truth",
            weather=WEATHERS[index % len(WEATHERS)],
            vehicles=self.vehicles,
            walkers=self.walkers,
        )


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan that the options ask for."""
    return Plan(options.town, options.seed, options.per_episode, options.vehicles, options.walkers)


def collect(plan: Plan, frames: int, out: Path) -> Iterator[int]:
    """Record episodes into shards until `frames` samples are there; yields how many are.

    Raises:
        UserError: another one writes to the folder, or a shard in it is damaged.
    """
    with only_writer(out):
        yield from _collect(plan, frames, out)


def _collect(plan: Plan, frames: int, out: Path) -> Iterator[int]:
    from drive.run import Simulator
    from perception.dataset import open_shard, write_card, write_shard

    write_card(
        out,
        {
            "town": plan.town,
            "episodes": -(-frames // plan.per_episode),
            "weathers": list(WEATHERS),
            "command": f"ninefold collect --town {plan.town} --frames {frames}"
            f" --per-episode {plan.per_episode} --seed {plan.seed}"
            f" --vehicles {plan.vehicles} --walkers {plan.walkers}",
        },
    )
    count, index = 0, 0
    with Simulator() as simulator:
        while count < frames:
            name = f"episode-{plan.seed + index:06d}"
            if (out / f"{name}.npy").exists():
                count += len(open_shard(out / f"{name}.npy"))
            else:
                rows = list(record(simulator, plan.episode(index), plan.per_episode))
                if rows:
                    write_shard(out, name, np.stack(rows))
                count += len(rows)
            index += 1
            yield count


def record(simulator: Simulator, spec: EpisodeSpec, most: int) -> Iterator[Samples]:
    """The samples of one episode, at most so many."""
    from common.rig import RIG
    from drive.episode import episode
    from drive.run import true_ego
    from drive.stack import truth_driver
    from sim.labels import LabelRig
    from sim.world import DT

    stage = simulator.stage(spec)
    paint = Paint.of(stage.atlas)
    cameras = LabelRig(stage.world.world, stage.world.ego, RIG, PERIOD_TICKS, DT)
    driver = Nudged(truth_driver(), np.random.default_rng([spec.seed, 1]))
    taken, last = 0, None
    try:
        for step in episode(stage, driver, true_ego):
            shot = cameras.read(step.readings.frame)
            if shot is None or not _news(last, step):
                continue
            last = step
            yield sample(stage, paint, step, shot)
            taken += 1
            if taken == most:
                return
    finally:
        cameras.close()


def _news(last: Step | None, step: Step) -> bool:
    """Whether the ego moved on, or time has passed, since the last sample."""
    if last is None:
        return True
    before, now = last.readings.world_from_ego, step.readings.world_from_ego
    moved = float(np.hypot(now.x - before.x, now.y - before.y))
    return moved >= MOVED or step.readings.t - last.readings.t >= STOOD


@dataclass(frozen=True, slots=True)
class Paint:
    """Rasters of a map beyond what the oracle has."""

    marking: GroundRaster
    stop_line: GroundRaster

    @classmethod
    def of(cls, atlas: Atlas) -> Paint:
        """Drawn from the lane graph."""
        from sim.raster import MarkingRaster, StopLineRaster

        return cls(MarkingRaster(atlas.roads), StopLineRaster(atlas.roads))


def sample(stage: Stage, paint: Paint, step: Step, shot: Shot) -> Samples:
    """One row from one tick."""
    from common.rig import RIG
    from perception.labels import Moment, sample_of

    readings = step.readings
    world_from_ego = readings.world_from_ego
    scene = stage.oracle.scene(readings, to_junction=True)
    found = stage.oracle.governing(world_from_ego)
    lamps = (np.zeros((0, 3)), np.zeros((0, 3)))
    if found is not None and scene.light is not None:
        number = [actor_id for actor_id, _ in readings.lights].index(found[0])
        front, narrow = (
            shot.lamps(camera, number, scene.light.state)
            for camera, c in enumerate(RIG)
            if c.name in ("front", "narrow")
        )
        lamps = (front, narrow)
    return sample_of(
        Moment(
            images=shot.images,
            scene=scene,
            world_from_ego=world_from_ego,
            speed=float(readings.ego_velocity[0]),
            pixels=shot.pixels(),
            marking=paint.marking.crop(world_from_ego) > 0,
            stop_line=paint.stop_line.crop(world_from_ego) > 0,
            lamps=lamps,
        )
    )


class Nudged:
    """A driver with a hand on the wheel now and then; remembers the push it is in."""

    def __init__(self, driver: Driver, rng: np.random.Generator) -> None:
        self._driver, self._rng = driver, rng
        self._next, self._until, self._push = 0.0, 0.0, 0.0

    def reset(self, route: Route) -> None:
        """A new route begins."""
        self._driver.reset(route)
        self._next, self._until, self._push = float(self._rng.uniform(1.0, 4.0)), 0.0, 0.0

    def act(self, observation: Observation) -> Decision:
        """The driver's decision, pushed."""
        decision = self._driver.act(observation)
        t = observation.t
        if t >= self._next:
            self._push = float(self._rng.uniform(-NUDGE_STEER, NUDGE_STEER))
            self._until = t + float(self._rng.uniform(*NUDGE_FOR))
            self._next = self._until + float(self._rng.uniform(*NUDGE_EVERY))
        if t >= self._until:
            return decision
        command = replace(decision.command, steer=decision.command.steer + self._push)
        return replace(decision, command=command)
