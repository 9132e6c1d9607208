"""The embedded server as a child process: ready or dead within a deadline, gone with its parent."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from common import waiting
from common.errors import UserError
from sim.maps import files

DEADLINE = 600.0  # s to load a town: the first time it is dressed and kernels are compiled
PATIENCE = 5.0  # s to end by itself once its input is closed


@contextlib.contextmanager
def embedded_server(
    town: str | None = None,
    *,
    step: float | None = None,
    maps: Path | None = None,
    deadline: float = DEADLINE,
) -> Iterator[int]:
    """A server on a free pair of loopback ports; gives the RPC port.

    With `step` (s) it starts in synchronous mode at frame 0, so that nothing depends on how long
    the client takes to connect. Clients may load the OpenDRIVE files of the folder `maps` by
    name. The child ends when its standard input does: also when this process is killed.

    Raises:
        UserError: there is no such town; the server ended or was not ready in time, with the
            reason it gave.
    """
    if town is not None:
        files.check(town, maps)
    with tempfile.TemporaryFile() as errors:
        child = _start(town, step, maps, errors)
        try:
            yield _port(child, time.monotonic() + deadline, errors)
        finally:
            _end(child)


def _start(
    town: str | None, step: float | None, maps: Path | None, errors: IO[bytes]
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ninefold", "serve", "--port", "0", "--child"]
    if town is not None:
        command += ["--town", town]
    if step is not None:
        command += ["--step", repr(step)]
    if maps is not None:
        command += ["--maps", str(maps)]
    here = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env={**os.environ, "PYTHONPATH": here},
    )


def _port(child: subprocess.Popen[bytes], deadline: float, errors: IO[bytes]) -> int:
    """The port that the child names in its last line, ``serving TOWN on HOST:PORT``.

    The lines before say what takes long: they are passed on.
    """
    assert child.stdout is not None
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise UserError("expected the embedded server to be ready, got none in time")
            got = os.read(child.stdout.fileno(), 4096)
            if not got:
                raise UserError(_reason(child, errors))
            *lines, rest = (rest + got).split(b"\n")
            for line in lines:
                if line.startswith(b"serving "):
                    return int(line.rsplit(b":", 1)[1])
                waiting.log.info("%s", line.decode(errors="replace"))


def _reason(child: subprocess.Popen[bytes], errors: IO[bytes]) -> str:
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(PATIENCE)
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    last = lines[-1] if lines else f"exit code {child.returncode}"
    if child.returncode == 2:
        return last.removeprefix("ninefold: ")
    return f"expected the embedded server to start, got: {last}"


def _end(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None and child.stdout is not None
    with contextlib.suppress(OSError):
        child.stdin.close()
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    child.stdout.close()
