"""Traffic lights and signs as things: poles, arms, heads, plates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from common.frames import FloatArray
from sim.server.dress.builder import UP, Builder, Look, frame_at
from sim.server.dress.plots import Plots
from sim.server.ground import ROAD, Ground
from sim.server.render.signs import plate_uv
from sim.server.scene import Label, Material, Sign, Signal

LIGHT_POLE, SIGN_POLE = 0.09, 0.04  # m, radius
NEAR_HEAD, FAR_HEAD = 2.3, 4.6  # m above ground, lower edge (RiLSA 2015: 2.1, over lanes 4.5)
HEAD = (0.34, 0.30, 1.0)  # m wide, deep, high
LENS = 0.14  # m, radius; RiLSA 2015: 0.3 m across over lanes
LENS_SIDES = 8
PLATE, PLATE_FOOT = 0.7, 2.0  # m wide and high, lower edge (VwV-StVO: 2.0 over pavements)
FAR = np.arange(10.0, 60.0, 1.0)  # m ahead of the stop line where the second head may stand
ASIDE = np.arange(-14.0, 15.0, 1.0)  # m to the left
CLEAR = 0.8  # m between a pole and the road
LONGEST_ARM = 5.0  # m
LENS_COLOURS = ((0.10, 0.004, 0.002), (0.10, 0.045, 0.0), (0.0, 0.085, 0.032))  # unlit
STEEL = (1.5, 1.5, 1.5)


class Footing:
    """Where poles may stand: how far every grid point is from the road."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._clear = ndimage.distance_transform_edt(ground.kind != ROAD) * ground.cell

    def clearance(self, xy: FloatArray) -> NDArray[np.float64]:
        """How far (m) xy (N, 2) lies from the nearest road."""
        ground, (rows, columns) = self._ground, self._clear.shape
        j = np.clip(np.rint((xy[:, 0] - ground.x) / ground.cell), 0, columns - 1)
        i = np.clip(np.rint((xy[:, 1] - ground.y) / ground.cell), 0, rows - 1)
        found: NDArray[np.float64] = self._clear[i.astype(int), j.astype(int)]
        return found

    def beside(self, xy: FloatArray) -> FloatArray:
        """The place nearest to xy (2,) m that is clear of the road."""
        if self.clearance(xy[None])[0] >= 0.3:
            return xy
        reach = np.arange(-8.0, 8.1, 0.5)
        offsets = np.stack(np.meshgrid(reach, reach), axis=-1).reshape(-1, 2)
        free = self.clearance(xy + offsets) >= 0.5
        if not free.any():
            return xy
        found: FloatArray = xy + offsets[free][np.hypot(*offsets[free].T).argmin()]
        return found


def furnish(
    signals: Sequence[Signal], signs: Sequence[Sign], plots: Plots, builder: Builder
) -> None:
    """Every light gets a head beside the stop line and one beyond the junction."""
    footing = Footing(plots.ground)
    for index, signal in enumerate(signals):
        facing = signal.yaw - np.pi / 2.0
        foot = footing.beside(np.array([signal.x, signal.y]))
        _, base = _pole(foot, signal.z, NEAR_HEAD + HEAD[2], LIGHT_POLE, plots, builder)
        _head(base + NEAR_HEAD * UP, facing, index, plots, builder)
        _far_head(signal, index, footing, plots, builder)
    for sign in signs:
        if not sign.painted:
            foot = footing.beside(np.array([sign.x, sign.y]))
            high = PLATE_FOOT + PLATE
            _, base = _pole(foot, sign.z, high, SIGN_POLE, plots, builder)
            _plate(base, sign, plots, builder)


def _pole(
    foot: FloatArray, z: float, high: float, radius: float, plots: Plots, builder: Builder
) -> tuple[int, FloatArray]:
    """A pole and its entry; its id and its foot (3,)."""
    base = np.array([foot[0], foot[1], plots.height(foot[0], foot[1], z)])
    identity = plots.add(
        Label.POLE, (foot[0], foot[1], base[2] + high / 2.0), 0.0, (radius, radius, high / 2.0)
    )
    look = Look(Material.METAL, Label.POLE, identity, STEEL)
    builder.tube(base - 0.4 * UP, base + high * UP, radius, look)
    plots.claim(foot, 0.0, (0.5, 0.5))
    return identity, base


def _plate(base: FloatArray, sign: Sign, plots: Plots, builder: Builder) -> None:
    """The plate and its entry, its face to the traffic, its back grey."""
    facing = sign.yaw - np.pi / 2.0
    frame = frame_at(base[0], base[1], base[2], facing)
    y, low, high = PLATE / 2.0, PLATE_FOOT, PLATE_FOOT + PLATE
    middle = frame @ np.array([0.055, 0.0, (low + high) / 2.0, 1.0])
    extent = (0.005, y, PLATE / 2.0)
    identity = plots.add(Label.TRAFFIC_SIGN, tuple(middle[:3]), facing, extent, solid=False)
    face = np.array([(0.06, -y, low), (0.06, y, low), (0.06, y, high), (0.06, -y, high)])
    back = face[::-1] - [0.01, 0.0, 0.0]
    left, top, right, bottom = plate_uv(sign.kind)
    uv = np.array([(left, bottom), (right, bottom), (right, top), (left, top)])
    turn, at = frame[:3, :3].T, frame[:3, 3]
    builder.quads(face @ turn + at, Look(Material.SIGN, Label.TRAFFIC_SIGN, identity), uv)
    builder.quads(back @ turn + at, Look(Material.METAL, Label.TRAFFIC_SIGN, identity, STEEL))


def _head(at: FloatArray, facing: float, index: int, plots: Plots, builder: Builder) -> None:
    """A box with three lenses and its entry, for a signal's index.

    `at` is its lower middle, `facing` the way it shines (rad).
    """
    wide, deep, high = HEAD
    frame = frame_at(at[0], at[1], at[2], facing)
    middle = frame @ np.array([0.12 + deep / 2, 0.0, high / 2, 1.0])
    extent = (deep / 2, wide / 2, high / 2)
    identity = plots.add(Label.TRAFFIC_LIGHT, tuple(middle[:3]), facing, extent, solid=False)
    body = Look(Material.METAL, Label.TRAFFIC_LIGHT, identity, (0.12, 0.12, 0.12))
    builder.box(frame, (0.12, -wide / 2, 0.0), (0.12 + deep, wide / 2, high), body, bottom=True)
    angle = 2.0 * np.pi * np.arange(LENS_SIDES) / LENS_SIDES
    fan = np.array([[0, k + 1, k + 2] for k in range(LENS_SIDES - 1)] + [[0, LENS_SIDES, 1]])
    for lens in range(3):
        up = high * (5 - 2 * lens) / 6.0
        disc = np.zeros((LENS_SIDES + 1, 3))
        disc[:, 0] = 0.12 + deep + 0.01
        disc[1:, 1] = LENS * np.cos(angle)
        disc[:, 2] = up
        disc[1:, 2] += LENS * np.sin(angle)
        look = Look(Material.LAMP, Label.TRAFFIC_LIGHT, 4 * index + lens, LENS_COLOURS[lens])
        builder.add(disc @ frame[:3, :3].T + frame[:3, 3], fan, look, disc[:, 1:])


def _far_head(signal: Signal, index: int, footing: Footing, plots: Plots, builder: Builder) -> None:
    """A second head beyond the junction, on an arm that reaches towards the lanes."""
    c, s = np.cos(signal.yaw), np.sin(signal.yaw)
    right, ahead = np.array([c, s]), np.array([-s, c])
    x, y, _ = signal.trigger_centre
    stop = np.array([signal.x, signal.y]) + x * right + (y + signal.trigger_extent[1]) * ahead
    far, aside = (grid.ravel() for grid in np.meshgrid(FAR, ASIDE, indexing="ij"))
    places = stop + far[:, None] * ahead - aside[:, None] * right
    clear = footing.clearance(places)
    good = (clear >= CLEAR) & (np.abs(aside) < 0.6 * far) & (clear < 4.0)
    if not good.any():
        return
    cost = far + 1.2 * np.abs(aside) + np.where(aside > 0.0, 4.0, 0.0)
    best = np.flatnonzero(good)[cost[good].argmin()]
    high = FAR_HEAD + HEAD[2]
    identity, base = _pole(places[best], signal.z, high, LIGHT_POLE, plots, builder)
    reach = float(np.clip(aside[best], -LONGEST_ARM, LONGEST_ARM))
    top = base + (high - 0.15) * UP
    end = top + reach * np.array([right[0], right[1], 0.0])
    if abs(reach) > 0.5:
        builder.tube(top, end, 0.06, Look(Material.METAL, Label.POLE, identity, STEEL))
    _head(end - (HEAD[2] - 0.15) * UP, signal.yaw - np.pi / 2.0, index, plots, builder)
