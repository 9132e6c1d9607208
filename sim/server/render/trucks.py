"""Trucks and emergency vehicles: a cab with something behind or on top of it."""

from __future__ import annotations

from sim.server.render.parts import Builder, Colour, Model
from sim.server.render.vehicles import DARK, SEDAN, VAN, Body, Section, Sections, start
from sim.server.scene import Label, Material
from sim.server.vehicle_physics import Wheel

PAINT, GLASS, PLAIN = Material.PAINT, Material.GLASS, Material.PLAIN
WHITE: Colour = (0.72, 0.72, 0.72)
RED: Colour = (0.50, 0.02, 0.02)
BLUE_LIGHT: Colour = (0.05, 0.15, 1.0)
RED_LIGHT: Colour = (1.0, 0.04, 0.03)

CAB = (
    Section(-0.500, 0.12, 0.18, 0.20, 0.90, 0.86),
    Section(-0.490, 0.12, 0.18, 0.20, 0.96, 0.90),
    Section(0.240, 0.12, 0.18, 0.20, 0.96, 0.90),
    Section(0.245, 0.12, 0.48, 0.90, 0.96, 0.90),
    Section(0.330, 0.12, 0.48, 0.90, 1.0, 0.92, GLASS),
    Section(0.455, 0.12, 0.48, 0.89, 1.0, 0.92, GLASS),
    Section(0.485, 0.12, 0.47, 0.84, 1.0, 0.92),
    Section(0.500, 0.14, 0.46, 0.78, 0.96, 0.90, cap=GLASS),
)


def lorry(body: Body, wheels: tuple[Wheel, ...], label: Label) -> Model:
    """A cab before a closed container."""
    b = start(body, wheels, label, CAB)
    container(b, body, PLAIN, WHITE)
    return b.done()


def container(b: Builder, body: Body, material: Material, colour: Colour) -> None:
    """The box behind the cab, a bumper and lights under it."""
    length, width, height = body.size
    low, high = (
        (-0.498 * length, -0.46 * width, 0.22 * height),
        (0.23 * length, 0.46 * width, height),
    )
    b.box(low, high, material, colour)
    x = -0.5 * length
    b.box((x, -0.44 * width, 0.10 * height), (x + 0.1, 0.44 * width, 0.15 * height), PLAIN, DARK)


def fire_engine(body: Body, wheels: tuple[Wheel, ...], label: Label) -> Model:
    """A cab, lockers with a white band, a ladder on top."""
    b = start(body, wheels, label, CAB)
    length, width, height = body.size
    w = 0.46 * width
    b.box((-0.498 * length, -w, 0.20 * height), (0.23 * length, w, 0.86 * height), PAINT)
    stripe(b, body, 0.36, 0.44, w + 0.01, WHITE, (-0.495, 0.228))
    for k in range(4):  # locker shutters
        x0 = (-0.47 + 0.165 * k) * length
        for side in (-1.0, 1.0):
            y0, y1 = sorted((side * w, side * (w + 0.012)))
            z0, z1 = 0.47 * height, 0.80 * height
            b.box((x0, y0, z0), (x0 + 0.14 * length, y1, z1), PLAIN, (0.45, 0.46, 0.48))
    for y in (-0.28, 0.28):
        rail = (-0.49 * length, y - 0.05, 0.90 * height), (0.42 * length, y + 0.05, 0.95 * height)
        b.box(*rail, PLAIN, (0.6, 0.6, 0.62))
    for k in range(9):
        x = (-0.47 + 0.1 * k) * length
        b.box((x, -0.28, 0.91 * height), (x + 0.06, 0.28, 0.94 * height), PLAIN, (0.6, 0.6, 0.62))
    beacons(b, 0.40 * length, 0.9 * width, 0.90 * height, 0.09 * height)
    return b.done()


def ambulance(body: Body, wheels: tuple[Wheel, ...], label: Label) -> Model:
    """A van's front before a white box with a red band."""
    b = start(body, wheels, label, LOW_VAN)
    length, width, height = body.size
    w = 0.475 * width
    b.box((-0.495 * length, -w, 0.17 * height), (0.165 * length, w, 0.95 * height), PLAIN, WHITE)
    stripe(b, body, 0.36, 0.46, w + 0.008, RED, (-0.49, 0.16))
    for side in (-1.0, 1.0):  # a cross on each side
        y0, y1 = sorted((side * w, side * (w + 0.012)))
        z, x, arm = 0.70 * height, -0.17 * length, 0.30
        b.box((x - arm, y0, z - 0.1), (x + arm, y1, z + 0.1), PLAIN, RED)
        b.box((x - 0.1, y0, z - arm), (x + 0.1, y1, z + arm), PLAIN, RED)
    back = -0.505 * length, -0.49 * length
    b.box((back[0], -w, 0.40 * height), (back[1], w, 0.46 * height), PLAIN, RED)
    for y in (-0.22 * width, 0.04 * width):  # a window in each door
        corner = (back[1], y + 0.18 * width, 0.80 * height)
        b.box((back[0], y, 0.56 * height), corner, Material.GLASS)
    for x in (0.12, -0.45):
        beacons(b, x * length, 0.86 * width, 0.95 * height, 0.05 * height)
    return b.done()


def police_car(body: Body, wheels: tuple[Wheel, ...], label: Label) -> Model:
    """A saloon with dark ends, white doors and a light bar."""
    _, width, height = body.size
    b = start(body, wheels, label, SQUAT)
    stripe(b, body, 0.36, 0.45, 0.462 * width, (0.02, 0.06, 0.35), (-0.40, 0.30))
    beacons(b, -0.02 * body.size[0], 0.62 * width, 0.93 * height, 0.07 * height)
    return b.done()


def taxi(body: Body, wheels: tuple[Wheel, ...], label: Label) -> Model:
    """A saloon with a lit sign and a chequered band."""
    b = start(body, wheels, label, SQUAT)
    _, width, height = body.size
    for k in range(10):
        x = -0.30 + 0.055 * k
        y = 0.462 * width
        if k % 2:
            stripe(b, body, 0.38, 0.43, y, DARK, (x, x + 0.05))
    b.box((-0.15, -0.35, 0.93 * height), (0.12, 0.35, height), PLAIN, (0.9, 0.8, 0.3))
    return b.done()


def stripe(
    b: Builder,
    body: Body,
    low: float,
    high: float,
    y: float,
    colour: Colour,
    span: tuple[float, float],
) -> None:
    """A painted band on both sides; shares of height and length."""
    length, _, height = body.size
    for side in (-1.0, 1.0):
        a, c = span[0] * length, span[1] * length
        if side < 0:
            a, c = c, a
        corners = [
            (c, side * y, low * height), (a, side * y, low * height),
            (a, side * y, high * height), (c, side * y, high * height),
        ]  # fmt: skip
        b.polygon(corners, PLAIN, colour)


def beacons(b: Builder, x: float, wide: float, z: float, high: float) -> None:
    """A light bar across the roof: red on the left, blue on the right."""
    half = wide / 2.0
    b.box((x - 0.12, -0.15 * wide, z), (x + 0.12, 0.15 * wide, z + 0.8 * high), PLAIN, WHITE)
    b.box((x - 0.12, 0.15 * wide, z), (x + 0.12, half, z + high), Material.BEACON, RED_LIGHT)
    b.box((x - 0.12, -half, z), (x + 0.12, -0.15 * wide, z + high), Material.BEACON, BLUE_LIGHT)


def lowered(sections: Sections, share: float) -> Sections:
    """The sections with less height, to leave room for what stands on the roof."""
    return tuple(
        Section(s.x, s.floor * share, s.belt * share, s.roof * share, s.wide, s.narrow, s.side,
                s.top, s.cap)
        for s in sections
    )  # fmt: skip


SQUAT = lowered(SEDAN, 0.93)
LOW_VAN = lowered(VAN, 0.88)
