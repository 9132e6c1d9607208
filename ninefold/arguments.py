"""Arguments that mean something: checked before any work begins."""

from __future__ import annotations

import argparse
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from common.errors import UserError


class Help(argparse.HelpFormatter):
    """Tells every option's default, where there is one to tell."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text, default = action.help or "", action.default
        if default is None or default is False or default == argparse.SUPPRESS:
            return text
        shown = " ".join(map(str, default)) if isinstance(default, tuple) else str(default)
        return f"{text} (default: {shown})".replace("%", "%%")


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as all of Ninefold does."""

    def _get_formatter(self) -> argparse.HelpFormatter:
        return Help(self.prog)

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments."""
        raise UserError(f"{message}; see {self.prog} --help")


def whole(low: int, high: int) -> Callable[[str], int]:
    """Whole numbers low..high, for argparse."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            message = f"expected a whole number from {low} to {high}, got {text!r:.40}"
            raise argparse.ArgumentTypeError(message)
        return value

    return number


def real(low: float, high: float) -> Callable[[str], float]:
    """Numbers above low and at most high, for argparse; NaN is none."""

    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = low
        if not low < value <= high:
            message = f"expected a number above {low:g} and at most {high:g}, got {text!r:.40}"
            raise argparse.ArgumentTypeError(message)
        return value

    return number


seed = whole(0, 10**9)
crowd = whole(0, 10_000)  # vehicles or walkers
threads = whole(1, 256)


def writable(path: Path) -> None:
    """Fail before the work, not after it; makes the folder.

    Raises:
        UserError: the file cannot be written there.
    """
    where = path.parent
    try:
        where.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise UserError(f"expected to write {path}, got a folder; name a file")
        _try_to_write(path.resolve())
    except OSError as error:
        message = f"expected to write {path}, got: {error.strerror}; name another place"
        raise UserError(message) from error


def _try_to_write(path: Path) -> None:
    """Open the file to write on, which changes nothing: folders that take none say so only then.

    Raises:
        OSError: it cannot be written.
    """
    there = path.exists()
    if there and not path.is_file():  # a device, a pipe
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return
    with path.open("ab"):
        pass
    if not there:
        path.unlink()


def video(text: str) -> Path:
    """A video's path, for argparse."""
    path = Path(text)
    if path.suffix.lower() != ".mp4":
        raise argparse.ArgumentTypeError(f"expected a name that ends in .mp4, got {text!r:.80}")
    return path


def writable_folder(folder: Path) -> None:
    """Make the folder, before the work.

    Raises:
        UserError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"expected a folder at {folder}, got: {error.strerror}; name another with --out"
        raise UserError(message) from error
    if not os.access(folder, os.W_OK):
        raise UserError(f"expected to write to {folder}, got no permission; name another --out")
