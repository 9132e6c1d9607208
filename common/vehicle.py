"""The ego vehicle's geometry and limits, for planner, controller and judge alike."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VehicleGeometry:
    """A car's outline and kinematics about its origin (mid-length, on the ground)."""

    length: float  # m
    width: float  # m
    height: float  # m
    wheelbase: float  # m
    rear_axle: float  # m from the origin back to the rear axle
    max_steer: float  # rad at the front wheels, each side


LINCOLN_MKZ = VehicleGeometry(
    length=4.892, width=1.837, height=1.490, wheelbase=2.85, rear_axle=1.425, max_steer=0.587
)
"""vehicle.lincoln.mkz_2020: box from CARLA's blueprint catalogue, wheelbase from the maker's data
sheet. CARLA calls 70 degrees the wheels' most; the rack stops where the published turning circle,
11.6 m between kerbs, says (docs/physics.md)."""
