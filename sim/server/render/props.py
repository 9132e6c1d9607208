"""Things that stand about: cones, barrels, trees, barriers, boards, benches, boxes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from sim.server.render.parts import Builder, Colour, Model
from sim.server.scene import Label, Material

PLAIN = Material.PLAIN
ORANGE, WHITE, DARK = (0.80, 0.16, 0.02), (0.75, 0.75, 0.75), (0.04, 0.04, 0.045)
GREY, WOOD, GREEN = (0.32, 0.33, 0.34), (0.35, 0.22, 0.11), (0.03, 0.16, 0.06)
RED, YELLOW = (0.55, 0.03, 0.03), (0.75, 0.50, 0.04)

CONES = ("cone",)
ROUND = ("barrel", "bin", "trashcan", "fountain", "gnome", "lamp", "can", "garbage0", "trampoline")
TABLES = ("table", "bench", "chair", "swing", "pergola", "busstop", "clothesline", "slide")
BARRIERS = ("barrier",)
BOARDS = ("sign", "warning", "advertisement")
COLOURS: tuple[tuple[str, Colour], ...] = (
    ("barrel", (0.10, 0.16, 0.30)),
    ("bench", WOOD),
    ("table", WOOD),
    ("pergola", WOOD),
    ("box", (0.45, 0.31, 0.18)),
    ("container", GREEN),
    ("haybale", (0.62, 0.46, 0.14)),
    ("vending", RED),
    ("colacan", RED),
    ("mailbox", (0.05, 0.10, 0.35)),
    ("trash", GREEN),
    ("bag", DARK),
    ("pot", (0.45, 0.20, 0.12)),
    ("kiosk", (0.10, 0.25, 0.22)),
)


def prop(
    name: str, label: Label, half: tuple[float, float, float], centre: tuple[float, float, float]
) -> Model:
    """The prop of CARLA's name (without "static.prop.") that fills its box (half sizes, m)."""
    low = (centre[0] - half[0], centre[1] - half[1], centre[2] - half[2])
    b = Builder(label, shift=(centre[0], centre[1], low[2]))
    size = (2.0 * half[0], 2.0 * half[1], 2.0 * half[2])
    colour = next((c for key, c in COLOURS if key in name), (0.42, 0.39, 0.34))
    if name.endswith(("tree", "palm")):
        tree(b, name, size)
    elif any(key in name for key in CONES):
        cone(b, size)
    elif any(key in name for key in BARRIERS):
        barrier(b, size)
    elif any(key in name for key in BOARDS):
        board(b, size)
    elif any(key in name for key in TABLES):
        table(b, size, colour)
    elif any(key in name for key in ROUND):
        radius = min(half[0], half[1])
        b.cylinder((0, 0, 0), (0, 0, size[2]), (radius, 0.92 * radius), 12, PLAIN, colour)
    else:
        top = 0.55 * size[2] if "pot" in name else size[2]
        b.box((-half[0], -half[1], 0.0), (half[0], half[1], top), PLAIN, colour, taper=0.97)
    if "pot" in name:
        b.ellipsoid((0, 0, 0.7 * size[2]), (0.46 * size[0], 0.46 * size[1], 0.3 * size[2]), LEAF)
    return b.done()


LEAF = Material.FOLIAGE


def tree(b: Builder, name: str, size: tuple[float, float, float]) -> None:
    """A cypress is a slim cone, a palm a tuft on a stem, others a crown of three balls."""
    wide, tall = 0.5 * min(size[0], size[1]), size[2]
    stem = 0.02 * tall
    if "cypress" in name:
        b.cylinder((0, 0, 0), (0, 0, 0.2 * tall), (stem, stem), 7, Material.TRUNK)
        b.cylinder((0, 0, 0.08 * tall), (0, 0, 0.45 * tall), (0.7 * wide, wide), 10, LEAF)
        b.cylinder((0, 0, 0.45 * tall), (0, 0, tall), (wide, 0.02), 10, LEAF)
        return
    b.cylinder((0, 0, 0), (0, 0, 0.8 * tall), (stem, 0.6 * stem), 7, Material.TRUNK)
    if "palm" in name:
        for k in range(9):
            a = k * 2.0 * np.pi / 9.0
            tip = (wide * np.cos(a), wide * np.sin(a), 0.78 * tall)
            b.cylinder((0, 0, 0.86 * tall), tip, (0.06 * wide, 0.16 * wide), 4, LEAF)
        b.ellipsoid((0, 0, 0.9 * tall), (0.3 * wide, 0.3 * wide, 0.1 * tall), LEAF)
        return
    for dx, dy, z, r in ((0.0, 0.0, 0.74, 0.74), (0.35, 0.2, 0.6, 0.62), (-0.35, -0.2, 0.62, 0.62)):
        at = (dx * wide, dy * wide, z * tall)
        b.ellipsoid(at, (r * wide, r * wide, 0.26 * tall), LEAF)


def cone(b: Builder, size: tuple[float, float, float]) -> None:
    """A traffic cone with two white bands on a dark foot."""
    radius, tall = 0.5 * min(size[0], size[1]), size[2]
    foot = 0.06 * tall
    b.box((-radius, -radius, 0.0), (radius, radius, foot), PLAIN, DARK)
    cuts = (0.06, 0.36, 0.52, 0.66, 0.80, 1.0)
    for k, (low, high) in enumerate(pairwise(cuts)):
        radii = (0.72 * radius * (1.06 - low), 0.72 * radius * (1.06 - high))
        ends = (0.0, 0.0, low * tall), (0.0, 0.0, high * tall)
        b.cylinder(*ends, radii, 10, PLAIN, WHITE if k % 2 else ORANGE)


def barrier(b: Builder, size: tuple[float, float, float]) -> None:
    """A striped plank on two feet."""
    x, y, tall = 0.5 * size[0], 0.5 * size[1], size[2]
    count = 8
    for k in range(count):
        x0, x1 = -x + k * 2.0 * x / count, -x + (k + 1) * 2.0 * x / count
        low, high = (x0, -0.15 * y, 0.66 * tall), (x1, 0.15 * y, tall)
        b.box(low, high, PLAIN, WHITE if k % 2 else RED)
    for at in (-0.8 * x, 0.7 * x):
        b.box((at, -0.1 * y, 0.0), (at + 0.1 * x, 0.1 * y, 0.7 * tall), PLAIN, GREY)
        b.box((at, -y, 0.0), (at + 0.1 * x, y, 0.06 * tall), PLAIN, GREY)


def board(b: Builder, size: tuple[float, float, float]) -> None:
    """A board on a post: yellow with a dark frame."""
    x, y, tall = 0.5 * size[0], 0.5 * size[1], size[2]
    post = 0.05 * min(1.0, tall)
    b.box((-post, -post, 0.0), (post, post, 0.5 * tall), PLAIN, GREY)
    thin = min(0.05, y)
    b.box((-x, -thin, 0.45 * tall), (x, thin, tall), PLAIN, DARK)
    low, high = (-0.92 * x, -1.1 * thin, 0.48 * tall), (0.92 * x, 1.1 * thin, 0.97 * tall)
    b.box(low, high, PLAIN, YELLOW)
    b.box((-x, -y, 0.0), (x, y, 0.03 * tall), PLAIN, DARK)


def table(b: Builder, size: tuple[float, float, float], colour: Colour) -> None:
    """A top on four legs, with a back where it is high enough."""
    x, y, tall = 0.5 * size[0], 0.5 * size[1], size[2]
    top = tall if tall < 0.86 or tall > 1.5 else 0.5 * tall
    b.box((-x, -y, top - 0.06), (x, y, top), PLAIN, colour)
    leg = 0.06 * min(2.0 * x, 2.0 * y, 1.0)
    for sx in (-1.0, 1.0):
        for sy in (-1.0, 1.0):
            cx, cy = sx * (x - leg), sy * (y - leg)
            b.box((cx - leg, cy - leg, 0.0), (cx + leg, cy + leg, top - 0.05), PLAIN, GREY)
    if top < tall:
        b.box((-x, y - 0.06, top), (x, y, tall), PLAIN, colour)
