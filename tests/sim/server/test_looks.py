"""What clients make actors look like is seen in pictures and read back."""

import queue

import carla
import numpy as np
import pytest

from tests.sim.server.test_live_sensors import ahead, listen, pixels
from tests.sim.server.test_robust import call

FL, FR = carla.VehicleWheelLocation.FL_Wheel, carla.VehicleWheelLocation.FR_Wheel
SIZE = {"image_size_x": 160, "image_size_y": 120}


class Eye:
    """A camera whose picture can be taken again and again: no clouds, no lights that change."""

    def __init__(self, world, spawn, place):
        self.world = world
        weather = world.get_weather()
        weather.cloudiness = 0.0
        world.set_weather(weather)
        world.freeze_all_traffic_lights(True)
        self.box = listen(spawn("sensor.camera.rgb", place, **SIZE))

    def picture(self):
        self.world.tick()
        return pixels(self.box.get(timeout=60))[:, :, :3].astype(int)


def beside(world, metres, aside):
    """A place to the right of the first spawn point, looking left."""
    place = ahead(world, metres, 1.5)
    right = place.get_right_vector()
    place.location += carla.Location(aside * right.x, aside * right.y)
    place.rotation = carla.Rotation(-5.0, place.rotation.yaw - 90.0, 0.0)
    return place


def arms_up(walker):
    relative = {bone.name: bone.relative for bone in walker.get_bones().bone_transforms}
    turned = carla.Rotation(roll=-90.0)
    return carla.WalkerBoneControlIn([
        ("crl_arm__R", carla.Transform(relative["crl_arm__R"].location, turned)),
    ])  # fmt: skip


def hand(walker):
    found = {bone.name: bone for bone in walker.get_bones().bone_transforms}
    return found["crl_hand__R"].component.location


def test_a_walker_shows_the_pose_that_a_client_sets(world, spawn):
    walker = spawn("walker.pedestrian.0015", ahead(world, 0.0, 1.0))
    eye = Eye(world, spawn, beside(world, 3.0, 0.0))
    world.tick()
    eye.box.get(timeout=60)
    before, hanging = eye.picture(), hand(walker)
    walker.set_bones(arms_up(walker))
    assert (eye.picture() == before).all()
    walker.show_pose()
    raised = eye.picture()
    assert hand(walker).y > hanging.y + 0.4
    assert hand(walker).z > hanging.z + 0.4
    walker.blend_pose(0.5)
    world.tick()
    assert hanging.z < hand(walker).z < hanging.z + 0.4
    walker.hide_pose()
    world.tick()
    eye.box.get(timeout=60), eye.box.get(timeout=60)
    assert (eye.picture() == before).all()
    assert (raised != before).any(axis=2).sum() < 0.1 * before.shape[0] * before.shape[1]


def test_a_pose_from_the_animation_stays_while_the_walker_walks_on(world, spawn):
    walker = spawn("walker.pedestrian.0015", ahead(world, 0.0, 1.0))
    walker.apply_control(carla.WalkerControl(walker.get_transform().get_forward_vector(), 1.4))
    for _ in range(10):
        world.tick()
    held = hand(walker)
    walker.get_pose_from_animation()
    walker.show_pose()
    for _ in range(4):
        world.tick()
    assert hand(walker).distance(held) < 1e-3
    walker.hide_pose()
    world.tick()
    assert hand(walker).distance(held) > 0.05


def test_a_door_is_seen_open_and_closed_again(world, spawn):
    car = spawn("vehicle.lincoln.mkz_2020")
    car.set_simulate_physics(False)
    plain = spawn("vehicle.audi.tt", ahead(world, 7.0))
    plain.set_simulate_physics(False)
    eye = Eye(world, spawn, beside(world, 2.0, 7.0))
    before = eye.picture()
    plain.open_door(carla.VehicleDoor.All)
    assert (eye.picture() == before).all()
    car.open_door(carla.VehicleDoor.FR)
    one = (eye.picture() != before).any(axis=2).sum()
    car.open_door(carla.VehicleDoor.All)
    assert (eye.picture() != before).any(axis=2).sum() > one > 50
    car.close_door(carla.VehicleDoor.All)
    assert (eye.picture() == before).all()


def test_the_inner_wheel_turns_more(world, spawn):
    car = spawn("vehicle.tesla.model3")
    car.apply_control(carla.VehicleControl(steer=-0.5))
    for _ in range(20):
        world.tick()
    left, right = (car.get_wheel_steer_angle(wheel) for wheel in (FL, FR))
    assert left < right < -10.0
    wheels = [w.position / 100.0 for w in car.get_physics_control().wheels]
    long, wide = wheels[0].distance(wheels[2]), wheels[0].distance(wheels[1])
    gap = 1.0 / np.tan(np.radians(right)) - 1.0 / np.tan(np.radians(left))
    assert abs(gap) == pytest.approx(wide / long, rel=0.02)


def test_wheels_turn_for_the_eye_where_physics_is_off(world, spawn):
    car = spawn("vehicle.tesla.model3")
    eye = Eye(world, spawn, beside(world, 1.5, 5.0))
    for _ in range(10):
        world.tick()
        eye.box.get(timeout=60)
    car.set_wheel_steer_direction(FR, 30.0)
    world.tick()
    assert car.get_wheel_steer_angle(FR) == pytest.approx(0.0, abs=0.5)
    car.set_simulate_physics(False)
    world.tick()
    eye.box.get(timeout=60), eye.box.get(timeout=60)
    before = eye.picture()
    car.set_wheel_steer_direction(FR, 30.0)
    car.set_wheel_pitch_angle(FL, 45.0)
    assert (eye.picture() != before).any(axis=2).sum() > 20
    assert car.get_wheel_steer_angle(FR) == pytest.approx(30.0, abs=1e-3)
    assert car.get_wheel_pitch_angle(FL) == pytest.approx(45.0, abs=1e-3)


def test_a_vehicles_bones_are_its_wheels(world, spawn):
    car = spawn("vehicle.tesla.model3")
    world.tick()
    places = dict(zip(car.get_bone_names(), car.get_bone_world_transforms(), strict=True))
    for name, wheel in zip(list(places)[1:], car.get_physics_control().wheels, strict=True):
        middle = places[name].location
        assert middle.distance_2d(wheel.position / 100.0) < 0.01
        assert middle.z - car.get_location().z == pytest.approx(wheel.radius / 100.0, abs=0.01)
    assert set(car.get_socket_names()) == set(places)
    front = car.get_component_world_transform("front-blinker-r-1").location
    reach = car.get_transform().inverse_transform(front)
    assert reach.x > 0.8 * car.bounding_box.extent.x
    assert reach.y > 0.3
    with pytest.raises(RuntimeError, match="front-blinker-r-1"):
        car.get_component_world_transform("flux capacitor")


def test_a_named_object_takes_a_textures_colour(world, spawn):
    place = ahead(world, 0.0, 2.0)
    camera = spawn("sensor.camera.rgb", place, **SIZE)
    eye = listen(spawn("sensor.camera.instance_segmentation", place, **SIZE))
    camera.enable_gbuffers(True)
    box = queue.Queue()
    camera.listen_to_gbuffer(carla.GBufferTextureID.GBufferC, box.put)
    world.tick()
    image = pixels(eye.get(timeout=60)).astype(int)
    ids = image[:, :, 1] + 256 * image[:, :, 0]
    walls = ids[image[:, :, 2] == 3]
    number = np.bincount(walls).argmax()  # the building that fills most of the picture
    name = next(n for n in world.get_names_of_all_objects() if n == f"Building_{number}")
    texture = carla.TextureColor(2, 2)
    for x in range(2):
        for y in range(2):
            texture.set(x, y, carla.Color(20, 40, 250))
    box.get(timeout=60)
    world.apply_color_texture_to_object(name, carla.MaterialParameter.Diffuse, texture)
    world.tick()
    painted = pixels(box.get(timeout=60))[ids == number][:, :3]
    assert (np.abs(painted.astype(int) - [250, 40, 20]) < 12).all(axis=1).mean() > 0.9
    camera.stop_gbuffer(carla.GBufferTextureID.GBufferC)


def test_a_dead_walker_lies_and_is_gone_after_ten_seconds(port, world, spawn):
    walker = spawn("walker.pedestrian.0015", ahead(world, 0.0, 1.0))
    world.tick()
    height = walker.get_location().z
    assert call(port, "set_actor_dead", walker.id)[1] == [[False]]
    for _ in range(190):
        world.tick()
    assert world.get_snapshot().find(walker.id)
    assert walker.get_location().z < height - 0.5
    for _ in range(15):
        world.tick()
    assert world.get_snapshot().find(walker.id) is None
