import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from common.messages import EpisodeSpec, Outcome
from eval.execute import execute
from eval.suite import suite_named
from tests.eval import coins

BASE = EpisodeSpec(town="city", route=0, seed=0, driver="truth")
SPECS = suite_named("smoke").specs(12, 5, BASE)


@pytest.mark.parametrize(
    "executor", ["inline", "process", pytest.param("ray", marks=pytest.mark.ray)]
)
def test_every_executor_gives_every_episode_once_with_the_same_result(executor: str) -> None:
    results = list(execute(SPECS, coins.toss, executor, workers=2))
    assert sorted(r.spec.key() for r in results) == sorted(s.key() for s in SPECS)
    assert all(r == coins.toss(r.spec) for r in results)


def test_a_dead_worker_costs_no_episode(tmp_path: Path) -> None:
    specs = [replace(spec, fault=str(tmp_path)) for spec in SPECS[:4]]
    results = list(execute(specs, coins.toss_once_dead, "process", workers=1))
    assert sorted(r.spec.key() for r in results) == sorted(s.key() for s in specs)
    assert all(r.outcome is not Outcome.VOID for r in results)


def test_an_episode_that_always_kills_its_worker_is_void_and_the_rest_goes_on() -> None:
    results = {r.spec.route: r for r in execute(SPECS[:6], coins.toss_always_dead, "process", 1)}
    assert results[3].outcome is Outcome.VOID
    assert "died" in results[3].detail
    assert all(results[n].outcome is not Outcome.VOID for n in (0, 1, 2, 4, 5))


def test_an_exception_of_the_rig_is_void_and_says_what_happened() -> None:
    (result,) = execute(SPECS[:1], coins.break_rig)
    assert result.outcome is Outcome.VOID
    assert result.detail == "ConnectionError: no simulator for route 0"


def test_a_suite_takes_new_seeds_when_its_routes_are_through() -> None:
    specs = suite_named("smoke").specs(25, 5, BASE)
    assert len({spec.key() for spec in specs}) == 25
    assert [spec.seed for spec in specs] == [5] * 10 + [6] * 10 + [7] * 5


EVALUATOR = """
    import signal
    import sys
    from dataclasses import replace
    from eval.execute import execute
    from tests.eval import coins, test_execute
    if __name__ == "__main__":
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
        specs = [replace(spec, fault=sys.argv[1]) for spec in test_execute.SPECS[:2]]
        list(execute(specs, coins.toss_slowly, "process", 2))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_the_evaluator_however_that_ends(tmp_path: Path, number: int) -> None:
    program, marks = tmp_path / "evaluator.py", tmp_path / "marks"
    program.write_text(textwrap.dedent(EVALUATOR))
    marks.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(program), str(marks)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as evaluator:
        while len(workers := [path.name for path in marks.iterdir()]) < 2:
            time.sleep(0.1)
        evaluator.send_signal(number)
        evaluator.wait(60.0)
    deadline = time.monotonic() + 30.0
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)
