import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from perception.perceive import WEIGHTS

ROOT = Path(__file__).parents[2]
TICKS = 60


@cache
def hashes(driver: str, seed: int, run: int) -> tuple[str, ...]:
    """The state hashes of a drive in a new process; `run` tells repetitions apart."""
    command = [sys.executable, "-m", "tests.drive.short_drive", driver, str(seed), str(TICKS)]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    return tuple(line for line in out.stdout.splitlines() if line[:1].isdigit())


@pytest.mark.parametrize("driver", ["truth", "camera"])
def test_the_same_spec_in_a_new_process_gives_the_same_hashes(driver: str) -> None:
    if driver == "camera" and not WEIGHTS.exists():
        pytest.skip("no weights are shipped")
    first = hashes(driver, 3, 1)
    assert len(first) == TICKS // 20
    assert hashes(driver, 3, 2) == first


def test_another_seed_gives_another_hash() -> None:
    assert hashes("truth", 3, 1)[-1] != hashes("truth", 4, 1)[-1]
