"""Other people's CARLA programs run unmodified; where their checkouts lie, the environment says.

NINEFOLD_PEERS="--carla CHECKOUT --maps FOLDER [--only TEXT]" pytest tests/peers
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

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
