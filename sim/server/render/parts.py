"""Small meshes built in code, and the joints that move them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from sim.server.scene import F32, I32, U8, Label, Material

F64 = NDArray[np.float64]
White = (1.0, 1.0, 1.0)
Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Joint:
    """How a part moves about its pivot; the default stays fixed to the body."""

    pivot: tuple[float, float, float] = (0.0, 0.0, 0.0)  # m, model frame
    turn: float = 0.0  # rad about y per metre travelled
    steer: float = 0.0  # share of the steering angle, about z
    swing: float = 0.0  # rad, amplitude about y at walking pace
    stride: float = 0.0  # rad of gait per metre travelled
    phase: float = 0.0  # rad
    name: str = ""  # by which `Instances.moved` may move it in its own way
    hidden: bool = False  # shown only while it is so moved


@dataclass(frozen=True, slots=True)
class Model:
    """One kind of moving thing at rest, in the actor's frame."""

    vertices: F32  # (V, 3) m
    vertex_part: I32  # (V,)
    faces: I32  # (F, 3), counter-clockwise from outside
    face_part: I32  # (F,)
    normals: F32  # (F, 3)
    material: U8  # (F,)
    label: U8  # (F,)
    colour: F32  # (F, 3)
    joints: tuple[Joint, ...]
    radius: float  # m, sphere about the origin that holds it


@dataclass(slots=True)
class Builder:
    """Collects primitives; `done` makes the model."""

    label: Label
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)  # m, from builder to model frame
    joints: list[Joint] = field(default_factory=lambda: [Joint()])
    points: list[F64] = field(default_factory=list)
    faces: list[NDArray[np.int64]] = field(default_factory=list)
    kinds: list[tuple[int, int, int, int, Colour]] = field(default_factory=list)
    count: int = 0

    def joint(self, joint: Joint) -> int:
        """A new part; its number."""
        pivot = tuple(float(p + s) for p, s in zip(joint.pivot, self.shift, strict=True))
        self.joints.append(replace(joint, pivot=(pivot[0], pivot[1], pivot[2])))
        return len(self.joints) - 1

    def add(
        self,
        points: F64,
        faces: NDArray[np.int64],
        material: Material,
        colour: Colour = White,
        part: int = 0,
        label: Label | None = None,
    ) -> None:
        """Points (P, 3) m and faces (N, 3)."""
        self.points.append(np.asarray(points, np.float64) + np.array(self.shift))
        self.faces.append(np.asarray(faces, np.int64).reshape(-1, 3) + self.count)
        self.count += len(points)
        tag = self.label if label is None else label
        self.kinds.append((len(self.faces[-1]), part, int(material), int(tag), colour))

    def polygon(
        self,
        corners: Sequence[Sequence[float]],
        material: Material,
        colour: Colour = White,
        part: int = 0,
        label: Label | None = None,
    ) -> None:
        """A convex polygon, counter-clockwise from outside."""
        n = len(corners)
        fan = np.stack([np.zeros(n - 2), np.arange(1, n - 1), np.arange(2, n)], axis=1)
        self.add(np.array(corners, float), fan.astype(np.int64), material, colour, part, label)

    def box(
        self,
        low: Sequence[float],
        high: Sequence[float],
        material: Material,
        colour: Colour = White,
        part: int = 0,
        label: Label | None = None,
        taper: float = 1.0,
    ) -> None:
        """An upright box whose top is ``taper`` times as long and wide."""
        a, b = np.array(low, float), np.array(high, float)
        middle, half = (a + b) / 2.0, (b - a) / 2.0
        signs = np.array([[sx, sy, sz] for sz in (-1, 1) for sy in (-1, 1) for sx in (-1, 1)])
        points = middle + signs * half
        points[4:, :2] = middle[:2] + (points[4:, :2] - middle[:2]) * taper
        self.add(points, BOX_FACES, material, colour, part, label)

    def cylinder(
        self,
        start: Sequence[float],
        end: Sequence[float],
        radii: tuple[float, float],
        sides: int,
        material: Material,
        colour: Colour = White,
        part: int = 0,
        label: Label | None = None,
    ) -> None:
        """A closed cone stump between two points."""
        a, b = np.array(start, float), np.array(end, float)
        axis = (b - a) / np.linalg.norm(b - a)
        across = np.cross(axis, [0.0, 0.0, 1.0] if abs(axis[2]) < 0.9 else [1.0, 0.0, 0.0])
        across /= np.linalg.norm(across)
        angle = np.arange(sides) * 2.0 * np.pi / sides
        ring = np.cos(angle)[:, None] * across + np.sin(angle)[:, None] * np.cross(axis, across)
        points = np.concatenate([a + radii[0] * ring, b + radii[1] * ring])
        i = np.arange(sides)
        j = (i + 1) % sides
        side = np.concatenate(
            [np.stack([i, j, j + sides], 1), np.stack([i, j + sides, i + sides], 1)]
        )
        k = np.arange(1, sides - 1)
        bottom = np.stack([np.zeros_like(k), k + 1, k], 1)
        top = np.stack([np.zeros_like(k), k, k + 1], 1) + sides
        faces = np.concatenate([side, bottom, top])
        self.add(points, faces, material, colour, part, label)

    def ellipsoid(
        self,
        centre: Sequence[float],
        radii: Sequence[float],
        material: Material,
        colour: Colour = White,
        part: int = 0,
        label: Label | None = None,
    ) -> None:
        """A ball of 48 faces, stretched."""
        rings, sides = 4, 8
        lat = np.linspace(-0.5, 0.5, rings + 1)[1:-1] * np.pi
        lon = np.arange(sides) * 2.0 * np.pi / sides
        mid = [(np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a)) for a in lat for b in lon]
        points = np.array([(0.0, 0.0, -1.0), *mid, (0.0, 0.0, 1.0)])
        i = np.arange(sides)
        j = (i + 1) % sides
        faces = [np.stack([np.zeros_like(i), j + 1, i + 1], 1)]
        for ring in range(rings - 2):
            p = 1 + ring * sides
            faces.append(np.stack([p + i, p + j, p + sides + j], 1))
            faces.append(np.stack([p + i, p + sides + j, p + sides + i], 1))
        p = 1 + (rings - 2) * sides
        faces.append(np.stack([p + i, p + j, np.full_like(i, p + sides)], 1))
        points = points * np.array(radii, float) + np.array(centre, float)
        self.add(points, np.concatenate(faces), material, colour, part, label)

    def done(self) -> Model:
        """The model, with flat normals."""
        points, faces = np.concatenate(self.points), np.concatenate(self.faces)
        counts = [kind[0] for kind in self.kinds]
        part = np.repeat([kind[1] for kind in self.kinds], counts)
        edge = points[faces[:, 1:]] - points[faces[:, :1]]
        normal = np.cross(edge[:, 0], edge[:, 1])
        size = np.linalg.norm(normal, axis=1)
        keep = size > 1e-9
        vertex_part = np.zeros(len(points), np.int32)
        vertex_part[faces] = part[:, None]
        tags = np.array([kind[2:4] for kind in self.kinds], np.uint8)
        colours = np.array([kind[4] for kind in self.kinds], np.float32)
        return Model(
            vertices=points.astype(np.float32),
            vertex_part=vertex_part,
            faces=faces[keep].astype(np.int32),
            face_part=part[keep].astype(np.int32),
            normals=(normal[keep] / size[keep, None]).astype(np.float32),
            material=np.repeat(tags[:, 0], counts)[keep],
            label=np.repeat(tags[:, 1], counts)[keep],
            colour=np.repeat(colours, counts, axis=0)[keep],
            joints=tuple(self.joints),
            radius=float(np.linalg.norm(points, axis=1).max()) + 0.3,
        )


BOX_FACES = np.array(
    [
        [0, 2, 3], [0, 3, 1], [4, 5, 7], [4, 7, 6], [0, 1, 5], [0, 5, 4],
        [2, 6, 7], [2, 7, 3], [0, 4, 6], [0, 6, 2], [1, 3, 7], [1, 7, 5],
    ]
)  # fmt: skip
