"""The route as a line: lengths, offsets, curves, speeds, junctions, the seen lane."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.frames import Pose2
from common.messages import LaneEstimate, Route, RouteCommand
from planning.path import (
    COMFORT_DECEL,
    COMFORT_LATERAL_ACCEL,
    END_SPEED,
    junction_ahead,
    lane_offset,
    path_of,
    project,
    stretch,
)
from tests.planning.closed_loop import line

ROUTE = line(("straight", 60), ("left", 12), ("straight", 80))
PATH = path_of(ROUTE)
BEND = 12 * math.pi / 2


@settings(max_examples=50, deadline=None)
@given(st.floats(2.0, 150.0), st.floats(-4.0, 4.0))
def test_a_point_beside_the_path_is_found_where_it_was_put(s, d):
    row = int(np.searchsorted(PATH.s, s))
    left = np.array([-math.sin(PATH.yaw[row]), math.cos(PATH.yaw[row])])
    found = project(PATH, PATH.xy[row] + d * left, near=float(PATH.s[row]) + 3.0)
    assert found == pytest.approx((PATH.s[row], d), abs=0.3)


def test_progress_keeps_a_route_that_crosses_itself_apart():
    across = line(("straight", 60), ("left", 10), ("left", 10), ("left", 10), ("straight", 40))
    path = path_of(across)
    crossing = np.array([60.0 - 10.0 + 10.0, 0.0])
    early, late = project(path, crossing, 58.0)[0], project(path, crossing, 105.0)[0]
    assert early == pytest.approx(60.0, abs=1.0) and late > 95.0


def test_the_bend_has_its_curvature_and_its_speed():
    middle = int(np.searchsorted(PATH.s, 60 + BEND / 2))
    assert PATH.curvature[middle] == pytest.approx(1 / 12, rel=0.05)
    assert PATH.speed[middle] == pytest.approx(math.sqrt(COMFORT_LATERAL_ACCEL * 12), rel=0.05)


def test_speeds_can_be_followed_braking_gently():
    drop = -np.diff(PATH.speed**2) / (2 * np.diff(PATH.s))
    inside = (PATH.s[1:] > 0) & (PATH.s[1:] < PATH.end)
    assert drop[inside].max() <= COMFORT_DECEL + 1e-6
    assert np.interp(PATH.end, PATH.s, PATH.speed) == pytest.approx(END_SPEED, abs=0.1)
    assert PATH.speed[-1] == 0.0


def test_a_lower_limit_is_reached_before_it_begins():
    route = Route(
        ROUTE.points, np.where(np.arange(len(ROUTE.points)) < 40, 14.0, 5.0), ROUTE.commands
    )
    assert np.interp(41.0, path_of(route).s, path_of(route).speed) <= 5.0 + 1e-9


def test_the_junction_is_where_the_commands_say():
    entry, leave = junction_ahead(PATH, 10.0)
    assert entry == pytest.approx(60.0, abs=1.0) and leave == pytest.approx(60 + BEND, abs=1.0)
    assert junction_ahead(PATH, 65.0)[0] == pytest.approx(entry)
    assert junction_ahead(PATH, 100.0) is None


def test_repeated_points_do_no_harm():
    points = np.repeat(ROUTE.points, 2, axis=0)
    commands = tuple(command for command in ROUTE.commands for _ in range(2))
    path = path_of(Route(points, np.full(len(points), 10.0), commands))
    assert np.isfinite(path.curvature).all() and path.end == pytest.approx(PATH.end)


def test_one_point_is_no_route():
    with pytest.raises(ValueError, match="at least 2 distinct points"):
        path_of(Route(np.zeros((3, 2)), np.ones(3), (RouteCommand.LANE_FOLLOW,) * 3))


def test_the_seen_lane_gives_the_offset_the_localiser_lacks():
    ego_path = stretch(PATH, Pose2(20.0, 0.0, 0.0).inverse(), 5.0, 100.0)
    x = np.arange(-5.0, 25.0)
    centre = np.stack([x, np.full(len(x), 0.4)], axis=-1)
    lanes = (LaneEstimate(0, centre, np.full(len(x), 3.5), 0.9),)
    assert lane_offset(ego_path, lanes, 20.0) == pytest.approx(0.4, abs=0.05)
    doubtful = (LaneEstimate(0, centre, np.full(len(x), 3.5), 0.2),)
    assert lane_offset(ego_path, doubtful, 20.0) is None
    assert lane_offset(ego_path, (), 20.0) is None
    assert lane_offset(ego_path, lanes, 55.0) is None
