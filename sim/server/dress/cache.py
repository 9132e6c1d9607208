"""Dressings on disk: the same map and the same code give the same file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tokenize
import zipfile
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np

from sim.server.dress.dressing import Dressing
from sim.server.ground import Ground
from sim.server.scene import Mesh, StaticObject

PARTS = (
    "dress/*.py", "ground.py", "opendrive.py", "scene.py", "signals.py",
    "catalogue/vehicles.py", "render/models.py", "render/parts.py", "render/vehicles.py",
)  # fmt: skip
DAMAGED = (
    OSError, LookupError, ValueError, TypeError, EOFError, MemoryError, RuntimeError, SyntaxError,
    tokenize.TokenError, zipfile.BadZipFile,
)  # fmt: skip
"""What NumPy and zipfile raise on files with bytes changed or cut off."""
ABANDONED = 600.0  # s; to write a dressing takes one
MOST_BYTES = 2 << 30  # of all towns; those not used for longest go first
GROUND = ("x", "y", "cell", "lower", "upper", "kind")


def folder() -> Path:
    """Where dressed towns are kept: under NINEFOLD_HOME or the user's cache folder."""
    home = os.environ.get("NINEFOLD_HOME")
    if home:
        return Path(home) / "towns"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ninefold/towns"


def file_of(xodr: str) -> Path:
    """The file of a map's dressing, by the map's text and the code that dresses it."""
    digest = hashlib.sha256(xodr.encode())
    here = Path(__file__).parents[1]
    for pattern in PARTS:
        for source in sorted(here.glob(pattern)):
            digest.update(source.read_bytes())
    return folder() / f"{digest.hexdigest()[:24]}.npz"


def stored(path: Path) -> Dressing | None:
    """What was kept; None where nothing readable is."""
    try:
        with np.load(path, allow_pickle=False) as data:
            mesh = Mesh(**{field.name: data[field.name] for field in fields(Mesh)})
            x, y, cell = (float(data[name]) for name in ("x", "y", "cell"))
            ground = Ground(x, y, cell, data["lower"], data["upper"], data["kind"])
            objects = tuple(_object(row.tolist()) for row in data["objects"])
    except DAMAGED:
        return None
    with contextlib.suppress(OSError):  # a folder that we may only read
        path.touch()
    return Dressing(mesh, objects, ground)


def _object(row: list[float]) -> StaticObject:
    identity, label, x, y, z, yaw, along, across, up, solid = row
    return StaticObject(int(identity), int(label), x, y, z, yaw, (along, across, up), bool(solid))


def _sweep(own: Path) -> None:
    """Take away what killed processes have left half written beside our file, and old towns."""
    files = {}
    for path in own.parent.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process sweeps too
            files[path] = path.stat()
    now, room = files[own].st_mtime, MOST_BYTES - files[own].st_size
    for path, state in sorted(files.items(), key=lambda pair: -pair[1].st_mtime):
        if path.suffix == ".npz":
            room -= state.st_size
        dead = path.suffix == ".part" and now - state.st_mtime > ABANDONED
        if dead or (path.suffix == ".npz" and room < 0):
            path.unlink(missing_ok=True)


def store(path: Path, dressing: Dressing) -> None:
    """Keep a dressing; a folder that cannot be written to is no error."""
    rows = [(*astuple(thing)[:6], *thing.extent, thing.solid) for thing in dressing.objects]
    arrays = {field.name: getattr(dressing.mesh, field.name) for field in fields(Mesh)}
    arrays |= {name: np.asarray(getattr(dressing.ground, name)) for name in GROUND}
    arrays["objects"] = np.array(rows, np.float64).reshape(-1, 10)
    part = path.with_name(f"{path.stem}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            np.savez(file, **arrays)
        _sweep(part)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
