"""Clients that die, lie or babble lose their own session and nobody else's."""

import contextlib
import os
import queue
import random
import selectors
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import carla
import msgpack
import numpy as np
import pytest

from sim.launch import embedded_server
from sim.server import devices, rpc, server, streams, traffic_managers
from sim.server.handlers import TABLE
from sim.server.simulation import Simulation
from sim.server.spawn import spawn as spawned
from sim.server.town import load_town
from sim.server.wire import Description, Settings

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def call(port, method, *arguments):
    """One request over a socket of our own; error and result."""
    with socket.create_connection(("127.0.0.1", port), 20.0) as sock:
        sock.sendall(msgpack.packb([0, 7, method, [[False], *arguments]]))
        unpacker = msgpack.Unpacker(raw=False)
        while True:
            data = sock.recv(1 << 16)
            if not data:
                raise ConnectionError("cut off")
            unpacker.feed(data)
            for kind, number, error, result in unpacker:
                assert (kind, number) == (1, 7)
                return error, result


@pytest.mark.parametrize("method", sorted(set(TABLE) - {"tick_cue", "load_new_episode"}))
def test_wrong_arguments_get_an_answer_of_the_right_form(port, method):
    row = TABLE[method]
    for arguments in ([], ["?"], [10**9, None, [], {}, -1.5], [[[]], [[]], [[]]]):
        error, result = call(port, method, *arguments)
        assert error is None
        if row.bare:
            assert isinstance(result, list) or result[0][0] == 0
        elif row.returns:
            ((index, *value),) = result
            assert index == 1 or (index == 0 and isinstance(value[0][0], str))
        else:
            assert result == [[False]] or (
                result[0][0] is True and isinstance(result[0][1][0], str)
            )


def test_an_unknown_call_is_an_error_and_nothing_more(port):
    error, result = call(port, "make_coffee")
    assert "make_coffee" in error
    assert result is None


def test_garbage_and_half_messages_harm_nobody(port, client, world):
    dice = random.Random(5)
    whole = msgpack.packb([0, 1, "set_actor_transform", [[False], 3, [[0.0] * 3, [0.0] * 3]]])
    for _ in range(300):
        message = bytearray(whole)
        for _ in range(dice.randrange(1, 6)):
            message[dice.randrange(len(message))] = dice.randrange(256)
        with socket.create_connection(("127.0.0.1", port), 20.0) as sock:
            sock.sendall(message[: dice.randrange(1, len(message) + 1)])
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", port + 1), 20.0) as sock:
            sock.sendall(dice.randbytes(dice.randrange(0, 9)))
    frame = world.tick()
    assert world.get_snapshot().frame == frame
    assert client.get_server_version() == "0.9.16"


def test_a_second_client_sees_what_the_first_one_did(port, world, spawn):
    car = spawn("vehicle.tesla.model3")
    other = carla.Client("127.0.0.1", port)
    other.set_timeout(60.0)
    there = other.get_world()
    frame = world.tick()
    while there.get_snapshot().frame < frame:
        time.sleep(0.01)
    assert sorted(a.id for a in there.get_actors()) == sorted(a.id for a in world.get_actors())
    assert there.get_actor(car.id).type_id == car.type_id


def test_too_many_pixels_and_sensors_are_refused_by_name(client, world):
    library = world.get_blueprint_library()
    camera, imu = (library.find(f"sensor.{name}") for name in ("camera.rgb", "other.imu"))
    camera.set_attribute("image_size_x", "4096")
    camera.set_attribute("image_size_y", "2048")
    spawn, origin = carla.command.SpawnActor, carla.Transform()
    answers = client.apply_batch_sync([spawn(camera, origin)] * 9 + [spawn(imu, origin)] * 505)
    errors = [answer.error for answer in answers]
    assert [bool(error) for error in errors] == [False] * 8 + [True] + [False] * 504 + [True]
    assert "67108864" in errors[8]
    assert "512 sensors" in errors[-1]


def test_a_client_that_stays_on_learns_of_the_map_that_another_one_loaded(port, client, world):
    other = carla.Client("127.0.0.1", port)
    other.set_timeout(60.0)
    there = other.get_world()
    assert there.get_map().name.endswith("city")
    loaded = client.generate_opendrive_world(world.get_map().to_opendrive(), reset_settings=False)
    assert loaded.get_map().name.endswith("OpenDriveMap")
    deadline = time.monotonic() + 20.0
    while not there.get_map().name.endswith("OpenDriveMap"):
        assert time.monotonic() < deadline
        loaded.tick()
        time.sleep(0.1)
    client.load_world("city", False)


def test_lights_and_signs_belong_to_the_map(client, world):
    posts = [actor.id for actor in world.get_actors().filter("traffic.*")]
    answers = client.apply_batch_sync([carla.command.DestroyActor(post) for post in posts])
    assert all("belongs to the map" in answer.error for answer in answers)
    world.tick()
    assert len(world.get_actors().filter("traffic.*")) == len(posts)


def test_a_place_that_no_recording_can_hold_ends_the_recording_only(
    port, client, world, spawn, tmp_path
):
    car = spawn("vehicle.tesla.model3")
    car.set_simulate_physics(False)
    call(port, "set_actor_transform", car.id, [[1e300, 0.0, 0.0], [0.0, 0.0, 0.0]])
    client.start_recorder(str(tmp_path / "far.log"))
    frame = world.tick()
    assert world.tick() == frame + 1


KILLED = """
    import sys, time, carla
    client = carla.Client("127.0.0.1", int(sys.argv[1]))
    client.set_timeout(60)
    world = client.get_world()
    manager = client.get_trafficmanager(int(sys.argv[2]))
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    camera = world.spawn_actor(blueprint, carla.Transform())
    camera.listen(lambda image: None)
    print(camera.id, flush=True)
    time.sleep(60)
"""


def test_a_killed_client_leaves_its_actors_and_no_traffic_manager(port, world, free_port):
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(port), str(free_port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT) as victim:
        camera = int(victim.stdout.readline())
        assert call(port, "is_traffic_manager_running", free_port)[1] == [[1, True]]
        victim.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20.0
    while call(port, "is_traffic_manager_running", free_port)[1] == [[1, True]]:
        assert time.monotonic() < deadline
    world.tick()
    assert world.get_actor(camera) is not None


PARENT = """
    from sim.launch import embedded_server
    with embedded_server("city") as port:
        print(port, flush=True)
        input()
"""


def test_a_server_ends_with_its_parent_however_that_ends():
    command = [sys.executable, "-c", textwrap.dedent(PARENT)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT
    ) as parent:
        port = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20.0
    with contextlib.suppress(ConnectionRefusedError):
        while time.monotonic() < deadline:
            socket.create_connection(("127.0.0.1", port), 5.0).close()
            time.sleep(0.05)
        pytest.fail("the server still listens")


def drive(port):
    """Positions and speeds, to the bit, of a small scene driven the same way."""
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(60.0)
    world = client.get_world()
    library, points = world.get_blueprint_library(), world.get_map().get_spawn_points()
    kinds = sorted(blueprint.id for blueprint in library.filter("vehicle.*"))
    dice = random.Random(3)
    spawn = [
        carla.command.SpawnActor(library.find(dice.choice(kinds)), point)
        for point in dice.sample(points, 30)
    ]
    cars = [answer.actor_id for answer in client.apply_batch_sync(spawn)]
    seen = []
    for _ in range(60):
        controls = [carla.VehicleControl(dice.random(), dice.uniform(-1, 1)) for _ in cars]
        apply = carla.command.ApplyVehicleControl
        client.apply_batch_sync([apply(*pair) for pair in zip(cars, controls, strict=True)])
        world.tick()
        snapshot = world.get_snapshot()
        for car in cars:
            now = snapshot.find(car)
            place, speed = now.get_transform(), now.get_velocity()
            seen.append((place.location.x, place.location.y, place.rotation.yaw, speed.x, speed.y))
    return snapshot.frame, seen


def test_the_same_calls_give_the_same_world_to_the_bit():
    runs = []
    for _ in range(2):
        with embedded_server("city", step=0.05) as port:
            runs.append(drive(port))
    assert runs[0] == runs[1]


def test_connections_that_say_nothing_or_half_a_message_give_way(port, world):
    half = msgpack.packb([0, 1, "version", [[False]]])[:-1]
    with contextlib.ExitStack() as stack:
        for number in range(600):
            sock = socket.create_connection(("127.0.0.1", port + number % 2), 20.0)
            stack.enter_context(sock)
            if number % 3 == 0:
                sock.sendall(half if number % 2 == 0 else b"\1\0")
        newcomer = carla.Client("127.0.0.1", port)
        newcomer.set_timeout(20.0)
        assert newcomer.get_world().get_map().name.endswith("city")
        frame = world.tick()  # who was there before is still there
        assert world.get_snapshot().frame == frame


def test_ticks_wait_for_a_listener_that_does_not_read_until_it_is_dropped(monkeypatch):
    hub = streams.Streams(0)
    with (
        socket.create_server(("127.0.0.1", 0)) as door,
        socket.create_connection(door.getsockname()) as theirs,
    ):
        stopped = streams.Subscriber(selectors.DefaultSelector(), door.accept()[0], hub)
        theirs.sendall((9).to_bytes(4, "little"))
        stopped.on_event(selectors.EVENT_READ)
        while stopped.backlog < streams.STALLED:
            assert not hub.stalled()
            hub.publish(9, [bytes(8 << 20)], keep=True)
        assert hub.stalled()
        monkeypatch.setattr(streams, "HANGING", 0.0)
        assert not hub.stalled()
        assert stopped.closed
        assert not hub.listened(9)


def test_an_answer_that_cannot_be_packed_is_an_error_of_its_call():
    row = rpc.value(lambda _: 1 << 80)
    _, number, error, answer = msgpack.unpackb(rpc.answer(row, None, rpc.Request(4, "f", True, [])))
    assert (number, error, answer[0][0]) == (4, None, 0)
    assert "internal error" in answer[0][1][0]


def test_settings_of_one_client_never_cut_another_one_off(port, world):
    (_, own), *_ = call(port, "get_episode_settings")[1]
    for at, lie in [(5, 1e300), (5, 1 << 62), (6, 1e300)]:
        _, ((failed, _),) = call(port, "set_episode_settings", [*own[:at], lie, *own[at + 1 :]])
        assert failed == 0
    assert call(port, "get_episode_settings") == (None, [[1, own]])


def test_no_weather_and_no_drawing_costs_anybody_his_pictures(port, world, spawn):
    camera, frames = spawn("sensor.camera.rgb", image_size_x=32, image_size_y=24), queue.Queue()
    camera.listen(lambda image: frames.put(image.frame))
    _, ((_, weather),) = call(port, "get_weather_parameters")
    here, far = [0.0, 0.0, 2.0], [1e12, -1e12, 1e12]
    for at in range(len(weather)):
        for big in (1e300, -5.0, 1e12):
            call(port, "set_weather_parameters", [*weather[:at], big, *weather[at + 1 :]])
        assert world.tick() == frames.get(timeout=30.0)
    call(port, "set_weather_parameters", [*weather[:6], -5.0, *weather[7:]])
    assert world.tick() == frames.get(timeout=30.0)
    call(port, "set_weather_parameters", weather)
    for big in (1e12, 1e300):
        for kind, figure in enumerate(
            [[far, big], [here, far, big], [[here, far, big], big], [[here, [big] * 3], here, big]]
        ):
            call(port, "draw_debug_shape", [[kind, figure], [255, 0, 0, 255], 0.0, False])
            assert world.tick() == frames.get(timeout=30.0)
    call(port, "clear_debug_shape")


def test_numbers_that_no_client_could_read_are_refused(port, world):
    before = len(world.get_actors())
    for uid, kind in [(1 << 40, 1), (-5, 1), (1, 999), (1, -1)]:
        box = [uid, "static.prop.box01", [["role_name", kind, "x"]]]
        _, ((index, *_),) = call(port, "spawn_actor", box, [[0.0, 0.0, 300.0], [0.0] * 3])
        assert index == 0
    light = call(port, "query_lights_state", "")[1][0][1][0]
    for group in (1 << 40, -7):
        lie = [*light[:3], group, *light[4:]]
        assert call(port, "update_lights_state", "", [lie])[1][0][0] is True
    world.tick()
    assert len(world.get_actors()) == before
    assert world.get_lightmanager().get_all_lights()


def test_announcing_a_subscription_for_ever_does_not_hold_ticks_for_ever():
    hub = streams.Streams(0)
    hub.announce(5)
    deadline = time.monotonic() + 20.0
    while hub.awaiting():
        assert time.monotonic() < deadline
        hub.announce(5)
        time.sleep(streams.HOLD / 10.0)


def test_figures_that_would_overflow_are_refused(port, world, spawn):
    car, walker = spawn("vehicle.tesla.model3"), spawn("walker.pedestrian.0001", 5)
    for actor in (car, walker):
        for method in ("set_actor_target_velocity", "add_actor_impulse", "set_actor_location"):
            _, ((failed, text),) = call(port, method, actor.id, [1e300, -1e300, 1e300])
            assert failed
            assert "at most 1e+12" in text[0]
    for _ in range(3):
        frame = world.tick()
    assert world.get_snapshot().frame == frame


def test_figures_that_no_vehicle_can_have_are_refused(port, world, spawn):
    car = spawn("vehicle.tesla.model3")
    _, ((_, own),) = call(port, "get_physics_control", car.id)
    wheels = [[*wheel[:7], -1.0, *wheel[8:]] for wheel in own[15]]
    for place, value in ((1, 1e300), (10, [[1e300, 0.3, 0.6]]), (15, wheels)):
        broken = [*own[:place], value, *own[place + 1 :]]
        _, ((failed, text),) = call(port, "apply_physics_control", car.id, broken)
        assert failed
        assert "expected n" in text[0]
    _, ((_, kept),) = call(port, "get_physics_control", car.id)
    assert kept == own


def test_clients_load_no_files_of_the_folder_that_the_server_runs_in(tmp_path, monkeypatch):
    town = load_town("city")
    (tmp_path / "mine.xodr").write_text(town.xodr)
    monkeypatch.chdir(tmp_path)
    sim = Simulation(town, Settings(), 0)
    with pytest.raises(rpc.RpcError, match="expected a town"):
        sim.town_called("mine.xodr")


@pytest.mark.parametrize("friction", ["slippery", "nan", "inf"])
def test_what_cannot_be_spawned_is_not_there(port, world, friction):
    before = len(world.get_actors())
    description = [1, "static.trigger.friction", [["friction", 2, friction]]]
    _, ((done, value),) = call(port, "spawn_actor", description, [[0.0] * 3, [0.0] * 3])
    assert not done
    assert "friction" in value[0]
    world.tick()
    assert len(world.get_actors()) == before


def listener(hub, stream):
    """A subscription over sockets of its own: the listener's end."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        theirs = socket.create_connection(door.getsockname(), 20.0)
        ours = streams.Subscriber(selectors.DefaultSelector(), door.accept()[0], hub)
    theirs.sendall(stream.to_bytes(4, "little"))
    ours.on_event(selectors.EVENT_READ)
    return theirs


def test_a_sensor_that_fails_costs_the_others_nothing(monkeypatch, caplog):
    def broken(_):
        return devices.Device(lambda *_: 1 / 0, speak=lambda _: 1 / 0)

    monkeypatch.setitem(devices.DEVICES, "sensor.other.v2x", broken)
    sim, pose = Simulation(load_town("city"), Settings(), 0), np.array([0, 0, 9.0, 0, 0, 0])
    monkeypatch.setattr(sim.sensing, "rehearse", lambda *_: None)  # it would be refused there
    size = {"image_size_x": (2, "32"), "image_size_y": (2, "24")}
    kinds = ("other.v2x", "camera.rgb", "camera.depth", "other.imu")
    sensors = [spawned(sim, Description(0, f"sensor.{k}", {**size}), pose, None) for k in kinds]
    sensors[1].description.attributes["fov"] = (1, "wide")
    heard = [listener(sim.streams, sensor.stream) for sensor in sensors]
    for _ in range(2):
        sim.tick(0.05)
        sim.publish_sensors()
    with contextlib.ExitStack() as stack:
        for sock in heard:
            stack.enter_context(sock).setblocking(False)
        for sock in heard[:2]:
            with pytest.raises(BlockingIOError):
                sock.recv(1)
        assert all(sock.recv(1 << 16) for sock in heard[2:])
    assert [record.getMessage().split()[0] for record in caplog.records] == [
        "sensor.other.v2x", "sensor.camera.rgb"
    ]  # fmt: skip


@pytest.mark.parametrize("side", ["image_size_x", "image_size_y"])
@pytest.mark.parametrize("pixels", ["abc", "-5", "0", "16384", "1.5", ""])
def test_a_size_that_no_image_has_is_refused_with_what_was_expected(port, world, side, pixels):
    box = [0, "sensor.camera.rgb", [[side, 2, pixels]]]
    _, ((index, (text,)),) = call(port, "spawn_actor", box, [[0.0] * 3, [0.0] * 3])
    assert index == 0
    assert "1 to 16383 pixels" in text and pixels in text


def test_a_prop_at_the_end_of_the_world_holds_no_tick(port, world, spawn):
    car = spawn("vehicle.tesla.model3")
    for far in ([1e12, -1e12, 0.0], [-1e7, 1e7, 0.0]):
        box = [0, "static.prop.box01", []]
        _, ((index, *_),) = call(port, "spawn_actor", box, [far, [0.0] * 3])
        assert index == 1
    begun = car.get_location()
    for _ in range(20):
        car.apply_control(carla.VehicleControl(throttle=1.0))
        world.tick()
    assert car.get_location().distance(begun) > 0.5


def test_one_client_s_thousand_ticks_let_another_one_through(port, world):
    _, ((_, own),) = call(port, "get_episode_settings")
    begin, many = world.get_snapshot().frame, 3000
    with socket.create_connection(("127.0.0.1", port), 60.0) as greedy:
        greedy.sendall(msgpack.packb([0, 1, "tick_cue", [[False]]]) * many)
        assert greedy.recv(1)  # the first is answered, the rest has come
        _, ((_, frame),) = call(port, "set_episode_settings", own)
        assert frame < begin + many


@pytest.mark.parametrize(
    "lie",
    [
        [["get_sensor_token", 1], ["get_sensor_token", 2]],
        [["get_vehicle_light_states"], ["apply_batch", [], False]],
    ],
    ids=["announcements", "cycles"],
)
def test_what_is_announced_again_and_again_holds_no_tick_for_ever(port, world, free_port, lie):
    over = threading.Event()
    messages = [msgpack.packb([0, 1, method, [[False], *rest]]) for method, *rest in lie]

    def lying():
        with socket.create_connection(("127.0.0.1", port), 20.0) as liar:
            register = [0, 1, "add_traffic_manager_running", [[False], ["127.0.0.1", free_port]]]
            liar.sendall(msgpack.packb(register))
            while not over.is_set():
                for message in messages:
                    liar.sendall(message)
                    over.wait(0.1)

    thread = threading.Thread(target=lying)
    thread.start()
    try:
        for _ in range(3):
            assert call(port, "tick_cue")[1][0][0] == 1
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def ticking_client():
    """A server in this process, and a client that asks it; its Traffic Manager is a deaf socket."""
    own = server.Server("127.0.0.1", 0, load_town("city"), Settings(synchronous=True))
    running = threading.Thread(target=own.run)
    running.start()
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as deaf,
            socket.create_connection(("127.0.0.1", own.port), 20.0) as client,
        ):
            deaf.settimeout(20.0)

            def ask(method, *arguments):
                client.sendall(request(method, *arguments))
                assert client.recv(1 << 16)

            ask("add_traffic_manager_running", ["127.0.0.1", deaf.getsockname()[1]])
            ask("get_vehicle_light_states")
            ask("apply_batch", [], False)
            ask("get_episode_settings")
            yield own, client, ask, deaf
    finally:
        own.running = False
        with contextlib.suppress(OSError):  # it may have ended by now: the clients' going woke it
            socket.create_connection(("127.0.0.1", own.port), 20.0).close()
        running.join()


def request(method, *arguments):
    return msgpack.packb([0, 1, method, [[False], *arguments]])


def test_a_traffic_manager_that_does_not_answer_is_left_alone(port, world, monkeypatch):
    monkeypatch.setattr(server, "ROUSING", 0.1)
    monkeypatch.setattr(traffic_managers, "OVERDUE", 0.1)
    with ticking_client() as (_, _, ask, deaf):
        ask("tick_cue")
        roused, _ = deaf.accept()
        with roused:
            roused.settimeout(20.0)
            while roused.recv(1 << 16):  # until the server hangs up
                pass


def test_a_cycle_that_begins_while_the_server_is_busy_is_not_lost(monkeypatch):
    monkeypatch.setattr(traffic_managers, "OVERDUE", 0.1)
    with ticking_client() as (own, client, ask, deaf):

        def measure():
            own.sim.sensors_due = False
            client.sendall(request("get_vehicle_light_states"))
            time.sleep(2.0 * traffic_managers.OVERDUE)

        monkeypatch.setattr(own.sim, "publish_sensors", measure)
        ask("tick_cue")
        assert client.recv(1 << 16)  # that cycle's answer
        deaf.setblocking(False)
        with pytest.raises(BlockingIOError):
            deaf.accept()


def test_a_full_disk_ends_the_recording_and_no_tick(tmp_path):
    sim = Simulation(load_town("city"), Settings(), 0)
    sim.deck.record(str(tmp_path / "whole.log"), additional=False)
    sim.tick(0.05)
    with Path("/dev/full").open("wb") as full:
        sim.deck.recorder._file = full
        assert [sim.tick(0.05) for _ in range(2)] == [2, 3]
    assert sim.deck.recorder is None


def test_huge_texts_are_refused_and_not_sent_back(port, world):
    huge = "x" * (8 << 20)
    box = [0, "static.prop.box01", [["role_name", 3, huge]]]
    for method, *arguments in (
        ("spawn_actor", [0, huge, []], [[0.0] * 3] * 2),
        ("spawn_actor", box, [[0.0] * 3] * 2),
        ("load_new_episode", huge, False),
        ("start_recorder", huge),
        ("request_file", huge),
        ("add_traffic_manager_running", [huge, 5]),
    ):
        _, ((refused, (text,)),) = call(port, method, *arguments)
        assert refused in (0, True)
        assert len(text) < 3000
    _, ((_, told),) = call(port, "replay_file", huge, 0.0, 0.0, 0)
    assert "4096 characters" in told
    world.tick()


def test_a_connection_has_so_many_traffic_managers():
    managers, peer = traffic_managers.TrafficManagers(), object()
    ports = range(8000, 8000 + traffic_managers.MOST + 1)
    assert [managers.add(port, "127.0.0.1", peer) for port in ports].count(False) == 1
    assert managers.add(ports[-1], "127.0.0.1", object())
