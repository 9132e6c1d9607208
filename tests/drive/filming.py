"""Films a made-up drive until it is killed.

usage: python -m tests.drive.filming FILE.mp4
"""

import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from common.frames import SEG_GRID, Pose2
from common.messages import (
    CameraFrame,
    ControlCommand,
    Decision,
    EgoState,
    LightEstimate,
    LightState,
    ObjectEstimate,
    ObjectKind,
    Observation,
    Plan,
    Proprioception,
    Route,
    RouteCommand,
    Scene,
    Source,
)
from drive.episode import Step
from drive.video import VIEW, Video
from sim.readings import Readings, RoadUsers


def step_at(t: float, scene: Scene | None = None, plan: Plan | None = None) -> Step:
    """A step of a drive along x at 5 m/s; the view is grey."""
    pose = Pose2(5.0 * t, 0.0, 0.0)
    own = Proprioception(t, 5.0, 0.0, np.zeros(3), np.zeros(3), None)
    none = np.zeros((0, 3))
    ids = np.zeros(0, np.int64)
    users = RoadUsers(ids, ids.astype(bool), np.zeros((0, 6)), none, none, none, none)
    points = np.column_stack([np.arange(200.0), np.zeros(200)])
    route = Route(points, np.full(200, 8.0), (RouteCommand.LANE_FOLLOW,) * 200)
    view = CameraFrame(t, VIEW, np.full((VIEW.height_px, VIEW.width_px, 3), 90, np.uint8))
    return Step(
        Readings(0, t, users, 0, (), (), own, ()),
        Observation(t, EgoState(t, pose, 5.0, 0.0, 0.0, 0.0), (), route),
        Decision(ControlCommand(t, 0.0, 0.0, False, Source.PLANNER), plan, scene),
        view,
        10.0,
        b"",
    )


def scene_with(*things: ObjectEstimate) -> Scene:
    """Road everywhere, a red light 20 m ahead, and these road users."""
    light = LightEstimate(LightState.RED, 20.0, 1.0)
    return Scene(0.0, things, (), light, np.ones(SEG_GRID.shape, np.float32), "test")


def thing_at(x: float, y: float, kind: ObjectKind = ObjectKind.VEHICLE) -> ObjectEstimate:
    """A car, or a walker, at a place in the ego frame."""
    return ObjectEstimate(kind, Pose2(x, y, 0.0), 4.5, 1.9, np.array([2.0, 0.0]), 0.9, 1)


def main(path: Path) -> None:
    """Film for ever."""
    step = step_at(0.0, scene_with(thing_at(12.0, 3.0)))
    with Video(path) as video:
        for tick in count():
            video.add(replace(step, readings=replace(step.readings, t=tick / 10.0)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
