"""Other people's CARLA programs run unmodified; where their checkouts lie, the environment says.

NINEFOLD_PEERS="--carla CHECKOUT --maps FOLDER [--only TEXT]" pytest tests/peers
"""

import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.programs import Lack, Program
from tests.peers.runner import Verdict, complaint, run

ROOT = Path(__file__).parents[2]


def test_every_program_passes_that_needs_nothing_of_the_unreal_project():
    options = os.environ.get("NINEFOLD_PEERS")
    if options is None:
        pytest.skip("NINEFOLD_PEERS names no checkout of CARLA")
    run = subprocess.run(
        [sys.executable, "-m", "tests.peers", *shlex.split(options)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def own_program(port, text, **more):
    return Program("own", ("-c", text), (), town="suburb", port=port, limit=60.0, **more)


def test_a_verdict_says_what_the_program_found(tmp_path, free_port):
    asks = f"import carla; client = carla.Client('127.0.0.1', {free_port})\n"
    asks += "client.set_timeout(60.0); print('on', client.get_world().get_map())"
    program = own_program(free_port, asks, says=r"on Map\(name=Carla/Maps/(\w+)\)")
    assert run(program, sys.executable, tmp_path).text == "passes: suburb"


def test_a_verdict_names_what_went_wrong(tmp_path):
    program = own_program(0, "", says="done")
    assert complaint(program, "half a word", "") == "it does not say 'done'"
    said = "done\nTraceback (most recent call last):\n  ...\nValueError: no such thing\n"
    assert complaint(program, said, "") == "ValueError: no such thing"
    assert (
        complaint(program, "done", "ERROR sim: it broke") == "the server's log: ERROR sim: it broke"
    )
    verdict = Verdict(program, "RuntimeError: map not found", "", 0.0, "")
    assert verdict.text == "needs a map that the folder of maps lacks"


def test_a_program_is_excused_for_the_failure_of_what_it_lacks_and_no_other():
    program = own_program(0, "", lack=Lack("a wall", "AssertionError: no wall"))
    excused = Verdict(program, "AssertionError: no wall at all", "", 0.0, "")
    assert (excused.lacks, excused.text) == ("a wall", "needs a wall")
    failed = Verdict(program, "AssertionError: 1 != 2", "", 0.0, "")
    assert (failed.lacks, failed.text) == (None, "fails: AssertionError: 1 != 2")
