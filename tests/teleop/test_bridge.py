import math

import numpy as np
import pytest

from common.frames import Pose2
from common.messages import EgoState, Route, RouteCommand
from teleop.bridge import on_route

NORTH = Route(
    points=np.column_stack([np.full(50, 10.0), np.arange(50.0)]),
    speed_limit=np.full(50, 13.9),
    commands=(RouteCommand.LANE_FOLLOW,) * 50,
)


@pytest.mark.parametrize(
    ("x", "yaw", "speed", "may"),
    [
        (10.4, 1.5, 0.0, True),
        (10.4, 1.5, 8.0, True),
        (14.0, 1.5, 0.0, False),  # on the lawn
        (10.0, 0.0, 0.0, False),  # across the lane
        (10.0, 1.5, -3.0, False),  # rolling back
    ],
)
def test_the_autonomy_begins_on_its_route_and_along_it_only(
    x: float, yaw: float, speed: float, may: bool
):
    ego = EgoState(0.0, Pose2(x, 20.3, yaw), speed, 0.0, 0.0, 0.0)
    assert on_route(NORTH, ego) is may
    turned = EgoState(0.0, Pose2(x, 20.3, yaw + 2.0 * math.pi), speed, 0.0, 0.0, 0.0)
    assert on_route(NORTH, turned) is may
