"""Traffic lights and signs as things: poles, arms, heads, plates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from common.frames import FloatArray
from sim.server.dress.builder import Builder, Look, frame_at
from sim.server.ground import ROAD, Ground
from sim.server.scene import Label, Material, Sign, Signal, StaticObject

FIRST_OBJECT = 30_000  # ids of static things; actors count from 1
LIGHT_POLE, SIGN_POLE = 0.09, 0.04  # m, radius
NEAR_HEAD, FAR_HEAD = 2.3, 4.6  # m above ground, lower edge (RiLSA 2015: 2.1, over lanes 4.5)
HEAD = (0.34, 0.30, 1.0)  # m wide, deep, high
LENS = 0.14  # m, radius; lenses of 0.3 m over lanes are drawn the same
LENS_SIDES = 8
FAR = np.arange(10.0, 60.0, 1.0)  # m ahead of the stop line where the second head may stand
ASIDE = np.arange(-14.0, 15.0, 1.0)  # m to the left
CLEAR = 0.8  # m between a pole and the road
LENS_COLOURS = ((1.0, 0.05, 0.02), (1.0, 0.55, 0.0), (0.0, 0.9, 0.35))


def furnish(
    signals: Sequence[Signal],
    signs: Sequence[Sign],
    ground: Ground,
    builder: Builder,
    objects: list[StaticObject],
) -> None:
    """Every light gets a head beside the stop line and one beyond the junction."""
    clearance = ndimage.distance_transform_edt(ground.kind != ROAD) * ground.cell
    for index, signal in enumerate(signals):
        facing = signal.yaw - np.pi / 2.0
        foot = _off_road(np.array([signal.x, signal.y]), ground, clearance)
        _pole(foot, signal.z, NEAR_HEAD + HEAD[2], ground, builder, objects)
        _head(_raised(foot, signal.z, NEAR_HEAD, ground), facing, index, builder, objects)
        _far_head(signal, index, ground, clearance, builder, objects)
    for sign in signs:
        if not sign.painted:
            foot = _off_road(np.array([sign.x, sign.y]), ground, clearance)
            _pole(foot, sign.z, 2.8, ground, builder, objects, SIGN_POLE)


def _off_road(xy: FloatArray, ground: Ground, clearance: FloatArray) -> FloatArray:
    """The place nearest to xy (2,) m that is clear of the road."""
    if _clearance(xy[None], ground, clearance)[0] >= 0.3:
        return xy
    reach = np.arange(-8.0, 8.1, 0.5)
    offsets = np.stack(np.meshgrid(reach, reach), axis=-1).reshape(-1, 2)
    free = _clearance(xy + offsets, ground, clearance) >= 0.5
    if not free.any():
        return xy
    near = offsets[free][np.hypot(*offsets[free].T).argmin()]
    found: FloatArray = xy + near
    return found


def _clearance(xy: FloatArray, ground: Ground, clearance: FloatArray) -> FloatArray:
    """How far (m) xy (N, 2) lies from the nearest road."""
    j = np.clip(np.rint((xy[:, 0] - ground.x) / ground.cell), 0, clearance.shape[1] - 1)
    i = np.clip(np.rint((xy[:, 1] - ground.y) / ground.cell), 0, clearance.shape[0] - 1)
    found: FloatArray = clearance[i.astype(int), j.astype(int)]
    return found


def _raised(foot: FloatArray, z: float, up: float, ground: Ground) -> FloatArray:
    base = ground(np.array([[foot[0], foot[1], z + 0.5]]))[0][0]
    return np.array([foot[0], foot[1], base + up])


def _pole(
    foot: FloatArray,
    z: float,
    high: float,
    ground: Ground,
    builder: Builder,
    objects: list[StaticObject],
    radius: float = LIGHT_POLE,
) -> None:
    identity = FIRST_OBJECT + len(objects)
    look = Look(Material.METAL, Label.POLE, identity, (0.5, 0.52, 0.54))
    base = _raised(foot, z, -0.4, ground)
    builder.tube(base, base + np.array([0.0, 0.0, high + 0.4]), radius, look)
    objects.append(
        StaticObject(
            identity, int(Label.POLE), float(foot[0]), float(foot[1]),
            float(base[2] + 0.4 + high / 2.0), 0.0, (radius, radius, high / 2.0), True,
        )
    )  # fmt: skip


def _head(
    at: FloatArray, facing: float, index: int, builder: Builder, objects: list[StaticObject]
) -> None:
    """A box with three lenses on the last pole; `at`: lower middle, `facing`: its front (rad)."""
    wide, deep, high = HEAD
    frame = frame_at(at[0], at[1], at[2], facing)
    body = Look(Material.METAL, Label.TRAFFIC_LIGHT, objects[-1].id, (0.06, 0.06, 0.06))
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


def _far_head(
    signal: Signal,
    index: int,
    ground: Ground,
    clearance: FloatArray,
    builder: Builder,
    objects: list[StaticObject],
) -> None:
    """A second head beyond the junction, on an arm that reaches towards the lanes."""
    c, s = np.cos(signal.yaw), np.sin(signal.yaw)
    right, ahead = np.array([c, s]), np.array([-s, c])
    x, y, _ = signal.trigger_centre
    stop = np.array([signal.x, signal.y]) + x * right + (y + signal.trigger_extent[1]) * ahead
    far, aside = (grid.ravel() for grid in np.meshgrid(FAR, ASIDE, indexing="ij"))
    places = stop + far[:, None] * ahead - aside[:, None] * right
    clear = _clearance(places, ground, clearance)
    good = (clear >= CLEAR) & (np.abs(aside) < 0.6 * far) & (clear < 4.0)
    if not good.any():
        return
    cost = far + 1.2 * np.abs(aside) + np.where(aside > 0.0, 4.0, 0.0)
    foot = places[good][cost[good].argmin()]
    offset = float(aside[good][cost[good].argmin()])
    _pole(foot, signal.z, FAR_HEAD + HEAD[2], ground, builder, objects)
    reach = min(abs(offset), 5.0) * np.sign(offset)
    top = _raised(foot, signal.z, FAR_HEAD + HEAD[2] - 0.15, ground)
    head = foot + reach * right
    if abs(reach) > 0.5:
        look = Look(Material.METAL, Label.POLE, objects[-1].id, (0.5, 0.52, 0.54))
        end = np.array([head[0], head[1], top[2]])
        builder.tube(top, end, 0.06, look)
    at = np.array([head[0], head[1], top[2] - HEAD[2] + 0.15])
    _head(at, signal.yaw - np.pi / 2.0, index, builder, objects)
