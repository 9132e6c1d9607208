"""What a sensor remembers from one measurement to the next, as plain values and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Plain = Any  # numbers, texts, bytes, and lists and maps of them


class Remembers(Protocol):
    """Something with a memory."""

    def save(self) -> Plain:
        """The memory."""

    def restore(self, saved: Plain) -> None:
        """The inverse of `save`, to the bit."""


Memory = np.random.Generator | Remembers


def save(memories: Sequence[Memory]) -> list[Plain]:
    """The memories in their order."""
    return [_dice(m) if isinstance(m, np.random.Generator) else m.save() for m in memories]


def restore(memories: Sequence[Memory], saved: list[Plain]) -> None:
    """The inverse of `save`.

    Raises:
        ValueError: these are not the memories of such a sensor.
    """
    for memory, value in zip(memories, saved, strict=True):
        if isinstance(memory, np.random.Generator):
            state, inc, has_uint32, uinteger = value
            memory.bit_generator.state = {
                "bit_generator": "PCG64",
                "state": {"state": int(state), "inc": int(inc)},
                "has_uint32": has_uint32,
                "uinteger": uinteger,
            }
        else:
            memory.restore(value)


def _dice(rng: np.random.Generator) -> Plain:
    """NumPy's PCG64; its 128-bit numbers as text."""
    own = rng.bit_generator.state
    return [
        str(own["state"]["state"]),
        str(own["state"]["inc"]),
        own["has_uint32"],
        own["uinteger"],
    ]


def packed(array: NDArray[Any]) -> Plain:
    """An array as its shape and bytes."""
    return [list(array.shape), np.ascontiguousarray(array).tobytes()]


def unpacked(saved: Plain, dtype: np.dtype[Any] | type) -> NDArray[Any]:
    """The inverse of `packed`.

    Raises:
        ValueError: the bytes do not fit the shape.
    """
    shape, data = saved
    return np.frombuffer(data, dtype).reshape(shape).copy()
