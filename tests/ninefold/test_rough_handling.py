"""What accidents do to a command: one line and an exit code, nothing left behind."""

import argparse
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from common.errors import RigError, UserError
from common.files import only_writer, read_json, write_atomically
from common.frames import Pose2
from ninefold.__main__ import COMMANDS, main, parser_for
from ninefold.arguments import whole, writable
from sim import launch
from sim import world as world_module
from sim.launch import embedded_server
from sim.world import World

ROOT = Path(__file__).parents[2]
NINEFOLD = [sys.executable, "-m", "ninefold"]


@pytest.mark.parametrize(
    "line",
    [
        "drive --seed -1",
        "drive --seed 99999999999999999999999",
        "drive --vehicles -5",
        "drive --walkers nan",
        "drive --driver truth --weights some.onnx",
        "drive --carla localhost:²",
        "drive --json /proc/nowhere/result.json",
        "drive --video /proc/drive.mp4",
        "drive --video runs/drive.txt",
        "serve --step nan",
        "serve --port 65535",
        "teleop --port 70000",
        "eval run --episodes 1000000000000",
        "eval run --seed -1",
        "eval plan --seconds -5",
        "collect --per-episode 0",
        "collect --frames -1",
        "train --batch 0",
        "train --rate nan",
        "score --threads -1",
        "look city --places 0",
        "",
        "unheard-of",
    ],
)
def test_nonsense_is_refused_in_one_line(line, capsys):
    assert main(line.split()) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("ninefold: ")


@pytest.mark.parametrize(
    "line",
    [
        "drive --driver truth --town Atlantis",
        "drive --driver truth --weather Foggy",
        "drive --driver truth --scenario rush",
        "teleop --driver truth --town Atlantis",
        "look Atlantis",
        "collect --town Atlantis",
        "look city --weather Foggy",
    ],
)
def test_what_is_not_there_is_refused_before_a_simulator_starts(
    line, capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launch, "_start", lambda *_: pytest.fail("a server is started"))
    assert main(line.split()) == 2
    shown = capsys.readouterr()
    (said,) = shown.err.splitlines()
    assert said.startswith("ninefold: expected a ")
    assert "serve" not in said and shown.out == ""


def commands(parser, name=""):
    """Every command's parser that has options of its own, by its name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for key, child in action.choices.items():
                yield from commands(child, f"{name} {key}".strip())
    yield name, parser


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_says_what_every_option_is_and_its_default(command):
    for _, parser in commands(parser_for([command])):
        told = " ".join(parser.format_help().split())
        for action in parser._actions:
            if action.help == argparse.SUPPRESS or action.dest in ("command", "verb"):
                continue
            assert action.help, action.dest
            default = action.default
            if action.option_strings and default not in (None, False, argparse.SUPPRESS):
                shown = " ".join(map(str, default)) if isinstance(default, tuple) else default
                assert f"(default: {shown})" in told, action.dest


def answering(data: bytes) -> int:
    """A server that gives every caller this answer; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            caller, _ = listener.accept()
            with caller:
                caller.recv(4096)
                caller.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(range(256)), b"", b"\x94\x01\x01\xc0\x05"],
    ids=["http", "bytes", "hangs up", "no version"],
)
def test_a_foreign_server_is_refused_and_does_not_end_the_process(answer):
    with pytest.raises(UserError, match="expected a CARLA server"):
        World("127.0.0.1", answering(answer), timeout=5.0)


def test_a_server_that_dies_is_neither_waited_for_again_and_again_nor_cleaned(monkeypatch, capfd):
    monkeypatch.setattr(world_module, "TICK_TIMEOUT", 3.0)
    others = set(children(os.getpid()))  # what tests before it left running, say Ray's
    with embedded_server("city") as port:
        world = World("127.0.0.1", port)
        world.load("city")
        point = world.map.get_spawn_points()[0]
        world.spawn_ego(Pose2(point.location.x, -point.location.y, 0.0), 0, ())
        world.start()
        (server,) = set(children(os.getpid())) - others
        os.kill(server, signal.SIGKILL)
        with pytest.raises(RigError):
            world.tick()
        begun = time.monotonic()
        world.close()
        assert time.monotonic() - begun < 12.0
    del world
    gc.collect()
    said = "".join(capfd.readouterr())
    assert "failed to destroy" not in said and "still alive" not in said


def children(process: int) -> list[int]:
    """The processes it has started."""
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(one) for one in text.split()]


def test_told_to_go_a_drive_takes_its_server_with_it():
    command = [*NINEFOLD, "drive", "--driver", "truth"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as drive:
        while not (servers := children(drive.pid)):
            time.sleep(0.1)
        drive.terminate()
        assert drive.wait(60.0) == 128 + signal.SIGTERM
    assert not any(Path(f"/proc/{one}").exists() for one in servers)


def test_without_a_home_the_client_still_loads():
    environment = {key: value for key, value in os.environ.items() if key != "HOME"}
    command = [*NINEFOLD, "drive", "--driver", "truth", "--carla", "127.0.0.1:1"]
    run = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 2, run.stderr
    assert "127.0.0.1:1" in run.stderr


def test_a_reader_that_goes_away_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run(
        [*NINEFOLD, "eval", "plan"], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, timeout=60
    )
    os.close(writer)
    assert run.returncode == 128 + signal.SIGPIPE
    assert run.stderr == b""


def test_a_device_is_written_to_and_stays_one_and_a_link_stays_a_link(tmp_path):
    write_atomically(Path("/dev/null"), b"gone")
    assert Path("/dev/null").is_char_device()
    there, link = tmp_path / "there", tmp_path / "link"
    link.symlink_to(there)
    write_atomically(link, b"kept")
    assert link.is_symlink()
    assert there.read_bytes() == b"kept"


def test_a_full_disk_keeps_what_was_there(tmp_path):
    path = tmp_path / "result.json"
    write_atomically(path, b"before")
    child = (
        "import resource, signal, sys; from pathlib import Path\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
        "from common.files import write_atomically\n"
        "write_atomically(Path(sys.argv[1]), bytes(1000))"
    )
    run = subprocess.run(
        [sys.executable, "-c", child, path], cwd=ROOT, capture_output=True, timeout=60
    )
    assert run.returncode != 0
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_has_one_writer_at_a_time(tmp_path):
    with (
        only_writer(tmp_path),
        pytest.raises(UserError, match="another run"),
        only_writer(tmp_path),
    ):
        pass
    with only_writer(tmp_path):
        pass


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_broken_json_is_named(content, tmp_path):
    path = tmp_path / "card.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"card\.json"):
        read_json(path)


def test_whole_numbers_lie_in_their_range():
    assert [whole(0, 3)(text) for text in ("0", "3", " 2 ")] == [0, 3, 2]


def test_a_folder_is_no_file_to_write_and_a_name_may_be_too_long(tmp_path):
    for path in (tmp_path, tmp_path / ("a" * 300)):
        with pytest.raises(UserError, match="expected to write"):
            writable(path)


def test_asking_whether_a_file_can_be_written_changes_nothing(tmp_path):
    there, new, link = tmp_path / "there", tmp_path / "new", tmp_path / "link"
    there.write_bytes(b"kept")
    link.symlink_to(new)
    for path in (there, new, link, Path("/dev/null")):
        writable(path)
    assert there.read_bytes() == b"kept"
    assert set(tmp_path.iterdir()) == {there, link}


def test_a_foreign_network_is_refused_before_the_episodes(tmp_path, capsys):
    junk = tmp_path / "junk.onnx"
    junk.write_bytes(b"not a network")
    assert main(["eval", "run", "--weights", str(junk), "--out", str(tmp_path / "out")]) == 2
    assert "junk.onnx" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_home_that_is_no_folder_is_replaced_and_the_cache_folder_checked(tmp_path):
    (tmp_path / "file").touch()
    environment = {**os.environ, "HOME": "/dev/null", "NINEFOLD_HOME": str(tmp_path / "file")}
    show = "import os; from ninefold import __main__ as m; m.main = lambda: 0\ntry: m.program()\n"
    show += "finally: print(os.environ['HOME'])"
    run = subprocess.run(
        [sys.executable, "-c", show], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert os.access(run.stdout.strip(), os.W_OK)
    assert Path(run.stdout.strip()).is_dir()
    run = subprocess.run(
        [*NINEFOLD, "doctor"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert "no folder" in run.stdout
