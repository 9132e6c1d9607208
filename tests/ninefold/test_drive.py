"""`ninefold drive` as its users meet it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from common.messages import Plan
from ninefold.__main__ import main
from ninefold.doctor import findings
from ninefold.progress import Progress
from tests.drive.filming import step_at


def processes_of(session: int) -> list[str]:
    """Living processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(stat.parent.name)
    return found


def until(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait until it holds; the assertion after it says whether it did."""
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)


def test_a_drive_writes_video_and_result_and_ctrl_c_leaves_no_process(tmp_path: Path):
    video, result = tmp_path / "new" / "film" / "drive.mp4", tmp_path / "results" / "drive.json"
    command = [sys.executable, "-m", "ninefold", "drive", "--driver", "truth", "--vehicles", "3"]
    command += ["--walkers", "0", "--video", str(video), "--json", str(result)]
    drive = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    until(lambda: video.exists() and video.stat().st_size > 20_000, 240.0)
    assert len(processes_of(drive.pid)) >= 2
    time.sleep(2.0)
    os.kill(drive.pid, signal.SIGINT)
    assert drive.wait(30.0) == 130
    time.sleep(0.5)
    assert processes_of(drive.pid) == []
    assert not result.exists()
    with av.open(str(video)) as file:
        assert file.streams.video[0].codec_context.name == "h264"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_drive_ended_while_it_starts_leaves_no_process(ending: signal.Signals):
    command = [sys.executable, "-m", "ninefold", "drive", "--driver", "truth"]
    drive = subprocess.Popen(
        command,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: len(processes_of(drive.pid)) >= 2)
    os.kill(drive.pid, ending)
    _, said = drive.communicate(timeout=60.0)
    if ending is not signal.SIGKILL:
        assert (drive.returncode, said) == (128 + ending, "ninefold: interrupted\n")
    until(lambda: not processes_of(drive.pid), 10.0)
    assert processes_of(drive.pid) == []


def test_doctor_names_what_is_missing_and_writes_it(tmp_path: Path, capsys, monkeypatch):
    main(["doctor", "--json", str(tmp_path / "doctor.json")])
    found = json.loads((tmp_path / "doctor.json").read_text())
    assert {"Python", "carla", "network"} <= {one["name"] for one in found}
    assert all(one["mend"] for one in found if one["state"] == "missing")
    assert "carla" in capsys.readouterr().out
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    packages = [one for one in findings() if one.found == "not installed"]
    assert packages
    assert all(".venv/bin/pip install -c constraints.txt" in one.mend for one in packages)


def test_a_car_that_stands_says_every_ten_seconds_for_what(capsys):
    plan = Plan(0.0, 0.1, np.zeros((2, 2)), np.zeros(2), np.zeros(2), "yield to vehicle 7")
    with Progress() as progress:
        for tick in range(621):
            progress.show(step_at(tick / 20.0, None, plan))
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [float(line.split()[2]) for line in lines] == [0.0, 10.0, 20.0, 30.0]
    assert all(line.endswith("yield to vehicle 7") for line in lines)
