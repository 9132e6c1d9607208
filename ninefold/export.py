"""`ninefold export`: a trained network -> a checked ONNX file with its card."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import read_json
from ninefold import arguments

CARD = ("calibration", "command", "commit", "data", "figures", "frames", "frames_held_out", "torch")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `ninefold export`."""
    parser.add_argument(
        "--run", type=Path, default=Path("runs/train"), dest="folder", help="of the training"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/ninefold.onnx"), help="where to")


def run(options: argparse.Namespace) -> int:
    """Export, compare both runtimes, write the card beside the file."""
    if options.out.suffix != ".onnx":  # the card lies beside it, with another ending
        raise UserError(f"expected --out to end with .onnx, got {options.out}")
    arguments.writable(options.out)
    card_path = options.folder / "card.json"
    if not card_path.exists():
        raise UserError(f"expected a finished training in {options.folder}; run `ninefold train`")
    if missing := [key for key in CARD if key not in read_json(card_path)]:
        raise UserError(f"expected {', '.join(missing)} in {card_path}, got none; train again")
    try:
        from perception.train.calibrate import Line, fold
        from perception.train.export import export
        from perception.train.loop import load
    except ImportError as error:
        raise UserError(
            "expected torch and onnx; in the checkout, pip install -e '.[train]'"
        ) from error

    card = read_json(card_path)
    network = load(options.folder / "checkpoint.pt")
    fold(network, [Line(**line) for line in card["calibration"]])
    worst = export(network, options.out, card)
    options.out.with_suffix(".md").write_text(card_text(options.out.name, card, worst))
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB, parity {worst:.1g}")
    return 0


def card_text(name: str, card: dict[str, Any], worst: float) -> str:
    """The card, for people."""
    data = card["data"]
    rows = [f"| {key} | {_number(value)} |" for key, value in sorted(card["figures"].items())]
    return "\n".join(
        [
            f"# {name}",
            "",
            "A multi-camera bird's-eye-view network for the rig of `common/rig.py`.",
            "",
            f"- Data: {card['frames']} frames ({data.get('episodes', '?')} episodes in"
            f" {data.get('town', '?')}), {card['frames_held_out']} more kept out.",
            f"- Made by: `{data.get('command', 'ninefold collect')}`, `{card['command']}`,"
            " `ninefold export`.",
            *_before(card.get("before")),
            f"- Commit {card['commit']}, torch {card['torch']}.",
            f"- onnxruntime differs from torch by at most {worst:.1g}.",
            "",
            "Figures on the episodes kept out (names: `perception/metrics.py`):",
            "",
            "| figure | value |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def _before(card: dict[str, Any] | None) -> list[str]:
    """The run whose weights this one began with."""
    if card is None:
        return []
    return [f"- Began with: `{card['data'].get('command')}`, `{card['command']}`."]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
