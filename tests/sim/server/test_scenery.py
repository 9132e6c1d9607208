"""What clients change about the town, and see: layers, objects, street lights, debug drawings."""

import queue
import time
from dataclasses import replace

import carla
import numpy as np
import pytest

from sim.server import cameras
from sim.server.scenery import Lamp
from sim.server.simulation import Simulation
from sim.server.spawn import spawn as spawned
from sim.server.town import load_town
from sim.server.wire import Description, Settings

WIDTH, HEIGHT = 160, 90


@pytest.fixture
def look(world, spawn):
    """Pictures (HEIGHT, WIDTH, 3) BGR from one place, by the kind of camera."""
    place = world.get_map().get_spawn_points()[5]
    place.location.z += 2.5
    films = {}
    for kind in ("rgb", "semantic_segmentation"):
        size = {"image_size_x": WIDTH, "image_size_y": HEIGHT}
        camera = spawn(f"sensor.camera.{kind}", place, **size)
        films[kind] = queue.Queue()
        camera.listen(films[kind].put)

    def look(kind="rgb"):
        frame = world.tick()
        image = None
        while image is None or image.frame < frame:
            image = films[kind].get(timeout=60.0)
        return np.frombuffer(image.raw_data, np.uint8).reshape(HEIGHT, WIDTH, 4)[..., :3].copy()

    look.place = place
    return look


def labels(look):
    """Which labels a camera sees."""
    return set(np.unique(look("semantic_segmentation")[..., 2]).tolist())


def ahead(place, metres, side=0.0, up=-2.5):
    """A place before a camera."""
    way, right = place.get_forward_vector(), place.get_right_vector()
    offset = carla.Location(way.x * metres, way.y * metres, up)
    return place.location + offset + carla.Location(right.x * side, right.y * side, 0.0)


BUILDING, VEGETATION = 3, 9


def test_layers_disappear_and_come_back(world, look):
    before = look("semantic_segmentation")
    assert {BUILDING, VEGETATION} <= labels(look)
    world.unload_map_layer(carla.MapLayer.Buildings)
    assert BUILDING not in labels(look)
    world.unload_map_layer(carla.MapLayer.Foliage)
    assert VEGETATION not in labels(look)
    world.load_map_layer(carla.MapLayer.All)
    assert np.array_equal(look("semantic_segmentation"), before)


def test_a_world_can_be_loaded_without_a_layer(client, world):
    client.load_world("city", False, carla.MapLayer.Foliage)
    world = client.get_world()
    building = world.get_level_bbs(carla.CityObjectLabel.Buildings)[0]
    above = building.location + carla.Location(z=building.extent.z + 1.0)
    hit = world.project_point(above, carla.Vector3D(0.0, 0.0, -1.0), 5.0)
    assert hit is None or hit.label != carla.CityObjectLabel.Buildings
    client.load_world("city", False)


def test_objects_that_are_switched_off_are_not_seen_nor_hit_nor_in_the_way(world, look):
    trees = world.get_environment_objects(carla.CityObjectLabel.Buildings)
    ids = {tree.id for tree in trees}
    nearest = min(trees, key=lambda t: t.transform.location.distance(look.place.location))
    middle = nearest.bounding_box.location
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    inside = carla.Transform(carla.Location(middle.x, middle.y, 1.0))
    assert world.try_spawn_actor(blueprint, inside) is None
    world.enable_environment_objects(ids, False)
    assert BUILDING not in labels(look)
    assert world.try_spawn_actor(blueprint, inside) is not None
    world.enable_environment_objects(ids, True)
    assert BUILDING in labels(look)


def test_parked_cars_are_level_geometry(client, world):
    world = client.load_world("suburb", False)
    cars = world.get_environment_objects(carla.CityObjectLabel.Car)
    assert len(cars) == len(world.get_level_bbs(carla.CityObjectLabel.Car)) > 30
    assert not list(world.get_actors().filter("vehicle.*"))
    box, place = cars[0].bounding_box, cars[0].transform
    above = box.location + carla.Location(z=box.extent.z + 1.0)
    hit = world.project_point(above, carla.Vector3D(0.0, 0.0, -1.0), 3.0)
    assert hit.label == carla.CityObjectLabel.Car
    assert abs(hit.location.z - (box.location.z + box.extent.z)) < 0.15
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    assert world.try_spawn_actor(blueprint, place) is None
    world.unload_map_layer(carla.MapLayer.ParkedVehicles)
    hit = world.project_point(above, carla.Vector3D(0.0, 0.0, -1.0), 3.0)
    assert hit.label == carla.CityObjectLabel.Roads
    client.load_world("city", False)


def test_street_lights_are_listed_and_light_the_road_at_night(port, client, world, look):
    manager = world.get_lightmanager()
    lamps = manager.get_all_lights(carla.LightGroup.Street)
    assert len(lamps) > 100
    world.set_weather(carla.WeatherParameters.ClearNight)
    lit = look().mean()
    manager.turn_off(lamps)
    sent(client, world)
    dark = look().mean()
    assert dark < 0.8 * lit
    manager.turn_on(lamps)
    manager.set_intensity(lamps[:1], 1234.0)
    manager.set_color(lamps[:1], carla.Color(255, 0, 0))
    sent(client, world)
    assert look().mean() == pytest.approx(lit, rel=0.02)
    other = carla.Client("127.0.0.1", port)
    there = other.get_world()
    elsewhere = there.get_lightmanager()  # lamps point into it
    again = {lamp.id: lamp for lamp in elsewhere.get_all_lights()}[lamps[0].id]
    assert again.intensity == pytest.approx(1234.0)
    assert (again.color.r, again.color.g) == (255, 0)


def sent(client, world):
    """The client sends changed lights from a thread of its own, after a tick."""
    for _ in range(3):
        world.tick()
        time.sleep(0.1)
        client.get_server_version()


def red(picture):
    return (picture == (0, 0, 255)).all(axis=2)


def test_drawings_are_in_the_picture_for_their_time(client, world, look):
    assert not red(look()).any()
    paint = {"color": carla.Color(255, 0, 0), "thickness": 0.2}
    begin, end = ahead(look.place, 5.0, -1.0), ahead(look.place, 20.0, -1.0)
    world.debug.draw_line(begin, end, life_time=0.12, **paint)
    seen = [bool(red(look()).any()) for _ in range(4)]
    assert seen == [True, True, False, False]
    world.debug.draw_arrow(begin, end, arrow_size=0.5, life_time=-1.0, **paint)
    assert [bool(red(look()).any()) for _ in range(2)] == [True, False]
    box = carla.BoundingBox(ahead(look.place, 10.0, 0.0, -1.5), carla.Vector3D(1.0, 1.0, 1.0))
    world.debug.draw_box(box, look.place.rotation, life_time=0.0, **paint)
    world.debug.draw_point(begin, 0.3, carla.Color(255, 0, 0), 0.0)
    world.debug.draw_string(begin, "not in pictures")
    assert all(red(look()).any() for _ in range(3))
    world.debug.clear_debug_shape()
    client.get_server_version()
    assert not red(look()).any()


def test_what_stands_before_a_drawing_hides_it(world, look):
    far = ahead(look.place, 400.0, 60.0, 0.0)
    world.debug.draw_point(far, 20.0, carla.Color(255, 0, 0), 0.0)
    hidden = int(red(look()).sum())
    world.unload_map_layer(carla.MapLayer.Buildings)
    world.unload_map_layer(carla.MapLayer.Foliage)
    assert int(red(look()).sum()) > hidden


def test_lights_and_signs_have_boxes_where_they_stand(world):
    lights = world.get_level_bbs(carla.CityObjectLabel.TrafficLight)
    actors = world.get_actors().filter("traffic.traffic_light")
    heads = [box for actor in actors for box in actor.get_light_boxes()]
    assert all(actor.get_light_boxes() for actor in actors)
    key = [(b.location.x, b.location.y, b.location.z) for b in lights]
    assert sorted(key) == sorted((b.location.x, b.location.y, b.location.z) for b in heads)
    for box in lights:
        assert 0.4 < box.extent.z < 0.6
        assert 2.0 < box.location.z < 7.0
    signs = world.get_level_bbs(carla.CityObjectLabel.TrafficSigns)
    posts = [a for a in world.get_actors().filter("traffic.*") if "light" not in a.type_id]
    for post in posts:
        gaps = (post.get_location().distance_2d(box.location) for box in signs)
        assert min(gaps) < 8.0


def test_a_light_that_is_switched_off_takes_its_lenses_along(world, spawn):
    heads = world.get_environment_objects(carla.CityObjectLabel.TrafficLight)
    box = heads[0].bounding_box
    way = carla.Transform(rotation=box.rotation).get_forward_vector()
    seat = carla.Transform(box.location + carla.Location(4.0 * way.x, 4.0 * way.y, 0.0))
    seat.rotation.yaw = box.rotation.yaw + 180.0
    camera = spawn("sensor.camera.semantic_segmentation", seat, image_size_x=64, image_size_y=64)
    pictures = queue.Queue()
    camera.listen(pictures.put)

    def middle():
        frame = world.tick()
        while (image := pictures.get(timeout=60.0)).frame < frame:
            pass
        return np.frombuffer(image.raw_data, np.uint8).reshape(64, 64, 4)[28:36, 30:34, 2]

    assert (middle() == 7).all()
    world.enable_environment_objects({heads[0].id}, False)
    assert not (middle() == 7).any()
    world.enable_environment_objects({heads[0].id}, True)
    assert (middle() == 7).all()


def test_vehicles_and_walkers_are_among_the_boxes_of_the_level(world, spawn):
    parked = len(world.get_level_bbs(carla.CityObjectLabel.Car))
    car = spawn("vehicle.tesla.model3", 4)
    world.tick()
    *others, box = world.get_level_bbs(carla.CityObjectLabel.Car)
    assert len(others) == parked
    place = car.get_transform()
    corners = box.get_local_vertices()
    own = car.bounding_box.get_world_vertices(place)
    for corner in corners:
        assert min(corner.distance(one) for one in own) < 0.05
    assert len(world.get_environment_objects(carla.CityObjectLabel.Car)) == parked


def test_new_colours_are_painted_over_and_look_as_if_built_anew(monkeypatch):
    built = []

    class Counted(cameras.Renderer):
        def __init__(self, mesh, threads):
            built.append(mesh)
            super().__init__(mesh, threads)

    monkeypatch.setattr(cameras, "Renderer", Counted)
    sim = Simulation(load_town("city"), Settings(), 0)
    sim.episode.weather = replace(sim.episode.weather, sun_altitude=-0.3)
    place = sim.episode.town.spawn_points[5]
    seat = np.array([*place[:2], place[2] + 2.0, 0.0, 0.0, place[3]])
    size = {"image_size_x": (2, "160"), "image_size_y": (2, "90")}
    camera = spawned(sim, Description(0, "sensor.camera.rgb", size), seat, None)
    studio, scenery = cameras.Studio(), sim.episode.scenery

    def look(studio):
        return studio.shoot(sim.episode, [camera])[0].planes.rgb

    built.clear()
    seen = [look(studio).tobytes()]
    for change in (
        lambda: scenery.paints.update({o.id: (0.9, 0.0, 0.1) for o in sim.episode.town.objects}),
        lambda: [scenery.set_lamp(post, Lamp(on=False)) for post in sim.episode.town.lamps],
        scenery.paints.clear,
        scenery.lamps.clear,
    ):
        change()
        seen.append(look(studio).tobytes())
        assert len(built) == 1
        assert seen[-1] == look(cameras.Studio()).tobytes()
        built.pop()
    assert [seen.index(one) for one in seen] == [0, 1, 2, 3, 0]
