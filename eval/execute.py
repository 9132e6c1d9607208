"""Run many episodes: in this process, in worker processes, or on Ray. The only importer of ray.

An executor takes specs and gives results as they finish, in any order. A worker that dies is the
rig's failure: its episode is tried again, and after `ATTEMPTS` it is VOID, never dropped.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection

from common.errors import UserError
from common.messages import EpisodeResult, EpisodeSpec, Outcome

Run = Callable[[EpisodeSpec], EpisodeResult]
ATTEMPTS = 3


def void(spec: EpisodeSpec, detail: str) -> EpisodeResult:
    """The result of an episode that the rig could not carry out."""
    return EpisodeResult(
        spec=spec,
        outcome=Outcome.VOID,
        route_completion=0.0,
        distance=0.0,
        duration=0.0,
        wall=0.0,
        infractions=(),
        disengagements=(),
        scores=(),
        comfort=0.0,
        state_hash="",
        detail=detail,
    )


def guarded(run: Run, spec: EpisodeSpec) -> EpisodeResult:
    """Run one episode; at this process border an exception of the rig becomes VOID."""
    try:
        return run(spec)
    except Exception as error:  # noqa: BLE001 - the border between episode and campaign
        return void(spec, f"{type(error).__name__}: {error}")


def inline(specs: Sequence[EpisodeSpec], run: Run) -> Iterator[EpisodeResult]:
    """One after the other, here."""
    for spec in specs:
        yield guarded(run, spec)


def processes(specs: Sequence[EpisodeSpec], run: Run, workers: int) -> Iterator[EpisodeResult]:
    """In `workers` processes of this machine; a broken pool is made anew."""
    waiting = deque((spec, 1) for spec in specs)
    while waiting:
        with _leashed(workers) as pool:
            yield from _drain(waiting, run, workers, pool)


@contextlib.contextmanager
def _leashed(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose workers end, in the middle of an episode if need be, when this block does.

    Also when this process is killed: they all read a pipe that nobody but us can write to.
    """
    context = multiprocessing.get_context("spawn")
    held, leash = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, context, initializer=_tie, initargs=(held,))
    try:
        yield pool
    finally:
        leash.close()
        pool.shutdown(cancel_futures=True)
        held.close()


def _tie(held: Connection) -> None:
    """In a worker: end with the pipe."""

    def follow() -> None:
        held.poll(None)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _drain(
    waiting: deque[tuple[EpisodeSpec, int]], run: Run, workers: int, pool: ProcessPoolExecutor
) -> Iterator[EpisodeResult]:
    """Feed one pool until all is done or it breaks; what broke goes back to `waiting`."""
    under_way: dict[Future[EpisodeResult], tuple[EpisodeSpec, int]] = {}
    broken = False
    while under_way or (waiting and not broken):
        while waiting and not broken and len(under_way) < workers:
            task = waiting.popleft()
            try:
                under_way[pool.submit(guarded, run, task[0])] = task
            except BrokenProcessPool:
                waiting.appendleft(task)
                broken = True
        for future in wait(under_way, return_when=FIRST_COMPLETED).done:
            spec, attempt = under_way.pop(future)
            try:
                yield future.result()
            except BrokenProcessPool:
                broken = True
                if attempt < ATTEMPTS:
                    waiting.append((spec, attempt + 1))
                else:
                    yield void(spec, f"the worker died {ATTEMPTS} times")


def on_ray(
    specs: Sequence[EpisodeSpec], run: Run, workers: int, address: str | None = None
) -> Iterator[EpisodeResult]:
    """On Ray: a local one with `workers` slots, or the cluster at `address`."""
    import ray  # heavy, and only this executor needs it

    try:
        ray.init(
            address=address,
            num_cpus=None if address else workers,
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level="error",
            configure_logging=False,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"expected Ray to start, or a cluster at {address}, got: {error};"
            " check --ray-address, or choose --executor process"
        ) from error
    try:
        task = ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1, scheduling_strategy="SPREAD")(
            guarded
        )
        waiting = deque(specs)
        under_way: dict[object, EpisodeSpec] = {}
        while waiting or under_way:
            while waiting and len(under_way) < workers:  # back-pressure
                spec = waiting.popleft()
                under_way[task.remote(run, spec)] = spec
            done, _ = ray.wait(list(under_way), num_returns=1)
            spec = under_way.pop(done[0])
            try:
                yield ray.get(done[0])
            except ray.exceptions.RayError as error:
                yield void(spec, f"{type(error).__name__} after {ATTEMPTS} attempts")
    finally:
        ray.shutdown()


def execute(
    specs: Sequence[EpisodeSpec],
    run: Run,
    executor: str = "inline",
    workers: int = 1,
    address: str | None = None,
) -> Iterator[EpisodeResult]:
    """Results as they finish. `executor` is "inline", "process" or "ray"."""
    if executor == "inline":
        return inline(specs, run)
    if executor == "process":
        return processes(specs, run, workers)
    return on_ray(specs, run, workers, address)
