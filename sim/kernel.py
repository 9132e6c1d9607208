"""How the client side's compiled loops are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba.extending import register_jitable

from common.kernels import kept

F = TypeVar("F", bound=Callable[..., object])

FAR = 1e6  # m: nothing in sight

# Compiled code borrows its arrays from the caller and makes none: `_nrt=False` leaves out the
# counting of references, which takes most of the time where tables of many arrays are handed on.
# Entries for calls from Python, and from C, take longer to compile than most functions' own code.
OPTIONS = {"nogil": True, "_nrt": False, "no_cfunc_wrapper": True}


def kernel(function: F) -> F:
    """The function compiled at its first call, kept on disk; it runs without the GIL."""
    return kept(function, **OPTIONS)


def helper(function: F) -> F:
    """Compiled for the kernels that call it; for Python the function stays what it is."""
    return cast(F, register_jitable(no_cpython_wrapper=True, **OPTIONS)(function))
