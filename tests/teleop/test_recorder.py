from pathlib import Path

import pytest

from common.errors import UserError
from teleop.recorder import Recorder, verify


def record(path: Path) -> None:
    with Recorder(path) as recorder:
        for n in range(5):
            recorder.write("command", n * 0.05, sent=f'{{"seq":{n}}}.abc')


def test_an_untouched_recording_verifies(tmp_path: Path) -> None:
    record(tmp_path / "a.jsonl")
    assert verify(tmp_path / "a.jsonl") == 5


@pytest.mark.parametrize("tamper", ["change", "drop", "swap"])
def test_a_touched_recording_does_not(tmp_path: Path, tamper: str) -> None:
    path = tmp_path / "a.jsonl"
    record(path)
    lines = path.read_text().splitlines()
    if tamper == "change":
        lines[1] = lines[1].replace("0.05", "0.06")
    elif tamper == "drop":
        del lines[2]
    else:
        lines[1], lines[2] = lines[2], lines[1]
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match="the chain breaks at line"):
        verify(path)


def test_a_recording_is_never_overwritten(tmp_path: Path) -> None:
    record(tmp_path / "a.jsonl")
    with pytest.raises(UserError, match="expected a new file"):
        Recorder(tmp_path / "a.jsonl")
