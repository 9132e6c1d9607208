"""Grass from the edge of a town to the horizon: who looks past the last trees sees no sky below."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from sim.server.dress.builder import Builder, Look
from sim.server.scene import Label, Material, Mesh

GROUND = (Label.ROAD, Label.SIDEWALK, Label.TERRAIN)
REACH = 1500.0  # m beyond the town
UNDER = 2.0  # m that it begins inside of the town's edge
BELOW = 0.05  # m that it begins below the lowest place there
RIM = 10.0  # m within which a place is at the edge
RING = ((0, 4, 5), (0, 5, 1), (1, 5, 6), (1, 6, 2), (2, 6, 7), (2, 7, 3), (3, 7, 4), (3, 4, 0))
"""Faces between the inner corners 0 to 3, counter-clockwise from the lowest x and y, and the outer
corners 4 to 7."""


def with_horizon(mesh: Mesh) -> Mesh:
    """The town in four slopes, from the lowest place at its edge up to the middle height there."""
    used = np.unique(mesh.faces[np.isin(mesh.label, GROUND)])
    if not len(used):
        return mesh
    ground = mesh.vertices[used].astype(np.float64)
    low, high = ground[:, :2].min(axis=0), ground[:, :2].max(axis=0)
    near = np.minimum(ground[:, :2] - low, high - ground[:, :2]).min(axis=1)
    rim = ground[near < RIM, 2]
    corners = np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])
    points = np.empty((8, 3))
    for part, (out, z) in enumerate(((-UNDER, rim.min() - BELOW), (REACH, np.median(rim)))):
        points[4 * part : 4 * part + 4, :2] = (low + high) / 2.0 + corners * (
            (high - low) / 2.0 + out
        )
        points[4 * part : 4 * part + 4, 2] = z
    builder = Builder()
    builder.add(points, np.array(RING), Look(Material.GRASS, Label.TERRAIN))
    return joined(mesh, builder.mesh())


def joined(mesh: Mesh, other: Mesh) -> Mesh:
    """Two meshes as one."""
    moved = replace(other, faces=other.faces + np.int32(len(mesh.vertices)))
    parts = {
        one.name: np.concatenate([getattr(mesh, one.name), getattr(moved, one.name)])
        for one in fields(Mesh)
    }
    return Mesh(**parts)
