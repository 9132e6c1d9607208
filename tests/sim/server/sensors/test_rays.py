import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.server.poses import matrices
from sim.server.scene import Label, Material, Mesh
from sim.server.sensors import lidar
from sim.server.sensors.obstacle import Detector
from sim.server.sensors.radar import Radar
from sim.server.sensors.surroundings import NOBODY, Boxes, Surroundings

HALF = np.array([20.0, 12.0, 6.0])
"""A room about the origin: its walls are the town."""


def boxes(*rows):
    """Rows: x, y, z, yaw, half x, half y, half z, id, label, speed along x."""
    data = np.array(rows, float).reshape(-1, 10)
    count = len(data)
    return Boxes(
        pose=np.column_stack([data[:, :3], np.zeros((count, 2)), data[:, 3]]),
        half=data[:, 4:7],
        actor_id=data[:, 7].astype(np.uint32),
        label=data[:, 8].astype(np.uint8),
        velocity=np.column_stack([data[:, 9], np.zeros((count, 2))]),
    )


def mesh(triangles, label, instance=0, material=Material.PLAIN):
    count = len(triangles)
    return Mesh(
        vertices=triangles.reshape(-1, 3).astype(np.float32),
        uv=np.zeros((3 * count, 2), np.float32),
        faces=np.arange(3 * count, dtype=np.int32).reshape(-1, 3),
        material=np.full(count, material, np.uint8),
        label=np.full(count, label, np.uint8),
        instance=np.full(count, instance, np.uint32),
        colour=np.ones((count, 3), np.float32),
    )


@pytest.fixture(scope="module")
def room():
    walls = boxes([0, 0, 0, 0, *HALF, 0, 0, 0]).triangles()
    return Surroundings(mesh(walls, Label.BUILDING, instance=77))


def wall_distance(place, directions):
    """Where unit vectors (N, 3) from a place in the room meet its walls."""
    safe = np.where(np.abs(directions) < 1e-12, 1e-12, directions)
    return np.where(safe > 0, (HALF - place) / safe, (-HALF - place) / safe).min(axis=1)


def attributes(**values):
    return lambda key: str(values.get(key, ""))


def laser(**values):
    values = {
        "channels": 16, "points_per_second": 16 * 360 * 20, "rotation_frequency": 20, "range": 60,
    } | values  # fmt: skip
    return lidar.Laser(lidar.Settings.read(attributes(**values)))


def decode(parts, labelled=False):
    data = b"".join(bytes(part) for part in parts)
    turned, channels = struct.unpack_from("<fI", data)
    counts = np.frombuffer(data, "<u4", channels, 8)
    names = ["x", "y", "z"] + (["cosine", "object_id", "label"] if labelled else ["intensity"])
    kind = np.dtype([(n, "<u4" if n in ("object_id", "label") else "<f4") for n in names])
    return turned, counts, np.frombuffer(data, kind, offset=8 + 4 * channels)


@settings(max_examples=200, deadline=None)
@given(
    place=st.tuples(st.floats(-19, 19), st.floats(-11, 11), st.floats(-5, 5)),
    azimuth=st.floats(-math.pi, math.pi),
    elevation=st.floats(-1.5, 1.5),
)
def test_a_ray_ends_on_the_wall(room, place, azimuth, elevation):
    c = math.cos(elevation)
    way = np.array([[c * math.cos(azimuth), c * math.sin(azimuth), math.sin(elevation)]])
    hits = room.cast(np.array([place]), way, 100.0)
    assert hits.met[0]
    assert hits.distance[0] == pytest.approx(wall_distance(np.array(place), way)[0], abs=1e-4)
    assert (hits.label[0], hits.object_id[0], hits.box[0]) == (Label.BUILDING, 77, -1)


def test_a_ray_meets_the_nearest_box_and_knows_whose_it_is(room):
    actors = boxes(
        [8, 0, 0, 0.5, 1, 1, 1, 11, Label.CAR, 0], [5, 0, 0, 0, 1, 1, 1, 12, Label.BUS, 0]
    )
    hits = room.cast(np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0]]), 50.0, actors)
    assert hits.distance[0] == pytest.approx(4.0)
    assert (hits.label[0], hits.object_id[0], hits.box[0]) == (Label.BUS, 12, 1)


@pytest.mark.parametrize("pose", [[0, 0, 0, 0, 0, 0], [7, -4, 2, 0.1, -0.2, 2.5]])
def test_a_scan_has_the_distances_of_the_room(room, pose):
    pose = np.array(pose, float)
    device = laser()
    scan = device.scan(pose, 0.05, room, NOBODY)
    x, y, z = scan.directions()
    local = np.stack([x, y, z], axis=-1).reshape(-1, 3).astype(float)
    true = wall_distance(pose[:3], local @ matrices(pose)[:3, :3].T)
    assert (scan.which >= 0).all()
    assert np.abs(scan.depth.ravel() - true).max() < 1e-3


def test_a_scan_agrees_with_single_rays_among_boxes(room):
    rng = np.random.default_rng(5)
    rows = [
        [*rng.uniform(-15, 15, 2), rng.uniform(-4, 4), rng.uniform(-3, 3), 1, 0.5, 0.7, i, 14, 0]
        for i in range(1, 20)
    ]
    pose = np.array([0.0, 0.0, 1.0, 0.0, 0.05, 0.3])
    actors = boxes(*rows).without(pose[:3])
    scan = laser().scan(pose, 0.05, room, actors)
    local = np.stack(scan.directions(), axis=-1).reshape(-1, 3).astype(float)
    local /= np.linalg.norm(local, axis=1, keepdims=True)
    origins = np.tile(pose[:3], (len(local), 1))
    hits = room.cast(origins, local @ matrices(pose)[:3, :3].T, 60.0, actors)
    same = np.abs(scan.depth.ravel() - hits.distance) < 1e-2
    assert same.mean() > 0.998  # beams that graze an edge may fall on either side


def test_points_come_channel_by_channel_in_carlas_axes_from_the_top(room):
    device = laser(channels=4, points_per_second=4 * 36 * 20, upper_fov=10, lower_fov=-20)
    turned, counts, points = decode(
        lidar.points(device, np.zeros(6), 0.05, room, NOBODY, np.random.default_rng(0))
    )
    assert counts.tolist() == [36] * 4
    assert turned == pytest.approx(0.0, abs=1e-6)
    length = np.sqrt(points["x"] ** 2 + points["y"] ** 2 + points["z"] ** 2)
    elevation = 57.29577951308232 * (np.arcsin(points["z"] / length)).reshape(4, 36)
    assert elevation.mean(axis=1) == pytest.approx([10.0, 0.0, -10.0, -20.0], abs=1e-3)
    azimuth = 57.29577951308232 * (np.arctan2(points["y"], points["x"])).reshape(4, 36)[0]
    # CARLA's first beam looks back, and they go clockwise
    assert azimuth[1:] == pytest.approx(np.arange(-170.0, 180.0, 10.0), abs=1e-3)


def test_half_a_turn_goes_on_where_the_last_one_ended(room):
    device = laser(rotation_frequency=10)
    first = device.scan(np.zeros(6), 0.05, room, NOBODY)
    second = device.scan(np.zeros(6), 0.05, room, NOBODY)
    assert first.azimuth[0] == pytest.approx(math.pi)
    assert second.azimuth[0] == pytest.approx(0.0, abs=1e-9)
    assert np.ptp(first.azimuth) < math.pi


def test_a_narrow_laser_starts_again_at_its_edge(room):
    device = laser(horizontal_fov=90, rotation_frequency=30)
    scan = device.scan(np.zeros(6), 0.05, room, NOBODY)
    assert np.abs(scan.azimuth).max() <= math.pi / 4 + 1e-9
    local = np.stack(scan.directions(), axis=-1).reshape(-1, 3).astype(float)
    assert np.abs(scan.depth.ravel() - wall_distance(np.zeros(3), local)).max() < 1e-3


def test_losses_noise_and_fading_follow_the_attributes(room):
    quiet = {"dropoff_general_rate": 0.45, "atmosphere_attenuation_rate": 0.02}
    rng = np.random.default_rng(1)
    parts = lidar.points(laser(**quiet), np.zeros(6), 0.05, room, NOBODY, rng)
    _, counts, points = decode(parts)
    assert counts.sum() / (16 * 360) == pytest.approx(0.55, abs=0.03)
    length = np.sqrt(points["x"] ** 2 + points["y"] ** 2 + points["z"] ** 2)
    assert points["intensity"] == pytest.approx(np.exp(-0.02 * length), abs=1e-4)
    _, _, noisy = decode(
        lidar.points(laser(noise_stddev=0.3), np.zeros(6), 0.05, room, NOBODY, rng)
    )
    way = np.stack([noisy["x"], -noisy["y"], noisy["z"]], axis=-1).astype(float)
    length = np.linalg.norm(way, axis=1)
    error = length - wall_distance(np.zeros(3), way / length[:, None])
    assert error.std() == pytest.approx(0.3, rel=0.05)


def test_labelled_points_name_the_actor_and_the_angle(room):
    actors = boxes([10, 0, 0, 0, 1, 4, 4, 42, Label.TRUCK, 0])
    parts = lidar.labelled_points(laser(), np.zeros(6), 0.05, room, actors)
    _, _, points = decode(parts, labelled=True)
    ahead = points[(points["object_id"] == 42) & (np.abs(points["x"] - 9.0) < 1e-3)]
    assert len(ahead) > 50
    assert set(ahead["label"].tolist()) == {Label.TRUCK}
    length = np.sqrt(ahead["x"] ** 2 + ahead["y"] ** 2 + ahead["z"] ** 2)
    assert ahead["cosine"] == pytest.approx(ahead["x"] / length, abs=1e-4)
    assert set(points["label"].tolist()) == {Label.TRUCK, Label.BUILDING}


def test_the_same_scan_twice_is_the_same_to_the_bit(room):
    def scan():
        rng = np.random.default_rng(9)
        values = {"noise_stddev": 0.1, "dropoff_general_rate": 0.45, "dropoff_zero_intensity": 0.4}
        device = laser(**values, dropoff_intensity_limit=0.8)
        return [
            bytes(part)
            for _ in range(3)
            for part in lidar.points(device, np.zeros(6), 0.05, room, NOBODY, rng)
        ]

    assert scan() == scan()


def test_nobody_sees_the_inside_of_the_box_it_sits_in():
    actors = boxes([0, 0, 0, 0.4, 2, 1, 1, 1, 14, 0], [9, 0, 0, 0, 2, 1, 1, 2, 14, 0])
    assert actors.without(np.array([1.0, 0.2, 0.0])).actor_id.tolist() == [2]


def test_the_radar_measures_closing_speed_and_direction(room):
    actors = boxes([10, 3, 0, 0, 1, 2, 5, 5, Label.CAR, -6.0])
    radar = Radar.read(attributes(points_per_second=20000, range=30, horizontal_fov=60))
    data = radar.payload(
        np.zeros(6), np.array([4.0, 0, 0]), 0.05, room, actors, np.random.default_rng(0)
    )
    rows = np.frombuffer(data, "<f4").reshape(-1, 4)
    velocity, azimuth, altitude, depth = rows.T
    x = depth * np.cos(altitude) * np.cos(azimuth)
    car = np.abs(x - 9.0) < 1e-3
    assert car.sum() > 50
    assert (azimuth[car] < 0.2).all()  # the car is on the left, CARLA's negative side
    cosine = np.cos(altitude) * np.cos(azimuth)
    assert velocity[car] == pytest.approx(-10.0 * cosine[car], abs=1e-3)
    wall = np.abs(x - HALF[0]) < 1e-3
    assert velocity[wall] == pytest.approx(-4.0 * cosine[wall], abs=1e-3)
    assert np.abs(azimuth).max() <= math.pi / 6 + 1e-6


def test_the_obstacle_detector_rolls_a_ball(room):
    get = attributes(distance=15, hit_radius=0.5)
    # the car's corner reaches 0.3 m into the ball's way, 0.4 m from its middle line
    car = boxes([10, 1.4, 0, 0, 2, 1, 1, 5, Label.CAR, 0])
    found = Detector.read(get).look(np.zeros(6), room, car)
    assert (found.box, found.label) == (0, Label.CAR)
    assert found.distance == pytest.approx(8.0 - math.sqrt(0.25 - 0.16), abs=5e-3)
    beside = boxes([10, 1.6, 0, 0, 2, 1, 1, 5, Label.CAR, 0])
    assert Detector.read(get).look(np.zeros(6), room, beside) is None
    far = Detector.read(attributes(distance=30, hit_radius=0.5))
    found = far.look(np.zeros(6), room, beside)
    assert (found.box, found.label) == (-1, Label.BUILDING)
    assert found.distance == pytest.approx(19.5)
    movers = Detector.read(attributes(distance=30, only_dynamics="true"))
    assert movers.look(np.zeros(6), room, beside) is None
