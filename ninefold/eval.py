"""`ninefold eval`: run suites, report, compare runs, plan a claim, follow the march of nines."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import UserError
from common.messages import EpisodeSpec
from ninefold import arguments

if TYPE_CHECKING:
    from eval.store import Store

MOST_EPISODES = 1_000_000  # a spec is made for each before the first one starts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The five verbs."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    run_ = verbs.add_parser("run", help="drive a suite's episodes; started again, it goes on")
    run_.add_argument("--suite", default="smoke", help="smoke or weather")
    run_.add_argument(
        "--episodes",
        type=arguments.whole(1, MOST_EPISODES),
        help="how many (default: the suite's own number)",
    )
    run_.add_argument("--seed", type=arguments.seed, default=0, help="first seed")
    run_.add_argument("--driver", choices=("camera", "truth"), default="camera", help="who drives")
    run_.add_argument("--weights", type=Path, help="an ONNX network (default: the shipped one)")
    run_.add_argument(
        "--executor", choices=("inline", "process", "ray"), default="ray", help="what runs them"
    )
    run_.add_argument("--workers", type=arguments.threads, default=2, help="episodes at a time")
    run_.add_argument("--ray-address", help="a Ray cluster (default: a local Ray)")
    run_.add_argument("--out", type=Path, help="output folder (default: runs/SUITE-DRIVER)")
    report = verbs.add_parser("report", help="figures, and a one-file HTML report in the folder")
    report.add_argument("folder", type=Path, metavar="DIR", help="of a run")
    compare = verbs.add_parser("compare", help="two runs of the same episodes, paired")
    compare.add_argument("first", type=Path, metavar="A", help="folder of a run")
    compare.add_argument("second", type=Path, metavar="B", help="folder of another")
    march = verbs.add_parser("march", help="nines against work over several runs")
    march.add_argument("points", nargs="+", metavar="WORK:DIR", help="e.g. 120:runs/v1 150:runs/v2")
    plan = verbs.add_parser("plan", help="what a claim costs")
    plan.add_argument("--nines", type=float, default=3.0, help="the claim")
    plan.add_argument("--confidence", type=float, default=0.95, help="of the claim")
    plan.add_argument(
        "--seconds",
        type=arguments.real(0.0, 1e6),
        default=20.0,
        help="wall seconds an episode takes",
    )
    plan.add_argument("--workers", type=arguments.threads, default=2, help="at a time")
    for verb in (report, compare, march, plan):
        verb.add_argument("--json", type=Path, metavar="F", help="also write the figures here")


def base_spec(driver: str, weights: Path | None) -> EpisodeSpec:
    """What every episode of a run shares."""
    from drive.run import with_network
    from ninefold.drive import versions

    spec = EpisodeSpec(town="city", route=0, seed=0, driver=driver, versions=versions())
    return with_network(spec, weights)


def run(options: argparse.Namespace) -> int:
    """Run the verb."""
    verbs = {
        "run": run_suite,
        "report": write_report,
        "compare": compare_runs,
        "march": show_march,
        "plan": show_plan,
    }
    verbs[options.verb](options)
    return 0


def run_suite(options: argparse.Namespace) -> None:
    """Drive what is missing of a suite, with a progress bar."""
    if options.driver == "truth" and options.weights is not None:
        raise UserError("expected --weights with --driver camera, got --driver truth")
    from drive.run import driver_of
    from eval.store import Store
    from eval.suite import suite_named

    suite = suite_named(options.suite)
    episodes = options.episodes or suite.episodes
    base = base_spec(options.driver, options.weights)
    out = options.out or Path("runs") / f"{suite.name}-{options.driver}"
    manifest = {
        "suite": suite.name,
        "episodes": episodes,
        "seed": options.seed,
        "driver": options.driver,
        "weights": base.weights,
        "versions": dict(base.versions),
    }
    specs = suite.specs(episodes, options.seed, base)
    driver_of(base, options.weights)  # a foreign network is refused here, not in every episode
    with Store(out, manifest) as store:
        _drive_rest(store, suite.name, specs, options)
    print(f"episodes in {out}; see them with: ninefold eval report {out}")


def _drive_rest(
    store: Store, name: str, specs: tuple[EpisodeSpec, ...], options: argparse.Namespace
) -> None:
    """Drive and keep the episodes that the store lacks; a line for each without a terminal."""
    from functools import partial

    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from drive.run import run_episode
    from eval.execute import execute

    held = store.keys()
    todo = [spec for spec in specs if spec.key() not in held]
    done, failed = len(specs) - len(todo), 0
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[tally]}"),
    )
    drive = partial(run_episode, weights=options.weights)
    with Progress(*columns) as progress:
        task = progress.add_task(name, total=len(specs), completed=done, tally="")
        for result in execute(todo, drive, options.executor, options.workers, options.ray_address):
            store.add(result)
            done += 1
            failed += result.outcome.value != "SUCCESS"
            last = f"{result.outcome.value} route {result.spec.route} seed {result.spec.seed}"
            progress.update(task, completed=done, tally=f"{failed} failed; {last}")
            if not progress.console.is_terminal:
                print(f"{done} of {len(specs)}: {last}", flush=True)


def write_report(options: argparse.Namespace) -> None:
    """Print the headline, write report.html beside the episodes."""
    from common.files import write_atomically
    from eval.report.html import page
    from eval.summary import as_json, summarise

    summary = summarise(options.folder)
    path = options.folder / "report.html"
    try:
        write_atomically(path, page(summary, options.folder).encode())
        if options.json:
            options.json.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(options.json, as_json(summary).encode())
    except OSError as error:
        raise UserError(f"cannot write the report: {error}") from error
    print_summary(summary)
    print(f"report: {path}")


def print_summary(summary: object) -> None:
    """The figures as a small table."""
    from rich.console import Console
    from rich.table import Table

    from eval.report.html import with_bounds
    from eval.summary import Summary

    assert isinstance(summary, Summary)
    table = Table(show_header=False, box=None)
    plain = {
        "episodes": f"{summary.unique_episodes} ({summary.void} void)",
        "success rate": with_bounds(summary.success_interval),
        "nines": with_bounds(summary.nines),
        "disengagements per km": with_bounds(summary.disengagements_per_km),
        **{f"score {name}": f"{value:.1f}" for name, value in summary.scores.items()},
        "outcomes": ", ".join(f"{name} {count}" for name, count in summary.outcomes.items()),
        "infractions": ", ".join(f"{n} {c}" for n, c in summary.infractions.items()) or "none",
    }
    for name, value in plain.items():
        table.add_row(name, value.replace("<small>", "").replace("</small>", ""))
    Console(file=sys.stdout).print(table)


def compare_runs(options: argparse.Namespace) -> None:
    """Pair two runs by episode, driver and weights aside."""
    from eval.paired import compare
    from eval.store import paired_outcomes

    pairs = paired_outcomes(options.first, options.second)
    only_first = sum(a != "SUCCESS" and b == "SUCCESS" for a, b in pairs)
    only_second = sum(a == "SUCCESS" and b != "SUCCESS" for a, b in pairs)
    result = compare(len(pairs), only_first, only_second)
    print(
        f"{result.pairs} pairs: {only_first} fail only in {options.first},"
        f" {only_second} only in {options.second}; p = {result.p_value:.3g};"
        f" difference of failure rates {result.difference.value:+.3f}"
        f" [{result.difference.low:+.3f}, {result.difference.high:+.3f}]"
    )
    save(options.json, asdict(result))


def show_march(options: argparse.Namespace) -> None:
    """Fit nines over work."""
    from eval.growth import march
    from eval.summary import summarise

    work, reached = [], []
    for point in options.points:
        amount, _, folder = point.partition(":")
        try:
            work.append(float(amount))
        except ValueError as error:
            raise UserError(f"expected WORK:DIR such as 120:runs/v1, got {point!r}") from error
        interval = summarise(Path(folder)).nines
        if interval is None:
            raise UserError(f"{folder} has no valid episode; run it first")
        reached.append(interval.low if interval.value is None else interval.value)
        print(f"work {amount}: {reached[-1]:.2f} nines [{interval.low:.2f}, {interval.high:.2f}]")
    try:
        line = march(work, reached)
    except ValueError as error:
        raise UserError(str(error)) from error
    price = (
        "no price: nines do not rise"
        if line.work_per_nine is None
        else (f"{line.work_per_nine:.3g} work per nine (r² {line.r_squared:.2f})")
    )
    print(price)
    save(options.json, {"work": work, "nines": reached, **asdict(line)})


def show_plan(options: argparse.Namespace) -> None:
    """Episodes, and time, that a claim needs."""
    from eval.nines import clean_episodes_needed, exposure_multiplier

    if not 0.0 < options.nines < 12.0 or not 0.0 < options.confidence < 1.0:
        raise UserError("expected --nines between 0 and 12 and --confidence between 0 and 1")
    p = 10.0**-options.nines
    clean = clean_episodes_needed(p, options.confidence)
    needs = {0: clean} | {
        k: round(exposure_multiplier(k, options.confidence) / p) for k in (1, 2, 5)
    }
    for failures, episodes in needs.items():
        hours = episodes * options.seconds / options.workers / 3600
        print(f"{failures} failures allowed: {episodes} episodes, {hours:.1f} h")
    save(options.json, {"nines": options.nines, "episodes_by_failures": needs})


def save(path: Path | None, figures: dict[str, object]) -> None:
    """Write figures as JSON where asked."""
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=1))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
