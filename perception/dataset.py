"""Recorded samples: images of the rig with their labels, one structured row each.

A shard is one ``.npy`` file of `SAMPLE` rows, one per episode, read through a memory map; beside
the shards lies ``data.json``: how they were made.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from common.files import read_json, write_atomically
from common.frames import SEG_GRID
from common.rig import digest
from perception.contract import INPUT_SHAPE

MAX_LABELS = 48
LANE_STATIONS = 24
MAX_LAMPS = 4
OBJECT_FIELDS = ("kind", "x", "y", "yaw", "length", "width", "vx", "vy", "pixels")
VISIBLE_PIXELS = 12
"""An object with fewer pixels over all images is neither asked for nor held against a finder."""

SAMPLE = np.dtype(
    [
        ("images", np.uint8, INPUT_SHAPE),
        ("rasters", np.uint8, SEG_GRID.shape),  # bit i: RASTERS[i]
        ("objects", np.float32, (MAX_LABELS, len(OBJECT_FIELDS))),  # ego frame; NaN rows: none
        ("lanes", np.float32, (3, LANE_STATIONS, 3)),  # own, left, right: x, y, width m; NaN: none
        ("light", np.int8),  # index into LIGHTS of what governs the ego lane; 0: none, -1: unknown
        ("lamps", np.float32, (2, MAX_LAMPS, 2)),  # px of its lit lenses, front and narrow; or NaN
        ("stop_distance", np.float32),  # m along the lane; NaN: none
        ("speed", np.float32),  # m/s
        ("world_from_ego", np.float64, (3,)),  # x, y, yaw
        ("t", np.float64),  # s
        ("shift", np.uint8),  # 1: the ego stands off its lane on purpose
    ]
)
Samples = NDArray[np.void]
"""Rows of `SAMPLE`; a field is an array: ``samples["images"]`` (N, 5, 128, 256, 3)."""


def empty(count: int) -> Samples:
    """Samples without labels."""
    rows = np.zeros(count, dtype=SAMPLE)
    rows["objects"] = np.nan
    rows["lanes"] = np.nan
    rows["lamps"] = np.nan
    rows["stop_distance"] = np.nan
    return rows


def write_shard(folder: Path, name: str, rows: Samples) -> Path:
    """Write one shard, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    partial, path = folder / f"{name}.part", folder / f"{name}.npy"
    with partial.open("wb") as file:
        np.save(file, rows)
    partial.rename(path)
    return path


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Say how the shards were made."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"rig": digest(), **card}, indent=1, sort_keys=True)
    write_atomically(folder / "data.json", (text + "\n").encode())


def read_card(folder: Path) -> dict[str, Any]:
    """How the shards were made.

    Raises:
        UserError: no data there, or made with another rig.
    """
    path = folder / "data.json"
    if not path.exists():
        raise UserError(f"expected samples in {folder}, got no data.json; run `ninefold collect`")
    card = read_json(path)
    if card.get("rig") != digest():
        raise UserError(
            f"expected samples of rig {digest()} in {folder}, got {card.get('rig')}; collect again"
        )
    return card


def open_shard(path: Path) -> Samples:
    """The rows of one shard, memory-mapped.

    Raises:
        UserError: the file is damaged, or of another layout.
    """
    try:
        rows: Samples = np.load(path, mmap_mode="r")
    except (ValueError, EOFError, TypeError, SyntaxError) as error:  # all that numpy raises
        reason = "a damaged file; remove it, and `ninefold collect` records it again"
        raise UserError(f"expected samples in {path}, got {reason}") from error
    if not isinstance(rows, np.ndarray) or rows.dtype != SAMPLE or rows.ndim != 1:
        raise UserError(f"expected samples of this version in {path}; collect again")
    return rows


def open_shards(folder: Path) -> list[Samples]:
    """All shards of a folder by name, memory-mapped.

    Raises:
        UserError: no shard there, or one of another layout.
    """
    read_card(folder)
    shards = []
    for path in sorted(folder.glob("*.npy")):
        shards.append(open_shard(path))
    if not shards:
        raise UserError(f"expected samples in {folder}, got none; run `ninefold collect`")
    return shards


def raster(bits: NDArray[np.uint8], channel: int) -> NDArray[np.bool_]:
    """One channel of packed rasters."""
    return np.asarray((bits >> channel) & 1 == 1)


def cache() -> Path:
    """Where samples that a command records for itself are kept: NINEFOLD_HOME, or the cache."""
    home = os.environ.get("NINEFOLD_HOME")
    return (Path(home) if home else Path.home() / ".cache" / "ninefold") / f"samples-{digest()}"
