"""Motorcycles and bicycles with their riders."""

from __future__ import annotations

import numpy as np

from sim.server.render.parts import Builder, Joint, Model
from sim.server.render.vehicles import WHEEL
from sim.server.scene import Label, Material
from sim.server.vehicle_physics import Wheel

DARK = (0.06, 0.06, 0.07)
TROUSERS = (0.08, 0.09, 0.13)
Point = tuple[float, float, float]


def cycle(
    label: Label, size: Point, centre_x: float, wheels: tuple[Wheel, ...], colour_seed: int
) -> Model:
    """A two-wheeler and rider that fill the box; the rider's label is RIDER."""
    _length, width, height = size
    b = Builder(label, shift=(centre_x, 0.0, 0.0))
    motor = label == Label.MOTORCYCLE
    thick = 0.055 if motor else 0.022
    places = [(w.position[0] - centre_x, w.radius, 1.0 if w.max_steer else 0.0) for w in wheels]
    for number, (x, radius, steer) in enumerate(places):
        name = f"{WHEEL}{number}"
        part = b.joint(Joint((x, 0.0, radius), turn=1.0 / radius, steer=steer, name=name))
        ring(b, x, radius, thick, part)
    front, rear = max(places), min(places)
    seat = (rear[0] + 0.36 * (front[0] - rear[0]), 0.0, 0.50 * height)
    head = (front[0] - 0.14 * (front[0] - rear[0]), 0.0, 0.58 * height)
    hub_front, hub_rear = (front[0], 0.0, front[1]), (rear[0], 0.0, rear[1])
    crank = (rear[0] + 0.44 * (front[0] - rear[0]), 0.0, 0.17 * height)
    tube = 0.05 if motor else 0.022
    for a, c in (
        (hub_front, head),
        (hub_rear, seat),
        (crank, seat),
        (crank, head),
        (hub_rear, crank),
    ):
        b.cylinder(a, c, (tube, tube), 5, Material.PAINT)
    b.cylinder(seat, (head[0], 0, head[2] - 0.02), (tube, tube), 5, Material.PAINT)
    if motor:
        motor_body(b, seat, head, crank)
    bar = 0.5 * width
    b.cylinder(
        (head[0], -bar, head[2] + 0.04),
        (head[0], bar, head[2] + 0.04),
        (0.016, 0.016),
        5,
        Material.PLAIN,
        DARK,
    )
    z = head[2] - 0.02
    b.box((head[0] + 0.06, -0.06, z - 0.05), (head[0] + 0.12, 0.06, z + 0.06), Material.HEADLIGHT)
    x = rear[0] - 0.10
    b.box((x - 0.04, -0.05, seat[2] - 0.12), (x, 0.05, seat[2] - 0.04), Material.TAILLIGHT)
    rider(b, seat, head, crank, height, colour_seed)
    return b.done()


def ring(b: Builder, x: float, radius: float, thick: float, part: int) -> None:
    """A spoked wheel in the plane y = 0."""
    sides, inner = 14, 0.80 * radius
    a = np.arange(sides) * 2.0 * np.pi / sides
    circle = np.stack([np.cos(a), np.zeros(sides), np.sin(a)], axis=1)
    middle = np.array([x, 0.0, radius])
    out = np.array([0.0, thick, 0.0])
    points = np.concatenate(
        [middle + radius * circle - out, middle + radius * circle + out,
         middle + inner * circle - out, middle + inner * circle + out]
    )  # fmt: skip
    i = np.arange(sides)
    j = (i + 1) % sides
    n = sides
    quads = [(i, i + n, j + n, j), (i + 2 * n, j + 2 * n, j + 3 * n, i + 3 * n),
             (i, j, j + 2 * n, i + 2 * n), (i + n, i + 3 * n, j + 3 * n, j + n)]  # fmt: skip
    faces = [np.stack(t, 1) for p, q, r, s in quads for t in ((p, q, r), (p, r, s))]
    b.add(points, np.concatenate(faces), Material.TYRE, part=part)
    for k in range(0, sides, 2):
        spoke = [middle, middle + inner * circle[k], middle + inner * circle[(k + 1) % sides]]
        thin = [spoke[0], spoke[1], spoke[1] + 0.25 * (spoke[2] - spoke[1])]
        b.polygon([list(p) for p in thin], Material.METAL, part=part)
        b.polygon([list(p) for p in thin[::-1]], Material.METAL, part=part)


def motor_body(b: Builder, seat: Point, head: Point, crank: Point) -> None:
    """Tank, seat and engine."""
    b.ellipsoid(
        (0.35 * seat[0] + 0.65 * head[0], 0, seat[2] + 0.04), (0.30, 0.15, 0.14), Material.PAINT
    )
    b.box(
        (seat[0] - 0.42, -0.12, seat[2] - 0.08),
        (seat[0] + 0.12, 0.12, seat[2] + 0.02),
        Material.PLAIN,
        DARK,
    )
    b.box(
        (crank[0] - 0.2, -0.15, crank[2] - 0.08),
        (crank[0] + 0.28, 0.15, crank[2] + 0.26),
        Material.METAL,
    )
    b.cylinder(
        (crank[0], -0.17, crank[2]),
        (crank[0] - 0.65, -0.17, crank[2] + 0.06),
        (0.045, 0.055),
        6,
        Material.METAL,
    )


def rider(b: Builder, seat: Point, head: Point, crank: Point, height: float, seed: int) -> None:
    """Someone on the seat, hands at the bar, a helmet on."""
    shirt = np.random.default_rng(seed).uniform(0.06, 0.55, 3)
    cloth = (float(shirt[0]), float(shirt[1]), float(shirt[2]))
    tag = Label.RIDER
    skull = 0.13
    neck = (seat[0] + 0.24, 0.0, height - 2.0 * skull - 0.02)
    hip = (seat[0], 0.0, seat[2] + 0.08)
    b.cylinder(hip, (neck[0], 0, neck[2] - 0.06), (0.15, 0.19), 8, Material.PLAIN, cloth, label=tag)
    b.cylinder(neck, (neck[0] + 0.02, 0, neck[2] + 0.08), (0.06, 0.06), 6, Material.SKIN, label=tag)
    b.ellipsoid(
        (neck[0] + 0.04, 0, height - skull),
        (0.14, 0.12, skull),
        Material.PLAIN,
        (0.7, 0.7, 0.72),
        label=tag,
    )
    for side in (1.0, -1.0):
        knee = (seat[0] + 0.40, 0.13 * side, 0.5 * (seat[2] + crank[2]) + 0.12)
        foot = (crank[0] + 0.05, 0.11 * side, crank[2] - 0.02 + 0.08 * side)
        b.cylinder(
            (hip[0], 0.09 * side, hip[2]),
            knee,
            (0.085, 0.065),
            6,
            Material.PLAIN,
            TROUSERS,
            label=tag,
        )
        b.cylinder(knee, foot, (0.06, 0.045), 6, Material.PLAIN, TROUSERS, label=tag)
        b.box(
            (foot[0] - 0.07, foot[1] - 0.04, foot[2] - 0.05),
            (foot[0] + 0.16, foot[1] + 0.04, foot[2] + 0.03),
            Material.PLAIN,
            DARK,
            label=tag,
        )
        shoulder = (neck[0] - 0.02, 0.20 * side, neck[2] - 0.08)
        hand = (head[0], 0.24 * side, head[2] + 0.06)
        b.cylinder(shoulder, hand, (0.055, 0.04), 6, Material.PLAIN, cloth, label=tag)
