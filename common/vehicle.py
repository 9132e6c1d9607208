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
    length=4.902, width=2.128, height=1.511, wheelbase=2.85, rear_axle=1.425, max_steer=1.2217
)
"""vehicle.lincoln.mkz_2020: box from CARLA's blueprint catalogue, wheelbase from the maker's data
sheet, wheel angle CARLA's 70 degrees."""
