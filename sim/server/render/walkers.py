"""Walkers whose legs and arms swing with the way they go; parts have their bones' names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.server.render.parts import Builder, Joint, Model
from sim.server.scene import Label, Material

STRIDE = 1.4  # m per two steps of an adult 1.75 m tall
SWING = 0.50  # rad, of a leg at walking pace
TROUSERS = (0.10, 0.12, 0.18)
HAIR = (0.07, 0.05, 0.035)
SHOES = (0.04, 0.035, 0.03)
KNEE, ELBOW, CROWN = 0.49, 1.14, 1.745  # m above the ground, of an adult
HEAD = 0.45  # power of the height by which a child's head is larger for it
TRUNK = ("crl_hips__C", "crl_spine01__C", "crl_neck__C", "crl_Head__C")


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
        end = "__L" if side > 0 else "__R"
        leg = Joint(at(0.0, 0.09 * side, 0.90), swing=SWING, stride=pace, phase=phase)
        thigh, shin, foot = (
            b.joint(replace(leg, name=name + end)) for name in ("crl_thigh", "crl_leg", "crl_foot")
        )
        y = 0.095 * side
        hip, knee, ankle = at(0, y, 0.88), at(0, y, KNEE), at(0, y, 0.06)
        trousers = (Material.PLAIN, TROUSERS)
        b.cylinder(knee, hip, (0.072 * s, 0.088 * s), 7, *trousers, thigh)
        b.cylinder(ankle, knee, (0.055 * s, 0.072 * s), 7, *trousers, shin)
        b.box(at(-0.09, y - 0.05, 0.0), at(0.17, y + 0.05, 0.08), Material.PLAIN, SHOES, foot)
        arm = Joint(at(0.0, 0.22 * side, 1.42), swing=0.8 * SWING, stride=pace, phase=phase + np.pi)
        upper, fore, hand = (
            b.joint(replace(arm, name=name + end))
            for name in ("crl_arm", "crl_foreArm", "crl_hand")
        )
        y = 0.235 * side
        shoulder, elbow, wrist = (
            at(0, y, 1.44),
            at(0.010, y * 1.031, ELBOW),
            at(0.02, y * 1.06, 0.86),
        )
        b.cylinder(elbow, shoulder, (0.050 * s, 0.058 * s), 6, Material.CLOTH, part=upper)
        b.cylinder(wrist, elbow, (0.042 * s, 0.050 * s), 6, Material.CLOTH, part=fore)
        b.ellipsoid(
            at(0.03, y * 1.06, 0.80), (0.05 * s, 0.04 * s, 0.07 * s), Material.SKIN, part=hand
        )
    hips, chest, neck, head = (b.joint(Joint(name=name)) for name in TRUNK)
    cloth, skin = Material.CLOTH, Material.SKIN
    b.cylinder(at(0, 0, 0.84), at(0, 0, 1.20), (0.165 * s, 0.155 * s), 8, cloth, part=hips)
    b.cylinder(at(0, 0, 1.18), at(0, 0, 1.46), (0.160 * s, 0.200 * s), 8, cloth, part=chest)
    b.cylinder(at(0, 0, 1.44), at(0.01, 0, 1.54), (0.065 * s, 0.055 * s), 6, skin, part=neck)
    large = min(max(s, 0.5), 1.0) ** -HEAD
    h = large * s
    b.ellipsoid(
        at(0.015, 0, CROWN - 0.125 * large), (0.10 * h, 0.085 * h, 0.125 * h), skin, part=head
    )
    hair = (0.105 * h, 0.096 * h, 0.108 * h)
    b.ellipsoid(at(-0.012, 0, CROWN - 0.10 * large), hair, Material.PLAIN, HAIR, head)
    return b.done()
