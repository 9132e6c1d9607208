"""`ninefold train`: samples -> a trained network, with its card."""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import UserError
from common.files import only_writer, read_json, write_atomically
from ninefold import arguments

if TYPE_CHECKING:
    from perception.contract import RawOutputs
    from perception.dataset import Samples
    from perception.train.calibrate import Line
    from perception.train.data import Pool
    from perception.train.loop import Progress, Run
    from perception.train.model import Network

HELD_OUT = 12
"""Every so many shards, one is kept from training and judged after it."""
CALIBRATE = 24
"""Every so many shards, one is kept from training to calibrate confidence on."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `ninefold train`."""
    parser.add_argument("--data", type=Path, default=Path("runs/data"), help="folder of samples")
    parser.add_argument("--out", type=Path, default=Path("runs/train"), help="checkpoint and card")
    parser.add_argument(
        "--samples", type=arguments.whole(1, 10**9), default=40_000, help="samples drawn in all"
    )
    parser.add_argument(
        "--batch", type=arguments.whole(2, 4096), default=8, help="samples of a step"
    )
    parser.add_argument(
        "--rate", type=arguments.real(0.0, 1.0), default=3e-3, help="peak learning rate"
    )
    parser.add_argument("--start", type=Path, help="begin with the weights of this checkpoint")
    parser.add_argument("--seed", type=arguments.seed, default=0, help="of what is left to chance")
    parser.add_argument("--threads", type=arguments.threads, default=2, help="to compute with")
    parser.add_argument("--json", type=Path, help="write the held-out figures there")


@dataclass(frozen=True, slots=True)
class Split:
    """Whole episodes: to learn from, to calibrate confidence on, to judge."""

    learn: list[Samples]
    calibrate: list[Samples]
    kept: list[Samples]

    @classmethod
    def of(cls, shards: list[Samples]) -> Split:
        """Every shard in one of the three, by its place."""
        kept = shards[HELD_OUT - 1 :: HELD_OUT]
        calibrate = shards[CALIBRATE // 4 :: CALIBRATE]
        left = [
            shard
            for i, shard in enumerate(shards)
            if i % HELD_OUT != HELD_OUT - 1 and i % CALIBRATE != CALIBRATE // 4
        ]
        return cls(left, calibrate, kept)


def run(options: argparse.Namespace) -> int:
    """Train, judge on the held-out episodes, write the card."""
    if options.json is not None:
        arguments.writable(options.json)
    with only_writer(options.out):
        return _train(options)


def _train(options: argparse.Namespace) -> int:
    from perception.dataset import open_shards, read_card

    try:
        from perception.train.data import Pool
        from perception.train.loop import TORCH_VERSION, Run, TrainSpec, use_threads
    except ImportError as error:
        raise UserError(
            "expected torch, got none; in the checkout, pip install -e '.[train]'"
        ) from error

    use_threads(options.threads)
    parts = Split.of(open_shards(options.data))
    spec = TrainSpec(options.samples, options.batch, options.seed, options.rate)
    training = Run(spec, options.out / "checkpoint.pt", start=options.start)
    if not parts.learn:
        raise UserError(f"expected more than one episode in {options.data}; collect more")
    pool = Pool(parts.learn)
    started = time.monotonic()
    _follow(training, pool)
    calibration = calibrate(training.checkpoint, parts.calibrate)
    card = {
        "data": read_card(options.data),
        "frames": len(pool),
        "frames_held_out": sum(len(s) for s in parts.kept),
        "command": f"ninefold train --samples {spec.samples} --batch {spec.batch}"
        f" --rate {spec.rate:g} --seed {spec.seed}"
        + ("" if options.start is None else " --start (the run before)"),
        "before": None if options.start is None else _card_of(options.start),
        "commit": commit(),
        "minutes_this_time": round((time.monotonic() - started) / 60, 1),
        "torch": TORCH_VERSION,
        "calibration": [asdict(line) for line in calibration],
        "figures": judge(training.checkpoint, calibration, parts.kept),
    }
    text = json.dumps(card, indent=1, sort_keys=True)
    write_atomically(options.out / "card.json", (text + "\n").encode())
    if options.json:
        options.json.write_text(json.dumps(card["figures"], indent=1) + "\n")
    print(f"trained: {options.out / 'checkpoint.pt'}; next: ninefold export --run {options.out}")
    return 0


def _follow(training: Run, pool: Pool) -> None:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    mean: dict[str, float] = {}
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
    ) as bar:
        task = bar.add_task("train", total=training.spec.steps, completed=training.step, losses="")
        for done in training.advance(pool):
            _smooth(mean, done)
            text = " ".join(f"{name} {value:.3f}" for name, value in mean.items())
            bar.update(task, completed=done.step, losses=text)
            if done.step % 200 == 0:
                bar.console.print(f"step {done.step}/{done.steps}: {text}")


def _smooth(mean: dict[str, float], done: Progress) -> None:
    for name, value in {"loss": done.loss, **done.parts}.items():
        mean[name] = value if name not in mean else 0.98 * mean[name] + 0.02 * value


def calibrate(checkpoint: Path, shards: list[Samples]) -> list[Line]:
    """The lines that make a checkpoint's confidence mean what it says; none without shards."""
    from perception.train.calibrate import lines
    from perception.train.loop import load

    return lines(_outputs(load(checkpoint), shards)) if shards else []


def judge(
    checkpoint: Path, calibration: list[Line], kept: list[Samples]
) -> dict[str, float | None]:
    """The figures of a checkpoint, calibrated, on some shards; empty without shards."""
    if not kept:
        return {}
    from perception.metrics import score
    from perception.train.calibrate import fold
    from perception.train.loop import load

    network = load(checkpoint)
    fold(network, calibration)
    return score(_outputs(network, kept))


def _outputs(network: Network, shards: list[Samples]) -> Iterator[tuple[RawOutputs, Samples]]:
    from perception.train.loop import infer

    for shard in shards:
        yield from zip(infer(network, shard), shard, strict=True)


def _card_of(checkpoint: Path) -> object:
    """The card beside a checkpoint, without its figures; None without one."""
    path = checkpoint.with_name("card.json")
    if not path.exists():
        return None
    return {key: value for key, value in read_json(path).items() if key != "figures"}


def commit() -> str:
    """The project's commit, "unknown" outside a checkout."""
    git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
