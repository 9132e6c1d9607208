"""`ninefold score`: how good the network is on episodes it never saw."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from common.files import write_atomically
from ninefold import arguments

FRAMES = 400
EPISODES = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `ninefold score`."""
    parser.add_argument(
        "--weights", type=Path, metavar="F.onnx", help="another network than the shipped one"
    )
    parser.add_argument(
        "--data", type=Path, help="held-out samples; recorded into a cache where not given"
    )
    parser.add_argument(
        "--town", default="city", metavar="NAME|FILE.xodr", help="to record in where none are"
    )
    parser.add_argument(
        "--frames", type=arguments.whole(1, 10**6), default=FRAMES, help="to record where none are"
    )
    parser.add_argument("--threads", type=arguments.threads, default=2, help="to compute with")
    parser.add_argument("--json", type=Path, metavar="F", help="write the figures")


def run(options: argparse.Namespace) -> int:
    """Judge, print, write."""
    from perception.dataset import open_shards
    from perception.metrics import score
    from perception.perceive import WEIGHTS, Network

    if options.json is not None:
        arguments.writable(options.json)
    network = Network(options.weights or WEIGHTS, options.threads)
    folder = options.data or record(options.town, options.frames)
    shards = open_shards(folder)
    figures = score((network(row["images"]), row) for shard in shards for row in shard)
    if options.json is not None:
        text = json.dumps(figures, indent=1, sort_keys=True) + "\n"
        write_atomically(options.json, text.encode())
    for name, value in sorted(figures.items()):
        print(f"{name:28s} {'-' if value is None else f'{value:.3f}'}")
    return 0


def record(town: str, frames: int) -> Path:
    """The held-out samples of a town: other seeds than any training's. Recorded once."""
    from ninefold.collect import HELD_OUT_SEED, Plan, collect
    from perception.dataset import cache

    folder = cache() / f"held-out-{Path(town).stem}-{frames}"
    plan = Plan(town, HELD_OUT_SEED, -(-frames // EPISODES), vehicles=30, walkers=20)
    for count in collect(plan, frames, folder):
        print(f"recorded {min(count, frames)} of {frames} held-out samples", flush=True)
    return folder
