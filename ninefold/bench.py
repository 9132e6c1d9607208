"""`ninefold bench [NAME]`: the speed figures. A group NAME is the module `ninefold.bench_NAME`.

Each group has ``measure() -> dict[str, tuple[float, str]]``: figures by name, with their units.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
from pathlib import Path

import ninefold
from common.errors import UserError
from common.files import write_atomically
from ninefold import arguments

Figures = dict[str, tuple[float, str]]


def groups() -> list[str]:
    """The groups that exist."""
    modules = (module.name for module in pkgutil.iter_modules(ninefold.__path__))
    return sorted(name.removeprefix("bench_") for name in modules if name.startswith("bench_"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `ninefold bench`."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help=f"{', '.join(groups())}; all unless given"
    )
    parser.add_argument("--json", type=Path, metavar="F", help="write the figures to a file")


def run(options: argparse.Namespace) -> int:
    """Measure one group, or all."""
    if options.name is not None and options.name not in groups():
        raise UserError(f"expected one of {', '.join(groups())}, got {options.name}; see --help")
    if options.json is not None:
        arguments.writable(options.json)
    figures: Figures = {}
    for name in [options.name] if options.name else groups():
        measured: Figures = importlib.import_module(f"ninefold.bench_{name}").measure()
        for key, (value, unit) in measured.items():
            print(f"{key:32} {value:12.4g} {unit}", flush=True)
        figures |= measured
    if options.json is not None:
        write(options.json, figures)
    return 0


def write(path: Path, figures: Figures) -> None:
    """Write {name: {"value": number, "unit": text}}."""
    content = {key: {"value": value, "unit": unit} for key, (value, unit) in figures.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
