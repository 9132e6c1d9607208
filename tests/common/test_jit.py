"""Machine code on disk: whoever changes what a kernel is made of, compiles anew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

STEEP = "SLOPE = {slope}"
HELPER = """
from common.jit import helper
from steep import SLOPE

@helper
def line(x: float) -> float:
    return SLOPE * x {more}
"""
KERNEL = """
from common.jit import kernel
from shared import line

@kernel
def twice(x: float) -> float:
    return 2.0 * line(x)

print(twice(1.0))
"""


def run(folder: Path, slope: float, more: str = "") -> tuple[float, set[Path]]:
    """What the kernel gives with this constant of its helper, both elsewhere; the files of code."""
    (folder / "steep.py").write_text(STEEP.format(slope=slope))
    (folder / "shared.py").write_text(HELPER.format(more=more))
    path = os.pathsep.join([str(folder), *sys.path])
    env = {**os.environ, "PYTHONPATH": path, "NUMBA_CACHE_DIR": str(folder / "kernels")}
    program = [sys.executable, str(folder / "program.py")]
    done = subprocess.run(program, env=env, capture_output=True, text=True, check=True)
    return float(done.stdout), set((folder / "kernels").rglob("*.nbc"))


def test_a_kernel_follows_its_helpers_and_their_constants_in_other_files(tmp_path):
    (tmp_path / "program.py").write_text(KERNEL)
    first, code = run(tmp_path, 3.0)
    again, same = run(tmp_path, 3.0)
    assert first == again == 6.0
    assert len(code) == 1
    assert same == code  # taken from the disk
    assert run(tmp_path, 5.0)[0] == 10.0
    assert run(tmp_path, 3.0, "+ 1.0")[0] == 8.0
    assert run(tmp_path, 3.0)[0] == 6.0
