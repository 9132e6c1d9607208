"""`ninefold look`: pictures of a town."""

import resource
from pathlib import Path

import cv2
import numpy as np
import pytest

from ninefold.__main__ import main
from ninefold.look import save
from sim.photos import spread
from tests.sim.test_map_files import osm


def test_a_town_is_shown_from_above_and_on_a_contact_sheet(tmp_path: Path) -> None:
    town = tmp_path / "cross.osm"
    town.write_text(osm())
    weathers = ["ClearNoon", "ClearNight"]
    out = tmp_path / "out"
    size = ["--size", "320", "160"]
    given = ["--out", str(out), "--places", "1", *size, "--weather", *weathers]
    assert main(["look", str(town), *given]) == 0
    above = cv2.imread(str(out / "cross-map.png"))
    grass = (above == above[0, 0]).all(axis=-1)
    assert 0.01 < 1.0 - grass.mean() < 0.9
    sheet = cv2.imread(str(out / "cross-sheet.png"))
    assert sheet.shape[0] > 3 * 160
    assert sheet.shape[1] > (len(weathers) + 3) * 320
    left = sheet.shape[1] - 5 * 320
    dark = [(sheet[:, left + k * 320 : left + (k + 1) * 320] < 40).mean() for k in (0, 1)]
    assert dark[1] > dark[0] + 0.1  # the sky of the night


def test_a_full_disk_keeps_the_pictures_that_were_there(tmp_path: Path) -> None:
    path, noise = tmp_path / "town-map.png", np.random.default_rng(1).bytes(64 * 64 * 3)
    save(path, np.zeros((64, 64, 3), np.uint8))
    before, limit = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            save(path, np.frombuffer(noise, np.uint8).reshape(64, 64, 3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_places_lie_far_apart() -> None:
    points = np.array([(0.0, 0.0), (1.0, 0.0), (100.0, 0.0), (99.0, 0.0), (50.0, 80.0)])
    assert spread(points, 3) == [0, 2, 4]
    assert len(spread(points, 9)) == 5
