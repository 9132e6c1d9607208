"""Draws the town and what moves in it, from any number of cameras at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.server.render import cells as cutting
from sim.server.render import fleet as fleets
from sim.server.render import lamps
from sim.server.render import shadows as shading
from sim.server.render.horizon import with_horizon
from sim.server.render.materials import base_table
from sim.server.render.models import model
from sim.server.render.noise import noise_tile
from sim.server.render.pool import Pool
from sim.server.render.raster import EDGE, NEAR, Cameras, Shape, Triangles, set_up
from sim.server.render.shade import Pixels, Samples, Surface, World, draw
from sim.server.render.signs import sign_atlas
from sim.server.render.sky import FLAT, Light, light_of, tone_table
from sim.server.scene import (
    F32,
    FIRST_LENS,
    I32,
    U8,
    U32,
    Instances,
    Material,
    Mesh,
    Planes,
    View,
    Weather,
)

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
T = TypeVar("T", bound=np.generic)

FAR = 600.0  # m, nothing farther is drawn
MOVERS_FAR = 300.0  # m, the same for what moves
SHADOW_FAR = 150.0  # m, movers farther from every camera cast no shadow
SMALLEST = 0.4  # pixels, smaller things are left out
BAND = 12  # pixel rows of a band: its samples stay in the cache
SUN_STEP = 0.02  # rad, shadows follow the sun in steps
STREET_SHINE = 5.0
LAMP_SHINE = (26.0, 24.0, 22.0)  # red, yellow, green


class Renderer:
    """Draws one town. Memory: buffers, the sun's shadow map, the fleet on stage.

    Pictures depend on the arguments of `render_many` alone: not on threads, not on what was
    drawn before. Not safe for calls from several threads at a time.
    """

    def __init__(self, mesh: Mesh, threads: int) -> None:
        """Prepare the town's mesh for drawing on ``threads`` threads."""
        self._pool = Pool(threads)
        whole, self._built = with_horizon(mesh), mesh.vertices
        self._cells = cutting.cut(whole)
        self._look = static_surface(whole, self._cells)
        self._tag = np.empty((len(self._look), 3), np.uint32)
        self.paint(mesh)
        self._vertices, self._faces = self._cells.vertices, self._cells.faces
        self._tile, self._plates, self._tone = noise_tile(), sign_atlas(), tone_table()
        self._plain_tone = tone_table(plain=True)
        self._fleet: fleets.Fleet | None = None
        self._shadows: shading.Shadows | None = None
        self._triangles = empty_triangles(0, 0)

    def paint(self, mesh: Mesh) -> None:
        """Let the town have the colours and materials of a mesh with the same faces."""
        count = len(self._cells.faces)
        look, tag = self._look[:count], self._tag[:count]
        whole = with_horizon(mesh)
        look[:, 4:7] = own_colours(whole, self._cells)
        look[:, 7] = 0.0
        tag[:] = np.stack([whole.material, whole.label, whole.instance], axis=1)[self._cells.order]
        self._lenses = lens_faces(tag)
        tag[self._lenses[0], 2] += FIRST_LENS
        self._street = np.nonzero(tag[:, 0] == Material.STREET_LAMP)[0]
        self._lamp_map = lamps.town_lamps(mesh)

    def render(
        self,
        view: View,
        instances: Instances,
        signal_states: U8,
        weather: Weather,
        t: float,
    ) -> Planes:
        """One picture; see `render_many`."""
        return self.render_many((view,), instances, signal_states, weather, t)[0]

    def render_many(
        self,
        views: Sequence[View],
        instances: Instances,
        signal_states: U8,
        weather: Weather,
        t: float,
        *,
        flat: bool = False,
    ) -> tuple[Planes, ...]:
        """The pictures of one moment ``t`` (s); signal_states (S,) are 0 R, 1 Y, 2 G, 3 off.

        Flat pictures show what surfaces are like, not what falls on them: their own colours.
        """
        fleet = self._stage(instances.model)
        light = FLAT if flat else light_of(weather, t)
        self._light_lamps(signal_states, light)
        self._pose(fleet, instances, t)
        cameras = cameras_of(views)
        near = near_cameras(cameras, instances)
        shadow = self._shadow(weather, fleet, instances, near)
        lamp_map = self._lamp_light(light, fleet, instances, near)
        blocks, spans = self._blocks(cameras, fleet, instances)
        self._reserve(blocks)
        shape = Shape(self._vertices, self._faces)
        most = int(blocks[:, 2].max()) if len(blocks) else 0
        room = np.empty((self._pool.lanes, most + 4, 5), np.float32)
        self._pool(set_up, blocks, shape, cameras, self._triangles, room)
        bands, starts = bands_of(views, spans)
        out = empty_pixels(int(starts[-1]))
        surface = Surface(self._look, self._tag)
        tone = self._plain_tone if flat else self._tone
        world = World(surface, light, shadow, lamp_map, self._tile, self._plates, tone)
        samples = empty_samples(self._pool.lanes, int(cameras.size[:, 1].max()))
        self._pool(draw, bands, blocks, cameras, self._triangles, world, samples, out)
        return tuple(
            planes_of(out, view, int(start)) for view, start in zip(views, starts, strict=False)
        )

    def _stage(self, names: tuple[str, ...]) -> fleets.Fleet:
        """The fleet of these models; made anew when they change."""
        if self._fleet is None or self._fleet.models != names:
            fleet = fleets.gather(names, [model(name) for name in names])
            ns, nf = len(self._cells.vertices), len(self._cells.faces)
            self._vertices = grown(self._vertices, ns, len(fleet.points))
            self._faces = grown(self._faces, nf, len(fleet.faces))
            self._look = grown(self._look, nf, len(fleet.faces))
            self._tag = grown(self._tag, nf, len(fleet.faces))
            self._faces[nf:] = fleet.faces
            self._look[nf:] = 0.0
            self._tag[nf:, 0] = fleet.bodies.material
            self._tag[nf:, 1] = fleet.label
            self._fleet = fleet
        return self._fleet

    def _light_lamps(self, signal_states: U8, light: Light) -> None:
        """Street lamps and traffic lights of this moment."""
        self._look[self._street, 7] = STREET_SHINE * light.night
        faces, signal, lens = self._lenses
        states = np.append(signal_states, 3)[np.minimum(signal, len(signal_states))]
        self._look[faces, 7] = np.where(states == lens, np.array(LAMP_SHINE)[lens], 0.0)

    def _pose(self, fleet: fleets.Fleet, instances: Instances, t: float) -> None:
        """What moves, as it is now, into the arrays that are drawn."""
        ns, nf = len(self._cells.vertices), len(self._cells.faces)
        emission = fleets.emission(instances.lights, t)
        dress = fleets.Dress(instances.colour, emission, instances.actor_id)
        stage = fleets.Stage(self._vertices[ns:], self._look[nf:], self._tag[nf:])
        poses = fleets.part_poses(fleet, instances)
        self._pool(fleets.pose, fleet.points, fleet.point_part, poses, fleet.bodies, dress, stage)

    def _shadow(
        self, weather: Weather, fleet: fleets.Fleet, instances: Instances, near: I64
    ) -> shading.ShadowMap:
        key = (
            round(weather.sun_azimuth / SUN_STEP) * SUN_STEP,
            round(weather.sun_altitude / SUN_STEP) * SUN_STEP,
        )
        if self._shadows is None or self._shadows.key != key:
            ns = len(self._cells.vertices)
            points, corners = self._vertices[:ns], self._cells.corners
            self._shadows = shading.bake(self._pool, key, self._built, points, corners)
        first = fleet.first[near, 1]
        movers = shading.Movers(
            self._vertices[len(self._cells.vertices) :],
            fleet.bodies.corners,
            np.stack([first, first + fleet.count[near, 1]], axis=1).astype(np.int32),
            instances.world_from_model[near, :3, 3].astype(np.float64),
            fleet.radius[near],
        )
        return shading.move(self._shadows, self._pool, movers)

    def _lamp_light(
        self, light: Light, fleet: fleets.Fleet, instances: Instances, near: I64
    ) -> lamps.LampMap:
        """Street lamps and head lights, after dusk."""
        if light.night <= lamps.DARK_ENOUGH:
            return self._lamp_map.town
        beams = lamps.beams_of(instances, near, fleet.radius[near])
        lamps.wipe(self._lamp_map, beams)
        self._pool(lamps.shine, self._lamp_map.frame, beams)
        return self._lamp_map.frame

    def _blocks(
        self, cameras: Cameras, fleet: fleets.Fleet, instances: Instances
    ) -> tuple[I32, list[tuple[int, int]]]:
        """What each view draws, nearest first: `set_up`'s blocks, and each view's span of them."""
        cells, at = self._cells, instances.world_from_model[:, :3, 3].astype(np.float64)
        base = np.array([len(cells.vertices), len(cells.faces)])
        rows, spans, begin = [], [], 0
        for k in range(len(cameras.eye)):
            reach = fleet.radius[:, None]
            gone, _ = outside(cameras, k, at - reach, at + reach, MOVERS_FAR)
            seen = np.nonzero(~gone)[0]
            movers = np.stack(
                [
                    np.full(len(seen), k),
                    fleet.first[seen, 0] + base[0],
                    fleet.count[seen, 0],
                    fleet.first[seen, 1] + base[1],
                    fleet.count[seen, 1],
                ],
                axis=1,
            )
            gone, gap = outside(cameras, k, cells.lower, cells.upper, FAR)
            seen = np.nonzero(~gone)[0]
            seen = seen[np.argsort(gap[seen], kind="stable")]
            focal = 0.5 * cameras.lens[k, 0]
            pixels = cutting.SIZES[None, :] * focal / np.maximum(gap[seen], NEAR)[:, None]
            kept = np.sum(pixels > SMALLEST, axis=1) - 1
            faces = cells.face_count[seen, kept]
            still = np.stack(
                [
                    np.full(len(seen), k),
                    cells.first[seen, 0],
                    cells.vertex_count[seen, kept],
                    cells.first[seen, 1],
                    faces,
                ],
                axis=1,
            )
            rows += [movers, still[faces > 0]]
            end = begin + len(movers) + int(np.sum(faces > 0))
            spans.append((begin, end))
            begin = end
        blocks = np.concatenate(rows)
        room = 2 * blocks[:, 4]  # the near plane cuts a face into two at most
        start = np.cumsum(room) - room
        return np.column_stack([blocks, start]).astype(np.int32), spans

    def _reserve(self, blocks: I32) -> None:
        """Room for every block's triangles."""
        need = int(blocks[-1, 5] + 2 * blocks[-1, 4]) if len(blocks) else 0
        if need > len(self._triangles.face) or len(blocks) > len(self._triangles.found):
            self._triangles = empty_triangles(need + need // 4, len(blocks) + len(blocks) // 4)


def own_colours(mesh: Mesh, cells: cutting.Cells) -> F32:
    """The colours (F, 3) of the town's faces, in drawing order."""
    colours: F32 = mesh.colour[cells.order] * base_table()[mesh.material[cells.order]]
    return colours


def static_surface(mesh: Mesh, cells: cutting.Cells) -> F32:
    """`Surface` rows of the town's faces, in drawing order; their colours are still black."""
    faces = mesh.faces[cells.order]
    corner = mesh.vertices[faces].astype(np.float64)
    edge1, edge2 = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    cross = np.cross(edge1, edge2)
    normal = cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-12)
    look = np.zeros((len(faces), 16), np.float32)
    look[:, :3] = normal
    look[:, 3] = np.einsum("fk,fk->f", normal, corner[:, 0])
    uv = mesh.uv[faces].astype(np.float64)
    g11, g12 = np.einsum("fk,fk->f", edge1, edge1), np.einsum("fk,fk->f", edge1, edge2)
    g22 = np.einsum("fk,fk->f", edge2, edge2)
    det = np.maximum(g11 * g22 - g12 * g12, 1e-12)
    dual1 = (g22[:, None] * edge1 - g12[:, None] * edge2) / det[:, None]
    dual2 = (g11[:, None] * edge2 - g12[:, None] * edge1) / det[:, None]
    for axis in range(2):
        d1, d2 = uv[:, 1, axis] - uv[:, 0, axis], uv[:, 2, axis] - uv[:, 0, axis]
        slope = d1[:, None] * dual1 + d2[:, None] * dual2
        look[:, 8 + 4 * axis : 11 + 4 * axis] = slope
        look[:, 11 + 4 * axis] = uv[:, 0, axis] - np.einsum("fk,fk->f", slope, corner[:, 0])
    return look


def lens_faces(tag: U32) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Faces of traffic-light lenses, their signal, their colour (0 R, 1 Y, 2 G)."""
    faces = np.nonzero(tag[:, 0] == Material.LAMP)[0]
    code = tag[faces, 2].astype(np.int64)
    return faces, code // 4, np.minimum(code % 4, 2)


def near_cameras(cameras: Cameras, instances: Instances) -> I64:
    """Which instances are near enough to a camera for their shadows and beams to matter."""
    at = instances.world_from_model[:, None, :2, 3].astype(np.float64)
    gap = np.linalg.norm(at - cameras.eye[None, :, :2], axis=2).min(axis=1)
    return np.nonzero(gap < SHADOW_FAR)[0]


def cameras_of(views: Sequence[View]) -> Cameras:
    """The views in samples, two per pixel each way."""
    size = np.array([(2 * v.height_px, 2 * v.width_px) for v in views], np.int32)
    focal = [v.width_px / np.tan(v.fov / 2.0) for v in views]
    lens = np.array(
        [
            (f, float(v.width_px), float(v.height_px), 1.0 / f)
            for f, v in zip(focal, views, strict=True)
        ]
    )
    poses = np.array([v.world_from_cam for v in views], np.float64)
    axes = np.ascontiguousarray(poses[:, :3, :3].transpose(0, 2, 1))
    return Cameras(np.ascontiguousarray(poses[:, :3, 3]), axes, lens, size)


def outside(
    cameras: Cameras, k: int, lower: F64, upper: F64, far: float
) -> tuple[NDArray[np.bool_], F64]:
    """Whether boxes (N, 3) lie outside view k or beyond ``far`` (m), and how far they are (m)."""
    focal, cx, cy = cameras.lens[k, :3]
    right, down, ahead = cameras.axes[k]
    edges = np.array(
        [ahead, cx * ahead + focal * right, cx * ahead - focal * right,
         cy * ahead + focal * down, cy * ahead - focal * down]
    )  # fmt: skip
    eye = cameras.eye[k]
    middle, half = (lower + upper) / 2.0 - eye, (upper - lower) / 2.0
    reach = middle @ edges.T + half @ np.abs(edges).T
    gap = np.linalg.norm(np.maximum(np.abs(middle) - half, 0.0), axis=1)
    return np.any(reach < 0.0, axis=1) | (gap > far), gap


def bands_of(views: Sequence[View], spans: list[tuple[int, int]]) -> tuple[I32, NDArray[np.int64]]:
    """`draw`'s bands, and the first pixel of each view (and the end)."""
    sizes = [v.width_px * v.height_px for v in views]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    rows = [
        (k, *spans[k], top, min(top + BAND, v.height_px), starts[k] + top * v.width_px)
        for k, v in enumerate(views)
        for top in range(0, v.height_px, BAND)
    ]
    return np.array(rows, np.int32), starts


def empty_triangles(triangles: int, blocks: int) -> Triangles:
    """Buffers of that size."""
    return Triangles(
        np.empty((triangles, EDGE), np.float32),
        np.empty(triangles, np.int32),
        np.empty((triangles, 2), np.int16),
        np.zeros(blocks, np.int32),
        np.zeros((blocks, 2), np.int32),
    )


def empty_pixels(count: int) -> Pixels:
    """Buffers of that size."""
    return Pixels(
        np.empty((count, 3), np.uint8),
        np.empty(count, np.float32),
        np.empty(count, np.uint8),
        np.empty(count, np.uint32),
    )


def empty_samples(lanes: int, columns: int) -> Samples:
    """Buffers of that size."""
    shape = (lanes, 2 * BAND, columns)
    light = np.empty((lanes, columns // 2, 3), np.float32)
    return Samples(np.empty(shape, np.float32), np.empty(shape, np.int32), light)


def planes_of(out: Pixels, view: View, start: int) -> Planes:
    """One view's share of the pixels."""
    shape = (view.height_px, view.width_px)
    part = slice(start, start + shape[0] * shape[1])
    return Planes(
        rgb=out.rgb[part].reshape(*shape, 3),
        depth=out.depth[part].reshape(shape),
        label=out.label[part].reshape(shape),
        instance=out.instance[part].reshape(shape),
    )


def grown(array: NDArray[T], keep: int, more: int) -> NDArray[T]:
    """The first ``keep`` rows, and room for ``more``."""
    out = np.empty((keep + more, *array.shape[1:]), array.dtype)
    out[:keep] = array[:keep]
    return out
