import time

import carla
import pytest


def test_client_and_server_speak_the_same_version(client):
    assert client.get_server_version() == client.get_client_version() == "0.9.16"


def test_synchronous_frames_follow_each_other_and_time_goes_in_steps(world):
    before = world.get_snapshot()
    frames = [world.tick() for _ in range(5)]
    after = world.get_snapshot()
    assert frames == [before.frame + i for i in range(1, 6)]
    assert after.timestamp.elapsed_seconds - before.timestamp.elapsed_seconds == pytest.approx(0.25)
    assert after.timestamp.delta_seconds == pytest.approx(0.05)


def test_the_world_stands_still_between_synchronous_ticks(world):
    frame = world.tick()
    time.sleep(0.2)
    assert world.get_snapshot().frame == frame


def test_in_asynchronous_mode_time_passes_by_itself(world):
    world.apply_settings(carla.WorldSettings(synchronous_mode=False))
    first = world.wait_for_tick(20.0)
    assert world.wait_for_tick(20.0).frame > first.frame


def test_a_fixed_step_holds_in_asynchronous_mode(world):
    world.apply_settings(carla.WorldSettings(False, False, 0.02))
    world.wait_for_tick(20.0)
    assert world.wait_for_tick(20.0).timestamp.delta_seconds == pytest.approx(0.02)


def test_a_vehicle_stands_where_it_was_spawned_and_drives_when_told(world, spawn):
    car = spawn("vehicle.tesla.model3")
    world.tick()
    start = car.get_location()
    assert start.distance(world.get_map().get_spawn_points()[0].location) < 0.5
    car.apply_control(carla.VehicleControl(throttle=0.7))
    for _ in range(60):
        world.tick()
    assert car.get_location().distance(start) > 3.0
    assert car.get_velocity().length() > 2.0
    assert car.get_control().throttle == pytest.approx(0.7)


def test_a_positive_steer_turns_right(world, spawn):
    car = spawn("vehicle.tesla.model3")
    before = car.get_transform()
    world.tick()
    before = car.get_transform()
    car.apply_control(carla.VehicleControl(throttle=0.4, steer=0.3))
    for _ in range(40):
        world.tick()
    moved = car.get_location() - before.location
    right = before.get_right_vector()
    assert moved.x * right.x + moved.y * right.y > 0.1
    assert car.get_control().steer == pytest.approx(0.3)
    assert car.get_angular_velocity().z > 0.0


def test_ackermann_control_reaches_the_speed_asked_for(world, spawn):
    car = spawn("vehicle.lincoln.mkz_2020", 40)
    car.apply_ackermann_control(carla.VehicleAckermannControl(speed=3.0, acceleration=2.0))
    for _ in range(160):
        world.tick()
    assert car.get_velocity().length() == pytest.approx(3.0, abs=0.6)


def test_physics_control_comes_back_as_it_was_written(world, spawn):
    car = spawn("vehicle.tesla.model3")
    control = car.get_physics_control()
    control.mass *= 1.5
    control.steering_curve = [carla.Vector2D(0.0, 1.0), carla.Vector2D(100.0, 0.5)]
    car.apply_physics_control(control)
    world.tick()
    again = car.get_physics_control()
    assert again.mass == pytest.approx(control.mass)
    assert again.steering_curve[1].x == pytest.approx(100.0)
    assert again.wheels[0].radius == pytest.approx(control.wheels[0].radius)


def test_a_taken_place_takes_no_second_vehicle(spawn):
    spawn("vehicle.tesla.model3")
    with pytest.raises(RuntimeError, match="collision"):
        spawn("vehicle.tesla.model3")


def test_every_spawn_point_is_free_for_a_car(client, world):
    blueprint = world.get_blueprint_library().find("vehicle.lincoln.mkz_2020")
    points = world.get_map().get_spawn_points()
    answers = client.apply_batch_sync([carla.command.SpawnActor(blueprint, p) for p in points])
    assert [answer.error for answer in answers if answer.has_error()] == []


def test_an_image_that_is_too_large_is_refused(spawn):
    with pytest.raises(RuntimeError, match="pixels a side"):
        spawn("sensor.camera.rgb", image_size_x=100_000, image_size_y=100_000)


def test_a_destroyed_actor_is_gone_from_the_next_snapshot(world, spawn):
    car = spawn("vehicle.tesla.model3")
    world.tick()
    assert car.id in [actor.id for actor in world.get_actors()]
    assert car.destroy()
    world.tick()
    assert car.id not in [actor.id for actor in world.get_actors()]


def test_an_attached_actor_moves_with_its_parent(world, spawn):
    car = spawn("vehicle.tesla.model3")
    gnss = spawn("sensor.other.gnss", carla.Transform(carla.Location(1.0, 2.0, 3.0)), car)
    car.apply_control(carla.VehicleControl(throttle=0.7, steer=0.2))
    for _ in range(20):
        world.tick()
    expected = car.get_transform().transform(carla.Vector3D(1.0, 2.0, 3.0))
    assert gnss.get_location().distance(carla.Location(expected.x, expected.y, expected.z)) < 1e-3
    assert gnss.parent.id == car.id


def test_a_world_begins_at_a_clear_noon(world):
    assert world.get_weather() == carla.WeatherParameters.ClearNoon


def test_weather_comes_back_as_it_was_set(world):
    world.set_weather(carla.WeatherParameters.HardRainSunset)
    assert world.get_weather() == carla.WeatherParameters.HardRainSunset


def test_the_clients_own_opendrive_becomes_a_world(client, world):
    text = world.get_map().to_opendrive()
    generated = client.generate_opendrive_world(text)
    assert generated.get_map().name.endswith("OpenDriveMap")
    assert generated.id != world.id
    client.load_world("city")


def test_an_unknown_map_is_refused(client, world):
    with pytest.raises(RuntimeError, match="Atlantis"):
        client.load_world("Atlantis")


def test_a_batch_answers_each_command_and_names_the_new_actors(client, world):
    spawn, future = carla.command.SpawnActor, carla.command.FutureActor
    blueprint = world.get_blueprint_library().find("vehicle.lincoln.mkz_2020")
    point = world.get_map().get_spawn_points()[0]
    control = carla.VehicleControl(throttle=0.5)
    drive = carla.command.ApplyVehicleControl(future, control)
    answers = client.apply_batch_sync(
        [spawn(blueprint, point).then(drive), spawn(blueprint, point),
         carla.command.DestroyActor(10**6)]
    )  # fmt: skip
    assert [answer.has_error() for answer in answers] == [False, True, True]
    world.tick()
    car = world.get_actor(answers[0].actor_id)
    assert car.get_control().throttle == pytest.approx(0.5)


def test_a_control_for_nobody_keeps_none_of_the_others_from_their_cars(client, world, spawn):
    cars = [spawn("vehicle.tesla.model3", k) for k in range(3)]
    drive, light = carla.command.ApplyVehicleControl, carla.command.SetVehicleLightState
    controls = [carla.VehicleControl(0.1 * k, -0.2 * k, 0.3, gear=k) for k in range(3)]
    batch = [drive(car.id, control) for car, control in zip(cars, controls, strict=True)]
    batch.insert(1, drive(10**6, controls[0]))
    batch += [light(cars[0].id, carla.VehicleLightState.Brake), drive(cars[0].id, controls[2])]
    answers = client.apply_batch_sync(batch)
    assert [answer.has_error() for answer in answers] == [False, True] + [False] * 4
    world.tick()
    for car, control in zip(cars, [controls[2], *controls[1:]], strict=True):
        now = car.get_control()
        assert (now.throttle, now.steer, now.brake) == pytest.approx(
            (control.throttle, control.steer, control.brake)
        )


def test_a_ray_downwards_meets_the_road(world):
    point = world.get_map().get_spawn_points()[0].location
    hit = world.ground_projection(point + carla.Location(z=3.0), 10.0)
    assert hit.label == carla.CityObjectLabel.Roads
    assert hit.location.z == pytest.approx(point.z, abs=0.5)


def test_a_sign_sets_the_speed_limit_of_a_vehicle_that_passes_it(world, spawn):
    car = spawn("vehicle.tesla.model3")
    world.tick()
    sign = world.get_actors().filter("traffic.speed_limit.50")[0]
    place = sign.get_transform().transform(sign.trigger_volume.location)
    car.set_location(carla.Location(place.x, place.y, place.z))
    world.tick()
    assert car.get_speed_limit() == pytest.approx(50.0)


def test_a_walkers_bones_stand_where_its_limbs_are(world, spawn):
    place = world.get_map().get_spawn_points()[80]
    walker = spawn("walker.pedestrian.0001", place)
    walker.apply_control(carla.WalkerControl(carla.Vector3D(1.0, 0.0, 0.0), 1.4))
    for _ in range(10):
        world.tick()
    found = {bone.name: bone for bone in walker.get_bones().bone_transforms}
    assert set(found) == set(walker.get_bone_names())
    middle = walker.get_location()
    feet = [found[f"crl_foot__{side}"].world.location for side in "LR"]
    head = found["crl_Head__C"].world.location
    assert head.z > middle.z > max(foot.z for foot in feet)
    assert feet[0].distance(feet[1]) > 0.18  # they stride
    left, right = (found[f"crl_eye__{side}"].world.location.y for side in "LR")
    assert left < right  # it looks along x, left is towards smaller y in CARLA's axes
