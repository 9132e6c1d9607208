"""The user's mistakes: one clear line, exit code 2, no traceback."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def ninefold(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ninefold", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def refusal(*arguments: object) -> str:
    """The one line that the command says when it refuses."""
    run = ninefold(*arguments)
    assert run.returncode == 2, run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    (line,) = run.stderr.splitlines()
    return line


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock


@pytest.fixture
def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_a_server_that_is_not_there_says_how_to_start_one(free_port: int) -> None:
    line = refusal("drive", "--driver", "truth", "--carla", f"127.0.0.1:{free_port}")
    assert f"127.0.0.1:{free_port}" in line
    assert "ninefold serve" in line


def test_an_unknown_town_lists_the_known_ones() -> None:
    assert "city" in refusal("drive", "--driver", "truth", "--town", "Atlantis")


@pytest.mark.parametrize("text", ["<OpenDRIVE><road", "<html/>", "", "<OpenDRIVE/>"])
def test_a_broken_map_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.xodr"
    path.write_text(text)
    assert path.stem in refusal("drive", "--driver", "truth", "--town", path)


def test_a_missing_map_is_refused(tmp_path: Path) -> None:
    assert "none.xodr" in refusal("drive", "--driver", "truth", "--town", tmp_path / "none.xodr")


def test_a_foreign_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "junk.onnx"
    path.write_bytes(b"not a network")
    assert "junk.onnx" in refusal("drive", "--weights", path)


def test_a_route_that_is_not_there_says_how_many_there_are() -> None:
    assert "99999" in refusal("drive", "--driver", "truth", "--route", 99999)


def test_unknown_weathers_and_scenarios_list_the_known_ones() -> None:
    assert "ClearNoon" in refusal("drive", "--driver", "truth", "--weather", "Lava")
    assert "traffic" in refusal("drive", "--driver", "truth", "--scenario", "nonsense")


def test_a_taken_port_is_refused(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    assert str(port) in refusal("serve", "--port", port)


def test_a_taken_port_of_the_streams_says_what_it_is_for(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    line = refusal("serve", "--port", port - 1)
    assert f"{port} (" in line and f"streams use the port after {port - 1}" in line


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_a_host_that_is_not_this_machine_is_not_called_a_port(host: str) -> None:
    run = ninefold("serve", "--host", host, "--port", 0)
    assert run.returncode == 2
    line = run.stderr.splitlines()[-1]
    assert f"expected an address of this machine, got {host}" in line and "--host" in line


def test_a_console_that_cannot_be_shows_no_code(listener: socket.socket, free_port: int) -> None:
    for line in (
        ("--port", listener.getsockname()[1]),
        ("--port", 0, "--carla", f"127.0.0.1:{free_port}"),
    ):
        run = ninefold("teleop", "--driver", "truth", "--record", os.devnull, *line)
        assert (run.returncode, run.stdout) == (2, "")


def test_the_console_refuses_a_taken_port_and_the_open_network(
    listener: socket.socket, tmp_path: Path
) -> None:
    port = listener.getsockname()[1]
    record = ("--record", tmp_path / "r.jsonl", "--driver", "truth")
    assert str(port) in refusal("teleop", "--port", port, *record)
    assert "--tls-cert" in refusal("teleop", "--host", "0.0.0.0", "--port", 0, *record)


def test_a_file_as_output_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    line = refusal("eval", "run", "--suite", "smoke", "--driver", "truth", "--out", path)
    assert str(path) in line


@pytest.mark.parametrize("option", ["--json", "--video"])
def test_a_folder_that_cannot_be_made_is_refused_before_the_drive(
    tmp_path: Path, option: str
) -> None:
    (tmp_path / "file").touch()
    line = refusal("drive", "--driver", "truth", option, tmp_path / "file" / "in" / "result")
    assert str(tmp_path / "file") in line


def test_an_unknown_suite_lists_the_known_ones() -> None:
    assert "smoke" in refusal("eval", "run", "--suite", "nonsense")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused_before_the_drive(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    refusal("drive", "--driver", "truth", "--json", tmp_path / "result.json")


def test_every_command_explains_itself() -> None:
    names = ("drive", "serve", "teleop", "eval", "collect", "train", "export", "score", "bench")
    for name in (*names, "doctor"):
        run = ninefold(name, "--help")
        assert run.returncode == 0
        assert name in run.stdout
