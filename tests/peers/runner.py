"""One program against one server of its own."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import carla

from tests.peers.programs import Program

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0  # s from the interrupt to the end
ERROR = re.compile(r"^\s*((?:\w+\.)*\w*(?:Error|Exception|Empty)\b.*|ERROR:? .*)$")

NEWER = re.compile(r"module 'carla' has no attribute '(\w+)'")
NO_MAP = re.compile(r"map '?(?:/Game/Carla/Maps/)?(\w+)'? not found|expected a town .* got (\w+);")


@dataclass(frozen=True)
class Verdict:
    """What became of a program."""

    program: Program
    why: str | None  # what went wrong; None where it passes
    seconds: float
    output: str

    @property
    def lacks(self) -> str | None:
        """What a program that failed needs, and no server can give."""
        newer = NEWER.search(self.why or "")
        return f"a newer client ({newer[1]})" if newer else self.program.asset

    @property
    def text(self) -> str:
        """The table's word."""
        if self.why is None:
            return "passes"
        return f"needs {self.lacks}" if self.lacks else f"fails: {self.why}"


def run(program: Program, python: str, maps: Path | None) -> Verdict:
    """Start a server, run the program in a folder of its own, and judge."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        log, output = Path(folder) / "server.log", Path(folder) / "output.log"
        work = Path(folder) / "work"
        work.mkdir()
        with serving(program, maps, log) as server:
            why = attend(program, start(program, python, work, output))
            if why is None and server.poll() is not None:
                why = f"the server ended with {server.returncode}"
        said, logged = output.read_text(errors="replace"), log.read_text(errors="replace")
    if why is None:
        why = complaint(program, said, logged)
    elif why.startswith("exit"):
        why = last_error(said) or why
    return Verdict(program, why, time.monotonic() - began, f"{said}\n-- server --\n{logged}")


@contextlib.contextmanager
def serving(program: Program, maps: Path | None, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server on the program's port."""
    command = [sys.executable, "-m", "ninefold", "serve", "--child"]
    command += ["--port", str(program.port), "--town", program.town]
    if maps is not None:
        command += ["--maps", str(maps)]
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as server,
    ):
        try:
            assert server.stdout is not None
            server.stdout.readline()  # once it serves
            yield server
        finally:
            server.kill()


def start(program: Program, python: str, work: Path, output: Path) -> subprocess.Popen[bytes]:
    """The program, without a screen, in a process group of its own."""
    path = os.pathsep.join(map(str, program.path))
    quiet = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy", "PYTHONUNBUFFERED": "1"}
    with output.open("wb") as sink:
        return subprocess.Popen(
            [python, *program.command],
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, **quiet, **dict(program.environment), "PYTHONPATH": path},
            start_new_session=True,
            preexec_fn=hear_interrupts,
        )


def hear_interrupts() -> None:
    """A runner in the background of a shell ignores them, and its children would too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def attend(program: Program, process: subprocess.Popen[bytes]) -> str | None:
    """Wait for the program's end, or for its limit; what went wrong."""
    try:
        try:
            code = process.wait(program.limit)
        except subprocess.TimeoutExpired:
            if program.probe is None:
                return f"not done after {program.limit:.0f} s"
            return probed(program, process)
        if program.probe is not None:
            return f"exit {code}, but it should run until it is interrupted"
        return None if code == 0 else f"exit {code}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def probed(program: Program, process: subprocess.Popen[bytes]) -> str | None:
    """Ask the server what the program has done, then interrupt it."""
    assert program.probe is not None
    try:
        client = carla.Client("127.0.0.1", program.port)
        client.set_timeout(60.0)
        wrong = program.probe(client.get_world())
    except RuntimeError as error:
        wrong = f"the server does not answer: {error}"
    process.send_signal(signal.SIGINT)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        return wrong or "it does not end when it is interrupted"
    return wrong


def complaint(program: Program, said: str, logged: str) -> str | None:
    """What the outputs hold against a program that ended well."""
    if "Traceback" in said.replace("KeyboardInterrupt", ""):
        return last_error(said)
    if program.says not in said:
        return f"it does not say '{program.says}'"
    if "Traceback" in logged or "ERROR" in logged:
        return f"the server's log: {last_error(logged)}"
    return None


def last_error(text: str) -> str | None:
    """The last line that names an error."""
    found = [line.strip() for line in text.splitlines() if ERROR.match(line)]
    return found[-1][:200] if found else None
