"""Hilly maps: bridges where a road runs above another, and banks beside the others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from sim.server.dress.builder import Builder, Look, frame_at
from sim.server.dress.plots import Plots
from sim.server.dress.roadside import RAIL_OUT, RAIL_STEP, posts, rail
from sim.server.dress.surfaces import GREEN, VERGE, ribbon
from sim.server.ground import CLEARANCE
from sim.server.opendrive import Network, Road, Section
from sim.server.scene import Label, Material

RELIEF = 1.0  # m between the lowest and the highest road: less is flat
BANK = (3.2, 2.2)  # m outwards and down: slopes of 1:1.5 (RAA 2008, section 4.5)
STEP = 2.0  # m between the points of a deck
ABUTMENT = 12.0  # m that a deck reaches beyond the road below
DECK = (0.38, 1.3)  # m below the road: the deck's upper and lower face at its edges
LIP = RAIL_OUT + 0.45  # m that the deck is wider than its lanes
WALL = 8.0  # m that an abutment reaches down
CONCRETE = Look(Material.CONCRETE, Label.BRIDGE)

Mask = NDArray[np.bool_]


def is_hilly(network: Network) -> bool:
    """Whether the roads differ in height."""
    heights = [road.elevation(np.linspace(0.0, road.length, 5)) for road in network.roads.values()]
    return float(np.ptp(np.concatenate(heights))) > RELIEF


def move_earth(network: Network, plots: Plots, builder: Builder) -> None:
    """Decks, abutments and rails of bridges; banks along everything else."""
    for road in network.roads.values():
        for section in road.sections:
            s = np.arange(section.start, section.end, STEP)
            s = np.append(s[: len(s) - (section.end - s[-1] < 0.5 * STEP)], section.end)
            if len(s) < 2:
                continue
            above = _above(road, section, s, plots)
            for run in _runs(above):
                _deck(road, section, s[run], plots, builder)
            for run in _runs(~above):
                _banks(road, section, s[run], builder)


def _edges(section: Section, s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Values of t (m) of the outermost borders, left and right."""
    borders = section.borders(s)
    left, right = np.zeros_like(s), np.zeros_like(s)
    for lane, (_, outer) in borders.items():
        if lane > 0:
            left = np.maximum(left, outer)
        elif lane < 0:
            right = np.minimum(right, outer)
    return left, right


def _above(road: Road, section: Section, s: FloatArray, plots: Plots) -> Mask:
    """Where the road is a bridge."""
    left, right = _edges(section, s)
    line = road.along(s)
    shares = [line.at(right + share * (left - right)) for share in np.linspace(0.0, 1.0, 5)]
    drops = [at[:, 2] - plots.ground.lowest(at[:, :2]) for at in shares]
    found = np.max(drops, axis=0) > CLEARANCE
    near = np.abs(s[:, None] - s[None, found]).min(axis=1, initial=np.inf)
    return np.asarray(near <= ABUTMENT)


def _runs(mask: Mask) -> Iterator[slice]:
    """Slices of at least two places where the mask holds; neighbours share no gap."""
    padded = np.concatenate([[False], mask, [False]]).astype(np.int8)
    begins, ends = np.flatnonzero(np.diff(padded) == 1), np.flatnonzero(np.diff(padded) == -1)
    for begin, end in zip(begins, ends, strict=True):
        run = slice(max(int(begin) - 1, 0), min(int(end) + 1, len(mask)))
        if run.stop - run.start >= 2:
            yield run


def _banks(road: Road, section: Section, s: FloatArray, builder: Builder) -> None:
    line = road.along(s)
    out, down = VERGE if road.junction < 0 else (0.0, 0.05)
    for edge, sign in zip(_edges(section, s), (1.0, -1.0), strict=True):
        near = edge + sign * out
        ribbon(line, (near, near + sign * BANK[0]), (-down, -down - BANK[1]), GREEN, builder)


def _deck(road: Road, section: Section, s: FloatArray, plots: Plots, builder: Builder) -> None:
    """The slab with its rails, and a wall at either end."""
    left, right = _edges(section, s)
    line = road.along(s)
    top, bottom = DECK
    corners = [line.at(t) for t in (left + LIP, right - LIP)]
    lower = [at - [0.0, 0.0, bottom] for at in corners]
    upper = [at - [0.0, 0.0, top] for at in corners]
    builder.strip(lower[1], lower[0], CONCRETE)
    builder.strip(upper[0], upper[1], CONCRETE)
    builder.strip(upper[0], lower[0], CONCRETE)
    builder.strip(lower[1], upper[1], CONCRETE)
    _rails(road, section, (float(s[0]), float(s[-1])), plots, builder)
    for k in (0, -1):
        wide = float(left[k] - right[k]) / 2.0 + LIP
        x, y, z = (corners[0][k] + corners[1][k]) / 2.0
        frame = frame_at(x, y, z, float(line.heading[k]))
        builder.box(frame, (-0.5, -wide, -WALL), (0.5, wide, -bottom), CONCRETE)
    middle = line.at((left + right) / 2.0)
    for at, yaw, wide in zip(middle, line.heading, (left - right) / 2.0, strict=True):
        plots.take(at, float(yaw), (STEP / 2.0, float(wide) + 2.5))


def _rails(
    road: Road, section: Section, span: tuple[float, float], plots: Plots, builder: Builder
) -> None:
    """Along both edges of a deck, and a field farther: there the road's own begin, somewhere."""
    first = max(span[0] - RAIL_STEP, section.start)
    s = posts(first, min(span[1] + RAIL_STEP, section.end))
    for edge, sign in zip(_edges(section, s), (1.0, -1.0), strict=True):
        points = road.along(s).at(edge + sign * RAIL_OUT)
        for k, (a, b) in enumerate(pairwise(points)):
            away = float(np.arctan2(b[1] - a[1], b[0] - a[0]) + sign * np.pi / 2.0)
            rail(a, b, away, plots, builder, last=k == len(s) - 2)
