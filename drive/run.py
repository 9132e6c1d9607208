"""Spec in, result out: one episode with everything around it."""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.errors import RigError, UserError
from common.messages import (
    Camera,
    Driver,
    EgoState,
    EpisodeResult,
    EpisodeSpec,
    Infraction,
    Outcome,
)
from drive.disengage import disengagements
from drive.episode import DriverError, Step, episode
from drive.faults import FaultyDriver, faulty_localiser
from drive.scores import comfort_si, lb20, lb21
from drive.stack import camera_driver, truth_driver
from drive.stage import Atlas, Stage, check, set_stage
from sim.launch import embedded_server
from sim.readings import Readings
from sim.world import DT, World

Watch = Callable[[Step], None]
"""Looks at each step: video, progress, recording."""


class Simulator:
    """A server to drive in: the embedded one, started on first use, or a running one.

    Remembers the connection and the last map's atlas, so that episodes of one town start fast.
    """

    def __init__(self, address: tuple[str, int] | None = None) -> None:
        self._address = address
        self._held = contextlib.ExitStack()
        self._world: World | None = None
        self._atlas: Atlas | None = None

    def __enter__(self) -> Simulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def stage(self, spec: EpisodeSpec, view: Camera | None = None) -> Stage:
        """Everything for this episode; a server that failed is replaced at the next call.

        Raises:
            UserError: no server at the address; an unknown town, weather or route.
            RigError: the simulator failed.
        """
        check(spec, embedded=self._address is None)
        world = self.connect(spec.town)
        try:
            stage = set_stage(world, spec, self._atlas, view)
        except RuntimeError as error:
            raise world.failed("failed to set the stage", error) from error
        self._atlas = stage.atlas
        return stage

    def connect(self, town: str) -> World:
        """The connection, made on first use; a server of our own starts with this town.

        Raises:
            UserError: no server at the address; no such town.
        """
        if self._world is None:
            host, port = self._address or (
                "127.0.0.1",
                self._held.enter_context(embedded_server(town, step=DT)),
            )
            self._world = self._held.enter_context(World(host, port))
        return self._world

    def close(self) -> None:
        """End the embedded server, or give the running one its settings back."""
        self._world = None
        self._held.close()


@functools.cache
def _own_simulator() -> Simulator:
    """This process's embedded server, ended with it."""
    simulator = Simulator()
    atexit.register(simulator.close)
    return simulator


def run_episode(spec: EpisodeSpec, weights: Path | None = None) -> EpisodeResult:
    """One episode in this process's own embedded server, which stays for the next one.

    Raises:
        UserError: the spec names something that is not there.
        RigError: the simulator failed; the next call starts a new one.
    """
    simulator = _own_simulator()
    try:
        return drive(simulator, spec, weights)
    except RigError:
        simulator.close()
        raise


def drive(
    simulator: Simulator,
    spec: EpisodeSpec,
    weights: Path | None = None,
    watches: Sequence[Watch] = (),
    view: Camera | None = None,
) -> EpisodeResult:
    """Drive one episode and tell every watcher of every step.

    Raises:
        UserError: the spec names something that is not there, or another network than `weights`.
        RigError: the simulator failed.
    """
    spec = with_network(spec, weights)
    driver = driver_of(spec, weights)
    stage = simulator.stage(spec, view)
    started = time.monotonic()
    trace: list[tuple[float, float, float]] = []
    state_hash, failure = b"", None
    stop: tuple[float, str] | None = None
    try:
        for step in episode(stage, driver, localiser_of(spec, stage)):
            trace.append(_motion(step.readings))
            state_hash = step.state_hash
            if stop is None and step.decision.stopping is not None:
                stop = step.readings.t, step.decision.stopping
            for watch in watches:
                watch(step)
    except DriverError as error:
        failure = str(error)
    finally:
        stage.close()
    return _result(stage, trace, state_hash, time.monotonic() - started, failure, stop)


def with_network(spec: EpisodeSpec, weights: Path | None = None) -> EpisodeSpec:
    """The spec with the digest of the network that drives: two networks are two specs.

    Raises:
        UserError: there is no such file, or the spec names another network.
    """
    if spec.driver != "camera":
        return replace(spec, weights=None)
    from perception.perceive import WEIGHTS

    path = WEIGHTS if weights is None else weights
    found = digest(path)
    if spec.weights not in (None, found):
        raise UserError(
            f"expected the network {spec.weights} of the episode, got {path} ({found});"
            " give the right --weights"
        )
    return replace(spec, weights=found)


def digest(path: Path) -> str:
    """sha256 of a file, hex.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"expected a file to read at {path}, got: {error.strerror}") from error


def driver_of(spec: EpisodeSpec, weights: Path | None = None) -> Driver:
    """The driver a spec names, behind the fault it names.

    Raises:
        UserError: no such driver; a foreign network.
    """
    if spec.driver == "truth":
        return truth_driver()
    if spec.driver == "camera":
        driver = camera_driver(weights)
        return driver if spec.fault is None else FaultyDriver(driver, spec)
    raise UserError(f"expected a driver, got {spec.driver!r}; there are: camera, truth")


def localiser_of(spec: EpisodeSpec, stage: Stage) -> Callable[[Readings], EgoState]:
    """Where the ego is: as it truly is for the oracle, as its sensors say for the camera."""
    if spec.driver == "truth":
        return true_ego
    from drive.localise import Localiser
    from drive.stage import start_of

    localiser = Localiser()
    localiser.reset(start_of(stage.route), 0.0)
    return faulty_localiser(lambda readings: localiser.update(readings.proprioception), spec)


def true_ego(readings: Readings) -> EgoState:
    """The ego's state without any doubt."""
    own = readings.proprioception
    return EgoState(
        t=readings.t,
        world_from_ego=readings.world_from_ego,
        speed=float(readings.ego_velocity[0]),
        accel=float(own.accel[0]),
        yaw_rate=float(readings.users.spin[readings.ego_row, 2]),
        steer=own.steer,
    )


def _motion(readings: Readings) -> tuple[float, float, float]:
    """Velocity along and across the ego (m/s), yaw rate (rad/s)."""
    along, across = readings.ego_velocity
    return float(along), float(across), float(readings.users.spin[readings.ego_row, 2])


def _result(
    stage: Stage,
    trace: list[tuple[float, float, float]],
    state_hash: bytes,
    wall: float,
    failure: str | None,
    stop: tuple[float, str] | None,
) -> EpisodeResult:
    judge = stage.judge
    found: tuple[Infraction, ...] = ()
    if trace:
        outcome, detail, found = judge.verdict()
    if failure is not None:
        outcome, detail = Outcome.DRIVER_ERROR, failure
    motion = np.array(trace).reshape(-1, 3)
    completion = judge.route_completion
    duration = max(len(trace) - 1, 0) * DT
    return EpisodeResult(
        spec=stage.spec,
        outcome=outcome,
        route_completion=completion,
        distance=judge.distance,
        duration=duration,
        wall=wall,
        infractions=found,
        disengagements=disengagements(outcome, duration, found, stop),
        scores=(("lb2.0", lb20(completion, found)), ("lb2.1", lb21(completion, found))),
        comfort=comfort_si(motion[:, :2], motion[:, 2], DT),
        state_hash=state_hash.hex(),
        detail=detail,
    )
