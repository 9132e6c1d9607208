"""Numbers out of a blueprint's attributes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Attributes = Callable[[str], str]
"""An attribute's text by its id; "" where the blueprint has none."""


def number(get: Attributes, key: str, default: float = 0.0) -> float:
    """A finite number.

    Raises:
        ValueError: the text is no number.
    """
    text = get(key)
    try:
        value = float(text) if text else default
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number as {key}, got {text!r:.40}")
    return value


def vector(get: Attributes, stem: str, ends: str = "xyz") -> NDArray[np.float64]:
    """Numbers (len(ends),) of attributes that share the stem, as noise_accel_stddev_x, _y, _z."""
    return np.array([number(get, f"{stem}_{end}") for end in ends])


def flag(get: Attributes, key: str) -> bool:
    """A truth value."""
    return get(key).strip().lower() in ("true", "1", "yes")


def generator(get: Attributes, nth: int) -> np.random.Generator:
    """The sensor's own random numbers: by its noise_seed, and its place in the episode."""
    return np.random.default_rng([int(number(get, "noise_seed")) & 0xFFFFFFFF, nth])
