"""How the physics' compiled loops are made.

A kernel and the helpers that it calls live in one file, so that numba's cache on disk notices every
change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba.extending import register_jitable

from common.kernels import kept

P = ParamSpec("P")
R = TypeVar("R")

# Entries for calls from C take longer to compile than many kernels' own code.
OPTIONS = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """The function compiled at its first call, kept on disk; it runs without the GIL."""
    return kept(function, **OPTIONS)


def helper(function: Callable[P, R]) -> Callable[P, R]:
    """Compiled for the kernels that call it; for Python the function stays what it is."""
    register_jitable(no_cpython_wrapper=True, **OPTIONS)(function)
    return function
