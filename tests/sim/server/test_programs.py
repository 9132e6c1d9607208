"""What other people's programs rely on (tests/peers runs them; here is what they found)."""

import socket
import struct

import carla
import pytest

from sim.launch import embedded_server
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
