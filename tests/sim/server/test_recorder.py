"""The recorder and replayer, through the genuine client."""

import contextlib
import re
import struct
from pathlib import Path

import carla
import numpy as np
import pytest

from sim.server.recording import tape
from sim.server.recording.tape import Packet, Reel
from tests.sim.server.test_live_sensors import listen, pixels

STEP = 0.05
FRAMES = 30


def placed(world, ids):
    """Where actors are: x, y, z m, pitch, yaw, roll degrees."""
    snapshot = world.get_snapshot()
    out = []
    for i in ids:
        at = snapshot.find(i).get_transform()
        turn = at.rotation
        out.append((at.location.x, at.location.y, at.location.z, turn.pitch, turn.yaw, turn.roll))
    return np.array(out)


def apart(a, b):
    """The largest difference in place (m) and in angle (degrees)."""
    turn = np.remainder(a[..., 3:] - b[..., 3:] + 180.0, 360.0) - 180.0
    return float(np.abs(a[..., :3] - b[..., :3]).max()), float(np.abs(turn).max())


@pytest.fixture
def scene(world, spawn):
    """A hero with a camera's mount, another car, a walker, a box."""
    hero = spawn("vehicle.tesla.model3", 0, role_name="hero")
    gnss = spawn("sensor.other.gnss", carla.Transform(carla.Location(1.0, 0.0, 2.0)), hero)
    other = spawn("vehicle.yamaha.yzf", 40)
    here = world.get_map().get_spawn_points()[80]
    walker = spawn("walker.pedestrian.0001", carla.Transform(here.location + carla.Location(z=1.0)))
    box = spawn("static.prop.box01", 120)
    world.tick()
    return hero, other, walker, box, gnss


@pytest.fixture
def recording(client, world, scene, tmp_path):
    """A recording of FRAMES ticks of the scene; its path, its actors' ids, where they were."""
    hero, other, walker, box, _ = scene
    ids = [hero.id, other.id, walker.id, box.id]
    path = str(tmp_path / "a.log")
    assert client.start_recorder(path, True) == path
    hero.apply_control(carla.VehicleControl(throttle=0.7, steer=0.1))
    other.apply_control(carla.VehicleControl(throttle=0.4))
    walker.apply_control(carla.WalkerControl(carla.Vector3D(0.0, 1.0, 0.0), 1.5))
    hero.set_light_state(carla.VehicleLightState(carla.VehicleLightState.LowBeam))
    seen = []
    for _ in range(FRAMES):
        world.tick()
        seen.append(placed(world, ids))
    client.stop_recorder()
    world.tick()
    return path, ids, np.array(seen)


def test_a_replay_shows_frame_by_frame_what_was_recorded(client, recording):
    path, ids, seen = recording
    world = client.reload_world(False)
    text = client.replay_file(path, 0.0, 0.0, 0)
    assert f"Total time recorded: {STEP * (FRAMES - 1):g}" in text
    lights = carla.VehicleLightState.LowBeam
    for k in range(FRAMES - 1):
        world.tick()
        metres, degrees = apart(placed(world, ids), seen[k])
        assert metres < 1e-4
        assert degrees < 1e-3
    hero = world.get_actor(ids[0])
    assert hero.type_id == "vehicle.tesla.model3"
    assert hero.get_light_state() == lights
    assert not [actor for actor in world.get_actors() if actor.type_id == "sensor.other.gnss"]


def test_after_the_end_physics_moves_the_actors_from_a_stand(client, recording):
    path, ids, seen = recording
    world = client.reload_world(False)
    client.replay_file(path, 0.0, 0.0, 0)
    for _ in range(FRAMES + 5):
        world.tick()
    assert apart(placed(world, ids), seen[-2])[0] < 0.2
    hero = world.get_actor(ids[0])
    hero.apply_control(carla.VehicleControl(throttle=0.7))
    before = hero.get_location()
    for _ in range(30):
        world.tick()
    assert hero.get_location().distance(before) > 0.5


@pytest.mark.parametrize(
    ("start", "duration", "pace", "ticks", "shown"),
    [
        (0.5, 0.0, 1.0, 1, 10),
        (-0.5, 0.0, 1.0, 1, FRAMES - 11),
        (0.0, 0.0, 0.5, 8, 3.0),
        (0.0, 0.0, 2.0, 3, 5),
        (-1000.0, 0.0, 1.0, 4, 3),
        (0.0, 0.25, 1.0, 20, 4),
    ],
)  # fmt: skip
def test_start_duration_and_pace(client, recording, start, duration, pace, ticks, shown):
    path, ids, seen = recording
    world = client.reload_world(False)
    client.set_replayer_time_factor(pace)
    client.replay_file(path, start, duration, 0)
    for _ in range(ticks):
        world.tick()
    client.set_replayer_time_factor(1.0)
    metres = apart(placed(world, ids[:3]), seen[int(shown), :3])[0]
    assert metres < (0.05 if duration else 1e-3)


def test_the_spectator_follows_who_it_shall(client, recording):
    path, ids, _ = recording
    world = client.reload_world(False)
    offset = carla.Transform(carla.Location(x=-10.0, z=5.0), carla.Rotation(pitch=-25.0))
    client.replay_file(path, 0.0, 0.0, ids[0], False, offset)
    for _ in range(10):
        world.tick()
    hero = world.get_actor(ids[0]).get_transform()
    eye = world.get_spectator().get_transform()
    expected = hero.transform(carla.Location(x=-10.0, z=5.0))
    assert eye.location.distance(carla.Location(expected.x, expected.y, expected.z)) < 1e-2
    assert eye.rotation.pitch == pytest.approx(-25.0 + hero.rotation.pitch, abs=0.5)


def test_the_hero_and_the_spectator_can_be_left_alone(client, recording):
    path, ids, seen = recording
    world = client.reload_world(False)
    client.set_replayer_ignore_hero(True)
    client.set_replayer_ignore_spectator(True)
    try:
        text = client.replay_file(path, 0.0, 0.0, 0)
        assert "Ignoring Hero vehicle" in text
        world.get_spectator().set_location(carla.Location(1.0, 2.0, 3.0))
        for _ in range(20):
            world.tick()
        hero, other = placed(world, ids[:2])
        assert apart(hero[None], seen[0, :1])[0] < 0.5
        assert apart(other[None], seen[19, 1:2])[0] < 1e-3
        assert world.get_spectator().get_location().distance(carla.Location(1.0, 2.0, 3.0)) < 1e-3
    finally:
        client.set_replayer_ignore_hero(False)
        client.set_replayer_ignore_spectator(False)
        client.stop_replayer(True)


def test_actors_come_and_go_when_they_did(client, world, spawn, tmp_path):
    path = str(tmp_path / "b.log")
    client.start_recorder(path)
    world.tick()
    world.tick()
    car = spawn("vehicle.tesla.model3")
    box = spawn("static.prop.box01", 50)
    camera = spawn("sensor.camera.rgb", carla.Transform(carla.Location(z=2.0)), car)
    for _ in range(4):
        world.tick()
    car.destroy()
    camera.destroy()
    for _ in range(4):
        world.tick()
    client.stop_recorder()
    mine = [car.id, box.id, camera.id]
    world = client.reload_world(False)
    client.replay_file(path, 0.0, 0.0, 0, True)
    there = []
    for _ in range(9):
        world.tick()
        present = {a.id: a for a in world.get_snapshot()}
        there.append([i in present for i in mine])
    assert there[0] == [False] * 3
    assert [True] * 3 in there
    assert there[-1] == [False, True, False]
    info = client.show_recorder_file_info(path, False)
    assert re.search(rf"Create {car.id}: vehicle.tesla.model3 \(1\) at \(", info)
    assert f"Parenting {camera.id} with {car.id} (parent)" in info
    assert f"Destroy {car.id}" in info


def test_traffic_lights_show_what_they_showed(client, world, tmp_path):
    lights = sorted(world.get_actors().filter("traffic.traffic_light"), key=lambda a: a.id)
    path = str(tmp_path / "c.log")
    client.start_recorder(path)
    world.tick()
    lights[0].set_state(carla.TrafficLightState.Yellow)
    for _ in range(5):
        world.tick()
    seen = [light.state for light in lights]
    for _ in range(2):
        world.tick()
    client.stop_recorder()
    world = client.reload_world(False)
    client.replay_file(path, 0.0, 0.0, 0)
    for _ in range(6):
        world.tick()
    lights = sorted(world.get_actors().filter("traffic.traffic_light"), key=lambda a: a.id)
    assert [light.state for light in lights] == seen
    client.stop_replayer(False)


def test_the_texts_say_what_is_in_the_file(client, recording):
    path, ids, seen = recording
    brief = client.show_recorder_file_info(path, False)
    assert brief.startswith("Version: 1\nMap: city\nDate: ")
    assert f"Frames: {FRAMES}\n" in brief
    assert f"Duration: {STEP * (FRAMES - 1):g} seconds" in brief
    assert "  role_name = hero" in brief
    assert "Positions" not in brief
    full = client.show_recorder_file_info(path, True)
    for title in ("Positions", "State traffic lights", "Vehicle animations", "Walker animations",
                  "Vehicle light animations", "Dynamic actors", "Actor bounding boxes",
                  "Actor trigger volumes", "Current platform time", "Physics Control events",
                  "Traffic Light time events"):  # fmt: skip
        assert f" {title}: " in full
    x, y, z = seen[-1, 0, :3] * 100.0
    found = re.findall(rf"  Id: {ids[0]} Location: \((.*?), (.*?), (.*?)\) Rotation:", full)
    assert [float(v) for v in found[-1]] == pytest.approx([x, y, z], abs=0.5)
    assert f"  Id: {ids[0]} LowBeam" in full


def test_collisions_and_the_blocked_are_told(client, world, spawn, tmp_path):
    hero = spawn("vehicle.tesla.model3", 0, role_name="hero")
    place = hero.get_transform()
    world.tick()
    place = hero.get_transform()
    ahead = place.get_forward_vector()
    place.location += carla.Location(ahead.x * 8.0, ahead.y * 8.0, 0.3)
    wall = spawn("vehicle.tesla.model3", place)
    wall.apply_control(carla.VehicleControl(hand_brake=True))
    path = str(tmp_path / "d.log")
    client.start_recorder(path)
    hero.set_target_velocity(carla.Vector3D(ahead.x * 15.0, ahead.y * 15.0, 0.0))
    for _ in range(60):
        world.tick()
    client.stop_recorder()
    text = client.show_recorder_collisions(path, "h", "v")
    row = rf"  v v\s+{hero.id} vehicle.tesla.model3\s+{wall.id} vehicle.tesla.model3"
    assert re.search(row, text)
    assert not re.search(row, client.show_recorder_collisions(path, "w", "a"))
    blocked = client.show_recorder_actors_blocked(path, 1.0, 1000.0)
    assert re.search(rf"{wall.id} vehicle.tesla.model3 +\d", blocked)


def test_a_plain_name_lies_in_ninefolds_own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NINEFOLD_HOME", str(tmp_path))
    assert tape.file_of("x.log") == tmp_path / "recordings" / "x.log"
    assert str(tape.file_of("/a/x.log")) == "/a/x.log"


def test_a_file_that_is_no_recording_is_neither_read_nor_replaced(client, world, tmp_path):
    plain = tmp_path / "thesis.txt"
    plain.write_text("not to be lost")
    with pytest.raises(RuntimeError, match="no recording"):
        client.start_recorder(str(plain))
    assert plain.read_text() == "not to be lost"
    assert client.show_recorder_file_info(str(plain), True) == "File is not a CARLA recorder\n"
    assert "not found" in client.replay_file(str(tmp_path / "nowhere"), 0.0, 0.0, 0)
    assert "not found" in client.show_recorder_collisions(str(tmp_path), "a", "a")
    with pytest.raises(RuntimeError, match="cannot be written"):
        client.start_recorder("/proc/nowhere/x.log")
    world.tick()


def test_broken_and_cut_files_harm_nobody(client, world, recording, tmp_path):
    whole = Path(recording[0]).read_bytes()
    dice = np.random.default_rng(7)
    path = tmp_path / "broken.log"
    for k in range(40):
        data = bytearray(whole[: dice.integers(1, len(whole))] if k % 2 else whole)
        for at in dice.integers(0, len(data), 1 + k):
            data[at] = dice.integers(256)
        path.write_bytes(data)
        for ask in (
            lambda: client.show_recorder_file_info(str(path), True),
            lambda: client.show_recorder_collisions(str(path), "a", "a"),
            lambda: client.show_recorder_actors_blocked(str(path), 0.1, 10.0),
            lambda: client.replay_file(str(path), 0.0, 0.0, 0, True),
        ):
            with contextlib.suppress(RuntimeError):
                assert isinstance(ask(), str)
        world = client.get_world()
        for _ in range(3):
            world.tick()
        client.stop_replayer(False)
    assert client.get_server_version() == "0.9.16"


def test_the_layout_is_carlas_byte_by_byte(client, recording):
    data = Path(recording[0]).read_bytes()
    assert data[:2] == b"\x01\x00"
    assert data[2:18] == b"\x0e\x00CARLA_RECORDER"
    assert data[26:32] == b"\x04\x00city"
    at, kinds = 32, []
    while at < len(data):
        kind, size = struct.unpack_from("<BI", data, at)
        kinds.append(kind)
        at += 5 + size
    assert at == len(data)
    order = [0, 20, 2, 3, 4, 5, 6, 7, 8, 9, 10, 22, 23, 12, 13]
    assert kinds[: len(order)] == order
    with Reel(tape.file_of(recording[0])) as reel:
        first = dict(reel.packets(reel.frames[0]))
        assert reel.frames[0].duration == pytest.approx(STEP)
        assert reel.frames[-1].duration == -1.0
        sizes = {
            Packet.POSITION: 28,
            Packet.STATE: 10,
            Packet.ANIM_VEHICLE: 21,
            Packet.COLLISION: 14,
        }
        for kind, size in sizes.items():
            (count,) = struct.unpack_from("<H", first[kind])
            assert len(first[kind]) == 2 + count * size


def test_another_map_is_loaded_first(client, world, tmp_path):
    path = str(tmp_path / "e.log")
    client.generate_opendrive_world(world.get_map().to_opendrive(), reset_settings=False)
    world = client.get_world()
    client.start_recorder(path)
    for _ in range(3):
        world.tick()
    client.load_world("city", False)
    assert "Loading map OpenDriveMap" in client.replay_file(path, 0.0, 0.0, 0)
    assert client.get_world().get_map().name.endswith("OpenDriveMap")
    client.load_world("city", False)


def test_doors_open_in_a_replay_when_they_did(client, world, spawn, tmp_path):
    car = spawn("vehicle.lincoln.mkz_2020")
    car.set_simulate_physics(False)
    camera = spawn("sensor.camera.depth", 0, car, image_size_x=160, image_size_y=120)
    camera.set_transform(carla.Transform(carla.Location(0, -6, 1.5), carla.Rotation(yaw=80)))
    world.tick()
    box = listen(camera)
    file = str(tmp_path / "doors.log")

    def pictures():
        return [world.tick() and pixels(box.get(timeout=60)).copy() for _ in range(2)]

    client.start_recorder(file)
    closed, _ = pictures()
    car.open_door(carla.VehicleDoor.FL)
    opened, _ = pictures()
    car.close_door(carla.VehicleDoor.All)
    pictures()
    client.stop_recorder()
    assert client.show_recorder_file_info(file, True).count("Vehicle door animations") == 2
    assert (closed != opened).any()
    client.replay_file(file, 0.0, 0.0, 0)
    seen = [
        (again != opened).sum() < (again != closed).sum() for _ in range(3) for again in pictures()
    ]
    assert seen == [False, True, True, False, False, False]  # the first frame is shown at once
