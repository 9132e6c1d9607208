"""The page itself."""

from __future__ import annotations

import html
import json
import math
from pathlib import Path

from eval.nines import Interval, clean_episodes_needed
from eval.report.plots import nines_plot, outcome_plot
from eval.store import episodes
from eval.summary import Summary

STYLE = Path(__file__).with_name("report.css")
FAILURES_SHOWN = 200


def number(value: float | None, digits: int = 3) -> str:
    """A number for people; absent is a dash, unbounded is the sign for it."""
    if value is None:
        return "–"
    return "∞" if math.isinf(value) else f"{value:.{digits}g}"


def with_bounds(interval: Interval | None, digits: int = 3) -> str:
    """A value and its 95 % interval; without a value, the bound that holds."""
    if interval is None:
        return "–"
    low, high = number(interval.low, digits), number(interval.high, digits)
    if interval.value is None:
        return f"≥ {low}"
    return f"{number(interval.value, digits)} <small>[{low}, {high}]</small>"


def headline(summary: Summary) -> str:
    """The one honest sentence."""
    if summary.nines is None:
        return "No valid episode: nothing can be said."
    method = {"clopper-pearson": "exact", "peek-safe": "peek-safe"}[summary.nines.kind]
    reached = summary.nines.low
    goal = math.floor(reached * 2 + 1) / 2
    clean = clean_episodes_needed(10**-goal)
    return (
        f"<b>{with_bounds(summary.nines)}</b> nines ({method}, 95 %), from"
        f" {summary.unique_episodes - summary.void} episodes and {summary.failures} failures."
        f" A claim of {goal:g} nines needs {clean} clean episodes in a row."
    )


def tiles(summary: Summary) -> str:
    """The figures one looks for first."""
    rate = summary.success_interval
    figures = {
        "success rate": with_bounds(rate),
        "disengagements per km": with_bounds(summary.disengagements_per_km),
        "driven": f"{summary.distance_km:.1f} km in {summary.sim_hours:.2f} h",
        "comfort": number(summary.comfort_si),
        "void (rig failures)": str(summary.void),
        **{f"score {name}": number(value) for name, value in summary.scores.items()},
    }
    return "".join(
        f"<div><span>{html.escape(name)}</span><strong>{value}</strong></div>"
        for name, value in figures.items()
    )


def count_table(title: str, rows: dict[str, int], kilometres: float) -> str:
    """Counts, and per km where something was driven."""
    if not rows:
        return f"<h2>{title}</h2><p>None.</p>"
    body = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{count}</td>"
        f"<td>{number(count / kilometres) if kilometres else '–'}</td></tr>"
        for name, count in rows.items()
    )
    return (
        f"<h2>{title}</h2><table><tr><th>kind</th><th>count</th><th>per km</th></tr>{body}</table>"
    )


def replay_command(spec: dict[str, object]) -> str:
    """The command that drives this episode again, with a video."""
    parts = ["ninefold drive"]
    for name in ("town", "route", "seed", "weather", "scenario", "driver", "fault"):
        if spec[name] is not None:
            parts.append(f"--{name} {spec[name]}")
    return " ".join([*parts, "--video failure.mp4"])


def failure_table(folder: Path) -> str:
    """What failed, why, and how to see it."""
    rows = (
        episodes(folder)
        .execute(
            "select outcome, detail, town, route, seed, route_completion, spec from episodes"
            " where outcome <> 'SUCCESS' order by outcome, town, route, seed"
            f" limit {FAILURES_SHOWN}"
        )
        .fetchall()
    )
    if not rows:
        return "<h2>Failures</h2><p>None.</p>"
    body = "".join(
        f"<tr><td>{outcome}</td><td>{html.escape(detail or '')}</td>"
        f"<td>{html.escape(town)} {route} / {seed}</td><td>{completion:.0f} %</td>"
        f"<td><code>{html.escape(replay_command(json.loads(spec)))}</code></td></tr>"
        for outcome, detail, town, route, seed, completion, spec in rows
    )
    return (
        "<h2>Failures</h2><table><tr><th>outcome</th><th>why</th><th>route / seed</th>"
        f"<th>done</th><th>see it</th></tr>{body}</table>"
    )


def page(summary: Summary, folder: Path) -> str:
    """The whole report as one HTML document that needs no other file."""
    title = f"Ninefold: {summary.manifest.get('suite')} by {summary.manifest.get('driver')}"
    plots = outcome_plot(summary.outcomes)
    if summary.nines is not None:
        plots = nines_plot(summary.nines) + plots
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>
<meta name="viewport" content="width=device-width"><style>{STYLE.read_text()}</style></head><body>
<h1>{html.escape(title)}</h1>
<p class="headline">{headline(summary)}</p>
<section class="tiles">{tiles(summary)}</section>
<section class="plots">{plots}</section>
{count_table("Infractions", summary.infractions, summary.distance_km)}
{count_table("Disengagements by cause", summary.disengagements, summary.distance_km)}
{failure_table(folder)}
<h2>This run</h2><pre>{html.escape(json.dumps(summary.manifest, indent=1))}</pre>
<p>Table <code>{summary.table_sha256}</code></p>
</body></html>
"""
