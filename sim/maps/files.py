"""Map files: OpenDRIVE as it is, OpenStreetMap turned into OpenDRIVE by the genuine client."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from common.errors import UserError
from sim import maps

SUFFIXES = (".xodr", ".osm")


def is_file_name(town: str) -> bool:
    """Whether a town's name means a map file."""
    return Path(town).suffix in SUFFIXES


def check(town: str, folder: Path | None = None) -> None:
    """Whether there is such a town, or such a map file: asked before a server starts.

    Raises:
        UserError: there is not.
    """
    if town not in named(folder) and not is_file(Path(town)):
        raise unknown(town, folder, "check the name")


def is_file(path: Path) -> bool:
    """Whether there is a file; no name that a client may send is an error."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, with a null
        return False


def named(folder: Path | None = None) -> dict[str, Path]:
    """The towns that go by a name: the built-in ones and the OpenDRIVE files of a folder."""
    own = sorted(folder.glob("*.xodr")) if folder is not None else []
    return {name_of(path): path for path in (*map(maps.path, maps.names()), *own)}


def name_of(path: Path) -> str:
    """A file's name as a town's: what cannot be printed, or is no Unicode, becomes U+FFFD."""
    return "".join(c if c.isprintable() else "\ufffd" for c in path.stem)


def unknown_here(town: str, folder: Path | None) -> UserError:
    """What a server says of it, which could know more towns by their names."""
    more = "" if folder else "; `ninefold serve --maps FOLDER` serves more by their names"
    return unknown(town, folder, f"check the name{more}")


def unknown(town: str, folder: Path | None, advice: str) -> UserError:
    """The error that tells which towns there are."""
    known = ", ".join(named(folder))
    return UserError(f"expected a town ({known}), an .xodr or .osm file, got {town}; {advice}")


def read_map(path: Path) -> str:
    """The OpenDRIVE text of a map file.

    Raises:
        UserError: no such file, not text, or OpenStreetMap without roads.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"expected a map file at {path}, got: {error}; check it") from None
    return opendrive_of(text, path.name) if path.suffix == ".osm" else text


def opendrive_of(osm: str, name: str) -> str:
    """OpenStreetMap as OpenDRIVE, with its traffic lights, around the map's middle."""
    import carla

    settings = carla.Osm2OdrSettings()
    settings.generate_traffic_lights = True
    settings.center_map = True
    try:
        with _silent():
            return str(carla.Osm2Odr.convert(osm, settings))
    except RuntimeError as error:
        reason = str(error).strip().rstrip(".")
        raise UserError(f"expected an OpenStreetMap file, got {name}: {reason}; check it") from None


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Drop what the converter's C libraries say, on both streams, also what they say late."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    kept = [os.dup(number) for number in (1, 2)]
    nothing = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nothing, number)
    try:
        yield
    finally:
        ctypes.CDLL(None).fflush(None)
        for number, old in zip((1, 2), kept, strict=True):
            os.dup2(old, number)
            os.close(old)
        os.close(nothing)
