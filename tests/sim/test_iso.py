import carla
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from common.frames import transform_from_euler
from sim import iso

coordinate = st.floats(-500.0, 500.0)
angle_deg = st.floats(-179.0, 179.0)
poses = st.tuples(coordinate, coordinate, coordinate, st.floats(-89.0, 89.0), angle_deg, angle_deg)


@given(poses)
def test_our_matrix_is_the_mirrored_matrix_of_the_genuine_client(pose):
    x, y, z, pitch, yaw, roll = pose
    transform = carla.Transform(carla.Location(x, y, z), carla.Rotation(pitch, yaw, roll))
    ours = iso.transform_pose(transform)
    matrix = transform_from_euler(tuple(ours[:3]), *ours[3:])
    np.testing.assert_allclose(iso.mirror_matrix(transform.get_matrix()), matrix, atol=1e-3)


@given(poses)
def test_there_and_back_is_the_identity(pose):
    there = iso.pose_from_carla(pose)
    np.testing.assert_allclose(iso.pose_to_carla(there), pose, atol=1e-9)
    spin = np.array(pose[3:])
    back = iso.angular_velocity_to_carla(iso.angular_velocity_from_carla(spin))
    np.testing.assert_allclose(back, spin, atol=1e-9)
    np.testing.assert_array_equal(iso.mirror(iso.mirror(pose[:3])), pose[:3])


def test_what_carla_calls_minus_y_lies_left():
    assert iso.mirror([10.0, -5.0, 1.0])[1] == 5.0
    assert iso.yaw_from_carla(-90.0) > 0.0
    assert iso.angular_velocity_from_carla([0.0, 0.0, -10.0])[2] > 0.0


def test_arrays_of_poses_cross_as_one():
    many = np.arange(24.0).reshape(2, 2, 6)
    one = np.array([[iso.pose_from_carla(row) for row in block] for block in many])
    np.testing.assert_array_equal(iso.pose_from_carla(many), one)
