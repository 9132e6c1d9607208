import numpy as np

from common.rig import RIG, digest, ego_from_cam


def camera(name):
    return next(c for c in RIG if c.name == name)


def project(cam, ego_point):
    point = np.linalg.inv(cam.ego_from_cam) @ np.append(ego_point, 1.0)
    u, v, w = cam.intrinsics @ point[:3]
    return u / w, v / w, w


def test_a_point_on_the_left_shows_in_the_left_half_of_the_front_image():
    u, v, depth = project(camera("front"), (20.0, 5.0, 0.0))
    assert depth > 0
    assert u < camera("front").width_px / 2
    assert v > camera("front").height_px / 2


def test_the_left_camera_looks_left_and_the_rear_camera_back():
    assert project(camera("left"), (0.3, 10.0, 1.6))[2] > 0
    assert project(camera("right"), (0.3, -10.0, 1.6))[2] > 0
    assert project(camera("rear"), (-10.0, 0.0, 1.6))[2] > 0


def test_poses_are_rotations():
    for cam in RIG:
        rotation = cam.ego_from_cam[:3, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) > 0


def test_the_narrow_camera_sees_a_lamp_five_metres_high_at_fifteen_metres():
    narrow = camera("narrow")
    _, v, _ = project(narrow, (1.3 + 15.5, 0.0, 5.0))
    assert 0 <= v < narrow.height_px


def test_every_direction_on_the_ground_is_seen_by_a_camera():
    for angle in np.linspace(-np.pi, np.pi, 73):
        point = (12 * np.cos(angle), 12 * np.sin(angle), 0.0)
        views = [project(cam, point) for cam in RIG]
        assert any(w > 0 and 0 <= u < 256 and 0 <= v < 128 for u, v, w in views)


def test_the_digest_tells_rigs_apart():
    assert digest() == digest()
    assert digest(RIG[:4]) != digest()
    assert ego_from_cam((0.0, 0.0, 0.0), 0.1, 0.0)[0, 2] < 1.0
