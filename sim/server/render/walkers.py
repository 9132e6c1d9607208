"""Walkers whose legs and arms swing with the way they go."""

from __future__ import annotations

import numpy as np

from sim.server.render.parts import Builder, Joint, Model
from sim.server.scene import Label, Material

STRIDE = 1.4  # m per two steps of an adult 1.75 m tall
SWING = 0.50  # rad, of a leg at walking pace
TROUSERS = (0.10, 0.12, 0.18)
HAIR = (0.07, 0.05, 0.035)
SHOES = (0.04, 0.035, 0.03)


def walker(half_extent: tuple[float, float, float], centre_z: float) -> Model:
    """A walker as tall as its box (half sizes, m), box centre ``centre_z`` above the origin."""
    tall = 2.0 * half_extent[2]
    ground = centre_z - half_extent[2]
    s = tall / 1.75
    b = Builder(Label.PEDESTRIAN)
    pace = 2.0 * np.pi / (STRIDE * s)

    def at(x: float, y: float, z: float) -> tuple[float, float, float]:
        return (x * s, y * s, ground + z * s)

    for side in (1.0, -1.0):
        phase = 0.0 if side > 0 else np.pi
        leg = b.joint(Joint(at(0.0, 0.09 * side, 0.90), swing=SWING, stride=pace, phase=phase))
        y = 0.095 * side
        b.cylinder(
            at(0, y, 0.06), at(0, y, 0.88), (0.055 * s, 0.088 * s), 7, Material.PLAIN, TROUSERS, leg
        )
        b.box(at(-0.09, y - 0.05, 0.0), at(0.17, y + 0.05, 0.08), Material.PLAIN, SHOES, leg)
        arm = b.joint(
            Joint(at(0.0, 0.22 * side, 1.42), swing=0.8 * SWING, stride=pace, phase=phase + np.pi)
        )
        y = 0.235 * side
        b.cylinder(
            at(0.02, y * 1.06, 0.86),
            at(0, y, 1.44),
            (0.042 * s, 0.058 * s),
            6,
            Material.CLOTH,
            part=arm,
        )
        b.ellipsoid(
            at(0.03, y * 1.06, 0.80), (0.05 * s, 0.04 * s, 0.07 * s), Material.SKIN, part=arm
        )
    b.cylinder(at(0, 0, 0.84), at(0, 0, 1.20), (0.165 * s, 0.155 * s), 8, Material.CLOTH)
    b.cylinder(at(0, 0, 1.18), at(0, 0, 1.46), (0.160 * s, 0.200 * s), 8, Material.CLOTH)
    b.cylinder(at(0, 0, 1.44), at(0.01, 0, 1.54), (0.065 * s, 0.055 * s), 6, Material.SKIN)
    b.ellipsoid(at(0.015, 0, 1.62), (0.10 * s, 0.085 * s, 0.125 * s), Material.SKIN)
    b.ellipsoid(at(-0.012, 0, 1.645), (0.105 * s, 0.096 * s, 0.108 * s), Material.PLAIN, HAIR)
    return b.done()
