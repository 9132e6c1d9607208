"""Plots as inline SVG."""

from __future__ import annotations

import io
import math

import matplotlib as mpl
from matplotlib.figure import Figure

from eval.nines import Interval

INK = "#1f2933"
GOOD, BAD, VOID = "#2f855a", "#c53030", "#a0aec0"


def svg(figure: Figure) -> str:
    """The figure as an SVG element, the same bytes for the same figure."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "ninefold", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, bbox_inches="tight")
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def nines_plot(interval: Interval) -> str:
    """The nines with their interval on a line from none to six."""
    figure = Figure(figsize=(6.4, 1.3))
    axes = figure.subplots()
    top = max(3.0, math.ceil((interval.value or interval.low) + 1.0))
    high = min(interval.high, top)
    axes.hlines(0, interval.low, high, color=GOOD, linewidth=9, alpha=0.35)
    if math.isinf(interval.high):
        axes.plot([top], [0], marker=">", color=GOOD, markersize=9, alpha=0.6, clip_on=False)
    if interval.value is not None:
        axes.plot([interval.value], [0], "o", color=GOOD, markersize=10)
    axes.set_xlim(0, top)
    axes.set_ylim(-1, 1)
    axes.set_yticks([])
    axes.set_xlabel("nines (−log10 of the failure probability)", color=INK)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    return svg(figure)


def outcome_plot(outcomes: dict[str, int]) -> str:
    """How the episodes ended."""
    figure = Figure(figsize=(6.4, 0.45 + 0.34 * len(outcomes)))
    axes = figure.subplots()
    names = list(outcomes)[::-1]
    values = [outcomes[name] for name in names]
    colours = [{"SUCCESS": GOOD, "VOID": VOID}.get(name, BAD) for name in names]
    bars = axes.barh(names, values, color=colours)
    axes.bar_label(bars, padding=4)
    axes.xaxis.set_visible(False)
    for side in ("bottom", "right", "top"):
        axes.spines[side].set_visible(False)
    return svg(figure)
