"""`ninefold serve` says in one line what is wrong, and warns of an open port."""

import os
import signal
import socket
import subprocess
import sys

import pytest

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
SERVE = [sys.executable, "-m", "ninefold", "serve"]


def serve(*arguments):
    return subprocess.run(
        [*SERVE, *map(str, arguments)], capture_output=True, text=True, timeout=120, env=ENVIRONMENT
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--town", "Atlantis"), "city"),
        (("--town", "missing.xodr"), "missing.xodr"),
        (("--step", "-1"), "--step"),
        (("--host", "203.0.113.1"), "203.0.113.1"),
    ],
)
def test_a_mistake_gets_one_line_and_exit_code_2(arguments, told):
    run = serve("--port", 0, *arguments)
    assert run.returncode == 2
    assert told in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr


def test_a_taken_port_is_named(free_port):
    with socket.create_server(("127.0.0.1", free_port)):
        run = serve("--port", free_port)
    assert run.returncode == 2
    assert str(free_port) in run.stderr


def test_it_warns_when_the_network_can_reach_it_and_ends_on_a_signal():
    with subprocess.Popen(
        [*SERVE, "--host", "0.0.0.0", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as server:
        assert "authentication" in server.stderr.readline()
        assert "serving city" in server.stdout.readline()
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0
        assert "the server has ended" in server.stderr.read()
