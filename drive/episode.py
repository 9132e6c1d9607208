"""The main path: one closed-loop episode as a stream of steps.

Video, progress, recording and teleoperation are plain consumers of the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from common.messages import CameraFrame, Decision, Driver, EgoState, Observation, Outcome
from drive.stage import Stage
from sim.readings import Readings, chain_hash


@dataclass(frozen=True, slots=True)
class Step:
    """One tick as it happened; `state_hash` chains the network's digest and all ticks so far."""

    readings: Readings
    observation: Observation
    decision: Decision
    view: CameraFrame | None  # the picture for the audience, where one was asked for
    route_completion: float  # 0..100
    state_hash: bytes  # 32 bytes


class DriverError(Exception):
    """The driver raised: its own failure, not the rig's. The cause is chained."""


def episode(
    stage: Stage,
    driver: Driver,
    localise: Callable[[Readings], EgoState],
    endings: frozenset[Outcome] = frozenset(Outcome),
) -> Iterator[Step]:
    """Drive until the judge ends it: observe -> localise -> perceive -> plan -> act.

    The last step is the moment that ended it. Only the outcomes in `endings` end it; a supervised
    car, say, goes on after being stuck.

    Raises:
        RigError: the simulator failed.
        DriverError: the driver or the localiser failed.
    """
    world, judge = stage.world, stage.judge
    driver.reset(stage.route)
    readings = world.start()
    state_hash = chain_hash((stage.spec.weights or "").encode(), readings)
    while True:
        truth = stage.truth(readings)
        try:
            ego = localise(readings)
            observation = Observation(readings.t, ego, readings.frames, stage.route, truth)
            decision = driver.act(observation)
        except Exception as error:  # whatever it is, it is the driver's
            raise DriverError(f"{type(error).__name__}: {error}") from error
        yield Step(
            readings, observation, decision, readings.view, judge.route_completion, state_hash
        )
        if judge.ending in endings:
            return
        world.apply(decision.command)
        stage.lamps.step(readings, decision.command)
        stage.traffic.step(readings.users, readings.lights)
        readings = world.tick()
        judge.step(readings)
        state_hash = chain_hash(state_hash, readings)
