"""Files that survive kills, full disks and a second writer."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.errors import UserError


def write_atomically(path: Path, data: bytes) -> None:
    """The file holds all of `data` or what it held before, whatever is killed when.

    A device or a pipe is written to as it is; a link stays, what it names is written.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Make the folder, and be the only one to write to it.

    Raises:
        UserError: it is no folder, cannot be written, or another one writes to it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise UserError(
            f"expected a folder that can be written at {folder}, got: {error.strerror};"
            " choose another with --out"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(
                f"another run is writing to {folder}; wait for it, or choose another --out"
            ) from error
        yield


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        UserError: no such file, or it holds something else.
    """
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"expected JSON in {path}, got: {error}; make it anew") from error
    if not isinstance(found, dict):
        raise UserError(f"expected a JSON object in {path}, got a {type(found).__name__}")
    return found
