"""How kernels are compiled, and where their machine code is kept.

numba sees a change of the file that holds a kernel, but not of the helpers it calls from other
files. So the cache folder's name is a digest of all sources with kernels or helpers in them: any
change to one misses.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import numba
from numba.extending import register_jitable

from common.kernels import kept

P = ParamSpec("P")
R = TypeVar("R")


def cache_folder() -> Path:
    """The folder for compiled kernels: under NUMBA_CACHE_DIR, NINEFOLD_HOME or the user's cache."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        content = source.read_bytes()
        if b"jit import" in content or source == Path(__file__):
            digest.update(content)
    home = os.environ.get("NINEFOLD_HOME") or str(
        Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ninefold"
    )
    base = os.environ.get("NUMBA_CACHE_DIR") or str(Path(home) / "kernels")
    folder = Path(base) / digest.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="ninefold-kernels-"))
    return folder


FOLDER = cache_folder()


# Kernels borrow their arrays from the caller and make none: `_nrt=False` leaves out counting of
# references, which else takes most of the time (atomic counters in the innermost loops).
# Entries for calls from C take longer to compile than many kernels' own code.
OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile for calls from Python: without the interpreter lock, kept on disk."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(FOLDER)
    try:
        return kept(function, **OPTIONS)
    finally:
        numba.config.CACHE_DIR = before


def inline(function: Callable[P, R]) -> Callable[P, R]:
    """Compile into the kernels that call it; for Python the function stays what it is."""
    register_jitable(forceinline=True, no_cpython_wrapper=True, **OPTIONS)(function)
    return function
