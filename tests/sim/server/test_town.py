"""Loading towns: what an episode finds in them, and what is refused."""

import os
import re
from pathlib import Path

import carla
import numpy as np
import pytest

from common.errors import UserError
from sim.iso import transform_pose
from sim.maps.files import named
from sim.server.town import load_town, town_from_opendrive

FOREIGN = Path(__file__).parents[4] / "shared/maps/carla"


@pytest.fixture(scope="module")
def city():
    return load_town("city")


def foreign(name):
    path = FOREIGN / f"{name}.xodr"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return load_town(str(path))


def test_the_city_is_known_and_has_room(city):
    assert "city" in named()
    assert len(city.spawn_points) >= 150
    assert len(city.signals) >= 8
    assert {sign.kind for sign in city.signs} >= {
        "traffic.stop", "traffic.yield", "traffic.speed_limit.30", "traffic.speed_limit.50",
    }  # fmt: skip


def assert_spawns_on_lanes(town):
    for x, y, z, yaw in town.spawn_points:
        waypoint = town.road_map.get_waypoint(carla.Location(x, -y, z))
        lane = transform_pose(waypoint.transform)
        across = np.array([-np.sin(yaw), np.cos(yaw)])
        assert abs((lane[:2] - [x, y]) @ across) < 0.1
        assert np.hypot(*(lane[:2] - [x, y])) < 0.6
        assert not waypoint.is_junction
        assert 0.2 < z - lane[2] < 0.45
        assert np.cos(lane[5] - yaw) > 0.999


def test_spawn_points_lie_on_lanes_outside_of_junctions(city):
    assert_spawns_on_lanes(city)


def test_spawn_points_keep_their_distance(city):
    xy = city.spawn_points[:, :2]
    apart = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1)) + 1e9 * np.eye(len(xy))
    assert apart.min() > 3.0


@pytest.mark.parametrize("name", ["Town01", "Town04", "Town10HD"])
def test_foreign_towns_load_with_lights_and_ground(name):
    town = foreign(name)
    assert len(town.spawn_points) >= 100
    assert len(town.signals) >= 17
    assert_spawns_on_lanes(town)
    waypoints = town.road_map.generate_waypoints(20.0)
    places = np.array([transform_pose(waypoint.transform)[:3] for waypoint in waypoints])
    z, normal = town.ground(places)
    assert z == pytest.approx(places[:, 2], abs=0.1)
    assert (normal[:, 2] > 0.9).all()
    for signal in town.signals:
        assert signal.trigger_extent[0] > 1.0
        assert abs(signal.trigger_centre[0]) + abs(signal.trigger_centre[1]) < 100.0


def test_the_same_map_gives_the_same_town(city):
    again = town_from_opendrive("city", city.xodr)
    assert np.array_equal(again.spawn_points, city.spawn_points)
    assert again.signals == city.signals
    assert again.mesh().vertices.tobytes() == city.mesh().vertices.tobytes()
    assert again.objects == city.objects


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no element"),
        ("not xml", "syntax error"),
        ("<OpenDRIVE>", "no element"),
        ("<map/>", "<map>"),
        ("<OpenDRIVE/>", "driving lane"),
        ('<OpenDRIVE><road id="0" length="10"><planView/></road></OpenDRIVE>', "driving lane"),
    ],
)
def test_a_broken_map_is_refused_in_one_line(tmp_path, text, why):
    path = tmp_path / "broken.xodr"
    path.write_text(text)
    with pytest.raises(UserError, match=why) as raised:
        load_town(str(path))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("pattern", "with_", "why"),
    [
        (r"<signals>.*?</signals>", "", "signal 20"),
        (r'length="', 'length="-', "a length"),
        (r'<road name="([^"]*)" id="1"', r'<road name="\1" id="0"', "ids to differ"),
        (r"<width[^>]*/>", "", "driving lane"),
        (r'curvature="', 'curvature="x', "numbers"),
    ],
)
def test_a_map_that_would_crash_the_client_is_refused(city, pattern, with_, why):
    broken = re.sub(pattern, with_, city.xodr, flags=re.DOTALL)
    with pytest.raises(UserError, match=why):
        town_from_opendrive("broken", broken)


def test_an_unknown_town_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match="city"):
        load_town("Atlantis")


def test_files_with_hostile_names_are_offered_under_names_that_can_be_said(tmp_path):
    for name in (b"a\nb.xodr", b"bad\xff.xodr", b"plain.xodr"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    assert {"a\ufffdb", "bad\ufffd", "plain"} <= set(named(tmp_path))
