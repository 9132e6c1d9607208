"""Friction triggers: boxes in which tyres grip less or more (static.trigger.friction)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.server.vehicle_physics import REFERENCE_FRICTION

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Zone:
    """An upright box with its own friction."""

    centre: F64  # (3,) m
    yaw: float  # rad
    half: F64  # (3,) m
    grip: float  # share of the tyres' own friction

    @staticmethod
    def read(pose: ArrayLike, get: Callable[[str], str]) -> Zone:
        """From the trigger's pose (6,) and its blueprint's attributes, lengths in m.

        Raises:
            ValueError: an attribute is no number.
        """
        at = np.asarray(pose, np.float64)
        half = np.array([abs(float(get(f"extent_{axis}") or 1.0)) for axis in "xyz"])
        friction = max(float(get("friction") or REFERENCE_FRICTION), 0.0)
        return Zone(at[:3].copy(), float(at[5]), half, friction / REFERENCE_FRICTION)


def grips(zones: Iterable[Zone], places: F64) -> F64:
    """The share (N,) of their friction that tyres have at places (N, 3) m; the last zone counts."""
    out = np.ones(len(places))
    for zone in zones:
        c, s = np.cos(zone.yaw), np.sin(zone.yaw)
        x, y, z = (places - zone.centre).T
        local = np.stack([c * x + s * y, c * y - s * x, z], axis=-1)
        out[(np.abs(local) <= zone.half).all(axis=1)] = zone.grip
    return out
