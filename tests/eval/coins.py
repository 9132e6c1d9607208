"""A system whose failure probability is known: what the evaluator is checked against."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from common.messages import Disengagement, EpisodeResult, EpisodeSpec, Infraction, Outcome

FAILURE_PROBABILITY = 0.1


def toss(spec: EpisodeSpec) -> EpisodeResult:
    """Fail with the known probability, decided by the spec alone."""
    rng = np.random.default_rng([spec.seed, spec.route])
    failed = bool(rng.random() < FAILURE_PROBABILITY)
    return EpisodeResult(
        spec=spec,
        outcome=Outcome.COLLISION if failed else Outcome.SUCCESS,
        route_completion=50.0 if failed else 100.0,
        distance=500.0,
        duration=60.0,
        wall=0.0,
        infractions=(Infraction("collision_vehicle", 3.0, 1.0, 2.0, "with 7"),) if failed else (),
        disengagements=(Disengagement("minimum_risk", "system", 3.0, "light lost"),)
        if failed
        else (),
        scores=(("lb2.1", 50.0 if failed else 100.0),),
        comfort=0.9,
        state_hash=spec.key(),
        detail="hit 7" if failed else "",
    )


def toss_once_dead(spec: EpisodeSpec) -> EpisodeResult:
    """Kill the worker the first time, work the second: `fault` names a file that remembers."""
    assert spec.fault is not None
    mark = Path(spec.fault) / spec.key()[:16]
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return toss(spec)


def toss_always_dead(spec: EpisodeSpec) -> EpisodeResult:
    """Kill the worker whenever the route is 3."""
    if spec.route == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return toss(spec)


def break_rig(spec: EpisodeSpec) -> EpisodeResult:
    """The rig raises."""
    raise ConnectionError(f"no simulator for route {spec.route}")


def toss_slowly(spec: EpisodeSpec) -> EpisodeResult:
    """Say which process works, and never end: `fault` names the folder to say it in."""
    assert spec.fault is not None
    (Path(spec.fault) / str(os.getpid())).touch()
    while True:
        time.sleep(1.0)
