"""The lane graph against the genuine client's own answers."""

from pathlib import Path

import carla
import numpy as np
import pytest

from common.frames import wrap_angles
from common.messages import RouteCommand
from sim.iso import transform_pose2
from sim.junctions import Meeting
from sim.roads import Roads, StopKind

MAPS = Path(__file__).parents[2].parent / "shared/maps/carla"


def carla_map(name: str) -> carla.Map:
    path = MAPS / f"{name}.xodr"
    if not path.exists():
        pytest.skip(f"no {path}")
    return carla.Map(name, path.read_text())


@pytest.fixture(scope="module", params=["Town01", "Town04", "Town10HD"])
def town(request: pytest.FixtureRequest) -> tuple[carla.Map, Roads]:
    genuine = carla_map(request.param)
    return genuine, Roads(genuine)


def test_samples_lie_where_the_client_says_the_lane_is(town: tuple[carla.Map, Roads]) -> None:
    genuine, roads = town
    for i in range(0, len(roads.xy), 371):
        road, _, lane = (int(one) for one in roads.keys[roads.lane[i]])
        x, y = roads.xy[i]
        at = carla.Location(x, -y, float(roads.z[i]))
        mine = [genuine.get_waypoint(at), *genuine.get_waypoint(at).next(0.05)]
        mine += genuine.get_waypoint(at).previous(0.05)
        pose = transform_pose2(mine[0].transform)
        dx, dy = pose.x - x, pose.y - y  # the client projects up to 0.6 m off along the lane
        assert np.hypot(dx, dy) < 0.6
        assert abs(np.cos(roads.yaw[i]) * dy - np.sin(roads.yaw[i]) * dx) < 0.1
        if roads.junction[roads.lane[i]] < 0:
            assert (road, lane) in [(one.road_id, one.lane_id) for one in mine]
            assert abs(wrap_angles(np.array(pose.yaw - roads.yaw[i]))) < 0.1


def test_links_are_continuous_and_mutual(town: tuple[carla.Map, Roads]) -> None:
    _, roads = town
    for lane, after in enumerate(roads.successors):
        end = roads.xy[roads.first[lane + 1] - 1]
        for one in after:
            assert np.hypot(*(roads.xy[roads.first[one]] - end)) <= 1.0
            assert lane in roads.predecessors[one]


def test_a_lane_is_sampled_every_metre(town: tuple[carla.Map, Roads]) -> None:
    _, roads = town
    step = np.diff(roads.s)[np.diff(roads.lane) == 0]
    assert step.min() > 0.0
    assert step.max() < 1.5
    assert np.isclose(np.median(step), 1.0, atol=0.02)


def test_neighbours_drive_the_same_way_side_by_side(town: tuple[carla.Map, Roads]) -> None:
    _, roads = town
    for lane in np.flatnonzero(roads.left >= 0):
        beside = int(roads.left[lane])
        middle = (roads.first[lane] + roads.first[lane + 1]) // 2
        own = roads.samples(beside)
        delta = roads.xy[own] - roads.xy[middle]
        nearest = int(np.argmin(np.hypot(*delta.T)))
        yaw = roads.yaw[middle]
        assert np.cos(roads.yaw[own][nearest] - yaw) > 0.7
        assert np.cos(yaw) * delta[nearest, 1] - np.sin(yaw) * delta[nearest, 0] > 1.0


def test_lookup_finds_each_sample_s_own_lane_outside_junctions(
    town: tuple[carla.Map, Roads],
) -> None:
    _, roads = town
    inner = (roads.s > 3.0) & (roads.s < roads.length[roads.lane] - 3.0)
    inner &= roads.junction[roads.lane] < 0
    found = roads.nearest(roads.xy[inner], roads.yaw[inner])
    assert np.mean(found.lane == roads.lane[inner]) > 0.99
    assert np.abs(found.lateral).max() < 0.1


def test_lookup_measures_left_as_positive_and_misses_far_points(
    town: tuple[carla.Map, Roads],
) -> None:
    _, roads = town
    i = int(roads.first[0] + 3)
    left = np.array([-np.sin(roads.yaw[i]), np.cos(roads.yaw[i])])
    found = roads.nearest(roads.xy[[i]] + 0.5 * left, roads.yaw[[i]])
    assert found.lateral[0] == pytest.approx(0.5, abs=0.05)
    assert roads.nearest(np.array([[1e5, 1e5]])).lane[0] == -1


def test_two_builds_are_identical() -> None:
    one, two = Roads(carla_map("Town01")), Roads(carla_map("Town01"))
    assert one.xy.tobytes() == two.xy.tobytes()
    assert one.conflicts == two.conflicts
    assert one.successors == two.successors


def test_connections_turn_as_they_are_named(town: tuple[carla.Map, Roads]) -> None:
    _, roads = town
    for lane, command in enumerate(roads.command):
        assert (command is RouteCommand.LANE_FOLLOW) == (roads.junction[lane] < 0)
    own = [roads.samples(lane) for lane in range(len(roads)) if roads.length[lane] > 8.0]
    lefts = [one for one in own if roads.command[int(roads.lane[one.start])] is RouteCommand.LEFT]
    assert lefts
    for one in lefts:
        bends = wrap_angles(np.diff(roads.yaw[one])).sum()
        assert bends > -0.2


def test_conflicts_are_mutual_and_name_places_that_are_close(
    town: tuple[carla.Map, Roads],
) -> None:
    _, roads = town
    pairs = {(one.lane, one.other): one for one in roads.conflicts}
    assert any(one.kind is Meeting.CROSS for one in roads.conflicts)
    for one in roads.conflicts:
        back = pairs[one.other, one.lane]
        assert (back.begin, back.end) == (one.other_begin, one.other_end)
        assert back.kind is one.kind
        a, b = roads.pose(one.lane, one.begin), roads.xy[roads.samples(one.other)]
        assert np.hypot(*(b - [a.x, a.y]).T).min() < 2.5


def test_every_signalised_approach_of_town01_has_a_stop_line() -> None:
    genuine = carla_map("Town01")
    roads = Roads(genuine)
    connections = roads.junction >= 0
    held = np.zeros(len(roads), bool)
    for line in roads.stop_lines:
        assert line.kind is StopKind.SIGNAL
        held[line.lane] = True
        width = np.hypot(*(line.left - line.right))
        assert width == pytest.approx(4.0, abs=0.1)
    assert np.array_equal(held, connections)


def test_speed_limits_are_the_map_s_own() -> None:
    roads = Roads(carla_map("Town10HD"))
    assert set(np.round(roads.speed_limit / 0.44704)) == {40.0, 50.0}  # mph in the file


def test_crosswalks_are_closed_areas(town: tuple[carla.Map, Roads]) -> None:
    genuine, roads = town
    assert len(roads.crosswalks) * 5 == len(genuine.get_crosswalks())
    for polygon in roads.crosswalks:
        x, y = polygon.T
        area = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
        assert 5.0 < area < 500.0
