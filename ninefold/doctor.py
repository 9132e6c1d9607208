"""`ninefold doctor`: what this machine has, what is missing, and the command that mends it."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from common.errors import UserError

NEEDED = {
    "carla": "carla==0.9.16",
    "numpy": "numpy",
    "numba": "numba",
    "scipy": "scipy",
    "onnxruntime": "onnxruntime",
    "cv2": "opencv-python-headless",
    "av": "av",
    "msgpack": "msgpack",
    "aiohttp": "aiohttp",
    "rich": "rich",
    "ray": "ray",
    "duckdb": "duckdb",
    "pyarrow": "pyarrow",
    "matplotlib": "matplotlib",
}
"""Import name -> what pip calls it."""

EXTRAS = {"torch": "train", "onnx": "train", "aiortc": "webrtc", "rerun": "viz"}
"""Import name -> the extra of ours that brings it."""

INSTALL = ".venv/bin/pip install -c constraints.txt"
"""As the Makefile does."""
CORES = 2  # what the figures of the README were measured on
MEMORY = 4.0  # GB for one drive with some room
DISK = 2.0  # GB for caches


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    state: str  # "ok", "optional" (missing, and fine), "missing"
    found: str
    mend: str = ""  # the command that mends it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `ninefold doctor`."""
    parser.add_argument("--json", type=Path, metavar="F", help="write the findings")


def run(options: argparse.Namespace) -> int:
    """0 if nothing needed is missing, else 1."""
    checks = list(findings())
    marks = {"ok": "ok      ", "optional": "optional", "missing": "MISSING "}
    for one in checks:
        mend = f"  -> {one.mend}" if one.mend else ""
        print(f"{marks[one.state]} {one.name}: {one.found}{mend}")
    if options.json is not None:
        try:
            options.json.parent.mkdir(parents=True, exist_ok=True)
            options.json.write_text(json.dumps([asdict(one) for one in checks], indent=1) + "\n")
        except OSError as error:
            message = f"expected to write {options.json}, got: {error.strerror}; name another file"
            raise UserError(message) from error
    return int(any(one.state == "missing" for one in checks))


def findings() -> Iterator[Check]:
    """Everything looked at, in the order it is printed."""
    yield _python()
    yield _system()
    for module, package in NEEDED.items():
        yield _package(module, f"{INSTALL} '{package}'", "missing")
    for module, extra in EXTRAS.items():
        yield _package(module, f"in the checkout, {INSTALL} -e '.[{extra}]'", "optional")
    yield _cores()
    yield _memory()
    yield _home()
    yield _weights()
    yield _browser()


def _python() -> Check:
    version = platform.python_version()
    fits = (3, 10) <= sys.version_info < (3, 13)
    mend = "" if fits else "install Python 3.10, 3.11 or 3.12"
    return Check("Python", "ok" if fits else "missing", version, mend)


def _system() -> Check:
    name = f"{platform.system()} {platform.machine()}"
    fits = name == "Linux x86_64"
    mend = "" if fits else "the carla wheel is made for Linux x86_64; other systems are untested"
    return Check("system", "ok" if fits else "optional", name, mend)


def _package(module: str, mend: str, without: str) -> Check:
    if importlib.util.find_spec(module) is None:
        return Check(module, without, "not installed", mend)
    names = importlib.metadata.packages_distributions().get(module, [module])
    return Check(module, "ok", importlib.metadata.version(names[0]))


def _cores() -> Check:
    cores = len(os.sched_getaffinity(0))
    if cores >= CORES:
        return Check("processor", "ok", f"{cores} cores")
    return Check("processor", "optional", f"{cores} core", "drives will be slower than real time")


def _memory() -> Check:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    mend = "" if total >= MEMORY else f"{MEMORY:.0f} GB are comfortable for one drive"
    return Check("memory", "optional" if mend else "ok", f"{total:.1f} GB", mend)


def _home() -> Check:
    """Where compiled kernels and dressed towns are kept."""
    home = Path(os.environ.get("NINEFOLD_HOME") or _default_home())
    there = next(path for path in (home, *home.parents) if path.exists())
    mend = "set NINEFOLD_HOME to a folder you may write to"
    if not there.is_dir():
        return Check("cache folder", "missing", f"{there}: no folder", mend)
    if not os.access(there, os.W_OK):
        return Check("cache folder", "missing", f"{home}: no permission", mend)
    free = shutil.disk_usage(there).free / 1e9
    if free < DISK:
        return Check("cache folder", "missing", f"{home}: {free:.1f} GB free", mend)
    return Check("cache folder", "ok", f"{home}: {free:.0f} GB free")


def _default_home() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "ninefold"


def _weights() -> Check:
    folder = Path(__file__).parents[1] / "perception/weights"
    found = sorted(path.name for path in folder.glob("*.onnx"))
    if found:
        return Check("network", "ok", ", ".join(found))
    mend = "ninefold collect, ninefold train, ninefold export; or drive with --driver truth"
    return Check("network", "missing", f"no .onnx in {folder.name}/", mend)


def _browser() -> Check:
    names = ("chromium", "chromium-browser", "google-chrome", "firefox")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found:
        return Check("browser", "ok", found)
    return Check("browser", "optional", "none here", "any browser that reaches it will do")
