from dataclasses import replace

import numpy as np
import pytest

from common.errors import UserError
from common.frames import Pose2
from common.messages import (
    CameraFrame,
    ControlCommand,
    Decision,
    EgoState,
    EpisodeSpec,
    Observation,
    Route,
    RouteCommand,
    Source,
)
from common.rig import RIG
from drive.faults import DROPPED, FAULTS, FaultyDriver, check_fault

SPEC = EpisodeSpec(town="city", route=0, seed=1, driver="camera", fault="frame_drop")
ROUTE = Route(np.zeros((2, 2)), np.ones(2), (RouteCommand.LANE_FOLLOW,) * 2)
EGO = EgoState(0.0, Pose2(0, 0, 0), 0.0, 0.0, 0.0, 0.0)
FRAMES = tuple(CameraFrame(0.0, camera, np.full((128, 256, 3), 100, np.uint8)) for camera in RIG)


class Watcher:
    """A driver that keeps what it was shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[CameraFrame, ...]] = []

    def reset(self, route: Route) -> None:
        self.seen.clear()

    def act(self, observation: Observation) -> Decision:
        self.seen.append(observation.frames)
        return Decision(ControlCommand(0.0, 0.0, 0.0, False, Source.PLANNER), None, None)


def shown(fault: str, ticks: int, seed: int = 1) -> list[tuple[CameraFrame, ...]]:
    watcher = Watcher()
    driver = FaultyDriver(watcher, replace(SPEC, fault=fault, seed=seed))
    for _ in range(ticks):
        driver.act(Observation(0.0, EGO, FRAMES, ROUTE))
    return watcher.seen


def test_frames_are_dropped_as_often_as_promised_and_always_the_same_ones() -> None:
    first, again = shown("frame_drop", 1000), shown("frame_drop", 1000)
    dropped = [not frames for frames in first]
    assert sum(dropped) / 1000 == pytest.approx(DROPPED, abs=0.05)
    assert dropped == [not frames for frames in again]
    assert dropped != [not frames for frames in shown("frame_drop", 1000, seed=2)]


def test_a_blackout_takes_the_front_camera_and_no_other() -> None:
    (frames,) = shown("front_blackout", 1)
    assert {one.camera.name for one in frames if not one.image.any()} == {"front"}


def test_noise_changes_every_image_and_leaves_its_mean() -> None:
    (frames,) = shown("camera_noise", 1)
    for one in frames:
        assert one.image.std() > 10
        assert one.image.mean() == pytest.approx(100, abs=1)


def test_an_unknown_fault_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=", ".join(FAULTS)):
        check_fault("gremlins")
    check_fault(None)
