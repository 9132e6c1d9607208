"""The built-in towns (OpenDRIVE 1.4) and the programs that make them."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def names() -> tuple[str, ...]:
    """The built-in towns, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.xodr")))


def path(name: str) -> Path:
    """Where the built-in town `name` lies."""
    return FOLDER / f"{name}.xodr"
