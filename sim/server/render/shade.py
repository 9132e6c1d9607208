"""Visibility to pictures: light, fog and the four planes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from common.jit import inline, kernel
from sim.server.render.lamps import LAMP, LampMap, lamp_glare, lamp_light
from sim.server.render.materials import BRICK, GLASS_FRONT, PAVEMENT, look_of, wetted
from sim.server.render.rain import rain_on
from sim.server.render.raster import Cameras, Triangles, fill_band, ray
from sim.server.render.shadows import ShadowMap, lit
from sim.server.render.sky import Colour, Light, clouded_sky, sky
from sim.server.scene import F32, I32, U8, U32

NIGHT_WINDOW = (1.0, 0.72, 0.38)
MOST_WET = PAVEMENT  # asphalt, markings, kerb, pavement shine when wet
SKY_LABEL = 11
EAVES = 0.6  # m before a wall that its own roof's shadow is left out: the map is too coarse for it
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
    """Room for one band per lane, two samples per pixel each way, and for one row of light."""

    inverse: F32  # (lanes, rows, columns) 1/m
    ids: I32  # (lanes, rows, columns) face, -1 for sky
    light: F32  # (lanes, columns / 2, 3) sum over a pixel's four samples


class World(NamedTuple):
    """What the light of a frame falls on and comes from."""

    surface: Surface
    light: Light
    shadow: ShadowMap
    lamps: LampMap
    tile: F32  # noise
    plates: F32  # (rows, columns, 3) sign atlas, linear RGB
    tone: U8  # light to sRGB


class Facet(NamedTuple):
    """What is the same all over a face, seen from one eye in one frame's light."""

    material: int
    normal: Colour
    near: float  # 1/m, one over the eye's height above the face's plane
    rgb: Colour
    shine: float  # light it gives off
    along_u: tuple[float, float, float, float]  # affine, world to u
    along_v: tuple[float, float, float, float]
    ambient: Colour  # light from sky and ground
    facing: float  # cosine to the sun; 0 where it cannot reach
    out: float  # m before the face where its shadows are looked up
    gets_wet: bool


@inline
def facet_of(world: World, face: int, eye: Colour) -> Facet:
    """A face's facet."""
    light, look = world.light, world.surface.look
    nx, ny, nz = float(look[face, 0]), float(look[face, 1]), float(look[face, 2])
    material = int(world.surface.tag[face, 0])
    above = 0.5 + 0.5 * nz
    side = 1.0 + 0.12 * (nx * light.to_sun[0] + ny * light.to_sun[1])
    facing = nx * light.to_sun[0] + ny * light.to_sun[1] + nz * light.to_sun[2]
    out = 0.06 + 0.22 * (1.0 - facing)
    if BRICK <= material <= GLASS_FRONT:
        out += EAVES
    return Facet(
        material,
        (nx, ny, nz),
        1.0 / (nx * eye[0] + ny * eye[1] + nz * eye[2] - look[face, 3]),
        (float(look[face, 4]), float(look[face, 5]), float(look[face, 6])),
        float(look[face, 7]),
        (look[face, 8] * 1.0, look[face, 9] * 1.0, look[face, 10] * 1.0, look[face, 11] * 1.0),
        (look[face, 12] * 1.0, look[face, 13] * 1.0, look[face, 14] * 1.0, look[face, 15] * 1.0),
        (
            side * (light.down[0] + (light.up[0] - light.down[0]) * above),
            side * (light.down[1] + (light.up[1] - light.down[1]) * above),
            side * (light.down[2] + (light.up[2] - light.down[2]) * above),
        ),
        facing if light.sun[0] > 0.0 else 0.0,
        out,
        light.wet > 0.0 and nz > 0.7 and material <= MOST_WET,
    )


@inline
def plane_depth(normal: Colour, near: float, d: Colour, inverse: float) -> float:
    """Depth (m) where ray d meets a plane, within a factor 2 of the sampled one.

    ``near`` is one over the eye's height above the plane, ``inverse`` one over the sampled depth.
    """
    here = -near * (normal[0] * d[0] + normal[1] * d[1] + normal[2] * d[2])
    if here <= 0.0:
        here = inverse
    depth: float = 1.0 / min(max(here, 0.5 * inverse), 2.0 * inverse)
    return depth


@inline
def irradiance(world: World, facet: Facet, x: float, y: float, z: float) -> Colour:
    """Light that falls on a facet at a point."""
    light, (nx, ny, nz) = world.light, facet.normal
    r, g, b = facet.ambient
    if facet.facing > 0.0:
        out = facet.out
        sun = facet.facing * lit(world.shadow, x + nx * out, y + ny * out, z + nz * out)
        r, g, b = r + sun * light.sun[0], g + sun * light.sun[1], b + sun * light.sun[2]
    if light.night > 0.0:
        near = light.night * (0.65 + 0.35 * nz) * lamp_light(world.lamps, x, y, z)
        r, g, b = r + near * LAMP[0], g + near * LAMP[1], b + near * LAMP[2]
    return r, g, b


@inline
def facet_light(
    world: World, facet: Facet, eye: Colour, d: Colour, depth: float, focal: float
) -> Colour:
    """Light that leaves a facet along the ray d from ``depth``, through the fog."""
    light, (nx, ny, nz) = world.light, facet.normal
    x, y, z = eye[0] + depth * d[0], eye[1] + depth * d[1], eye[2] + depth * d[2]
    length = np.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    toward = -(nx * d[0] + ny * d[1] + nz * d[2])
    blur = depth * length / (focal * max(toward, 0.06 * length))
    p, q = facet.along_u, facet.along_v
    u, v = p[0] * x + p[1] * y + p[2] * z + p[3], q[0] * x + q[1] * y + q[2] * z + q[3]
    r, g, b, gloss, glow = look_of(
        world.tile,
        world.plates,
        facet.material,
        facet.rgb,
        (x, y, z),
        facet.normal,
        (u, v),
        blur,
        light.night,
    )
    if facet.gets_wet:
        r, g, b, gloss = wetted(world.tile, light.wet, light.puddles, (r, g, b), x, y)
    e = irradiance(world, facet, x, y, z)
    lr = r * (e[0] + facet.shine) + glow * NIGHT_WINDOW[0]
    lg = g * (e[1] + facet.shine) + glow * NIGHT_WINDOW[1]
    lb = b * (e[2] + facet.shine) + glow * NIGHT_WINDOW[2]
    if gloss > 0.0:
        scale = 1.0 / length
        s = scale * toward
        grazing = 1.0 - min(max(s, 0.0), 1.0)
        grazing *= grazing
        mirror = gloss * (0.06 + 0.94 * grazing * grazing)
        s *= 2.0
        back = (d[0] * scale + s * nx, d[1] * scale + s * ny, d[2] * scale + s * nz)
        m = sky(light, back[0], back[1], back[2])
        if facet.gets_wet and light.night > 0.0:
            glare = light.night * lamp_glare(world.lamps, x, y, back)
            m = (m[0] + glare * LAMP[0], m[1] + glare * LAMP[1], m[2] + glare * LAMP[2])
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
def develop(world: World, sums: F32, out: Pixels, at: int) -> None:
    """A row's light (N, 3), the sums of four samples, to bytes from pixel ``at`` on."""
    four, steps = np.float32(4.0), np.float32(4095.0)
    for x in range(len(sums)):
        r, g, b = sums[x, 0], sums[x, 1], sums[x, 2]
        out.rgb[at + x, 0] = world.tone[int(steps * r / (four + r))]
        out.rgb[at + x, 1] = world.tone[int(steps * g / (four + g))]
        out.rgb[at + x, 2] = world.tone[int(steps * b / (four + b))]


@inline
def names(surface: Surface, face: int) -> tuple[int, int]:
    """A face's label and object; -1 is sky."""
    if face < 0:
        return SKY_LABEL, 0
    return int(surface.tag[face, 1]), int(surface.tag[face, 2])


@inline
def put(out: Pixels, at: int, names: tuple[int, int], depth: float) -> None:
    """Write what a pixel shows."""
    out.label[at], out.instance[at], out.depth[at] = names[0], names[1], depth


@inline
def whole(ids: I32, row: int, x: int) -> bool:
    """Whether the four samples of a pixel see one face."""
    first = ids[row, 2 * x]
    return bool(
        first == ids[row, 2 * x + 1]
        and first == ids[row + 1, 2 * x]
        and first == ids[row + 1, 2 * x + 1]
    )


Stroke = tuple[int, int, int, int, int, int]


@inline
def stroke(world: World, ids: I32, row: int, x: int, last: int, done: int) -> Stroke:
    """What to shade at once: a run of pixels that see one face whole, or samples of one pixel.

    ``done`` has a bit for each sample of pixel x that needs no more; a row has ``last`` pixels.
    Gives the first sample, the new ``done``, the number of samples, the sums of their offsets, the
    last pixel + 1.
    """
    k, count, right, down, end = 0, 0, 0, 0, x + 1
    if done == 0 and whole(ids, row, x):
        while end < last and ids[row, 2 * end] == ids[row, 2 * x] and whole(ids, row, end):
            end += 1
        return k, 15, 4, 2, 2, end
    for m in range(4):
        if (done >> m) & 1:
            continue
        sample = ids[row + (m >> 1), 2 * x + (m & 1)]
        if count == 0:
            k, face = m, sample
        if count == 0 or alike(world.surface, face, sample):
            done |= 1 << m
            count, right, down = count + 1, right + (m & 1), down + (m >> 1)
    return k, done, count, right, down, end


@inline
def shade(
    world: World,
    cameras: Cameras,
    view: int,
    inverse: F32,
    face: int,
    run: tuple[int, int, int],
    sample: tuple[int, int],
    at: tuple[float, float],
    sums: F32,
    out: Pixels,
    first: int,
) -> None:
    """Light of ``run``'s pixels (first, last + 1), its third number of samples, into the sums.

    ``sample`` is the pixels' first row of samples, and the number of the sample that sees the face;
    ``at`` the shaded point's place in a pixel and in the view's rows, in samples.
    """
    eye = (cameras.eye[view, 0], cameras.eye[view, 1], cameras.eye[view, 2])
    focal = 0.5 * cameras.lens[view, 0]
    facet, shown = facet_of(world, max(face, 0), eye), names(world.surface, face)
    begin, end, count = run
    row, right = sample[0] + (sample[1] >> 1), sample[1] & 1
    for i in range(begin, end):
        d = ray(cameras, view, 2 * i + at[0], at[1])
        depth = np.inf
        if face < 0:
            c = sky_light(world, d)
        else:
            depth = plane_depth(facet.normal, facet.near, d, inverse[row, 2 * i + right])
            c = facet_light(world, facet, eye, d, depth, focal)
        sums[i, 0] += count * c[0]
        sums[i, 1] += count * c[1]
        sums[i, 2] += count * c[2]
        if count == 4:
            put(out, first + i, shown, depth)


@inline
def draw_row(
    world: World,
    cameras: Cameras,
    view: int,
    inverse: F32,
    ids: I32,
    rows: tuple[int, int],
    sums: F32,
    out: Pixels,
    at: int,
) -> None:
    """A row of pixels, stroke by stroke; ``rows``: its first row of ids, and that in the view."""
    row, y = rows
    x, done, most, most_near, shown = 0, 0, 0, np.float32(0.0), 0
    for i in range(len(sums)):
        sums[i, 0], sums[i, 1], sums[i, 2] = 0.0, 0.0, 0.0
    while x < len(sums):
        k, done, count, right, down, end = stroke(world, ids, row, x, len(sums), done)
        face = ids[row + (k >> 1), 2 * x + (k & 1)]
        near = inverse[row + (k >> 1), 2 * x + (k & 1)]
        middle = (0.5 + right / count, y + 0.5 + down / count)
        shade(world, cameras, view, inverse, face, (x, end, count), (row, k), middle, sums, out, at)
        if count > most or (count == most and near > most_near):
            most, most_near, shown = count, near, k
        if done == 15:
            if most < 4:
                put_edge(world, cameras, view, (inverse, ids), (row, shown, x, y), out, at + x)
            x, done, most = end, 0, 0


@inline
def put_edge(
    world: World,
    cameras: Cameras,
    view: int,
    seen: tuple[F32, I32],
    where: tuple[int, int, int, int],
    out: Pixels,
    at: int,
) -> None:
    """Write what a pixel on an outline shows: sample ``shown``'s face, at the pixel's centre."""
    inverse, ids = seen
    row, shown, x, y = where
    eye = (cameras.eye[view, 0], cameras.eye[view, 1], cameras.eye[view, 2])
    face = ids[row + (shown >> 1), 2 * x + (shown & 1)]
    depth = np.inf
    if face >= 0:
        facet = facet_of(world, max(face, 0), eye)
        d = ray(cameras, view, 2.0 * x + 1.0, y + 1.0)
        near = inverse[row + (shown >> 1), 2 * x + (shown & 1)]
        depth = plane_depth(facet.normal, facet.near, d, near)
    put(out, at, names(world.surface, face), depth)


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
        sums = samples.light[lane, : columns >> 1]
        fill_band(triangles, blocks, b0, b1, 2 * top, 2 * end, inverse, ids, columns)
        for y in range(top, end):
            at = start + (y - top) * (columns >> 1)
            rows = (2 * (y - top), 2 * y)
            draw_row(world, cameras, view, inverse, ids, rows, sums, out, at)
            if world.light.rain > 0.0:
                rain_on(
                    world.light, world.lamps, cameras, view, sums, y, out.depth[at : at + len(sums)]
                )
            develop(world, sums, out, at)
