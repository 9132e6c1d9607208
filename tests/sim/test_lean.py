"""How the body stands over the road."""

import math

import numpy as np
import pytest

from common.frames import transform_from_euler
from sim.lean import ego_from_body

SLOPE = 0.1  # rad, uphill along the lane


def body(roll: float, pitch: float, yaw: float, height: float = 0.0) -> np.ndarray:
    return np.array([3.0, 4.0, 5.0 + height, roll, pitch, yaw])


def road(pitch: float = 0.0, yaw: float = 0.0) -> np.ndarray:
    return np.array([3.0, 4.0, 5.0, 0.0, pitch, yaw])


def test_a_body_that_dives_looks_at_a_point_lower_down() -> None:
    dive = ego_from_body(body(0.0, 0.02, 0.7), road())
    assert (dive @ [10.0, 0.0, 1.0, 1.0])[2] == pytest.approx(1.0 - 10.0 * math.sin(0.02), abs=1e-3)


def test_a_body_that_rolls_to_the_left_has_its_left_side_lower() -> None:
    leans = ego_from_body(body(-0.03, 0.0, 0.7), road())
    assert (leans @ [0.0, 1.0, 0.0, 1.0])[2] == pytest.approx(-0.03, abs=1e-4)


@pytest.mark.parametrize("heading", [0.0, 0.4, math.pi / 2, math.pi])
def test_a_body_that_follows_the_slope_does_not_lean_whichever_way_it_drives(heading) -> None:
    turn = transform_from_euler((0.0, 0.0, 0.0), 0.0, 0.0, heading)
    hill = transform_from_euler((0.0, 0.0, 0.0), 0.0, -SLOPE, 0.3) @ turn
    pitch = -math.asin(hill[2, 0])
    angles = math.atan2(hill[2, 1], hill[2, 2]), pitch, math.atan2(hill[1, 0], hill[0, 0])
    lean = ego_from_body(body(*angles), road(-SLOPE, 0.3))
    assert lean == pytest.approx(np.eye(4), abs=1e-9)


def test_a_body_above_the_road_is_so_much_higher() -> None:
    assert ego_from_body(body(0.0, 0.0, 0.0, 0.05), road())[2, 3] == pytest.approx(0.05)
