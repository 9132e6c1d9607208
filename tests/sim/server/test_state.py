"""Saving and restoring the whole simulation, through the port that the client uses."""

import contextlib
import hashlib
import queue
import time

import carla
import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from common.errors import RigError, UserError
from sim import state
from sim.launch import embedded_server
from sim.server import state as saving
from sim.server.rpc import RpcError
from sim.server.simulation import Simulation
from sim.server.spawn import spawn as spawned
from sim.server.town import load_town
from sim.server.wire import Description, Settings

STEP = 0.05
HOST = "127.0.0.1"


@pytest.fixture
def full(world, port, spawn):
    """What the sensors say in a world in which everything has a memory."""
    points = world.get_map().get_spawn_points()
    hero = spawn("vehicle.lincoln.mkz_2020", 0, role_name="hero")
    bike = spawn("vehicle.yamaha.yzf", 30)
    slow = spawn("vehicle.carlamotors.firetruck", 60)
    walker = spawn("walker.pedestrian.0004", carla.Transform(points[90].location))
    spawn("static.prop.box01", 120)
    spawn(
        "static.trigger.friction", 30, extent_x=50000, extent_y=50000, extent_z=50000, friction=0.4
    )
    up = carla.Transform(carla.Location(z=2.5))
    size = {"image_size_x": 48, "image_size_y": 32}
    sensors = [
        spawn("sensor.other.gnss", up, hero, noise_lat_stddev=0.1, sensor_tick=0.12),
        spawn("sensor.other.imu", up, hero, noise_accel_stddev_x=0.3, noise_seed=4),
        spawn("sensor.other.radar", up, hero),
        spawn("sensor.lidar.ray_cast", up, hero, rotation_frequency=7, noise_stddev=0.1),
        spawn("sensor.camera.dvs", up, hero, sigma_positive_threshold=0.1, **size),
        spawn("sensor.camera.optical_flow", up, hero, **size),
        spawn("sensor.camera.rgb", up, hero, **size),
    ]
    films = [queue.Queue() for _ in sensors]
    for sensor, film in zip(sensors, films, strict=True):
        sensor.listen(lambda data, film=film: film.put(payload(data)))
    control = hero.get_physics_control()
    control.mass *= 1.3
    hero.apply_physics_control(control)
    hero.apply_control(carla.VehicleControl(throttle=0.6, steer=0.05))
    bike.apply_control(carla.VehicleControl(throttle=0.5))
    slow.apply_ackermann_control(carla.VehicleAckermannControl(speed=4.0, acceleration=1.0))
    walker.apply_control(carla.WalkerControl(carla.Vector3D(1.0, 0.0, 0.0), 1.4))
    light = world.get_actors().filter("traffic.traffic_light")[0]
    light.set_green_time(1.0)
    weather = carla.WeatherParameters.WetCloudySunset
    world.set_weather(weather)
    world.unload_map_layer(carla.MapLayer.Foliage)
    near = points[0].location
    world.debug.draw_line(near, near + carla.Location(z=9.0), life_time=0.4)
    run(world, port, films, 1)
    yield films
    for sensor in sensors:
        sensor.stop()


def payload(data):
    """What a sensor said, without the frame's number, which goes on."""
    if isinstance(data, carla.IMUMeasurement):
        return (data.timestamp, data.accelerometer.x, data.gyroscope.z, data.compass)
    if isinstance(data, carla.GnssMeasurement):
        return (data.timestamp, data.latitude, data.longitude, data.altitude)
    return data.timestamp, hashlib.sha256(bytes(data.raw_data)).hexdigest()


def run(world, port, films, ticks):
    """The state and all that the sensors said after some ticks; each tick was complete."""
    said = []
    for _ in range(ticks):
        world.tick()
        said.append([film.get(timeout=60.0) for film in films[1:]])
    with contextlib.suppress(queue.Empty):
        while True:
            said.append(films[0].get(timeout=0.3))
    return state.digest(state.save(HOST, port)), said


@settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(before=st.integers(0, 25), after=st.integers(1, 25))
def test_what_follows_a_restored_state_is_what_followed_it_first(world, port, full, before, after):
    run(world, port, full, before)
    saved = state.save(HOST, port)
    first, said = run(world, port, full, after)
    assert first != state.digest(saved)
    state.restore(HOST, port, saved)
    assert state.digest(state.save(HOST, port)) == state.digest(saved)
    again, repeated = run(world, port, full, after)
    assert again == first
    assert repeated == said


def test_the_dead_come_back_and_newcomers_go(world, port, spawn):
    car = spawn("vehicle.tesla.model3")
    world.tick()
    place = car.get_location()
    saved = state.save(HOST, port)
    car.destroy()
    other = spawn("vehicle.audi.tt", 20)
    frame = world.tick()
    state.restore(HOST, port, saved)
    assert world.tick() > frame
    there = {actor.id: actor for actor in world.get_actors()}
    assert car.id in there
    assert other.id not in there
    assert there[car.id].get_location().distance(place) < 0.05
    assert spawn("vehicle.audi.tt", 20).id > other.id


def test_a_state_goes_over_to_another_server_of_the_same_map(client, world, port, full):
    run(world, port, full, 5)
    saved = state.save(HOST, port)
    with embedded_server("city", step=STEP) as other:
        there = carla.Client(HOST, other)
        there.set_timeout(60.0)
        before = there.get_world()
        before.tick()
        state.restore(HOST, other, saved)
        assert state.digest(state.save(HOST, other)) == state.digest(saved)
        after = there.get_world()
        after.tick()
        kinds = sorted((a.id, a.type_id) for a in after.get_actors())
    world.tick()
    assert kinds == sorted((a.id, a.type_id) for a in world.get_actors())


def test_foreign_broken_and_other_versions_bytes_are_refused(world, port, spawn):
    spawn("vehicle.tesla.model3")
    world.tick()
    saved = state.save(HOST, port)
    dice = np.random.default_rng(1)
    for at in [0, 5, *dice.integers(0, len(saved), 20)]:
        broken = bytearray(saved)
        broken[at] ^= 0x55
        with pytest.raises(RigError, match="expected a s"):
            state.restore(HOST, port, bytes(broken))
    for junk in (b"", b"junk", saved[:-1], saved + b"x", msgpack.packb([1, 2, 3])):
        with pytest.raises(RigError, match="expected a saved state"):
            state.restore(HOST, port, junk)
    parts = msgpack.unpackb(saved)
    with pytest.raises(RigError, match="version"):
        state.restore(HOST, port, msgpack.packb([parts[0], 99, *parts[2:]]))
    assert state.digest(state.save(HOST, port)) == state.digest(saved)


def test_a_forged_state_costs_neither_the_server_nor_the_world_that_was(world, port, full):
    run(world, port, full, 3)
    saved = state.save(HOST, port)
    *head, _, names, packed = msgpack.unpackb(saved, raw=False)
    body = msgpack.unpackb(packed, raw=False, strict_map_key=False)
    forged = [(names, body | {key: lie}) for key in body for lie in (None, [], "x", [["x"]])]
    forged += [([*names[:1], *[lie] * 3], body) for lie in (1 << 40, -1, "x", None)]
    sensors = body["sensors"]
    forged.append((names, body | {"sensors": [*sensors[:-1], [sensors[-1][0], [0.0]]]}))
    everyone, *rest = body["actors"]
    child = next(row for row in everyone if row[7])
    looped = [[*row[:7], row[0], *row[8:]] if row is child else row for row in everyone]
    forged.append((names, body | {"actors": [looped, *rest]}))
    for lies, inside in forged:
        data = state_of(head, lies, inside)
        digest = state.digest(state.save(HOST, port))
        try:
            state.restore(HOST, port, data)
        except RigError:
            assert state.digest(state.save(HOST, port)) == digest
        world.tick()
    state.restore(HOST, port, saved)
    assert state.digest(state.save(HOST, port)) == state.digest(saved)


def state_of(head, names, body):
    """A state that says what it should not, well sealed."""
    packed = msgpack.packb(body, use_bin_type=True)
    return msgpack.packb([*head, hashlib.sha256(packed).digest(), names, packed])


def test_a_tick_that_fails_does_not_end_a_server_that_ticks_by_itself(world, port):
    saved = state.save(HOST, port)
    *head, _, names, packed = msgpack.unpackb(saved, raw=False)
    body = msgpack.unpackb(packed, raw=False, strict_map_key=False)
    body["settings"][0] = False
    body["dying"] = [[10, "x"]]
    state.restore(HOST, port, state_of(head, names, body))
    time.sleep(0.2)  # some ticks
    state.restore(HOST, port, saved)
    world.tick()


def test_a_state_of_another_map_is_refused(client, world, port):
    saved = state.save(HOST, port)
    client.generate_opendrive_world(world.get_map().to_opendrive(), reset_settings=False)
    with pytest.raises(RigError, match="expected a state of OpenDriveMap, got one of city"):
        state.restore(HOST, port, saved)
    client.load_world("city", False)


def test_nobody_there_is_told_in_one_line(free_port):
    with pytest.raises(UserError, match="ninefold serve"):
        state.save(HOST, free_port)


def test_a_parent_may_have_come_later_but_none_hangs_on_itself():
    sim = Simulation(load_town("city"), Settings(), 0)
    place = np.array([*sim.episode.town.spawn_points[0, :3], 0.0, 0.0, 0.0])
    child, above = (
        spawned(sim, Description(0, name, {}), place, None)
        for name in ("static.prop.box01", "vehicle.tesla.model3")
    )
    sim.episode.actors.attach(child, above, np.array([0.0, 0.0, 2.0, 0.0, 0.0, 0.0]))
    kept = saving.save(sim)
    saving.restore(sim, kept)
    assert saving.save(sim) == kept
    again = sim.episode.actors.get(child.id)
    sim.episode.actors.attach(sim.episode.actors.get(above.id), again, place)
    with pytest.raises(RpcError, match="circle"):
        saving.restore(sim, saving.save(sim))
