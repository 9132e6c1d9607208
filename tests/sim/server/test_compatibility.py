"""docs/compatibility.md says of every call and sensor what the code does."""

import re
from pathlib import Path

from sim.server.blueprints import CATALOGUE
from sim.server.cameras import ENCODERS
from sim.server.devices import DEVICES
from sim.server.handlers import TABLE

PAGE = Path(__file__).parents[3] / "docs/compatibility.md"
CLIENT_SIDE = {"sensor.other.lane_invasion", "sensor.other.rss"}


def rows():
    found = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| (.*?) ?\|$", PAGE.read_text(), re.MULTILINE)
    return {name: (status.strip(), note.strip()) for name, status, note in found}


def test_the_page_lists_every_call_with_its_status_and_note():
    page = {name: row for name, row in rows().items() if not name.startswith("sensor.")}
    code = {
        name: (row.status.value, row.note.removeprefix(f"{name}: ")) for name, row in TABLE.items()
    }
    assert page == code


def test_the_page_lists_every_sensor_and_which_never_send():
    page = {name: status for name, (status, _) in rows().items() if name.startswith("sensor.")}
    sensors = {b.id for b in CATALOGUE if b.id.startswith("sensor.")}
    silent = sensors - set(ENCODERS) - set(DEVICES) - CLIENT_SIDE
    assert set(page) == sensors
    assert {name for name, status in page.items() if status.startswith("accepted")} == silent


def test_the_table_has_every_call_of_the_protocol():
    assert len([name for name in TABLE if not name.startswith("ninefold_")]) == 130
