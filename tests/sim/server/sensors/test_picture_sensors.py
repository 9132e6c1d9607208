import math
import struct

import numpy as np
import pytest

from sim.server.scene import Instances, Planes, View
from sim.server.sensors.dvs import EventCamera, Settings
from sim.server.sensors.normals import normals
from sim.server.sensors.optical_flow import FlowCamera

WIDTH, HEIGHT, FOV = 64, 48, math.pi / 2.0
FOCAL = WIDTH / 2.0
# optical axes of a camera that looks along world x
LOOK = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


def view(x=0.0, y=0.0, z=1.5, yaw=0.0):
    c, s = math.cos(yaw), math.sin(yaw)
    pose = np.array([[c, -s, 0, x], [s, c, 0, y], [0, 0, 1, z], [0, 0, 0, 1.0]])
    return View(pose @ LOOK, WIDTH, HEIGHT, FOV)


def rays():
    u, v = np.meshgrid(np.arange(WIDTH) + 0.5 - WIDTH / 2, np.arange(HEIGHT) + 0.5 - HEIGHT / 2)
    return u / FOCAL, v / FOCAL


def planes(depth, instance=0, grey=128):
    shape = (HEIGHT, WIDTH)
    return Planes(
        rgb=np.broadcast_to(np.uint8(grey), (*shape, 3)).copy()
        if np.isscalar(grey)
        else np.repeat(grey[..., None], 3, axis=2).astype(np.uint8),
        depth=np.broadcast_to(np.float32(depth), shape).astype(np.float32),
        label=np.zeros(shape, np.uint8),
        instance=np.broadcast_to(np.uint32(instance), shape).copy(),
    )


def ground(height=1.5):
    """Depth of a plane below the camera; sky above the horizon."""
    _, down = rays()
    with np.errstate(divide="ignore"):
        return np.where(down > 0, height / np.maximum(down, 1e-9), np.inf)


def nobody():
    return bodies([], np.zeros((0, 4, 4)))


def bodies(ids, poses):
    count = len(ids)
    zero = np.zeros(count, np.float32)
    return Instances(
        model=("vehicle.audi.a2",) * count,
        world_from_model=np.asarray(poses, np.float32).reshape(-1, 4, 4),
        colour=np.ones((count, 3), np.float32),
        actor_id=np.array(ids, np.uint32),
        steer=zero,
        travel=zero,
        lights=np.zeros(count, np.uint32),
        speed=zero,
    )


def pixels(parts, kind, channels):
    data = b"".join(bytes(part) for part in parts)
    assert struct.unpack_from("<IIf", data) == (WIDTH, HEIGHT, 90.0)
    return np.frombuffer(data, kind, offset=12).reshape(HEIGHT, WIDTH, channels)


@pytest.mark.parametrize("yaw", [0.0, 0.7])
def test_the_ground_faces_up_and_the_sky_is_black(yaw):
    image = pixels(normals(planes(ground()), view(yaw=yaw)), np.uint8, 4)
    near = image[HEIGHT // 2 + 4 :, :, :3].astype(int)
    assert np.abs(near - [255, 128, 128]).max() <= 2  # B is z; x and y are none
    assert (image[: HEIGHT // 2, :, :3] == 0).all()


def test_a_wall_ahead_faces_back():
    image = pixels(normals(planes(10.0), view()), np.uint8, 4)
    assert np.abs(image[:, :, :3].astype(int) - [128, 128, 0]).max() <= 1  # R is x: -1


def test_a_side_wall_faces_carlas_right_side():
    across, _ = rays()
    depth = np.where(across < 0, 3.0 / np.maximum(-across, 1e-9), np.inf)  # a wall at world y = 3
    image = pixels(normals(planes(depth), view()), np.uint8, 4)
    left = image[:, : WIDTH // 2 - 2, :3].astype(int)
    assert np.abs(left - [128, 255, 128]).max() <= 2  # G is CARLA's y, which points right


def test_a_slope_that_falls_to_a_side_has_its_normal_at_every_pixel():
    towards = np.array([0.3, -0.5, -0.8])  # in the camera's axes: right, down, ahead
    towards /= np.linalg.norm(towards)
    across, down = rays()
    away = -(towards[0] * across + towards[1] * down + towards[2])
    depth = np.where(away > 0, 2.0 / np.maximum(away, 1e-9), np.inf)
    image = pixels(normals(planes(depth), view()), np.uint8, 4)[:, :, :3].astype(int)
    right, below, ahead = towards  # CARLA's x is ahead, y right, z up
    seen = np.isfinite(depth)
    assert seen.mean() > 0.5
    assert np.abs(image[seen] - 127.5 * (np.array([-below, right, ahead]) + 1.0)).max() <= 1.5
    assert (image[~seen] == 0).all()


def test_a_wall_comes_nearer_from_its_middle():
    camera = FlowCamera()
    camera.payload(planes(10.0), view(0.0), nobody())
    flow = pixels(camera.payload(planes(9.0), view(1.0), nobody()), "<f4", 2)
    across, down = rays()
    # a point at depth 9 stood at depth 10: u' = u 9 / 10
    assert flow[..., 0] * WIDTH == pytest.approx(across * FOCAL * 0.1, abs=1e-3)
    assert flow[..., 1] * HEIGHT == pytest.approx(down * FOCAL * 0.1, abs=1e-3)


def test_turning_left_moves_even_the_sky_to_the_right():
    camera = FlowCamera()
    camera.payload(planes(np.inf), view(), nobody())
    flow = pixels(camera.payload(planes(np.inf), view(yaw=0.05), nobody()), "<f4", 2)
    assert flow[HEIGHT // 2, WIDTH // 2, 0] * WIDTH == pytest.approx(FOCAL * 0.05, rel=0.05)


def test_an_actor_moves_with_its_own_motion():
    before, after = np.eye(4), np.eye(4)
    before[:3, 3], after[:3, 3] = [10.0, 0.0, 0.0], [10.0, -0.5, 0.0]  # half a metre to the right
    instance = np.zeros((HEIGHT, WIDTH))
    instance[:, :20] = 7
    camera = FlowCamera()
    camera.payload(planes(10.0, instance), view(), bodies([7, 9], [before, before]))
    image = planes(10.0, instance)
    flow = pixels(camera.payload(image, view(), bodies([7, 9], [after, before])), "<f4", 2)
    assert flow[:, :20, 0] * WIDTH == pytest.approx(np.float32(FOCAL * 0.05), abs=1e-3)
    assert np.abs(flow[:, 20:]).max() < 1e-6


def events(parts):
    data = b"".join(bytes(part) for part in parts)
    kind = np.dtype([("x", "<u2"), ("y", "<u2"), ("t", "<i8"), ("polarity", "u1")])
    return np.frombuffer(data, kind, offset=12)


def event_camera(**values):
    values = {"use_log": "false"} | values
    return EventCamera(Settings.read(lambda key: str(values.get(key, ""))))


def test_a_brightening_pixel_sends_one_event_per_threshold_in_between():
    camera = event_camera(positive_threshold=0.1, negative_threshold=0.1)
    rng = np.random.default_rng(0)
    bright = np.full((HEIGHT, WIDTH), 51)
    assert len(events(camera.payload(planes(5.0, grey=bright), view(), 1.0, rng))) == 0
    bright = bright.copy()
    bright[3, 5] = 51 + 90  # 0.2 -> 0.553
    found = events(camera.payload(planes(5.0, grey=bright), view(), 1.1, rng))
    assert found[["x", "y", "polarity"]].tolist() == [(5, 3, 1)] * 3
    expected = 1.0 + 0.1 * np.array([0.1, 0.2, 0.3]) / (90 / 255)
    assert found["t"] * 1e-9 == pytest.approx(expected, abs=1e-6)
    bright[3, 5] = 51
    found = events(camera.payload(planes(5.0, grey=bright), view(), 1.2, rng))
    assert found["polarity"].tolist() in ([0, 0], [0, 0, 0])  # the last one is on the line


def test_a_refractory_pixel_is_silent_for_a_while():
    rng = np.random.default_rng(0)
    camera = event_camera(positive_threshold=0.1, refractory_period_ns=40_000_000)
    camera.payload(planes(5.0, grey=51), view(), 1.0, rng)
    found = events(camera.payload(planes(5.0, grey=141), view(), 1.1, rng))
    assert len(found) == 2 * HEIGHT * WIDTH
    assert (np.diff(found["t"]) >= 0).all()


def test_nothing_changes_nothing_is_sent():
    camera, rng = event_camera(use_log="true"), np.random.default_rng(0)
    for t in (1.0, 1.1, 1.2):
        assert len(events(camera.payload(planes(5.0), view(), t, rng))) == 0
