"""How a colour camera is exposed: CARLA's attributes as one table from pixel to pixel.

The renderer exposes by itself, as CARLA's histogram mode does; what is asked beyond the default
values is a change of that. Source: CARLA documentation 0.9.16, "RGB camera".
"""

from __future__ import annotations

import math

import numpy as np

from sim.server.scene import U8
from sim.server.sensors.attributes import Attributes, number

GAMMA = 2.2  # CARLA's default, and the renderer's
SHUTTER, ISO, FSTOP = 200.0, 100.0, 1.4  # CARLA's defaults: 1/s, -, -


def stops(get: Attributes) -> float:
    """How much brighter than by default, in powers of two.

    Raises:
        ValueError: an attribute is no number, or one that must be positive is not.
    """
    ev = number(get, "exposure_compensation")
    if get("exposure_mode") != "manual":
        return ev
    shutter, iso, fstop = (
        _positive(get, key, default)
        for key, default in (("shutter_speed", SHUTTER), ("iso", ISO), ("fstop", FSTOP))
    )
    return ev + math.log2(SHUTTER / shutter * iso / ISO * (FSTOP / fstop) ** 2)


def table(get: Attributes) -> U8 | None:
    """New pixel values (256,) by old ones; None where nothing changes.

    Raises:
        ValueError: as `stops`.
    """
    gamma, ev = _positive(get, "gamma", GAMMA), stops(get)
    if gamma == GAMMA and ev == 0.0:
        return None
    linear = (np.arange(256) / 255.0) ** GAMMA * 2.0 ** min(max(ev, -24.0), 24.0)
    shown = 255.0 * np.minimum(linear, 1.0) ** (1.0 / gamma)
    found: U8 = np.round(shown).astype(np.uint8)
    return found


def _positive(get: Attributes, key: str, default: float) -> float:
    value = number(get, key, default)
    if value <= 0.0:
        raise ValueError(f"expected a positive {key}, got {get(key)}")
    return value
