"""Recorded samples and checkpoints on disk: damage is named, with the way out."""

import numpy as np
import pytest

from common.errors import UserError
from common.files import only_writer
from ninefold.__main__ import main
from ninefold.collect import Plan, collect
from perception.dataset import empty, open_shards, read_card, write_card, write_shard


def samples(folder, episodes=1):
    write_card(folder, {"town": "city"})
    for number in range(episodes):
        write_shard(folder, f"episode-{number:06d}", empty(2))
    return folder


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"junk" * 100, "cut"])
def test_a_damaged_shard_is_named_with_the_way_out(tmp_path, content):
    path = samples(tmp_path) / "episode-000000.npy"
    path.write_bytes(path.read_bytes()[:5000] if content == "cut" else content)
    with pytest.raises(UserError, match=r"episode-000000\.npy"):
        open_shards(tmp_path)


def test_a_shard_of_another_layout_is_refused(tmp_path):
    np.save(samples(tmp_path) / "episode-000001.npy", np.zeros(3))
    with pytest.raises(UserError, match="this version"):
        open_shards(tmp_path)


def test_a_damaged_card_is_named(tmp_path):
    (samples(tmp_path) / "data.json").write_text('{"rig": ')
    with pytest.raises(UserError, match=r"data\.json"):
        read_card(tmp_path)


def test_two_do_not_record_into_one_folder(tmp_path):
    with only_writer(tmp_path), pytest.raises(UserError, match="another run"):
        next(collect(Plan("city", 0, 1, 0, 0), 1, tmp_path))


def test_two_do_not_train_into_one_folder(tmp_path, capsys):
    data = samples(tmp_path / "data", episodes=2)
    with only_writer(tmp_path / "out"):
        assert main(["train", "--data", str(data), "--out", str(tmp_path / "out")]) == 2
    assert "another run" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"junk" * 1000])
def test_a_damaged_checkpoint_is_named_with_the_way_out(tmp_path, content, capsys):
    data, out = samples(tmp_path / "data", episodes=2), tmp_path / "out"
    out.mkdir()
    (out / "checkpoint.pt").write_bytes(content)
    assert main(["train", "--data", str(data), "--out", str(out)]) == 2
    assert "checkpoint.pt" in capsys.readouterr().err


def test_a_half_card_is_not_exported(tmp_path, capsys):
    (tmp_path / "card.json").write_text('{"data": {}}')
    assert main(["export", "--run", str(tmp_path), "--out", str(tmp_path / "n.onnx")]) == 2
    assert "calibration" in capsys.readouterr().err


def test_an_export_does_not_write_its_card_over_the_network(tmp_path, capsys):
    assert main(["export", "--run", str(tmp_path), "--out", str(tmp_path / "n.md")]) == 2
    assert ".onnx" in capsys.readouterr().err
