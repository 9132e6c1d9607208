"""Short forms of the fuzz and soak programs; their long forms are run by hand."""

import carla

from sim.launch import embedded_server
from tests.sim.server.fuzz import STEP, fuzz
from tests.sim.server.repeat import repeat
from tests.sim.server.soak import soak


def test_mutated_messages_neither_end_the_server_nor_trouble_another_client():
    with embedded_server("city", step=STEP) as port:
        result = fuzz(port, 3000, seed=2, seconds=60.0)
        client = carla.Client("127.0.0.1", port)
        client.set_timeout(60.0)
        assert client.get_server_version() == "0.9.16"
    assert result.troubles == []
    assert result.asked > 0
    assert result.answers > 500
    assert 0 < result.cut < result.messages / 50
    assert result.subscriptions > 0


def test_cameras_reloads_clients_and_traffic_leave_no_open_file_behind():
    rows = list(soak(cameras=30, reloads=5, connects=10, hours=0.001))
    assert len(rows) == 4
    assert len({files for *_, files in rows}) == 1
    grown = rows[-1][3][-1, 1] - rows[0][3][0, 1]
    assert grown < 64 * 1024  # kB


def test_what_every_sensor_says_is_the_same_in_another_server_to_the_bit():
    first, second = repeat(vehicles=8, ticks=12)
    assert len(first) >= 16
    assert first == second
