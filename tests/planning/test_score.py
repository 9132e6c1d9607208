"""Proposals and what they are worth: each gate and each term has a test that dies with it."""

import math

import numpy as np
import pytest

from common.frames import SEG_GRID, Pose2
from common.messages import EgoState, ObjectEstimate, ObjectKind, Scene
from planning.kernels import overlap
from planning.path import STEP, path_of, stretch
from planning.predict import forecast
from planning.propose import SPEED, Aim, DriverModel, S, candidates, rollout
from planning.score import score
from tests.planning.closed_loop import line

DT, STEPS, HALF = 0.1, 51, (2.45, 1.06)
START = Pose2(20.0, 0.0, 0.0)


def judged(*things, speed=8.0, stop=math.inf, line_at=math.inf):
    """States and scores of: full speed, half, none; then brakes of 2, 4 and 8 m/s2."""
    path = stretch(path_of(line(("straight", 150))), START.inverse(), 0.0, 130.0)
    ego = EgoState(0.0, START, speed, 0.0, 0.0, 0.0)
    future = forecast(Scene(0.0, things, (), None, None, "s"), ego, path, 20.0, STEPS, DT, False)
    rows = candidates(Aim(0.0, 5.0, 1.0, 3.0), (), stop, ())
    start = np.array([20.0, 0.0, 0.0, speed, 0.0])
    grid = (float(path.s[0]), STEP)
    lines = (path.xy, path.yaw, path.curvature, path.speed)
    states, _ = rollout(*lines, grid, start, rows, future.motion, future.extent, DriverModel(), DT)
    return states, score(states, future, None, np.ones(len(rows), bool), line_at, HALF, DT)


def thing(x, y=0.0, yaw=0.0, speed=0.0, kind=ObjectKind.VEHICLE):
    size = (4.5, 1.9) if kind is ObjectKind.VEHICLE else (0.5, 0.5)
    velocity = speed * np.array([math.cos(yaw), math.sin(yaw)])
    return ObjectEstimate(kind, Pose2(x, y, yaw), *size, velocity, 1.0, 1)


def test_on_a_free_road_full_speed_is_best():
    _, scores = judged()
    assert scores.total.argmax() == 0 and scores.total[0] == pytest.approx(1.0)


def test_the_driver_model_stops_behind_who_stands():
    states, scores = judged(thing(45.0))
    assert states[0, -1, S] - 20.0 < 45.0 - 2.25 - 2.45
    assert (scores.collision == 1.0).all()


def test_a_crossing_car_is_a_collision_for_who_does_not_brake():
    _, scores = judged(thing(24.0, -20.0, math.pi / 2, 8.0))
    assert scores.collision[0] == 0.0 and scores.hit[0] < 4.0 and scores.threat[0] == 0
    assert scores.collision[6] == 1.0 and scores.total.argmax() > 0


def test_slipping_through_in_front_costs_the_time_to_collision():
    near = judged(thing(24.0, -33.0, math.pi / 2, 8.0))[1]
    far = judged(thing(24.0, -60.0, math.pi / 2, 8.0))[1]
    assert near.collision[0] == 1.0 and near.ttc[0] < 1.0 == far.ttc[0]


def test_who_runs_into_our_rear_is_to_blame():
    _, scores = judged(thing(-9.0, 0.0, 0.0, 14.0), speed=4.0)
    assert scores.collision[0] == 1.0


def test_a_line_is_not_crossed():
    _, scores = judged(line_at=45.0)
    assert scores.line[0] == 0.0 == scores.total[0] and scores.line[7] == 1.0


def test_a_line_to_stop_at_is_stopped_at():
    states, scores = judged(stop=50.0, line_at=51.0)
    assert states[0, -1, S] < 50.2 and scores.line.min() == 1.0


def test_leaving_the_road_is_worth_nothing():
    drivable = (np.abs(SEG_GRID.centres()[..., 1]) < 2.0).astype(np.float32)
    path = stretch(path_of(line(("straight", 150))), START.inverse(), 0.0, 130.0)
    ego = EgoState(0.0, START, 8.0, 0.0, 0.0, 0.0)
    future = forecast(Scene(0.0, (), (), None, None, "s"), ego, path, 20.0, STEPS, DT, False)
    off = Aim(2.5, 15.0, 1.0, 3.0)
    rows = candidates(Aim(0.0, 5.0, 1.0, 3.0), (off,), math.inf, ())
    lines = (path.xy, path.yaw, path.curvature, path.speed)
    start = np.array([20.0, 0.0, 0.0, 8.0, 0.0])
    states, _ = rollout(
        *lines,
        (float(path.s[0]), STEP),
        start,
        rows,
        future.motion,
        future.extent,
        DriverModel(),
        DT,
    )
    scores = score(states, future, drivable, rows[:, 0] == 0.0, math.inf, HALF, DT)
    assert scores.drivable[0] == 1.0 and scores.drivable[-4] == 0.0


def test_hard_braking_is_uncomfortable():
    _, scores = judged()
    assert scores.comfort[0] == 1.0 and scores.comfort[5] == 1.0 and scores.comfort[7] == 0.0


def test_progress_is_compared_with_the_best():
    states, scores = judged()
    driven = states[:, -1, S] - states[:, 0, S]
    assert scores.progress == pytest.approx(np.clip(driven / driven.max(), 0.0, 1.0))
    assert (states[:, :, SPEED] >= 0.0).all()


@pytest.mark.parametrize(
    "dx, dy, yaw, meet",
    [
        (4.0, 0.0, 0.0, True),
        (5.0, 0.0, 0.0, False),
        (0.0, 2.9, 1.57, True),
        (3.2, 2.2, 0.785, True),
        (4.2, 2.6, 0.785, False),
    ],
)
def test_boxes_meet_or_do_not(dx, dy, yaw, meet):
    assert overlap(dx, dy, 0.0, (2.4, 1.0), yaw, (2.2, 0.9)) is meet
