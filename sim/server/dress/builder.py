"""Collecting triangles, arrays at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common.frames import FloatArray
from sim.server.scene import Label, Material, Mesh

WHITE = (1.0, 1.0, 1.0)
Colour = tuple[float, float, float]
UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, slots=True)
class Look:
    """What the faces of one batch have in common."""

    material: Material
    label: Label
    instance: int = 0
    colour: Colour = WHITE


@dataclass
class Builder:
    """Memory: the batches so far."""

    vertices: list[FloatArray] = field(default_factory=list)
    uv: list[FloatArray] = field(default_factory=list)
    faces: list[NDArray[np.int64]] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    count: int = 0

    def add(
        self,
        vertices: FloatArray,
        faces: NDArray[np.int64],
        look: Look,
        uv: FloatArray | None = None,
    ) -> None:
        """Triangles (F, 3) into `vertices` (V, 3) m; uv (V, 2), by default the world's x and y."""
        if len(faces) == 0:
            return
        self.vertices.append(vertices)
        self.uv.append(vertices[:, :2] if uv is None else uv)
        self.faces.append(faces + self.count)
        self.looks.append(look)
        self.count += len(vertices)

    def quads(self, corners: FloatArray, look: Look, uv: ArrayLike | None = None) -> None:
        """Quadrangles (Q, 4, 3) m, counter-clockwise; uv (Q, 4, 2) or one for all (4, 2)."""
        corners = np.asarray(corners, np.float64).reshape(-1, 4, 3)
        base = 4 * np.arange(len(corners))[:, None]
        faces = (base + np.array([0, 1, 2, 0, 2, 3])).reshape(-1, 3)
        flat = None
        if uv is not None:
            flat = np.broadcast_to(np.asarray(uv, np.float64), (len(corners), 4, 2)).reshape(-1, 2)
        self.add(corners.reshape(-1, 3), faces, look, flat)

    def strip(self, left: FloatArray, right: FloatArray, look: Look) -> None:
        """A ribbon between two lines of as many points (M, 3) m, seen from above."""
        count = len(left)
        k = np.arange(count - 1)
        lower = np.stack([k, k + count, k + count + 1], axis=-1)
        upper = np.stack([k, k + count + 1, k + 1], axis=-1)
        self.add(np.concatenate([left, right]), np.concatenate([lower, upper]), look)

    def box(
        self,
        frame: FloatArray,
        low: ArrayLike,
        high: ArrayLike,
        look: Look,
        bottom: bool = False,
    ) -> None:
        """A box from `low` to `high` (3,) m in the frame (4, 4) `world_from_box`."""
        (x0, y0, z0), (x1, y1, z1) = np.asarray(low, float), np.asarray(high, float)
        v = np.array(
            [[x, y, z] for z in (z0, z1) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
        )
        sides = [(0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7), (4, 5, 6, 7)]
        if bottom:
            sides.append((3, 2, 1, 0))
        corners = v[np.array(sides)] @ frame[:3, :3].T + frame[:3, 3]
        dx, dy, dz = x1 - x0, y1 - y0, z1 - z0
        spans = [(dx, dz), (dy, dz), (dx, dz), (dy, dz), (dx, dy), (dx, dy)]
        uv = [[(0, 0), (u, 0), (u, w), (0, w)] for u, w in spans[: len(sides)]]
        self.quads(corners, look, np.array(uv))

    def tube(
        self, start: ArrayLike, end: ArrayLike, radius: float, look: Look, sides: int = 6
    ) -> None:
        """A round bar from `start` to `end` (3,) m, without its ends."""
        a, b = np.asarray(start, float), np.asarray(end, float)
        axis = (b - a) / np.linalg.norm(b - a)
        side = np.cross(axis, [0.0, 0.0, 1.0] if abs(axis[2]) < 0.9 else [1.0, 0.0, 0.0])
        side /= np.linalg.norm(side)
        up = np.cross(axis, side)
        angle = np.linspace(0.0, 2.0 * np.pi, sides + 1)
        ring = radius * (np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * up)
        low, high = a + ring, b + ring
        corners = np.stack([low[:-1], low[1:], high[1:], high[:-1]], axis=1)
        self.quads(corners, look, np.array([(0, 0), (0.1, 0), (0.1, 1), (0, 1)]))

    def take(self, other: Builder) -> None:
        """Everything of another builder."""
        self.vertices += other.vertices
        self.uv += other.uv
        self.faces += [faces + self.count for faces in other.faces]
        self.looks += other.looks
        self.count += other.count

    def triangles(self) -> FloatArray:
        """Corners (F, 3, 3) m of all triangles so far."""
        if not self.count:
            return np.zeros((0, 3, 3))
        found: FloatArray = np.concatenate(self.vertices)[np.concatenate(self.faces)]
        return found

    def mesh(self) -> Mesh:
        """Everything collected; triangles without area are left out."""
        vertices = np.concatenate(self.vertices) if self.vertices else np.zeros((0, 3))
        faces = np.concatenate(self.faces) if self.faces else np.zeros((0, 3), np.int64)
        sizes = [len(batch) for batch in self.faces]

        def spread(values: list[int]) -> NDArray[np.int64]:
            return np.repeat(np.array(values, np.int64), sizes)

        a, b, c = (vertices[faces[:, k]] for k in range(3))
        real = np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-7
        colours = np.array([look.colour for look in self.looks]).reshape(-1, 3)
        return Mesh(
            vertices=vertices.astype(np.float32),
            uv=(np.concatenate(self.uv) if self.uv else np.zeros((0, 2))).astype(np.float32),
            faces=faces[real].astype(np.int32),
            material=spread([int(look.material) for look in self.looks])[real].astype(np.uint8),
            label=spread([int(look.label) for look in self.looks])[real].astype(np.uint8),
            instance=spread([look.instance for look in self.looks])[real].astype(np.uint32),
            colour=np.repeat(colours, sizes, axis=0)[real].astype(np.float32),
        )


def frame_at(x: float, y: float, z: float, yaw: float) -> FloatArray:
    """`world_from_thing` (4, 4) of an upright thing."""
    c, s = np.cos(yaw), np.sin(yaw)
    out = np.eye(4)
    out[:2, :2] = [[c, -s], [s, c]]
    out[:3, 3] = x, y, z
    return out
