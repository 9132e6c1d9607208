"""How loops are compiled, and where their machine code is kept.

What is on disk, `common.kernels` checks.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numba
from numba.extending import register_jitable

from common.kernels import COMPILED, kept

P = ParamSpec("P")
R = TypeVar("R")

# Entries for calls from C take longer to compile than many kernels' own code.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
# Most compiled code borrows its arrays from the caller and makes none: `_nrt=False` leaves out
# counting of references, which else takes most of the time (atomic counters in innermost loops).
BORROWING = {**OPTIONS, "_nrt": False}


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile for calls from Python: without the interpreter lock, kept on disk; makes no array."""
    return _compiled(function, BORROWING)


def maker(function: Callable[P, R]) -> Callable[P, R]:
    """A kernel that makes arrays."""
    return _compiled(function, OPTIONS)


def helper(function: Callable[P, R]) -> Callable[P, R]:
    """Compile for the kernels that call it; for Python the function stays what it is."""
    register_jitable(no_cpython_wrapper=True, **BORROWING)(function)
    return _marked(function)


def inline(function: Callable[P, R]) -> Callable[P, R]:
    """Compile into the kernels that call it; for Python the function stays what it is."""
    register_jitable(forceinline=True, no_cpython_wrapper=True, **BORROWING)(function)
    return _marked(function)


def _marked(function: Callable[P, R]) -> Callable[P, R]:
    setattr(function, COMPILED, True)
    return function


def _compiled(function: Callable[P, R], options: dict[str, Any]) -> Callable[P, R]:
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_folder())
    try:
        return kept(function, **options)
    finally:
        numba.config.CACHE_DIR = before


@functools.cache
def _folder() -> Path:
    """For compiled kernels: under NUMBA_CACHE_DIR, NINEFOLD_HOME or the user's cache."""
    home = os.environ.get("NINEFOLD_HOME") or str(
        Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ninefold"
    )
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(home) / "kernels")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(folder)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="ninefold-kernels-"))
    return folder
