"""Sensors as the genuine client receives them."""

import queue

import carla
import numpy as np
import pytest

KINDS = ("rgb", "depth", "semantic_segmentation", "instance_segmentation")


def listen(sensor):
    box = queue.Queue()
    sensor.listen(box.put)
    return box


def pixels(image):
    return np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)


def ahead(world, metres, up=0.0):
    point = world.get_map().get_spawn_points()[0]
    way = point.get_forward_vector()
    place = point.location + carla.Location(way.x * metres, way.y * metres, up)
    return carla.Transform(place, point.rotation)


def test_four_cameras_of_one_view_agree_frame_by_frame(world, spawn):
    car = spawn("vehicle.tesla.model3")
    other = spawn("vehicle.audi.tt", ahead(world, 12.0))
    place = carla.Transform(carla.Location(1.5, 0.0, 2.0))
    boxes = {
        kind: listen(spawn(f"sensor.camera.{kind}", place, car, image_size_x=160, image_size_y=90))
        for kind in KINDS
    }
    for _ in range(3):
        frame = world.tick()
        images = {kind: box.get(timeout=60) for kind, box in boxes.items()}
        assert {image.frame for image in images.values()} == {frame}
    labels = pixels(images["semantic_segmentation"])[:, :, 2]
    instances = pixels(images["instance_segmentation"]).astype(int)
    assert (instances[:, :, 2] == labels).all()
    ids = instances[:, :, 1] + 256 * instances[:, :, 0]
    assert (labels[ids == other.id] == 14).all()
    assert (ids == other.id).sum() > 50
    bgra = pixels(images["depth"]).astype(float)
    metres = (bgra[:, :, 2] + 256 * bgra[:, :, 1] + 65536 * bgra[:, :, 0]) / (2**24 - 1) * 1000
    assert 6.0 < np.median(metres[ids == other.id]) < 12.0
    assert pixels(images["rgb"])[:, :, :3].std() > 15


def test_a_sensor_with_a_tick_sends_as_often_as_it_says(world, spawn):
    every, second = (listen(spawn("sensor.other.imu", sensor_tick=t)) for t in (0.0, 0.1))
    frames = [world.tick() for _ in range(10)]
    assert [every.get(timeout=20).frame for _ in frames] == frames
    got = [second.get(timeout=20).frame for _ in range(5)]
    assert np.diff(got).tolist() == [2, 2, 2, 2]


def test_a_car_at_rest_feels_gravity_and_nothing_turns(world, spawn):
    car = spawn("vehicle.tesla.model3")
    for _ in range(20):
        world.tick()
    box = listen(spawn("sensor.other.imu", carla.Transform(), car))
    world.tick()
    reading = box.get(timeout=20)
    assert reading.accelerometer.z == pytest.approx(9.81, abs=0.1)
    assert abs(reading.gyroscope.z) < 1e-3


def test_gnss_agrees_with_the_maps_projection(world, spawn):
    car = spawn("vehicle.tesla.model3")
    box = listen(spawn("sensor.other.gnss", carla.Transform(), car))
    world.tick()
    fix, true = box.get(timeout=20), world.get_map().transform_to_geolocation(car.get_location())
    assert fix.latitude == pytest.approx(true.latitude, abs=1e-7)
    assert fix.longitude == pytest.approx(true.longitude, abs=1e-7)


def test_a_crash_into_a_barrier_is_told_once_per_contact(world, spawn):
    car = spawn("vehicle.tesla.model3")
    barrier = spawn("static.prop.streetbarrier", ahead(world, 12.0))
    box = listen(spawn("sensor.other.collision", carla.Transform(), car))
    car.apply_control(carla.VehicleControl(throttle=0.8))
    for _ in range(80):
        world.tick()
    event = box.get(timeout=20)
    assert event.actor.id == car.id
    assert event.other_actor.type_id == barrier.type_id
    way = car.get_transform().get_forward_vector()
    impulse = event.normal_impulse
    assert impulse.length() > 1000.0
    assert abs(way.x * impulse.x + way.y * impulse.y) > 0.9 * impulse.length()


def test_a_lidar_sees_the_car_in_front(world, spawn):
    car = spawn("vehicle.tesla.model3")
    other = spawn("vehicle.audi.tt", ahead(world, 12.0))
    roof = carla.Transform(carla.Location(z=2.0))
    box = listen(spawn("sensor.lidar.ray_cast_semantic", roof, car, range=40))
    for _ in range(3):
        world.tick()
    seen = [point for _ in range(3) for point in box.get(timeout=120)]
    hits = [point for point in seen if point.object_idx == other.id]
    assert len(hits) > 10
    assert {point.object_tag for point in hits} == {14}
    assert all(5.0 < point.point.x < 15.0 for point in hits)


@pytest.mark.parametrize("kind", ["ray_cast", "ray_cast_semantic"])
def test_a_lidar_that_meets_nothing_sends_an_empty_scan(world, spawn, kind):
    high = carla.Transform(carla.Location(z=500.0))
    heard = listen(spawn(f"sensor.lidar.{kind}", high))
    world.tick()
    assert len(heard.get(timeout=20.0)) == 0


def test_lane_invasion_comes_from_the_client_itself(world, spawn):
    car = spawn("vehicle.tesla.model3")
    box = listen(spawn("sensor.other.lane_invasion", carla.Transform(), car))
    car.apply_control(carla.VehicleControl(throttle=0.5, steer=-0.15))
    for _ in range(80):
        world.tick()
    assert box.get(timeout=20).crossed_lane_markings
