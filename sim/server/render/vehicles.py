"""Vehicles of four wheels and more, lofted from a table of sections."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sim.server.render.parts import Builder, Joint, Model, White
from sim.server.scene import Label, Material
from sim.server.vehicle_physics import Wheel

DARK = (0.05, 0.05, 0.055)
BROAD = 0.93  # body without mirrors, share of the box
WHEEL = "wheel "  # and its number: what a wheel's part is called
DOOR, WAY = "door ", " way"  # the same of a door (0 FL, 1 FR, 2 RL, 3 RR), and of what it opens
PROUD = 0.005  # m that an opening stands out from the skin it lies on
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
    cap: Material = PAINT  # upper half of the end, at the first and the last section


Sections = tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """A blueprint's box."""

    size: tuple[float, float, float]  # m, full length, width, height
    centre_x: float  # m ahead of the actor's origin
    doors: bool = False  # that can be opened


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
CAMPER = (
    Section(-0.500, 0.14, 0.50, 0.90, 0.94, 0.84, cap=GLASS),
    Section(-0.485, 0.12, 0.52, 0.97, 1.0, 0.88, PAINT),
    Section(-0.440, 0.12, 0.52, 0.99, 1.0, 0.88, GLASS),
    Section(-0.200, 0.12, 0.52, 1.0, 1.0, 0.88),
    Section(-0.180, 0.12, 0.52, 1.0, 1.0, 0.88, GLASS),
    Section(0.070, 0.12, 0.52, 1.0, 1.0, 0.88),
    Section(0.090, 0.12, 0.52, 1.0, 1.0, 0.88, GLASS),
    Section(0.350, 0.12, 0.52, 0.98, 1.0, 0.86, GLASS, GLASS),
    Section(0.480, 0.12, 0.50, 0.56, 0.98, 0.84),
    Section(0.500, 0.16, 0.46, 0.50, 0.92, 0.80),
)
WEDGE = (
    Section(-0.500, 0.24, 0.58, 0.60, 0.94, 0.90),
    Section(-0.480, 0.20, 0.60, 0.64, 1.0, 0.92),
    Section(-0.200, 0.20, 0.61, 0.86, 1.0, 0.80, GLASS),
    Section(0.060, 0.20, 0.61, 1.0, 1.0, 0.74, GLASS, GLASS),
    Section(0.340, 0.20, 0.58, 0.64, 1.0, 0.88),
    Section(0.485, 0.22, 0.52, 0.56, 0.94, 0.86),
    Section(0.500, 0.28, 0.48, 0.50, 0.90, 0.84),
)
BUS = (
    Section(-0.500, 0.12, 0.55, 0.96, 0.97, 0.92, cap=GLASS),
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
    Section(0.500, 0.12, 0.34, 0.92, 0.97, 0.90, cap=GLASS),
)


def loft(b: Builder, sections: Sections, size: tuple[float, float, float]) -> None:
    """The body of a vehicle: skin between sections, a lid at each end. Size: full box (m)."""
    rights = [right_side(s, size) for s in sections]
    rings = [np.array(r + [(px, -py, pz) for px, py, pz in reversed(r)]) for r in rights]
    n = 8
    for s, a, c in zip(sections[:-1], rings[:-1], rings[1:], strict=True):
        kinds = (PAINT, PAINT, s.side, s.top, s.side, PAINT, PAINT, Material.PLAIN)
        for k in range(n):
            m = (k + 1) % n
            colour = DARK if kinds[k] == Material.PLAIN else White
            b.polygon([a[k], c[k], c[m], a[m]], kinds[k], colour)
    for s, ring in ((sections[-1], rings[-1][::-1]), (sections[0], rings[0])):
        b.polygon([ring[0], ring[1], ring[2], ring[5], ring[6], ring[7]], PAINT)
        b.polygon([ring[2], ring[3], ring[4], ring[5]], s.cap)


def right_side(s: Section, size: tuple[float, float, float]) -> list[tuple[float, float, float]]:
    """A section's points on the right: sill, flank, belt, roof."""
    length, width, height = size
    x, half = s.x * length, width / 2.0
    z0, z1, z2 = s.floor * height, s.belt * height, s.roof * height
    return [
        (x, -half * s.wide * 0.90, z0),
        (x, -half * s.wide, z0 + 0.45 * (z1 - z0)),
        (x, -half * s.wide * 0.965, z1),
        (x, -half * s.narrow, z2),
    ]


def doors(b: Builder, sections: Sections, size: tuple[float, float, float]) -> None:
    """Doors where there are side windows, the foremost two of each side; hinged at their fronts.

    Only open doors are there to be seen: closed ones are the body's skin.
    """
    ends: list[list[Section]] = []
    for s, after in pairwise(sections):
        if s.side == GLASS and ends and ends[-1][-1] is s:
            ends[-1].append(after)
        elif s.side == GLASS:
            ends.append([s, after])
    for row, span in enumerate(ends[:-3:-1]):
        for left in (True, False):
            door(b, [right_side(s, size) for s in span], left, 2 * row + (0 if left else 1))


def door(b: Builder, span: list[list[tuple[float, float, float]]], left: bool, number: int) -> None:
    """One door along sections from rear to front, and the dark opening behind it."""
    out = 1.0 if left else -1.0
    sides = [[(x, -y if left else y, z) for x, y, z in points] for points in span]
    pivot = sides[-1][1]
    panel = b.joint(Joint(pivot, name=f"{DOOR}{number}", hidden=True))
    way = b.joint(Joint(pivot, name=f"{DOOR}{number}{WAY}", hidden=True))
    for rear, front in pairwise(sides):
        for k, kind in enumerate((PAINT, PAINT, GLASS)):
            face = [rear[k], front[k], front[k + 1], rear[k + 1]]
            outer, inner = (face[::-1], face) if left else (face, face[::-1])
            b.polygon(outer, kind, part=panel)
            lining = (Material.PLAIN, DARK) if kind == PAINT else (kind, White)
            b.polygon(inner, *lining, part=panel)
            b.polygon([(x, y + out * PROUD, z) for x, y, z in outer], Material.PLAIN, DARK, way)


def wheel(
    b: Builder, x: float, y: float, radius: float, wide: float, steer: float, name: str
) -> None:
    """A tyre with a rim that shows its turning; y is the middle of the tread."""
    part = b.joint(Joint(pivot=(x, y, radius), turn=1.0 / radius, steer=steer, name=name))
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


def lamps(b: Builder, size: tuple[float, float, float], sections: Sections) -> None:
    """Head, brake and indicator lights, at the ends of the body."""
    length, width, height = size
    front, rear = sections[-1], sections[1]
    for sign in (1.0, -1.0):
        turn = Material.INDICATOR_LEFT if sign > 0 else Material.INDICATOR_RIGHT
        y = [sign * share * width / 2 for share in (0.46, 0.70, 0.80)]
        z = (front.belt + 0.01) * height
        x0, x1 = 0.455 * length, 0.498 * length
        for ya, yb, kind in ((y[0], y[1], Material.HEADLIGHT), (y[1], y[2], turn)):
            low, high = min(ya, yb), max(ya, yb)
            b.box((x0, low, z - 0.045 * height), (x1, high, z + 0.04 * height), kind)
        z = (rear.belt - 0.07) * height
        x0, x1 = -0.502 * length, -0.485 * length
        for ya, yb, kind in ((y[0], y[1], Material.TAILLIGHT), (y[1], y[2], turn)):
            low, high = min(ya, yb), max(ya, yb)
            b.box((x0, low, z - 0.05 * height), (x1, high, z + 0.05 * height), kind)


def car(
    body: Body, wheels: tuple[Wheel, ...], label: Label = Label.CAR, sections: Sections = SEDAN
) -> Model:
    """A vehicle that fills its box, mirrors included."""
    b = start(body, wheels, label, sections)
    plates(b, body.size, sections)
    return b.done()


def start(body: Body, wheels: tuple[Wheel, ...], label: Label, sections: Sections) -> Builder:
    """Body, wheels, lamps and mirrors."""
    length, width, height = body.size
    b = Builder(label, shift=(body.centre_x, 0.0, 0.0))
    broad = BROAD * width
    loft(b, sections, (length, broad, height))
    for number, at in enumerate(wheels):
        x, y, _ = at.position
        y = float(np.copysign(max(abs(y), 0.45 * broad), y))
        steer = 1.0 if at.max_steer else 0.0
        wheel(b, x - body.centre_x, y, at.radius, 0.11 * width, steer, f"{WHEEL}{number}")
    lamps(b, (length, broad, height), sections)
    if body.doors:
        doors(b, sections, (length, broad, height))
    mirrors(b, body.size, sections, broad)
    return b


def plates(b: Builder, size: tuple[float, float, float], sections: Sections) -> None:
    """Number plates, and the grille under the front one."""
    length, width, height = size
    x, z = 0.5 * length, (sections[0].floor + 0.03) * height
    b.box((-x - 0.01, -0.26, z), (-x + 0.02, 0.26, z + 0.11), Material.PLAIN, (0.75, 0.75, 0.7))
    z = (sections[-1].floor + 0.005) * height
    b.box(
        (x - 0.04, -0.24 * width, z - 0.05),
        (x + 0.004, 0.24 * width, z + 0.08),
        Material.PLAIN,
        DARK,
    )
    b.box((x - 0.04, -0.26, z), (x + 0.012, 0.26, z + 0.10), Material.PLAIN, (0.75, 0.75, 0.7))


def mirrors(b: Builder, size: tuple[float, float, float], sections: Sections, broad: float) -> None:
    """Outside mirrors at the front windows; they reach the box's full width."""
    length, width, height = size
    last = max(s.x for s in sections if Material.GLASS in (s.side, s.top))
    belt = next(s.belt for s in sections if s.x == last)
    x, z = (last + 0.02) * length, (belt + 0.03) * height
    reach = (width - broad) / 2 + 0.05
    for y in (-width / 2, width / 2 - reach):
        b.box((x, y, z), (x + 0.1, y + reach, z + 0.13), PAINT)
