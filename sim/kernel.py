"""How the client side's compiled loops are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])

FAR = 1e6  # m: nothing in sight


def kernel(function: F) -> F:
    """The function compiled at its first call, kept on disk; it runs without the GIL."""
    return cast(F, numba.njit(cache=True, nogil=True)(function))
