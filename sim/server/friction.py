"""Friction triggers: boxes in which tyres grip less or more (static.trigger.friction)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.server.sensors.attributes import number
from sim.server.vehicle_physics import REFERENCE_FRICTION

F64 = NDArray[np.float64]

_METRES = 0.01  # of the blueprint's unit, centimetres as in Unreal


@dataclass(frozen=True, slots=True)
class Zone:
    """An upright box with its own friction."""

    centre: F64  # (3,) m
    yaw: float  # rad
    half: F64  # (3,) m
    friction: float  # of every tyre inside, as CARLA's tire_friction

    @staticmethod
    def read(pose: ArrayLike, get: Callable[[str], str]) -> Zone:
        """From the trigger's pose (6,) and its blueprint's attributes, half sizes in cm.

        Raises:
            ValueError: an attribute is no finite number.
        """
        at = np.asarray(pose, np.float64)
        half = np.array([abs(number(get, f"extent_{axis}", 100.0)) for axis in "xyz"]) * _METRES
        friction = max(number(get, "friction", REFERENCE_FRICTION), 0.0)
        return Zone(at[:3].copy(), float(at[5]), half, friction)


def frictions(zones: Iterable[Zone], places: F64) -> F64:
    """The friction (N,) of tyres at places (N, 3) m, NaN for their own; the last zone counts."""
    out = np.full(len(places), np.nan)
    for zone in zones:
        c, s = np.cos(zone.yaw), np.sin(zone.yaw)
        x, y, z = (places - zone.centre).T
        local = np.stack([c * x + s * y, c * y - s * x, z], axis=-1)
        out[(np.abs(local) <= zone.half).all(axis=1)] = zone.friction
    return out
