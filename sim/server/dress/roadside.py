"""Street lamps in towns, guard rails along fast roads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from common.frames import FloatArray
from sim.server.dress.builder import UP, Builder, Look, frame_at
from sim.server.dress.plots import Front, Plots
from sim.server.scene import Label, Material

LAMP_SPACING = 30.0  # m along either side, the sides taking turns
LAMP_HEIGHT, LAMP_ARM = 7.0, 1.8  # m
LAMP_INSET = 0.45  # m behind the kerb
CORNER = 6.0  # m of a road's end without lamps
RAIL_STEP = 4.0  # m between posts (RPS 2009: 1.33 to 4)
RAIL_OUT = 1.3  # m beyond the road's edge
HOLE = 3  # fields; the grid knows free ground coarsely: shorter holes between rails are none
RAIL = (0.44, 0.75)  # m above ground: lower and upper edge
BEAM = 0.03  # m, half its thickness; the posts stand behind it
GREY = (1.2, 1.2, 1.2)


def light_streets(fronts: Sequence[Front], plots: Plots, builder: Builder) -> None:
    """Lamps on the pavements."""
    for front in fronts:
        if front.fast or not front.paved:
            continue
        first = front.section.start + CORNER + (LAMP_SPACING / 2.0 if front.sign > 0 else 0.0)
        s = np.arange(first, front.section.end - CORNER, LAMP_SPACING)
        if len(s):
            foot, away = front.kerb(s, LAMP_INSET)
            for at, yaw in zip(foot, away, strict=True):
                _lamp(at, float(yaw), plots, builder)


def _lamp(at: FloatArray, away: float, plots: Plots, builder: Builder) -> None:
    base = np.array([at[0], at[1], plots.height(at[0], at[1], at[2])])
    identity = plots.add(
        Label.POLE, (at[0], at[1], base[2] + LAMP_HEIGHT / 2.0), 0.0, (0.09, 0.09, LAMP_HEIGHT / 2)
    )
    look = Look(Material.METAL, Label.POLE, identity, GREY)
    over = np.array([-np.cos(away), -np.sin(away), 0.0])
    top = base + LAMP_HEIGHT * UP
    end = top + LAMP_ARM * over
    builder.tube(base - 0.3 * UP, top, 0.08, look, sides=5)
    builder.tube(top, end + 0.25 * UP, 0.05, look, sides=4)
    frame = frame_at(end[0], end[1], end[2], away)
    builder.box(frame, (-0.4, -0.16, 0.2), (0.4, 0.16, 0.34), look)
    glow = Look(Material.STREET_LAMP, Label.POLE, identity)
    down = np.array(
        [(-0.38, -0.14, 0.19), (-0.38, 0.14, 0.19), (0.38, 0.14, 0.19), (0.38, -0.14, 0.19)]
    )
    builder.quads(down @ frame[:3, :3].T + frame[:3, 3], glow)


def guard_roads(fronts: Sequence[Front], plots: Plots, builder: Builder) -> None:
    """Steel rails wherever a fast road's edge is free."""
    for front in fronts:
        if not front.fast or front.paved:
            continue
        s = posts(front.section.start, front.section.end)
        at, away = front.edge(s, RAIL_OUT)
        start, end = at[:-1], at[1:]
        middle, half = (start + end) / 2.0, np.linalg.norm(end - start, axis=1) / 2.0
        places = list(
            zip(middle, away.tolist(), [(0.25, float(h) - 0.3) for h in half], strict=False)
        )
        free = np.array([plots.is_free(*place) for place in places])
        free = ndimage.binary_closing(free, np.ones(HOLE, np.bool_)) | free
        for k in np.flatnonzero(free):
            plots.take(*places[k])
            last = k + 1 == len(free) or not free[k + 1]
            rail(start[k], end[k], float(away[k]), plots, builder, last=bool(last))


def posts(start: float, end: float) -> FloatArray:
    """Where a rail from s to s (m) has its posts, both ends included."""
    return np.linspace(start, end, max(round((end - start) / RAIL_STEP), 1) + 1)


def rail(
    a: FloatArray, b: FloatArray, away: float, plots: Plots, builder: Builder, *, last: bool
) -> None:
    """One field behind a road that lies opposite to ``away``; the last one has a post at b too."""
    middle = (a + b) / 2.0
    half = float(np.linalg.norm(b - a)) / 2.0
    low, high = RAIL
    identity = plots.add(
        Label.GUARD_RAIL,
        (middle[0], middle[1], middle[2] + high / 2.0),
        away,
        (0.1, half, high / 2),
    )
    look = Look(Material.GUARD_RAIL, Label.GUARD_RAIL, identity)
    out = np.array([np.cos(away), np.sin(away), 0.0])
    for at in (a, b) if last else (a,):
        post = frame_at(at[0], at[1], at[2], away)
        builder.box(post, (BEAM, -0.04, -0.6), (BEAM + 0.1, 0.04, high - 0.05), look)
    if out[0] * (b - a)[1] > out[1] * (b - a)[0]:  # b lies to the left of what is away: swap
        a, b = b, a
    face = np.array([a + low * UP, b + low * UP, b + high * UP, a + high * UP])
    builder.quads(np.array([face - BEAM * out, (face + BEAM * out)[::-1]]), look)
