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
from dataclasses import dataclass, replace
from pathlib import Path

import carla

from tests.peers.programs import Program

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0  # s from the interrupt to the end
ERROR = re.compile(r"^\s*((?:\w+\.)*\w*(?:Error|Exception|Empty)\b.*|ERROR:? .*|ninefold: .*)$")

NEWER = re.compile(r"module 'carla' has no attribute '(\w+)'")
SERVER_ENDED = "the server ended"


@dataclass(frozen=True)
class Verdict:
    """What became of a program."""

    program: Program
    why: str | None  # what went wrong; None where it passes
    found: str  # what it says or leaves of its results
    seconds: float
    output: str

    @property
    def lacks(self) -> str | None:
        """What a program that failed needs, and no server can give."""
        if "map not found" in (self.why or "") or "expected a town" in (self.why or ""):
            return "a map that the folder of maps lacks"
        newer, lack = NEWER.search(self.why or ""), self.program.lack
        if newer:
            return f"a newer client ({newer[1]})"
        return lack.what if lack and re.match(lack.failure, self.why or "") else None

    @property
    def text(self) -> str:
        """The table's word."""
        if self.why is None:
            return f"passes: {self.found}" if self.found else "passes"
        return f"needs {self.lacks}" if self.lacks else f"fails: {self.why}"


def run(program: Program, python: str, maps: Path) -> Verdict:
    """Run the program as often as it asks for, and judge."""
    began, verdicts = time.monotonic(), list[Verdict]()
    while len(verdicts) < program.times and all(verdict.why is None for verdict in verdicts):
        verdicts.append(once(program, python, maps))
    last, found = verdicts[-1], [verdict.found for verdict in verdicts]
    if last.why is None and len(set(found)) > 1:
        last = replace(last, why=f"the runs differ: {' / '.join(found)}")
    elif program.times > 1:
        last = replace(last, found=f"{last.found} in each of {len(found)} runs")
    return replace(last, seconds=time.monotonic() - began)


def once(program: Program, python: str, maps: Path) -> Verdict:
    """Start a server, run the program in a folder of its own, and judge."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        log, output = Path(folder) / "server.log", Path(folder) / "output.log"
        work = Path(folder) / "work"
        work.mkdir()
        output.touch()
        with serving(program, maps, log) as server:
            why = server_ended(server)
            if why is None:
                why = attended(program, python, work, output) or server_ended(server)
        said, logged = output.read_text(errors="replace"), log.read_text(errors="replace")
        found = ""
        if why is None:
            why = complaint(program, said, logged)
        if why is None:
            why, found = results_of(program, said, work)
    if why is not None and why.startswith(("exit", SERVER_ENDED)):
        why = last_error(said or logged) or why
    output_text = f"{said}\n-- server --\n{logged}"
    return Verdict(program, why, found, time.monotonic() - began, output_text)


def results_of(program: Program, said: str, work: Path) -> tuple[str | None, str]:
    """What is wrong with the results in a program's folder or output, and the results."""
    if program.results is None:
        found = re.search(program.says, said)
        return None, found[1] if found and found.re.groups else ""
    try:
        return None, program.results(work)
    except (OSError, ValueError, KeyError) as error:
        return f"its results: {error!r}", ""


def server_ended(server: subprocess.Popen[bytes]) -> str | None:
    """What to say of a server that is gone."""
    return None if server.poll() is None else f"{SERVER_ENDED} with {server.returncode}"


@contextlib.contextmanager
def serving(program: Program, maps: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server on the program's port."""
    command = [sys.executable, "-m", "ninefold", "serve", "--child"]
    command += ["--port", str(program.port), "--town", program.town, "--maps", str(maps)]
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
            told = iter(server.stdout.readline, b"")  # what it waits for, then that it serves
            if not any(line.startswith(b"serving") for line in told):
                server.wait()
            yield server
        finally:
            server.kill()


def start(
    program: Program, command: tuple[str, ...], work: Path, output: Path
) -> subprocess.Popen[bytes]:
    """A program, without a screen, in a process group of its own."""
    path = os.pathsep.join(map(str, program.path))
    quiet = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy", "PYTHONUNBUFFERED": "1"}
    with output.open("wb") as sink:
        return subprocess.Popen(
            command,
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


def attended(program: Program, python: str, work: Path, output: Path) -> str | None:
    """Run the program to its end, or to its limit; what went wrong."""
    with contextlib.ExitStack() as running:
        interpreter = program.interpreter or python
        process = start(program, (interpreter, *program.command), work, output)
        running.callback(end, process)
        if program.beside:
            beside = (python, *program.beside)
            running.callback(end, start(program, beside, work, output.with_suffix(".beside")))
        try:
            code = process.wait(program.limit)
        except subprocess.TimeoutExpired:
            if program.probe is None:
                return f"not done after {program.limit:.0f} s"
            return probed(program, process)
    if program.probe is not None:
        return f"exit {code}, but it should run until it is interrupted"
    return None if code == 0 else f"exit {code}"


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started."""
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
    if not re.search(program.says, said):
        return f"it does not say '{program.says}'"
    if "Traceback" in logged or "ERROR" in logged:
        return f"the server's log: {last_error(logged)}"
    return None


def last_error(text: str) -> str | None:
    """The last line that names an error."""
    found = [line.strip() for line in text.splitlines() if ERROR.match(line)]
    return found[-1][:200] if found else None
