import numpy as np
import pytest
import toy

torch = pytest.importorskip("torch", reason="needs the extra `train`")

from common.frames import OBJECT_GRID, Pose2  # noqa: E402
from common.messages import CameraFrame, EgoState  # noqa: E402
from common.rig import RIG  # noqa: E402
from perception import dataset, metrics, perceive  # noqa: E402
from perception.train import lift  # noqa: E402
from perception.train.data import Pool, mirror, to_batch  # noqa: E402
from perception.train.export import PARITY, export  # noqa: E402
from perception.train.loop import Run, TrainSpec, infer, load  # noqa: E402
from perception.train.model import Size  # noqa: E402
from perception.train.targets import make_targets  # noqa: E402

pytestmark = pytest.mark.train
TINY = Size(16, 16, 16, 16, 16, 16, 16)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny network that has seen six street scenes many times; its folder and the scenes."""
    folder = tmp_path_factory.mktemp("train")
    rows = toy.scenes(6, 0)
    dataset.write_shard(folder / "data", "a", rows)
    dataset.write_card(folder / "data", {"town": "toy"})
    run = Run(TrainSpec(samples=6 * 90, batch=6, rate=6e-3), folder / "checkpoint.pt", TINY)
    history = [p.loss for p in run.advance(Pool(dataset.open_shards(folder / "data")))]
    assert history[-1] < 0.4 * history[0]
    return folder, rows


def test_a_short_training_learns_its_scenes_by_heart(trained):
    folder, rows = trained
    figures = metrics.score(zip(infer(load(folder / "checkpoint.pt"), rows), rows, strict=True))
    assert figures["ap_vehicle"] > 0.6
    assert figures["iou_drivable"] > 0.3
    assert figures["light_accuracy_0_50"] > 0.7


def test_the_exported_network_says_the_same_and_perceives(trained):
    folder, rows = trained
    path = folder / "tiny.onnx"
    assert export(load(folder / "checkpoint.pt"), path, {"data": "toy"}) < PARITY
    perception = perceive.OnnxPerception(path)
    found = 0
    for row in rows:
        perception.reset()
        for t in (0.0, 0.1, 0.2):  # a track must be seen more than once
            frames = tuple(CameraFrame(t, c, row["images"][i]) for i, c in enumerate(RIG))
            scene = perception.perceive(frames[::-1], EgoState(t, Pose2(0, 0, 0), 0, 0, 0, 0))
        found += len(scene.objects)
    assert found
    assert scene.drivable.shape == (160, 96)
    assert scene.source.startswith("tiny.onnx ")
    with pytest.raises(ValueError, match="missing"):
        perception.perceive(frames[:2], EgoState(0, Pose2(0, 0, 0), 0, 0, 0, 0))


def test_a_run_cut_short_ends_with_the_same_weights(tmp_path):
    rows = toy.scenes(3, 1)
    spec = TrainSpec(samples=6, batch=2)
    whole = Run(spec, tmp_path / "whole.pt", TINY)
    list(whole.advance(Pool([rows])))
    first = Run(spec, tmp_path / "cut.pt", TINY)
    next(first.advance(Pool([rows])))
    first.save()
    second = Run(spec, tmp_path / "cut.pt", TINY)
    assert second.step == 1
    list(second.advance(Pool([rows])))
    for a, b in zip(whole.network.parameters(), second.network.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_targets_put_a_one_into_the_cell_of_each_object():
    rows = toy.scenes(1, 2)
    rows["objects"][:] = np.nan
    rows["objects"][0, 0] = (1, 12.3, -4.2, 0.4, 0.5, 0.5, 0, 0, 200)
    target = make_targets(to_batch(rows).labels)
    i, j = (int(v) for v in OBJECT_GRID.cells(np.array([12.3, -4.2])))
    assert target.heat[0, 1, i, j] == 1.0
    assert target.heat[0, 0].max() == 0.0
    centre = OBJECT_GRID.centres()[i, j]
    np.testing.assert_allclose(
        target.boxes[0, :2, i, j] + torch.from_numpy(centre), (12.3, -4.2), atol=1e-4
    )


def test_hidden_objects_are_neither_asked_for_nor_punished():
    rows = toy.scenes(1, 2)
    rows["objects"][:] = np.nan
    rows["objects"][0, 0] = (0, 12.3, -4.2, 0.4, 4.5, 1.9, 0, 0, 3)
    target = make_targets(to_batch(rows).labels)
    i, j = (int(v) for v in OBJECT_GRID.cells(np.array([12.3, -4.2])))
    assert target.heat.max() == 0.0
    assert target.heat_weight[0, 0, i, j] == 0.0
    assert target.heat_weight[0, 1, i, j] == 1.0


def test_mirroring_twice_changes_nothing():
    rows = toy.scenes(2, 4)
    twice = rows.copy()
    mirror(twice)
    assert not np.array_equal(twice["images"], rows["images"])
    mirror(twice)
    for name in ("images", "rasters", "objects", "lanes", "lamps"):
        np.testing.assert_allclose(twice[name], rows[name], atol=1e-4)


def test_a_cell_ahead_looks_into_the_front_image_below_the_horizon():
    table = lift.make_table()
    row, column = (int(v) for v in OBJECT_GRID.cells(np.array([10.0, 2.5])))
    token = int(table.token[0, row * OBJECT_GRID.shape[1] + column])
    camera, place = divmod(token, 16 * 32)
    assert RIG[camera].name == "front"
    assert place // 32 > 8  # below the middle
    assert place % 32 < 16  # left half


def test_nearly_all_ground_around_the_car_is_seen():
    table = lift.make_table()
    near = np.hypot(*OBJECT_GRID.centres().transpose(2, 0, 1)).ravel()
    seen = table.token[0] < table.tokens
    assert seen[(near > 5.0) & (near < 18.0)].mean() > 0.98
