"""Soil around the streets, and asphalt where a junction's ways leave a gap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sim.server.dress.builder import Builder, Look
from sim.server.dress.surfaces import ROAD as ASPHALT
from sim.server.ground import ROAD, Ground
from sim.server.opendrive import Network
from sim.server.scene import Label, Material

LARGEST_GAP = 600.0  # m2: a larger one is a block or a roundabout's island
FILL_DEPTH = 0.02  # m that the filling lies below the ways
SOIL_CELL = 8.0  # m
SOIL_DEPTH = 0.15  # m that the soil lies below the road beside it
SOIL = Look(Material.GRASS, Label.TERRAIN)

Mask = NDArray[np.bool_]


def fill_junctions(network: Network, ground: Ground, builder: Builder) -> Ground:
    """Asphalt in the small gaps inside junctions; the ground with them as road."""
    surface = ground.kind > 0
    closed = ndimage.binary_closing(surface, np.ones((3, 3), np.bool_), iterations=2)
    gaps, count = ndimage.label((closed & ~surface) | _holes(surface))
    if count == 0:
        return ground
    inside = _junction_mask(network, ground)
    index = np.arange(1, count + 1)
    area = ndimage.sum_labels(np.ones_like(gaps), gaps, index) * ground.cell**2
    touched = ndimage.sum_labels(inside, gaps, index) > 0
    chosen = np.concatenate([[False], (area < LARGEST_GAP) & touched])
    fill: Mask = chosen[gaps]
    kind = ground.kind.copy()
    kind[fill] = ROAD
    _pave(replace(ground, kind=kind), fill, builder)
    return replace(ground, kind=kind)


def _holes(surface: Mask) -> Mask:
    """What is bare and has surface all around."""
    patch, count = ndimage.label(~surface)
    hole = np.arange(count + 1) > 0
    for edge in (patch[0], patch[-1], patch[:, 0], patch[:, -1]):
        hole[edge] = False
    found: Mask = hole[patch]
    return found


def _junction_mask(network: Network, ground: Ground) -> Mask:
    """Grid points inside the box around some junction's ways."""
    boxes: dict[int, list[NDArray[np.float64]]] = {}
    for road in network.roads.values():
        if road.junction >= 0:
            x, y, _ = road.reference(np.linspace(0.0, road.length, 9))
            boxes.setdefault(road.junction, []).append(np.stack([x, y], axis=-1))
    mask = np.zeros(ground.kind.shape, np.bool_)
    for parts in boxes.values():
        points = np.concatenate(parts) - [ground.x, ground.y]
        (j0, i0), (j1, i1) = (
            np.clip(bound / ground.cell, 0, None).astype(int)
            for bound in (points.min(axis=0), points.max(axis=0))
        )
        mask[i0 : i1 + 2, j0 : j1 + 2] = True
    return mask


def _pave(ground: Ground, fill: Mask, builder: Builder) -> None:
    """One quadrangle per run of grid points in a row, half a cell wider than the run."""
    padded = np.pad(fill, ((0, 0), (1, 1))).astype(np.int8)
    row, start = np.nonzero(np.diff(padded, axis=1) == 1)
    _, end = np.nonzero(np.diff(padded, axis=1) == -1)
    half = 0.75 * ground.cell
    x0 = ground.x + start * ground.cell - half
    x1 = ground.x + (end - 1) * ground.cell + half
    y = ground.y + row * ground.cell
    corners = np.empty((len(row), 4, 3))
    for k, (x, dy) in enumerate(((x0, -half), (x1, -half), (x1, half), (x0, half))):
        corners[:, k, 0], corners[:, k, 1] = x, y + dy
        z = ground(np.stack([np.clip(x, x0 + half, x1 - half), y], axis=-1))[0]
        corners[:, k, 2] = z - FILL_DEPTH
    builder.quads(corners, ASPHALT, corners[:, :, :2])


def soil(ground: Ground, builder: Builder) -> None:
    """A coarse surface just below everything; squares hidden by road are left out."""
    step = round(SOIL_CELL / ground.cell)
    size = 2 * step + 1
    low = ndimage.minimum_filter(ground.lower, size)[::step, ::step] - SOIL_DEPTH
    hidden = ndimage.minimum_filter(ground.kind, size)[::step, ::step] != 0
    rows, columns = low.shape
    x = ground.x + SOIL_CELL * np.arange(columns)
    y = ground.y + SOIL_CELL * np.arange(rows)
    xx, yy = np.meshgrid(x, y)
    vertices = np.stack([xx.ravel(), yy.ravel(), low.ravel()], axis=-1).astype(np.float64)
    k = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = k[:-1, :-1], k[:-1, 1:], k[1:, 1:], k[1:, :-1]
    seen = ~(hidden[:-1, :-1] & hidden[:-1, 1:] & hidden[1:, 1:] & hidden[1:, :-1]).ravel()
    lower = np.stack([a.ravel(), b.ravel(), c.ravel()], axis=-1)[seen]
    upper = np.stack([a.ravel(), c.ravel(), d.ravel()], axis=-1)[seen]
    builder.add(vertices, np.concatenate([lower, upper]), SOIL)
