"""Vehicles of four wheels and more, lofted from a table of sections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.server.render.parts import Builder, Joint, Model, White
from sim.server.scene import Label, Material
from sim.server.vehicle_physics import Wheel

DARK = (0.05, 0.05, 0.055)
PAINT, GLASS = Material.PAINT, Material.GLASS


@dataclass(frozen=True, slots=True)
class Section:
    """A cross-section; shares of length (from the middle), height and half width."""

    x: float
    floor: float
    belt: float  # height where the windows begin
    roof: float
    wide: float = 1.0  # at the belt
    narrow: float = 0.80  # at the roof
    side: Material = PAINT  # windows between this section and the next
    top: Material = PAINT


Sections = tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """A blueprint's box."""

    size: tuple[float, float, float]  # m, full length, width, height
    centre_x: float  # m ahead of the actor's origin


SEDAN = (
    Section(-0.500, 0.34, 0.56, 0.58, 0.84, 0.80),
    Section(-0.485, 0.20, 0.66, 0.70, 0.92, 0.82),
    Section(-0.360, 0.17, 0.665, 0.72, 0.98, 0.80, PAINT, GLASS),
    Section(-0.200, 0.17, 0.66, 0.97, 1.0, 0.66, GLASS),
    Section(-0.035, 0.17, 0.65, 1.0, 1.0, 0.68),
    Section(-0.010, 0.17, 0.65, 1.0, 1.0, 0.68, GLASS),
    Section(0.110, 0.17, 0.64, 0.965, 1.0, 0.66, PAINT, GLASS),
    Section(0.270, 0.17, 0.63, 0.68, 0.98, 0.80),
    Section(0.430, 0.18, 0.56, 0.60, 0.94, 0.76),
    Section(0.487, 0.20, 0.47, 0.51, 0.86, 0.70),
    Section(0.500, 0.28, 0.40, 0.42, 0.78, 0.66),
)
HATCH = (
    Section(-0.500, 0.32, 0.58, 0.60, 0.86, 0.80),
    Section(-0.480, 0.20, 0.62, 0.68, 0.94, 0.78, PAINT, GLASS),
    Section(-0.380, 0.18, 0.63, 0.95, 0.98, 0.68, PAINT),
    Section(-0.300, 0.18, 0.63, 0.98, 1.0, 0.70, GLASS),
    Section(-0.060, 0.18, 0.62, 1.0, 1.0, 0.72),
    Section(-0.030, 0.18, 0.62, 1.0, 1.0, 0.72, GLASS),
    Section(0.120, 0.18, 0.61, 0.96, 1.0, 0.70, PAINT, GLASS),
    Section(0.290, 0.18, 0.60, 0.66, 0.97, 0.80),
    Section(0.440, 0.19, 0.54, 0.59, 0.93, 0.76),
    Section(0.488, 0.21, 0.46, 0.50, 0.85, 0.70),
    Section(0.500, 0.28, 0.39, 0.41, 0.78, 0.66),
)
SUV = (
    Section(-0.500, 0.32, 0.58, 0.60, 0.88, 0.84),
    Section(-0.488, 0.20, 0.62, 0.66, 0.95, 0.84, PAINT, GLASS),
    Section(-0.440, 0.19, 0.62, 0.94, 0.98, 0.76, PAINT),
    Section(-0.400, 0.19, 0.62, 0.98, 1.0, 0.78, GLASS),
    Section(-0.060, 0.19, 0.61, 1.0, 1.0, 0.79),
    Section(-0.030, 0.19, 0.61, 1.0, 1.0, 0.79, GLASS),
    Section(0.140, 0.19, 0.61, 0.97, 1.0, 0.77, PAINT, GLASS),
    Section(0.270, 0.19, 0.61, 0.65, 0.98, 0.86),
    Section(0.450, 0.20, 0.58, 0.61, 0.95, 0.84),
    Section(0.488, 0.22, 0.50, 0.54, 0.88, 0.78),
    Section(0.500, 0.28, 0.42, 0.44, 0.82, 0.74),
)
VAN = (
    Section(-0.500, 0.17, 0.52, 0.97, 0.97, 0.88),
    Section(-0.490, 0.15, 0.52, 0.99, 1.0, 0.90),
    Section(0.160, 0.15, 0.52, 1.0, 1.0, 0.90),
    Section(0.190, 0.15, 0.52, 1.0, 1.0, 0.90, GLASS),
    Section(0.290, 0.15, 0.52, 0.96, 1.0, 0.86, GLASS, GLASS),
    Section(0.410, 0.15, 0.50, 0.54, 0.98, 0.88),
    Section(0.485, 0.16, 0.42, 0.46, 0.94, 0.84),
    Section(0.500, 0.22, 0.36, 0.38, 0.86, 0.80),
)
BUS = (
    Section(-0.500, 0.12, 0.42, 0.96, 0.97, 0.92),
    Section(-0.495, 0.10, 0.40, 0.99, 1.0, 0.95),
    Section(-0.440, 0.10, 0.40, 1.0, 1.0, 0.95, GLASS),
    Section(-0.270, 0.10, 0.40, 1.0, 1.0, 0.95),
    Section(-0.260, 0.10, 0.40, 1.0, 1.0, 0.95, GLASS),
    Section(-0.090, 0.10, 0.40, 1.0, 1.0, 0.95),
    Section(-0.080, 0.10, 0.40, 1.0, 1.0, 0.95, GLASS),
    Section(0.090, 0.10, 0.40, 1.0, 1.0, 0.95),
    Section(0.100, 0.10, 0.40, 1.0, 1.0, 0.95, GLASS),
    Section(0.270, 0.10, 0.40, 1.0, 1.0, 0.95),
    Section(0.280, 0.10, 0.36, 1.0, 1.0, 0.95, GLASS),
    Section(0.470, 0.10, 0.36, 0.99, 1.0, 0.94, PAINT, GLASS),
    Section(0.500, 0.12, 0.34, 0.92, 0.97, 0.90),
)


def loft(b: Builder, sections: Sections, size: tuple[float, float, float]) -> None:
    """The body of a vehicle: skin between sections, a lid at each end. Size: full box (m)."""
    length, width, height = size
    rings = []
    for s in sections:
        x, half = s.x * length, width / 2.0
        z0, z1, z2 = s.floor * height, s.belt * height, s.roof * height
        right = [
            (x, -half * s.wide * 0.90, z0),
            (x, -half * s.wide, z0 + 0.45 * (z1 - z0)),
            (x, -half * s.wide * 0.965, z1),
            (x, -half * s.narrow, z2),
        ]
        rings.append(np.array(right + [(px, -py, pz) for px, py, pz in reversed(right)]))
    n = 8
    for s, a, c in zip(sections[:-1], rings[:-1], rings[1:], strict=True):
        kinds = (PAINT, PAINT, s.side, s.top, s.side, PAINT, PAINT, Material.PLAIN)
        for k in range(n):
            m = (k + 1) % n
            colour = DARK if kinds[k] == Material.PLAIN else White
            b.polygon([a[k], c[k], c[m], a[m]], kinds[k], colour)
    b.polygon(list(rings[-1]), PAINT)
    b.polygon(list(rings[0][::-1]), PAINT)


def wheel(b: Builder, x: float, y: float, radius: float, wide: float, steer: float) -> None:
    """A tyre with a rim that shows its turning; y is the middle of the tread."""
    part = b.joint(Joint(pivot=(x, y, radius), turn=1.0 / radius, steer=steer))
    out = 1.0 if y > 0.0 else -1.0
    inner, outer = (x, y - out * wide / 2, radius), (x, y + out * wide / 2, radius)
    b.cylinder(inner, outer, (radius, radius), 12, Material.TYRE, part=part)
    for k in range(5):  # spokes
        a0, a1 = k * 2.0 * np.pi / 5.0, (k + 0.62) * 2.0 * np.pi / 5.0
        face = y + out * (wide / 2 + 0.006)
        r = 0.66 * radius
        corners = [
            (x, face, radius),
            (x + r * np.cos(a0), face, radius + r * np.sin(a0)),
            (x + r * np.cos(a1), face, radius + r * np.sin(a1)),
        ]
        b.polygon(
            corners[:: -int(out)] if out > 0 else corners, Material.METAL, (1.6, 1.6, 1.65), part
        )


def lamps(
    b: Builder,
    size: tuple[float, float, float],
    front: tuple[float, float],
    rear: tuple[float, float],
    inset: float = 0.62,
    high: float = 0.055,
) -> None:
    """Head, brake and indicator lights; ``front``, ``rear`` are (share of length, of height)."""
    length, width, height = size
    h = high * height
    for sign in (1.0, -1.0):
        left = sign > 0
        turn = Material.INDICATOR_LEFT if left else Material.INDICATOR_RIGHT
        for place, way, kind in (
            (front, 1.0, Material.HEADLIGHT),
            (rear, -1.0, Material.TAILLIGHT),
        ):
            x, z = place[0] * length + way * 0.012, place[1] * height
            y0, y1 = sign * inset * width / 2, sign * (inset + 0.22) * width / 2
            y2 = sign * (inset + 0.30) * width / 2
            for ya, yb, material in ((y0, y1, kind), (y1, y2, turn)):
                low, high_y = min(ya, yb), max(ya, yb)
                b.box((x - 0.05, low, z - h), (x + 0.004, high_y, z + h), material)


def car(
    body: Body, wheels: tuple[Wheel, ...], label: Label = Label.CAR, sections: Sections = SEDAN
) -> Model:
    """A vehicle that fills its box, mirrors included."""
    length, width, height = body.size
    b = Builder(label, shift=(body.centre_x, 0.0, 0.0))
    loft(b, sections, (length, 0.93 * width, height))
    for at in wheels:
        x, y, _ = at.position
        wheel(b, x - body.centre_x, y, at.radius, 0.11 * width, 1.0 if at.max_steer else 0.0)
    lamps(b, (length, 0.93 * width, height), front_of(sections), rear_of(sections))
    mirrors(b, body.size, sections)
    return b.done()


def mirrors(b: Builder, size: tuple[float, float, float], sections: Sections) -> None:
    """Outside mirrors at the front windows; they reach the box's full width."""
    length, width, height = size
    last = max(s.x for s in sections if Material.GLASS in (s.side, s.top))
    belt = next(s.belt for s in sections if s.x == last)
    x, z = (last + 0.02) * length, (belt + 0.03) * height
    for y in (-width / 2, width / 2 - 0.07 * width):
        b.box((x, y, z), (x + 0.1, y + 0.07 * width, z + 0.13), PAINT)


def front_of(sections: Sections) -> tuple[float, float]:
    """Where the head lights sit: share of length, share of height."""
    s = sections[-2]
    return s.x, s.belt - 0.08


def rear_of(sections: Sections) -> tuple[float, float]:
    """Where the tail lights sit."""
    s = sections[1]
    return s.x - 0.004, s.belt - 0.07
