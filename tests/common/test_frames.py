import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from common.frames import SEG_GRID, Pose2, transform_from_euler, wrap_angle, wrap_angles

metres = st.floats(-1e3, 1e3)
angles = st.floats(-20.0, 20.0)
poses = st.builds(Pose2, metres, metres, angles)


@given(angles)
def test_a_wrapped_angle_points_the_same_way_and_lies_in_the_half_open_circle(angle: float) -> None:
    wrapped = wrap_angle(angle)
    assert -math.pi < wrapped <= math.pi
    assert math.isclose(math.cos(wrapped), math.cos(angle), abs_tol=1e-9)
    assert math.isclose(math.sin(wrapped), math.sin(angle), abs_tol=1e-9)
    assert math.isclose(float(wrap_angles(np.array(angle))), wrapped, abs_tol=1e-9) or math.isclose(
        abs(wrapped), math.pi, abs_tol=1e-9
    )


@given(poses)
def test_a_pose_times_its_inverse_is_the_identity(a_from_b: Pose2) -> None:
    a_from_a = a_from_b @ a_from_b.inverse()
    assert math.hypot(a_from_a.x, a_from_a.y) < 1e-9 * (1 + math.hypot(a_from_b.x, a_from_b.y))
    assert abs(a_from_a.yaw) < 1e-12


@given(poses, poses, metres, metres)
def test_chains_of_poses_cancel(a_from_b: Pose2, b_from_c: Pose2, x: float, y: float) -> None:
    point_c = np.array([x, y])
    chained = (a_from_b @ b_from_c).apply(point_c)
    stepped = a_from_b.apply(b_from_c.apply(point_c))
    assert np.allclose(chained, stepped, atol=1e-8)


def test_pitch_is_positive_nose_down_and_roll_positive_to_the_right() -> None:
    nose = transform_from_euler((0, 0, 0), 0.0, 0.1, 0.0) @ np.array([1.0, 0, 0, 1])
    right = transform_from_euler((0, 0, 0), 0.1, 0.0, 0.0) @ np.array([0.0, -1, 0, 1])
    assert nose[2] < 0
    assert right[2] < 0


def test_row_zero_of_a_grid_lies_ahead_and_column_zero_left() -> None:
    centres = SEG_GRID.centres()
    assert centres.shape == (160, 96, 2)
    assert np.allclose(centres[0, 0], [59.75, 23.75])
    assert np.allclose(np.floor(SEG_GRID.cells(centres))[5, 7], [5, 7])
