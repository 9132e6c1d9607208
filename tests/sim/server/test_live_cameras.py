"""What a client can ask of a camera beside its picture: G-buffers, vehicles it shall not see."""

import queue

import carla
import numpy as np
import pytest

from tests.sim.server.test_live_sensors import ahead, listen, pixels

PLACE = carla.Transform(carla.Location(1.5, 0.0, 2.0))
SIZE = {"image_size_x": 160, "image_size_y": 90}
ID = carla.GBufferTextureID


def textures(camera, *ids):
    boxes = {number: queue.Queue() for number in ids}
    for number, box in boxes.items():
        camera.listen_to_gbuffer(number, box.put)
    return boxes


def test_the_g_buffers_agree_with_the_cameras_of_the_same_view(world, spawn):
    car = spawn("vehicle.tesla.model3")
    kinds = {
        ID.SceneColor: "rgb", ID.SceneDepth: "depth", ID.GBufferA: "normals",
        ID.SceneStencil: "semantic_segmentation",
    }  # fmt: skip
    boxes = {
        number: listen(spawn(f"sensor.camera.{kind}", PLACE, car, **SIZE))
        for number, kind in kinds.items()
    }
    camera = spawn("sensor.camera.rgb", PLACE, car, **SIZE)
    camera.enable_gbuffers(True)
    found = textures(camera, *kinds)
    frame = world.tick()
    for number, box in found.items():
        texture, image = box.get(timeout=60), boxes[number].get(timeout=60)
        assert (texture.frame, texture.width, texture.fov) == (frame, 160, image.fov)
        same = slice(2, 3) if number == ID.SceneStencil else slice(0, 3)
        assert (pixels(texture)[:, :, same] == pixels(image)[:, :, same]).all()
    for number in found:
        camera.stop_gbuffer(number)


def test_the_base_colour_does_not_know_the_hour(world, spawn):
    camera = spawn("sensor.camera.rgb", ahead(world, 0.0, 2.0), **SIZE)
    spawn("vehicle.audi.tt", ahead(world, 8.0), color="200,20,20").set_simulate_physics(False)
    picture = listen(camera)
    camera.enable_gbuffers(True)
    base = textures(camera, ID.GBufferC)[ID.GBufferC]
    shots = []
    for altitude in (60.0, -60.0):
        weather = world.get_weather()
        weather.sun_altitude_angle = altitude
        world.set_weather(weather)
        world.tick()
        shots.append([pixels(box.get(timeout=60)).astype(int) for box in (picture, base)])
    (day, day_base), (night, night_base) = shots
    assert (day_base == night_base).all()
    assert np.abs(day - night).mean() > 20
    red = (day_base[:, :, 2] > 170) & (day_base[:, :, 1] < 60)
    assert red.sum() > 100
    camera.stop_gbuffer(ID.GBufferC)


def test_g_buffers_come_when_they_are_enabled_and_black_where_there_is_none(world, spawn):
    camera = spawn("sensor.camera.rgb", ahead(world, 0.0, 2.0), **SIZE)
    box = textures(camera, ID.SSAO)[ID.SSAO]
    world.tick()
    camera.enable_gbuffers(True)
    frame = world.tick()
    texture = box.get(timeout=60)
    assert texture.frame == frame
    assert not pixels(texture)[:, :, :3].any()
    camera.enable_gbuffers(False)
    world.tick()
    assert box.empty()
    camera.stop_gbuffer(ID.SSAO)


def test_only_an_rgb_camera_has_g_buffers(world, spawn):
    camera = spawn("sensor.camera.depth", ahead(world, 0.0, 2.0), **SIZE)
    with pytest.raises(RuntimeError, match=r"expected a sensor.camera.rgb"):
        camera.enable_gbuffers(True)


def test_a_sensor_does_not_see_the_vehicles_it_ignores(world, spawn):
    car, other = spawn("vehicle.tesla.model3"), spawn("vehicle.audi.tt", ahead(world, 12.0))
    eyes = [spawn("sensor.camera.instance_segmentation", PLACE, car, **SIZE) for _ in range(2)]
    roof = carla.Transform(carla.Location(z=2.0))
    beam = spawn("sensor.lidar.ray_cast_semantic", roof, car, range=40, rotation_frequency=20)
    eyes[0].set_ignored_vehicles([other.id])
    beam.set_ignored_vehicles([other.id])
    boxes = [listen(sensor) for sensor in (*eyes, beam)]
    world.tick()

    def seen(image):
        rows = pixels(image).astype(int)
        return set(np.unique(rows[:, :, 1] + 256 * rows[:, :, 0]))

    blind, sighted, scan = (box.get(timeout=60) for box in boxes)
    assert other.id not in seen(blind)
    assert other.id in seen(sighted)
    assert other.id not in {point.object_idx for point in scan}
    eyes[0].set_ignored_vehicles([])
    beam.set_ignored_vehicles([])
    world.tick()
    assert other.id in seen(boxes[0].get(timeout=60))
    assert other.id in {point.object_idx for point in boxes[2].get(timeout=60)}


@pytest.mark.parametrize("kind", ["rgb", "depth", "semantic_segmentation"])
def test_a_lens_bends_the_rim_of_the_picture_and_default_values_are_a_pinhole(world, spawn, kind):
    circle = {"lens_circle_multiplier": 3.0, "lens_circle_falloff": 3.0, "lens_k": -4.0}
    looks = ({}, {"lens_k": 4.0}, circle)
    at = ahead(world, 0.0, 2.0)
    boxes = [listen(spawn(f"sensor.camera.{kind}", at, **SIZE, **look)) for look in looks]
    world.tick()
    pinhole, no_circle, bent = (pixels(box.get(timeout=60)) for box in boxes)
    assert np.array_equal(no_circle, pinhole)
    middle = (slice(41, 49), slice(76, 84))
    assert np.array_equal(bent[middle], pinhole[middle])
    assert (bent != pinhole).any(axis=2).mean() > 0.02
    with pytest.raises(RuntimeError, match=r"expected a lens_circle_falloff of 0 or more"):
        spawn(f"sensor.camera.{kind}", at, lens_circle_falloff=-1.0)
