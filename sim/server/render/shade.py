"""Visibility to pictures: light, fog and the four planes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.server.render.jit import inline, kernel
from sim.server.render.lamps import LampMap, lamp_light
from sim.server.render.materials import look_of, wetted
from sim.server.render.noise import noise
from sim.server.render.raster import Cameras, Triangles, fill_band
from sim.server.render.shadows import ShadowMap, lit
from sim.server.render.sky import Colour, Light, clouded_sky, sky
from sim.server.scene import F32, I32, U8, U32

NIGHT_WINDOW = (1.0, 0.72, 0.38)
LAMP = (1.0, 0.84, 0.62)
MOST_WET = 6  # Material: asphalt, markings, kerb, pavement, grass get wet
SKY_LABEL = np.uint8(11)
SAME_DIRECTION = 0.98  # cosine between normals of one surface


class Surface(NamedTuple):
    """Faces as the shader needs them, static then moving."""

    look: F32  # (F, 16): normal 3, plane offset, colour 3, emission, u affine 4, v affine 4
    tag: U32  # (F, 3): Material, Label, object id


class Pixels(NamedTuple):
    """The planes of all views, one after the other."""

    rgb: U8  # (N, 3)
    depth: F32  # (N,)
    label: U8  # (N,)
    instance: U32  # (N,)


class Samples(NamedTuple):
    """Room for one band per lane, two samples per pixel each way."""

    inverse: F32  # (lanes, rows, columns) 1/m
    ids: I32  # (lanes, rows, columns) face, -1 for sky


class World(NamedTuple):
    """What the light of a frame falls on and comes from."""

    surface: Surface
    light: Light
    shadow: ShadowMap
    lamps: LampMap
    tile: F32  # noise
    plates: F32  # (rows, columns, 3) sign atlas, linear RGB
    tone: U8  # light to sRGB


@inline
def ray(cameras: Cameras, view: int, x: float, y: float) -> Colour:
    """World direction, one metre deep, through sample coordinates (x, y)."""
    axes = cameras.axes
    a = (x - cameras.lens[view, 1]) * cameras.lens[view, 3]
    b = (y - cameras.lens[view, 2]) * cameras.lens[view, 3]
    return (
        axes[view, 0, 0] * a + axes[view, 1, 0] * b + axes[view, 2, 0],
        axes[view, 0, 1] * a + axes[view, 1, 1] * b + axes[view, 2, 1],
        axes[view, 0, 2] * a + axes[view, 1, 2] * b + axes[view, 2, 2],
    )


@inline
def plane_depth(look: F32, face: int, eye: Colour, d: Colour, near: float) -> float:
    """Depth (m) where ray d meets a face's plane, within a factor 2 of the sampled one."""
    nx, ny, nz = look[face, 0], look[face, 1], look[face, 2]
    toward = nx * d[0] + ny * d[1] + nz * d[2]
    height = look[face, 3] - (nx * eye[0] + ny * eye[1] + nz * eye[2])
    if toward > -1e-9:
        return near
    depth: float = min(max(height / toward, 0.5 * near), 2.0 * near)
    return depth


@inline
def irradiance(
    world: World, nx: float, ny: float, nz: float, x: float, y: float, z: float
) -> Colour:
    """Light that falls on a surface with normal n at a point."""
    light = world.light
    above = 0.5 + 0.5 * nz
    facing = nx * light.to_sun[0] + ny * light.to_sun[1] + nz * light.to_sun[2]
    side = 1.0 + 0.12 * (nx * light.to_sun[0] + ny * light.to_sun[1])
    sun = 0.0
    if facing > 0.0 and light.sun[0] > 0.0:
        out = 0.06 + 0.22 * (1.0 - facing)
        sun = facing * lit(world.shadow, x + nx * out, y + ny * out, z + nz * out)
    if light.night > 0.0:
        near = light.night * (0.65 + 0.35 * nz) * lamp_light(world.lamps, x, y, z)
        return (
            side * (light.down[0] + (light.up[0] - light.down[0]) * above)
            + sun * light.sun[0]
            + near * LAMP[0],
            side * (light.down[1] + (light.up[1] - light.down[1]) * above)
            + sun * light.sun[1]
            + near * LAMP[1],
            side * (light.down[2] + (light.up[2] - light.down[2]) * above)
            + sun * light.sun[2]
            + near * LAMP[2],
        )
    return (
        side * (light.down[0] + (light.up[0] - light.down[0]) * above) + sun * light.sun[0],
        side * (light.down[1] + (light.up[1] - light.down[1]) * above) + sun * light.sun[1],
        side * (light.down[2] + (light.up[2] - light.down[2]) * above) + sun * light.sun[2],
    )


@inline
def surface_light(
    world: World, face: int, eye: Colour, d: Colour, depth: float, focal: float
) -> Colour:
    """Light that leaves a face along the ray d from ``depth``, through the fog."""
    light, look = world.light, world.surface.look
    material = int(world.surface.tag[face, 0])
    x, y, z = eye[0] + depth * d[0], eye[1] + depth * d[1], eye[2] + depth * d[2]
    nx, ny, nz = float(look[face, 0]), float(look[face, 1]), float(look[face, 2])
    length = np.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    toward = -(nx * d[0] + ny * d[1] + nz * d[2]) / length
    blur = depth / (focal * max(toward, 0.06))
    u = look[face, 8] * x + look[face, 9] * y + look[face, 10] * z + look[face, 11]
    v = look[face, 12] * x + look[face, 13] * y + look[face, 14] * z + look[face, 15]
    rgb = (float(look[face, 4]), float(look[face, 5]), float(look[face, 6]))
    r, g, b, gloss, glow = look_of(
        world.tile, world.plates, material, rgb, (x, y, z), (u, v), blur, light.night
    )
    if light.wet > 0.0 and nz > 0.7 and material <= MOST_WET:
        r, g, b, gloss = wetted(world.tile, light.wet, light.puddles, (r, g, b), x, y)
    e = irradiance(world, nx, ny, nz, x, y, z)
    shine = float(look[face, 7])
    lr = r * (e[0] + shine) + glow * NIGHT_WINDOW[0]
    lg = g * (e[1] + shine) + glow * NIGHT_WINDOW[1]
    lb = b * (e[2] + shine) + glow * NIGHT_WINDOW[2]
    if gloss > 0.0:
        grazing = 1.0 - min(max(toward, 0.0), 1.0)
        grazing *= grazing
        mirror = gloss * (0.06 + 0.94 * grazing * grazing)
        s = 2.0 * toward
        m = sky(light, d[0] / length + s * nx, d[1] / length + s * ny, d[2] / length + s * nz)
        lr, lg, lb = lr + mirror * (m[0] - lr), lg + mirror * (m[1] - lg), lb + mirror * (m[2] - lb)
    clear = np.exp(-light.fog * max(depth * length - light.fog_start, 0.0))
    return (
        light.horizon[0] + (lr - light.horizon[0]) * clear,
        light.horizon[1] + (lg - light.horizon[1]) * clear,
        light.horizon[2] + (lb - light.horizon[2]) * clear,
    )


@inline
def sky_light(world: World, d: Colour) -> Colour:
    """Light from the sky along the ray d."""
    scale = 1.0 / np.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    return clouded_sky(world.light, world.tile, d[0] * scale, d[1] * scale, d[2] * scale)


@inline
def alike(surface: Surface, p: int, q: int) -> bool:
    """Whether two faces are one surface to the eye: shaded once."""
    if p == q:
        return True
    if p < 0 or q < 0:
        return False
    for k in range(3):
        if surface.tag[p, k] != surface.tag[q, k]:
            return False
    a = surface.look
    if a[p, 4] != a[q, 4] or a[p, 5] != a[q, 5] or a[p, 6] != a[q, 6]:
        return False
    return bool(a[p, 0] * a[q, 0] + a[p, 1] * a[q, 1] + a[p, 2] * a[q, 2] > SAME_DIRECTION)


@inline
def rain_streaks(world: World, r: float, g: float, b: float, u: float, v: float) -> Colour:
    """Falling drops before the light of four samples; u, v are shares of the picture's width."""
    light = world.light
    fall = noise(world.tile, u * 620.0 + v * 14.0 + light.moment * 3.0, v * 14.0 - light.moment)
    streak = min(max((fall - 0.66) * 3.0, 0.0), 1.0) * (0.15 + 0.30 * light.rain)
    return (
        r + (4.0 * light.horizon[0] - r) * streak,
        g + (4.0 * light.horizon[1] - g) * streak,
        b + (4.0 * light.horizon[2] - b) * streak,
    )


@inline
def put_tone(
    world: World, out: Pixels, at: int, r: float, g: float, b: float, u: float, v: float
) -> None:
    """Write the mean of four samples' light."""
    if world.light.rain > 0.0:
        r, g, b = rain_streaks(world, r, g, b, u, v)
    out.rgb[at, 0] = world.tone[int(4095.0 * r / (4.0 + r))]
    out.rgb[at, 1] = world.tone[int(4095.0 * g / (4.0 + g))]
    out.rgb[at, 2] = world.tone[int(4095.0 * b / (4.0 + b))]


@inline
def put_face(
    world: World, out: Pixels, at: int, face: int, eye: Colour, d: Colour, near: float
) -> None:
    """Write what a pixel shows: label, object and depth at its centre; face -1 is sky."""
    if face < 0:
        out.label[at], out.instance[at], out.depth[at] = SKY_LABEL, np.uint32(0), np.inf
        return
    out.label[at] = world.surface.tag[face, 1]
    out.instance[at] = world.surface.tag[face, 2]
    out.depth[at] = plane_depth(world.surface.look, face, eye, d, 1.0 / near)


@inline
def group(world: World, ids: I32, row: int, x: int, k: int, done: int) -> tuple[int, int, int, int]:
    """Samples of a pixel that see the surface that sample k sees: bits, count, offsets."""
    face = ids[row + (k >> 1), 2 * x + (k & 1)]
    count, right, down = 0, 0, 0
    for m in range(k, 4):
        other = ids[row + (m >> 1), 2 * x + (m & 1)]
        if not (done >> m) & 1 and alike(world.surface, face, other):
            done |= 1 << m
            count, right, down = count + 1, right + (m & 1), down + (m >> 1)
    return done, count, right, down


@inline
def pixel(
    world: World,
    cameras: Cameras,
    view: int,
    inverse: F32,
    ids: I32,
    row: int,
    y: int,
    x: int,
    out: Pixels,
    at: int,
) -> None:
    """One pixel: its four samples grouped by surface, each group shaded once at its middle."""
    eye = (cameras.eye[view, 0], cameras.eye[view, 1], cameras.eye[view, 2])
    r = g = b = 0.0
    done, most, most_near, most_face = 0, 0, 0.0, -1
    first = ids[row, 2 * x]
    whole = first == ids[row, 2 * x + 1] and first == ids[row + 1, 2 * x]
    whole = whole and first == ids[row + 1, 2 * x + 1]
    for k in range(4):
        if (done >> k) & 1:
            continue
        face = ids[row + (k >> 1), 2 * x + (k & 1)]
        near = inverse[row + (k >> 1), 2 * x + (k & 1)]
        count, right, down = 4, 2, 2
        if whole:
            done = 15
        else:
            done, count, right, down = group(world, ids, row, x, k, done)
        d = ray(cameras, view, 2 * x + 0.5 + right / count, 2 * y + 0.5 + down / count)
        if face < 0:
            c = sky_light(world, d)
        else:
            depth = plane_depth(world.surface.look, face, eye, d, 1.0 / near)
            c = surface_light(world, face, eye, d, depth, 0.5 * cameras.lens[view, 0])
        r, g, b = r + count * c[0], g + count * c[1], b + count * c[2]
        if count > most or (count == most and near > most_near):
            most, most_near, most_face = count, near, face
    wide = 2.0 / cameras.size[view, 1]
    put_tone(world, out, at, r, g, b, x * wide, y * wide)
    centre = ray(cameras, view, 2.0 * x + 1.0, 2.0 * y + 1.0)
    put_face(world, out, at, most_face, eye, centre, most_near)


@kernel
def draw(
    bands: I32,
    blocks: I32,
    cameras: Cameras,
    triangles: Triangles,
    world: World,
    samples: Samples,
    out: Pixels,
    lane: int,
    lanes: int,
) -> None:
    """Visibility and pixels of every band, band by band while its samples are in the cache.

    ``bands`` (N, 6): view, first block, last + 1 block, first pixel row, last + 1, first pixel.
    """
    inverse, ids = samples.inverse[lane], samples.ids[lane]
    for n in range(lane, len(bands), lanes):
        view, b0, b1, top, end, start = bands[n]
        columns = cameras.size[view, 1]
        fill_band(triangles, blocks, b0, b1, 2 * top, 2 * end, inverse, ids, columns)
        for y in range(top, end):
            at = start + (y - top) * (columns >> 1)
            for x in range(columns >> 1):
                pixel(world, cameras, view, inverse, ids, 2 * (y - top), y, x, out, at + x)
