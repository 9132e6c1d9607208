"""What a town looks like, held by geometry."""

import os

import carla
import numpy as np
import pytest
from scipy.spatial import cKDTree

from common.frames import wrap_angles
from sim.iso import transform_pose
from sim.maps.interchange import BRIDGE
from sim.maps.make_motorway import MEDIAN, RADIUS, STRAIGHT
from sim.server.dress import cache
from sim.server.dress.earthworks import DECK
from sim.server.dress.houses import BAY, GLASS_BAY
from sim.server.dress.markings import crossings
from sim.server.dress.roadside import RAIL_STEP
from sim.server.ground import ROAD
from sim.server.scene import Label, Material
from sim.server.town import load_town


@pytest.fixture(scope="module")
def city():
    return load_town("city")


def test_the_mesh_is_sound(city):
    mesh = city.mesh()
    assert 10_000 < len(mesh.faces) <= 250_000
    assert mesh.faces.min() >= 0
    assert mesh.faces.max() < len(mesh.vertices)
    assert np.isfinite(mesh.vertices).all()
    assert len(mesh.uv) == len(mesh.vertices)
    for column in (mesh.material, mesh.label, mesh.instance, mesh.colour):
        assert len(column) == len(mesh.faces)


def test_what_lies_flat_looks_up(city):
    mesh = city.mesh()
    flat = (Material.ASPHALT, Material.MARKING_WHITE, Material.MARKING_YELLOW, Material.PAVEMENT)
    a, b, c = (mesh.vertices[mesh.faces[np.isin(mesh.material, flat)]][:, k] for k in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0.0).all()


def test_every_light_has_three_lenses_twice_that_face_its_traffic(city):
    mesh = city.mesh()
    lamps = mesh.material == Material.LAMP
    assert set(mesh.instance[lamps] % 4) == {0, 1, 2}
    a, b, c = (mesh.vertices[mesh.faces[lamps]][:, k].astype(float) for k in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    for index, signal in enumerate(city.signals):
        own = mesh.instance[lamps] // 4 == index
        facing = np.array([np.cos(signal.yaw - np.pi / 2), np.sin(signal.yaw - np.pi / 2), 0.0])
        assert (normal[own] @ facing > 0.99).all()
        assert set(mesh.instance[lamps][own]) == {4 * index, 4 * index + 1, 4 * index + 2}


def test_from_the_stop_line_a_front_camera_sees_a_head_of_its_light(city):
    mesh = city.mesh()
    lamps = np.flatnonzero(mesh.material == Material.LAMP)
    middle = mesh.vertices[mesh.faces[lamps]].mean(axis=1).astype(float)
    for index, signal in enumerate(city.signals):
        ahead = signal.yaw + np.pi / 2
        c, s = np.cos(signal.yaw), np.sin(signal.yaw)
        x, y, _ = signal.trigger_centre
        eye = np.array([signal.x + c * x - s * y, signal.y + s * x + c * y])
        to = middle[mesh.instance[lamps] // 4 == index][:, :2] - eye
        off = np.abs(wrap_angles(np.arctan2(to[:, 1], to[:, 0]) - ahead))
        assert off.min() < 0.6, signal.opendrive_id


def footprint(thing):
    """Points (9, 9, 2) m of the rectangle that a thing covers."""
    c, s = np.cos(thing.yaw), np.sin(thing.yaw)
    u, v = np.meshgrid(
        np.linspace(-thing.extent[0], thing.extent[0], 9),
        np.linspace(-thing.extent[1], thing.extent[1], 9),
    )
    return np.stack([thing.x + c * u - s * v, thing.y + s * u + c * v], axis=-1)


def test_nothing_stands_on_the_road_nor_hangs_in_the_way_of_lorries(city):
    lowest = [
        thing for thing in city.objects if thing.z - thing.extent[2] < 4.4
    ]  # the city is flat
    assert len(lowest) > 1000
    for thing in lowest:
        if thing.label != Label.CAR:
            assert not (city.ground.kind_at(footprint(thing)) == ROAD).any(), thing


def aside(waypoint, x, y):
    """How far (m) a point lies from a lane's middle."""
    place = waypoint.transform.location
    return np.hypot(place.x - x, -place.y - y)


@pytest.mark.parametrize("name", ["city", "suburb", "mixed"])
def test_parked_cars_stand_on_parking_lanes_clear_of_traffic_and_of_each_other(name):
    town = load_town(name)
    cars = [thing for thing in town.objects if thing.label == Label.CAR]
    assert len(cars) > 40
    for car in cars:
        assert car.solid
        for x, y in footprint(car)[::8, ::4].reshape(-1, 2):
            at = carla.Location(x, -y, car.z)
            driven = town.road_map.get_waypoint(at, True, carla.LaneType.Driving)
            assert aside(driven, x, y) > driven.lane_width / 2.0, car
            parking = town.road_map.get_waypoint(at, True, carla.LaneType.Parking)
            assert aside(parking, x, y) < parking.lane_width / 2.0 + 0.05, car
    middles = np.array([(car.x, car.y) for car in cars])
    gap, _ = cKDTree(middles).query(middles, k=2)
    assert gap[:, 1].min() > 5.0


def test_a_parked_car_fills_its_box():
    town = load_town("suburb")
    mesh = town.mesh()
    for car in [thing for thing in town.objects if thing.label == Label.CAR][::10]:
        own = mesh.instance == car.id
        assert (mesh.label[own] == Label.CAR).all()
        points = mesh.vertices[mesh.faces[own]].reshape(-1, 3) - (car.x, car.y, car.z)
        c, s = np.cos(car.yaw), np.sin(car.yaw)
        local = np.abs(points @ np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]))
        assert local.max(axis=0) == pytest.approx(car.extent, abs=0.35)  # some stand on a slope


def test_junctions_have_no_holes(city):
    for begin, _ in city.road_map.get_topology():
        if not begin.is_junction:
            continue
        box = begin.get_junction().bounding_box
        middle = np.array([box.location.x, -box.location.y])
        around = middle + np.stack(np.meshgrid(*[np.arange(-4.0, 4.1, 0.5)] * 2), axis=-1)
        assert (city.ground.kind_at(around) > 0).all()


def test_crossings_are_painted(city):
    mesh = city.mesh()
    stripes = mesh.vertices[mesh.faces[mesh.label == Label.ROAD_LINE]].mean(axis=1)
    for outline in crossings(city.road_map):
        near = np.hypot(*(stripes[:, :2] - outline[:, :2].mean(axis=0)).T) < 3.0
        assert near.sum() >= 6


def test_houses_have_whole_windows_and_closed_parapets(city):
    mesh = city.mesh()
    for material, bay in (
        (Material.FACADE_BRICK, BAY),
        (Material.FACADE_PLASTER, BAY),
        (Material.FACADE_GLASS, GLASS_BAY),
    ):
        u = mesh.uv[mesh.faces[mesh.material == material], 0]
        bays = np.ptp(u, axis=1) / bay
        assert len(bays) and np.abs(bays - np.round(bays)).max() < 1e-3 and bays.min() > 0.5
    flat = (mesh.label == Label.BUILDING) & (mesh.material == Material.CONCRETE)
    a, b, c = (mesh.vertices[mesh.faces[flat]][:, k] for k in range(3))
    up = np.cross(b - a, c - a)[:, 2]
    lids, floors = (set(mesh.instance[flat][up * sign > 0.1]) for sign in (1.0, -1.0))
    assert lids and lids <= floors


@pytest.mark.parametrize(("name", "drawn"), [("suburb", 5), ("motorway", 3)])
def test_who_gives_way_waits_at_a_line_but_not_where_lanes_merge(name, drawn):
    town = load_town(name)
    mesh = town.mesh()
    paint = mesh.faces[mesh.material == Material.MARKING_WHITE]
    middles, found = cKDTree(mesh.vertices[paint].mean(axis=1)[:, :2]), 0
    for sign in town.signs:
        if sign.kind == "traffic.yield":
            c, s = np.cos(sign.yaw), np.sin(sign.yaw)
            x, y = sign.trigger_centre[0], sign.trigger_centre[1] + sign.trigger_extent[1] - 0.25
            at = (sign.x + c * x - s * y, sign.y + s * x + c * y)
            found += len(middles.query_ball_point(at, 1.0)) >= 4
    assert found == drawn


def test_a_dressing_on_disk_is_the_one_that_was_made(city, tmp_path):
    path = tmp_path / "towns" / "city.npz"
    cache.store(path, city.dressing)
    assert [file.name for file in path.parent.iterdir()] == ["city.npz"]
    kept = cache.stored(path)
    assert kept.objects == city.objects
    assert kept.mesh.faces.tobytes() == city.mesh().faces.tobytes()
    assert kept.ground.upper.tobytes() == city.ground.upper.tobytes()


def test_what_a_killed_process_left_half_written_is_swept(city, tmp_path):
    dead, alive = tmp_path / "a.1.part", tmp_path / "b.2.part"
    for part in (dead, alive):
        part.write_bytes(b"half")
    os.utime(dead, (0, 0))
    cache.store(tmp_path / "city.npz", city.dressing)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.2.part", "city.npz"]


def test_of_many_towns_those_used_last_are_kept(city, tmp_path, monkeypatch):
    for day, name in enumerate(("old", "used", "new")):
        cache.store(tmp_path / f"{name}.npz", city.dressing)
        os.utime(tmp_path / f"{name}.npz", (day, day))
    monkeypatch.setattr(cache, "MOST_BYTES", 3 * (tmp_path / "old.npz").stat().st_size)
    assert cache.stored(tmp_path / "used.npz") is not None
    cache.store(tmp_path / "last.npz", city.dressing)
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["last", "new", "used"]


def test_a_damaged_or_unwritable_cache_is_no_error(city, tmp_path):
    path = tmp_path / "city.npz"
    path.write_bytes(b"PK\x03\x04 not a town")
    assert cache.stored(path) is None
    whole = tmp_path / "whole.npz"
    cache.store(whole, city.dressing)
    path.write_bytes(whole.read_bytes().replace(b"), }", b" , ("))
    assert cache.stored(path) is None
    cache.store(path / "below a file", city.dressing)
    assert cache.stored(tmp_path / "none.npz") is None


@pytest.fixture(scope="module", params=["mixed", "motorway", "suburb"])
def hilly(request):
    return load_town(request.param)


def test_the_lanes_of_hilly_towns_are_free(hilly):
    lanes = [transform_pose(w.transform) for w in hilly.road_map.generate_waypoints(1.0)]
    at = np.array(lanes)[:, :3]
    tree = cKDTree(at[:, :2])
    for thing in hilly.objects:
        near = at[tree.query_ball_point((thing.x, thing.y), 3.0 + max(thing.extent[:2]))]
        d = near[:, :2] - (thing.x, thing.y)
        c, s = np.cos(thing.yaw), np.sin(thing.yaw)
        along, across = d[:, 0] * c + d[:, 1] * s, d[:, 1] * c - d[:, 0] * s
        level = (near[:, 2] + 1.8 > thing.z - thing.extent[2]) & (
            near[:, 2] + 0.3 < thing.z + thing.extent[2]
        )
        inside = (np.abs(along) < thing.extent[0] + 1.2) & (np.abs(across) < thing.extent[1] + 1.2)
        assert not (level & inside).any(), thing


def test_the_ground_of_hilly_towns_carries_their_lanes(hilly):
    lanes = [transform_pose(w.transform) for w in hilly.road_map.generate_waypoints(3.0)]
    at = np.array(lanes)[:, :3]
    z, normal = hilly.ground(at + np.array([0.0, 0.0, 0.1]))
    assert z == pytest.approx(at[:, 2], abs=0.1)
    assert (normal[:, 2] > 0.95).all()


def test_bridges_have_decks_and_rails_above_the_road_below():
    mesh = load_town("motorway").mesh()
    deck = mesh.vertices[mesh.faces[mesh.label == Label.BRIDGE]]
    under = deck[(np.abs(deck[:, :, 2] - (BRIDGE - DECK[1])) < 0.05).all(axis=1)]
    a, b, c = (under[:, k] for k in range(3))
    assert (np.cross(b - a, c - a)[:, 2] < 0.0).any()
    assert np.abs(under[:, :, 0]).max() < 8.0
    rails = mesh.vertices[mesh.faces[mesh.label == Label.GUARD_RAIL]]
    assert (rails[:, :, 2] > BRIDGE).any()


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_the_rails_of_a_bridge_go_on_beside_its_road_with_the_posts_behind(side):
    town = load_town("motorway")
    mesh, things = town.mesh(), town.objects
    rails = [
        one
        for one in things
        if one.label == Label.GUARD_RAIL and 0.0 < side * one.x < 9.0 and 210.0 < one.y < 312.0
    ]
    along = np.sort([one.y for one in rails])
    assert along[0] < 215.0 and along[-1] > 305.0
    assert np.diff(along).max() < 1.1 * RAIL_STEP
    for place in ([one.x for one in rails], [one.z for one in rails]):
        assert np.ptp(place) < 0.1
    for one in rails:
        corner = mesh.vertices[mesh.faces[mesh.instance == one.id]].astype(float)
        inner = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        facing = inner[:, 0] * side < -0.9 * np.linalg.norm(inner, axis=1)
        first = corner[facing][(side * corner[facing][:, :, 0]).max(axis=1).argmin()]
        assert np.ptp(first[:, 1]) > 1.0


def test_a_median_in_a_bend_is_guarded_without_holes():
    things = load_town("motorway").objects
    rails = np.array([(one.x, one.y) for one in things if one.label == Label.GUARD_RAIL])
    east = rails - (STRAIGHT / 2.0, 0.0)
    angle = np.arctan2(east[:, 1], east[:, 0])
    median = np.abs(np.hypot(*east.T) - RADIUS) < MEDIAN / 2.0
    along = RADIUS * np.sort(angle[median & (np.abs(angle) < 1.5)])
    assert len(along) > 100
    assert np.diff(along).max() < 1.1 * RAIL_STEP


def test_a_flat_town_has_no_bridge(city):
    assert not (city.mesh().label == Label.BRIDGE).any()
