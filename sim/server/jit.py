"""How the physics' compiled loops are made.

A kernel and the helpers that it calls live in one file, so that numba's cache on disk notices every
change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """The function compiled at its first call, kept on disk; it runs without the GIL."""
    compiled: Callable[P, R] = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return compiled
