"""The `ninefold` command.

One module per subcommand; only the one asked for is imported. Each has
``add_arguments(parser)`` and ``run(options) -> int``. Here is the border to the shell: what went
wrong becomes one line and an exit code.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import pwd
import signal
import sys
import tempfile
from types import FrameType

from common import waiting
from common.errors import RigError, UserError
from ninefold.arguments import Parser

COMMANDS = {
    "drive": "drive one closed-loop episode",
    "serve": "start the embedded CARLA server",
    "teleop": "vehicles and a browser console to supervise and drive them",
    "eval": "measure reliability: run suites, report, compare",
    "collect": "record training data from the embedded simulator",
    "train": "train the perception network",
    "export": "export a trained network to ONNX",
    "score": "perception figures on held-out data",
    "look": "a town in pictures: a contact sheet and a view from above",
    "bench": "the speed figures",
    "doctor": "what this machine has, what is missing, and what mends it",
}


def parser_for(argv: list[str]) -> argparse.ArgumentParser:
    """The parser, with the arguments of the one subcommand that argv names."""
    parser = Parser(prog="ninefold", description=__doc__.splitlines()[0])
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=text, description=text)
        if name in argv[:1]:
            module = importlib.import_module(f"ninefold.{name}")
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser


class Interrupted(KeyboardInterrupt):
    """A signal asked for the end.

    A plain KeyboardInterrupt that passes through `exec`, as in the making of a dataclass, would
    make `python -m ninefold` end by the signal instead of with our exit code.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand.

    The user's mistakes, and files that cannot be read or written, end with 2, a failed simulator
    with 3, signals as the shell counts them: Ctrl-C with 130, a reader that went away with 141.
    """
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 128 + signal.SIGPIPE
    except (UserError, OSError, MemoryError) as error:
        return _refuse(_told(error), 2)
    except RigError as error:
        return _refuse(f"the rig failed: {error}", 3)
    except KeyboardInterrupt as error:
        number = error.number if isinstance(error, Interrupted) else signal.SIGINT
        return _refuse("interrupted", 128 + number)


def _run(argv: list[str]) -> int:
    options = parser_for(argv).parse_args(argv)
    code: int = options.run(options)
    if sys.stdout is not None:
        sys.stdout.flush()
    return code


def _told(error: Exception) -> str:
    if isinstance(error, OSError):
        where = "the files it needs" if error.filename is None else str(error.filename)
        reason = error.strerror or type(error).__name__
        return f"expected to read and write {where}, got: {reason}; mend that or name another place"
    if isinstance(error, MemoryError):
        return "expected more memory, got none; ask for less"
    return str(error)


def _refuse(message: str, code: int) -> int:
    one_line = " ".join(message.split())
    print(f"ninefold: {one_line}", file=sys.stderr)
    return code


def program() -> None:
    """The process: like `main`, and an orderly end also when told to go or the terminal closes."""
    if not _serves(os.environ.get("HOME", "")):
        # carla's library ends with a segmentation fault without one, numba keeps its code there
        os.environ["HOME"] = _home()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by who started us
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _go)
    waiting.tell(waiting.OnStandardError())
    sys.exit(main())


def _home() -> str:
    """This user's folder; one for this run where there is none to write to."""
    with contextlib.suppress(KeyError):
        home = pwd.getpwuid(os.getuid()).pw_dir
        if _serves(home):
            return home
    return tempfile.mkdtemp(prefix="ninefold-")


def _serves(home: str) -> bool:
    return os.path.isdir(home) and os.access(home, os.W_OK | os.X_OK)  # noqa: PTH112


def _go(number: int, _: FrameType | None) -> None:
    """Unwind: children end, a running server gets its settings back. A second signal kills."""
    signal.signal(number, signal.SIG_DFL)
    raise Interrupted(number)


if __name__ == "__main__":
    program()
