import numpy as np

from common.frames import SEG_GRID, Pose2
from common.messages import (
    LaneEstimate,
    LightEstimate,
    LightState,
    ObjectEstimate,
    ObjectKind,
    Scene,
)
from perception import dataset
from perception.contract import INPUT_SHAPE, LIGHTS, RASTERS
from perception.labels import Moment, lane_cells, sample_of

NONE = np.zeros((0, 3))


def moment(lamps=(NONE, NONE), distance=20.0):
    car = ObjectEstimate(
        ObjectKind.VEHICLE, Pose2(15, 3, 0.1), 4.5, 1.9, np.array([5.0, 0.0]), 1.0, 77
    )
    hidden = ObjectEstimate(
        ObjectKind.WALKER, Pose2(9, -4, 0.0), 0.5, 0.5, np.array([0.0, 1.0]), 1.0, 78
    )
    x = np.arange(-10.0, 50.0)
    lane = LaneEstimate(0, np.stack([x, np.full_like(x, 0.4)], -1), np.full_like(x, 3.5), 1.0)
    light = LightEstimate(LightState.YELLOW, distance, 1.0)
    cells = np.zeros(SEG_GRID.shape, bool)
    scene = Scene(3.0, (car, hidden), (lane,), light, cells.astype(np.float32) + 1, "truth")
    images = np.zeros(INPUT_SHAPE, np.uint8)
    return Moment(images, scene, Pose2(1, 2, 3), 7.0, {77: 400}, cells, ~cells, lamps)


def test_a_sample_holds_objects_with_what_shows_of_them():
    row = sample_of(moment())
    walker, car = row["objects"][:2]
    np.testing.assert_allclose(car, (0, 15, 3, 0.1, 4.5, 1.9, 5, 0, 400), rtol=1e-6)
    assert walker[0] == 1
    assert walker[8] == 0
    assert np.isnan(row["objects"][2:]).all()


def test_rasters_are_packed_by_name():
    row = sample_of(moment())
    packed = {name: dataset.raster(row["rasters"], i).mean() for i, name in enumerate(RASTERS)}
    assert packed["drivable"] == 1.0
    assert packed["marking"] == 0.0
    assert packed["stop_line"] == 1.0
    area = packed["lane_own"] * 80 * 48
    assert abs(area - 50 * 3.5) < 50 * 0.6  # cells are half a metre
    assert packed["lane_left"] == 0.0


def test_a_light_whose_lenses_do_not_show_is_none():
    row = sample_of(moment())
    assert LIGHTS[row["light"]] is None
    assert row["stop_distance"] == 20.0


def test_a_lit_lens_is_kept_where_it_shows():
    row = sample_of(moment(lamps=(NONE, np.array([[100.5, 20.5, 9.0], [50.0, 20.0, 14.0]]))))
    assert LIGHTS[row["light"]] is LightState.YELLOW
    np.testing.assert_allclose(row["lamps"][1, :2], [[50.0, 20.0], [100.5, 20.5]])
    assert np.isnan(row["lamps"][0]).all()


def test_a_far_light_is_not_asked_for():
    row = sample_of(moment(lamps=(NONE, np.array([[50.0, 20.0, 14.0]])), distance=75.0))
    assert LIGHTS[row["light"]] is None
    assert np.isnan(row["stop_distance"])


def test_a_lane_covers_the_cells_between_its_edges():
    line = np.stack([np.linspace(0, 20, 21), np.zeros(21)], -1)
    cells = lane_cells(line, np.full(21, 4.0))
    xy = SEG_GRID.centres()
    inside = (np.abs(xy[..., 1]) < 1.7) & (xy[..., 0] > 0.3) & (xy[..., 0] < 19.7)
    assert cells[inside].all()
    assert not cells[np.abs(xy[..., 1]) > 2.6].any()


def test_shards_come_back_as_written_and_foreign_ones_are_refused(tmp_path):
    import pytest

    from common.errors import UserError

    rows = np.stack([sample_of(moment())])
    with pytest.raises(UserError, match="collect"):
        dataset.open_shards(tmp_path)
    dataset.write_card(tmp_path, {})
    dataset.write_shard(tmp_path, "a", rows)
    (back,) = dataset.open_shards(tmp_path)
    assert back.tobytes() == rows.tobytes()
    (tmp_path / "data.json").write_text('{"rig": "another"}')
    with pytest.raises(UserError, match="collect again"):
        dataset.open_shards(tmp_path)
