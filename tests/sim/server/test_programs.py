"""What other people's programs rely on (tests/peers runs them; here is what they found)."""

import socket
import struct

import carla
import numpy as np
import pytest

from sim.launch import embedded_server
from sim.server import cameras
from sim.server.render.renderer import Renderer
from sim.server.simulation import Simulation
from sim.server.spawn import spawn as make
from sim.server.town import load_town
from sim.server.wire import Description, Settings
from tests.sim.server.test_robust import call


def test_a_vehicle_is_headed_as_its_spawn_point_says(world, spawn):
    points = world.get_map().get_spawn_points()
    turned = max(range(len(points)), key=lambda i: abs(points[i].rotation.yaw))
    car = spawn("vehicle.tesla.model3", turned)
    world.tick()
    assert car.get_transform().rotation.yaw == pytest.approx(points[turned].rotation.yaw, abs=0.01)
    assert all(-180.0 <= point.rotation.yaw <= 180.0 for point in points)


def snapshot_token(port):
    return call(port, "get_episode_info")[1][0][1][1][0]


def test_each_episode_has_snapshots_of_its_own_and_the_old_ones_go_on(port, client, world):
    """Else a client that unsubscribes from the old episode late cuts off the new one."""
    old = snapshot_token(port)
    stream, stream_port = struct.unpack_from("<IH", old)
    with socket.create_connection(("127.0.0.1", stream_port), 20.0) as listener:
        listener.sendall(struct.pack("<I", stream))
        world = client.reload_world(False)
        assert snapshot_token(port) != old
        frame = world.tick()
        got = b""
        while struct.pack("<QQ", 17, frame) not in got:
            got += listener.recv(1 << 16)


def test_a_client_loads_the_towns_of_a_folder_by_name(tmp_path, port):
    text = call(port, "get_map_data")[1][0][1]
    (tmp_path / "Elsewhere.xodr").write_text(text)
    with embedded_server("city", maps=tmp_path) as other:
        client = carla.Client("127.0.0.1", other)
        client.set_timeout(60.0)
        assert "/Game/Carla/Maps/Elsewhere" in client.get_available_maps()
        assert client.load_world("Elsewhere").get_map().name == "Carla/Maps/Elsewhere"
        with pytest.raises(RuntimeError, match="Atlantis"):
            client.load_world("Atlantis")


def test_a_friction_trigger_gives_the_tyres_inside_its_friction_and_leaves_others_alone(
    world, spawn
):
    """Its extents are half sizes in centimetres, as in Unreal."""
    inside, outside = spawn("vehicle.tesla.model3", 0), spawn("vehicle.tesla.model3", 3)
    for car in (inside, outside):
        physics = car.get_physics_control()
        wheels = physics.wheels
        for wheel in wheels:
            wheel.tire_friction = 0.0
        physics.wheels = wheels
        car.apply_physics_control(physics)
    world.tick()
    distance = inside.get_location().distance(outside.get_location())
    place = carla.Transform(inside.get_transform().location)
    size = str(60.0 * distance)  # cm: reaches over 0.6 of the distance
    sides = {"extent_x": size, "extent_y": size, "extent_z": "1000"}
    trigger = spawn("static.trigger.friction", place, friction=5.0, **sides)
    world.tick()
    frictions = [car.get_physics_control().wheels[0].tire_friction for car in (inside, outside)]
    assert frictions == [5.0, 0.0]
    trigger.destroy()
    world.tick()
    assert inside.get_physics_control().wheels[0].tire_friction == 0.0


def test_without_sticky_control_a_command_lasts_for_one_tick(world, spawn):
    car = spawn("vehicle.tesla.model3", 0, sticky_control="False")
    world.tick()
    car.apply_control(carla.VehicleControl(throttle=1.0))
    world.tick()
    assert car.get_control().throttle == 1.0
    world.tick()
    assert car.get_control().throttle == 0.0


def test_without_gravity_nothing_slows_a_vehicle_but_the_air(world, spawn):
    start = world.get_map().get_spawn_points()[0]
    start.location.z += 0.5
    car = spawn("vehicle.audi.etron", start)
    car.set_enable_gravity(False)
    physics = car.get_physics_control()
    physics.drag_coefficient = 0.0
    car.apply_physics_control(physics)
    world.tick()
    car.set_target_velocity(20.0 * start.get_forward_vector())
    for _ in range(20):
        world.tick()
    assert car.get_velocity().length() == pytest.approx(20.0, abs=1e-3)


def test_a_tyre_of_little_longitudinal_stiffness_pulls_less(world, spawn):
    cars = [spawn("vehicle.toyota.prius", place) for place in (0, 3)]
    for car, stiffness in zip(cars, (100.0, 2000.0), strict=True):
        physics = car.get_physics_control()
        wheels = physics.wheels
        for wheel in wheels:
            wheel.long_stiff_value = stiffness
        physics.wheels = wheels
        car.apply_physics_control(physics)
        car.apply_control(carla.VehicleControl(throttle=1.0))
    for _ in range(20):
        world.tick()
    soft, hard = (car.get_velocity().length() for car in cars)
    assert soft < 0.8 * hard


def test_the_first_sensor_of_a_kind_measures_what_the_next_does():
    """Its kernels are loaded by a measurement that nobody sees, and that it must not remember."""
    town = load_town("city")
    x, y, z, yaw = town.spawn_points[0].tolist()
    pose = np.array([x, y, z + 2.0, 0.0, 0.0, yaw])
    attributes = {"noise_seed": (1, "5"), "dropoff_general_rate": (2, "0.4")}
    for kind in ("lidar.ray_cast", "other.radar", "other.imu", "camera.dvs", "camera.optical_flow"):
        first, later = Simulation(town, Settings(), 0), Simulation(town, Settings(), 0)
        memories = []
        for sim in (first, later):
            sim.sensing = first.sensing
            sensor = make(sim, Description(0, f"sensor.{kind}", attributes), pose, None)
            memories.append(sim.sensing.save(sensor))
        assert memories[0] == memories[1]


def test_a_camera_finds_its_town_ready_when_it_first_looks(monkeypatch):
    built = []
    monkeypatch.setattr(cameras, "Renderer", lambda *a: built.append(a) or Renderer(*a))
    for name in ("city", "suburb"):
        town = load_town(name)
        sim = Simulation(town, Settings(), 0)
        pose = np.array([*town.spawn_points[0, :3] + [0.0, 0.0, 2.0], 0.0, 0.0, 0.0])
        camera = make(sim, Description(0, "sensor.camera.rgb", {}), pose, None)
        assert len(built) == 1, name
        sim.sensing.studio.shoot(sim.episode, [camera])
        assert len(built) == 1, name
        built.clear()


def test_the_blueprint_that_manual_control_asks_for_is_there(world, spawn):
    spawn("sensor.camera.cosmos_visualization", 0)
    world.tick()
