"""The static mesh cut into cells, so that a frame touches only what it sees.

Within a cell faces run from large to small things, so that "leave out what is too small to see
from here" is a prefix of the cell.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.server.scene import F32, I32, Mesh

CELL = 36.0  # m, edge of a cell
SIZES = np.array([np.inf, 8.0, 4.0, 2.0, 1.0, 0.5, 0.25, 0.12])  # m, upper bounds of size classes
SCRATCH = 16384  # vertices of one cell at most; fuller cells are cut into more

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cells:
    """Static geometry in drawing order."""

    vertices: F32  # (V, 3) m, world
    faces: I32  # (F, 3), counted from the cell's first vertex
    corners: I32  # (F, 3), counted from vertex 0
    order: I64  # (F,) the mesh's face that each face was
    first: I32  # (C, 2) first vertex, first face
    vertex_count: I32  # (C, K) vertices of the K' largest size classes
    face_count: I32  # (C, K)
    lower: F64  # (C, 3) m
    upper: F64  # (C, 3) m


def face_sizes(mesh: Mesh) -> F64:
    """The extent (F,) m of the thing a face belongs to: its object, else the face itself."""
    corners = mesh.vertices[mesh.faces]
    lower, upper = corners.min(1), corners.max(1)
    _, group = np.unique(mesh.instance, return_inverse=True)
    count = int(group.max()) + 1 if len(group) else 0
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    np.minimum.at(low, group, lower)
    np.maximum.at(high, group, upper)
    single = mesh.instance == 0
    low, high = (
        np.where(single[:, None], lower, low[group]),
        np.where(single[:, None], upper, high[group]),
    )
    extent: F64 = np.linalg.norm(high - low, axis=1)
    return extent


def cut(mesh: Mesh) -> Cells:
    """The mesh's faces sorted by cell and size, vertices repeated per cell."""
    centre = mesh.vertices[mesh.faces].mean(axis=1)
    column, row = np.floor(centre[:, :2] / CELL).astype(np.int64).T
    size_class = np.searchsorted(-SIZES, -face_sizes(mesh), side="right") - 1
    order = np.lexsort((size_class, column, row))
    cell_ids = np.stack([row, column], axis=1)[order]
    change = np.any(np.diff(cell_ids, axis=0) != 0, axis=1)
    starts = np.concatenate([[0], np.nonzero(change)[0] + 1, [len(order)]])
    pieces = [
        (int(k), min(int(k) + SCRATCH // 3, int(end)))
        for begin, end in itertools.pairwise(starts)
        for k in range(int(begin), int(end), SCRATCH // 3)
    ]
    return assemble(mesh, order, size_class[order], pieces)


def assemble(mesh: Mesh, order: I64, size_class: I64, pieces: list[tuple[int, int]]) -> Cells:
    """The arrays of `Cells` for runs of faces `pieces` of the order."""
    vertices, local, bounds, first = [], [], [], []
    face_count, vertex_count = [], []
    base = 0
    for begin, end in pieces:
        used, where, inverse = np.unique(
            mesh.faces[order[begin:end]], return_index=True, return_inverse=True
        )
        by_use = np.argsort(where, kind="stable")  # number vertices by first use
        rank = np.empty(len(used), np.int64)
        rank[by_use] = np.arange(len(used))
        faces = rank[inverse].reshape(-1, 3)
        points = mesh.vertices[used[by_use]]
        counts = np.searchsorted(size_class[begin:end], np.arange(len(SIZES)), side="right")
        highest = np.maximum.accumulate(faces.max(axis=1)) + 1
        vertices.append(points)
        local.append(faces)
        first.append((base, begin))
        face_count.append(counts)
        vertex_count.append(np.where(counts > 0, highest[np.maximum(counts - 1, 0)], 0))
        bounds.append((points.min(axis=0), points.max(axis=0)))
        base += len(points)
    faces = np.concatenate(local)
    owner = np.repeat([f[0] for f in first], [len(f) for f in local])
    return Cells(
        vertices=np.concatenate(vertices).astype(np.float32),
        faces=faces.astype(np.int32),
        corners=(faces + owner[:, None]).astype(np.int32),
        order=order,
        first=np.array(first, np.int32),
        vertex_count=np.array(vertex_count, np.int32),
        face_count=np.array(face_count, np.int32),
        lower=np.array([b[0] for b in bounds], np.float64),
        upper=np.array([b[1] for b in bounds], np.float64),
    )
