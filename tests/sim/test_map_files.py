"""Map files as users have them."""

import carla
import pytest

from common.errors import UserError
from sim.maps.files import read_map
from sim.roads import Roads, StopKind

NODES = [(i, 48.0 + 0.003 * (i // 3), 11.0 + 0.004 * (i % 3)) for i in range(9)]
WAYS = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8)]


def osm() -> str:
    """Nine crossings, a traffic light at the middle one."""
    light = '<tag k="highway" v="traffic_signals"/>'
    nodes = "".join(
        f'<node id="{i + 1}" lat="{lat}" lon="{lon}">{light if i == 4 else ""}</node>'
        for i, lat, lon in NODES
    )
    ways = "".join(
        f'<way id="{i + 100}">{"".join(f"<nd ref={chr(34)}{n + 1}{chr(34)}/>" for n in way)}'
        '<tag k="highway" v="residential"/></way>'
        for i, way in enumerate(WAYS)
    )
    return f'<?xml version="1.0"?><osm version="0.6">{nodes}{ways}</osm>'


def test_openstreetmap_becomes_a_lane_graph_with_its_traffic_light(tmp_path):
    path = tmp_path / "village.osm"
    path.write_text(osm())
    roads = Roads(carla.Map("village", read_map(path)))
    assert len(roads) > 24
    assert any(line.kind is StopKind.SIGNAL for line in roads.stop_lines)


@pytest.mark.parametrize(("name", "text"), [("a.osm", "<osm><node"), ("b.osm", "<osm/>")])
def test_a_broken_openstreetmap_file_is_named(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UserError, match=name):
        read_map(path)


def test_a_missing_map_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.xodr"):
        read_map(tmp_path / "none.xodr")
