"""What the audience gets: pictures of a step, and a file that survives a kill."""

import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from common.errors import UserError
from common.messages import ObjectKind, Plan
from drive.draw import PLAN, VEHICLE, WALKER
from drive.video import BACKLOG, SIZE, VIEW, Video, compose
from tests.drive.filming import scene_with, step_at, thing_at

ROOT = Path(__file__).parents[2]


def near(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Where a picture (H, W, 3) has about this colour."""
    return np.abs(picture.astype(int) - colour).max(axis=2) < 12


def camera_part(picture: np.ndarray) -> np.ndarray:
    return picture[: VIEW.height_px, : VIEW.width_px]


def above_part(picture: np.ndarray) -> np.ndarray:
    return picture[:640, VIEW.width_px :]


@pytest.mark.parametrize(
    ("kind", "colour"), [(ObjectKind.VEHICLE, VEHICLE), (ObjectKind.WALKER, WALKER)]
)
def test_who_is_ahead_on_the_left_is_drawn_left_of_the_middle_in_both_views(kind, colour) -> None:
    picture = compose(step_at(0.0, scene_with(thing_at(12.0, 4.0, kind))))
    for part in (camera_part(picture), above_part(picture)):
        columns = np.nonzero(near(part, colour))[1]
        assert len(columns) > 20
        assert columns.max() < part.shape[1] / 2


def test_a_box_that_reaches_behind_the_camera_is_cut_and_one_behind_is_not_drawn() -> None:
    empty = camera_part(compose(step_at(0.0, scene_with())))
    beside = camera_part(compose(step_at(0.0, scene_with(thing_at(2.0, 3.0)))))
    behind = camera_part(compose(step_at(0.0, scene_with(thing_at(-10.0, 0.0)))))
    assert (beside != empty).any()
    assert np.nonzero((beside != empty).any(axis=2))[1].max() < VIEW.width_px / 2
    assert (behind == empty).all()


def test_the_plan_lies_on_the_road_ahead() -> None:
    x = np.linspace(0.0, 30.0, 31)
    plan = Plan(0.0, 0.1, np.column_stack([x, 0 * x]), 0 * x, 0 * x + 5.0, "follow route")
    with_plan, without = (camera_part(compose(step_at(0.0, None, one))) for one in (plan, None))
    rows, columns = np.nonzero((with_plan != without).any(axis=2))
    assert rows.min() > VIEW.height_px / 2 - 40
    assert columns.mean() == pytest.approx(VIEW.width_px / 2, abs=2.0)
    towards = with_plan[rows, columns].astype(int) - without[rows, columns]
    assert (towards * (np.array(PLAN) - 90) >= 0).all()


def test_a_finished_film_has_a_frame_for_every_picture(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with Video(path) as video:
        for tick in range(3 * BACKLOG):
            video.add(step_at(tick / 10.0))
    with av.open(str(path)) as file:
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(frames) == 3 * BACKLOG
    assert frames[0].shape == (SIZE[1], SIZE[0], 3)
    assert abs(int(camera_part(frames[-1])[200:400].mean()) - 90) <= 2


def test_a_film_whose_maker_was_killed_opens_in_cv2_and_av(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    maker = subprocess.Popen([sys.executable, "-m", "tests.drive.filming", str(path)], cwd=ROOT)
    deadline = time.monotonic() + 60.0
    while not (path.exists() and path.stat().st_size > 100_000) and time.monotonic() < deadline:
        time.sleep(0.02)
    maker.kill()
    maker.wait()
    reader = cv2.VideoCapture(str(path))
    shown = 0
    while reader.read()[0]:
        shown += 1
    with av.open(str(path)) as file:
        assert sum(1 for _ in file.decode(video=0)) == shown >= 20


def test_a_drive_without_a_picture_leaves_no_film(tmp_path: Path) -> None:
    with Video(tmp_path / "film.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_film_that_cannot_be_written_is_the_users_to_mend(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"film\.mp4"),
        Video(tmp_path / "missing" / "film.mp4") as video,
    ):
        video.add(step_at(0.0))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_ends_the_film_with_one_clear_line() -> None:
    with pytest.raises(UserError, match="No space"), Video(Path("/dev/full")) as video:
        for tick in range(100):
            video.add(step_at(tick / 10.0))
