"""The benchmark's peer: the same scene through moderngl on Mesa's llvmpipe, an OpenGL on the CPU.

The same triangles, the same cells outside the view left out, a town shadow map drawn once and a
map of the movers drawn per frame, four samples per pixel, and colour, depth, label and object id
read back. Its shader does less than ours: no materials but grain, no clouds, no lamps.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.server.render import cells as cutting
from sim.server.render import fleet as fleets
from sim.server.render.models import model
from sim.server.render.pool import Pool
from sim.server.render.renderer import FAR, cameras_of, outside, own_colours, static_surface
from sim.server.render.shadows import light_matrix
from sim.server.render.sky import light_of
from sim.server.scene import F32, Instances, Mesh, View, Weather

NEAR = 0.1  # m
SAMPLES = 4
MOVERS_MAP = 512  # pixels
MOVERS_REACH = 60.0  # m around the camera

VERTEX = """#version 330
uniform mat4 clip_from_world;
in vec3 at; in vec3 normal; in vec3 tint; in vec2 tag;
out vec3 world; flat out vec3 facing; flat out vec3 colour; flat out vec2 id;
void main() {
    world = at; facing = normal; colour = tint; id = tag;
    gl_Position = clip_from_world * vec4(at, 1.0);
}"""

FRAGMENT = """#version 330
uniform vec3 eye; uniform vec3 to_sun; uniform vec3 sun; uniform vec3 up; uniform vec3 down;
uniform vec3 haze; uniform float fog;
uniform mat4 town_light; uniform mat4 movers_light;
uniform sampler2DShadow town_map; uniform sampler2DShadow movers_map;
in vec3 world; flat in vec3 facing; flat in vec3 colour; flat in vec2 id;
layout(location = 0) out vec4 picture; layout(location = 1) out vec4 tags;
float random(vec2 p) { return fract(sin(dot(p, vec2(127.1, 311.7))) * 43758.5453); }
float noise(vec2 p) {
    vec2 i = floor(p), f = fract(p); f = f * f * (3.0 - 2.0 * f);
    return mix(mix(random(i), random(i + vec2(1, 0)), f.x),
               mix(random(i + vec2(0, 1)), random(i + vec2(1, 1)), f.x), f.y);
}
float lit(sampler2DShadow map, mat4 light, vec3 p) {
    vec4 s = light * vec4(p, 1.0);
    if (any(lessThan(s.xyz, vec3(0))) || any(greaterThan(s.xyz, vec3(1)))) return 1.0;
    return texture(map, vec3(s.xy, s.z - 0.001));
}
void main() {
    float sunny = max(dot(facing, to_sun), 0.0);
    if (sunny > 0.0) {
        vec3 p = world + facing * 0.1;
        sunny *= lit(town_map, town_light, p) * lit(movers_map, movers_light, p);
    }
    float grain = 0.8 + 0.24 * noise(world.xy * 0.7) + 0.16 * noise(world.xy * 9.0);
    vec3 light = mix(down, up, 0.5 + 0.5 * facing.z) + sunny * sun;
    float away = distance(world, eye);
    picture = vec4(mix(haze, colour * grain * light, exp(-fog * away)), 1.0);
    tags = vec4(id.x / 255.0, mod(id.y, 256.0) / 255.0, floor(id.y / 256.0) / 255.0, 1.0);
}"""

DEPTH_ONLY = """#version 330
uniform mat4 clip_from_world; in vec3 at;
void main() { gl_Position = clip_from_world * vec4(at, 1.0); }"""


def why_not() -> str | None:
    """Why the peer cannot run here; None where it can."""
    try:
        context = open_context()
    except ImportError:
        return "moderngl is not installed; install the extra `bench`"
    except Exception as error:  # noqa: BLE001  (moderngl raises bare exceptions)
        return f"no OpenGL context without a screen: {error}"
    name = str(context.info["GL_RENDERER"])
    context.release()
    return None if "llvmpipe" in name else f"the OpenGL here is {name}, not llvmpipe"


def open_context() -> Any:  # noqa: ANN401  (moderngl has no types)
    """A context that draws on the CPU."""
    os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")
    import moderngl

    settings: dict[str, Any] = {"backend": "egl"}  # no screen needed
    return moderngl.create_context(require=330, standalone=True, **settings)


class Peer:
    """One camera's picture of the town; memory: the OpenGL buffers."""

    def __init__(self, mesh: Mesh, crowd: Instances, weather: Weather, view: View) -> None:
        self._gl = gl = open_context()
        self._view, self._light = view, light_of(weather, 0.0)
        self._sun = (weather.sun_azimuth, weather.sun_altitude)
        self._cells = cutting.cut(mesh)
        look = static_surface(mesh, self._cells)
        look[:, 4:7] = own_colours(mesh, self._cells)
        tag = np.stack([mesh.label, mesh.instance], axis=1)[self._cells.order].astype(np.uint32)
        self._fleet = fleets.gather(crowd.model, [model(name) for name in crowd.model])
        self._pool = Pool(1)
        self._points = mesh.vertices
        self._program = gl.program(VERTEX, FRAGMENT)
        self._shadow = gl.program(DEPTH_ONLY, "#version 330\nvoid main() {}")
        still = corners_of(self._cells.vertices, self._cells.corners, look, tag)
        self._still = self._array(gl.buffer(still.tobytes()))
        self._movers = gl.buffer(reserve=len(self._fleet.faces) * 3 * 11 * 4)
        self._moving = self._array(self._movers)
        size = (view.width_px, view.height_px)
        self._target = gl.framebuffer(
            [gl.renderbuffer(size, 4, samples=SAMPLES) for _ in range(2)],
            gl.depth_renderbuffer(size, samples=SAMPLES),
        )
        self._read = gl.framebuffer([gl.texture(size, 4) for _ in range(2)], gl.depth_texture(size))
        gl.enable(gl.DEPTH_TEST | gl.CULL_FACE)
        self._uniforms()
        self._town_shadow()

    def _array(self, buffer: Any) -> tuple[Any, Any]:  # noqa: ANN401
        inputs = [(buffer, "3f 3f 3f 2f", "at", "normal", "tint", "tag")]
        lone = [(buffer, "3f 32x", "at")]
        gl = self._gl
        return gl.vertex_array(self._program, inputs), gl.vertex_array(self._shadow, lone)

    def _uniforms(self) -> None:
        light, program = self._light, self._program
        program["to_sun"], program["sun"] = light.to_sun, light.sun
        program["up"], program["down"] = light.up, light.down
        program["haze"], program["fog"] = light.horizon, light.fog
        program["eye"] = tuple(self._view.world_from_cam[:3, 3].tolist())
        program["town_map"], program["movers_map"] = 0, 1
        self._clip = clip_matrix(self._view)
        program["clip_from_world"].write(packed(self._clip))

    def _map(self, size: tuple[int, int]) -> tuple[Any, Any]:
        texture = self._gl.depth_texture(size)
        texture.compare_func = "<="
        return texture, self._gl.framebuffer(depth_attachment=texture)

    def _town_shadow(self) -> None:
        gl = self._gl
        light, (rows, columns) = light_matrix(*self._sun, self._points)
        self._heights = span_of(self._points @ light[2, :3])
        town = light_clip(light, (columns, rows), self._heights)
        texture, frame = self._map((columns, rows))
        self._movers_texture, self._movers_frame = self._map((MOVERS_MAP, MOVERS_MAP))
        frame.use()
        frame.clear(depth=1.0)
        gl.disable(gl.CULL_FACE)
        self._shadow["clip_from_world"].write(packed(town))
        self._still[1].render()
        gl.enable(gl.CULL_FACE)
        self._program["town_light"].write(packed(HALF @ town))
        texture.use(0)
        scale = MOVERS_MAP / (2.0 * MOVERS_REACH)
        near = light.copy()
        near[:2, :3] *= scale / np.linalg.norm(light[0, :3])
        near[:2, 3] = MOVERS_MAP / 2.0 - near[:2, :3] @ self._view.world_from_cam[:3, 3]
        self._near = light_clip(near, (MOVERS_MAP, MOVERS_MAP), self._heights)
        self._program["movers_light"].write(packed(HALF @ self._near))
        self._movers_texture.use(1)

    def draw(self, crowd: Instances) -> tuple[NDArray[np.uint8], F32, NDArray[np.uint8]]:
        """Colour, depth and tags of one frame."""
        gl, fleet = self._gl, self._fleet
        moving = fleets.Stage(
            np.empty((len(fleet.points), 3), np.float32),
            np.zeros((len(fleet.faces), 16), np.float32),
            np.zeros((len(fleet.faces), 3), np.uint32),
        )
        dress = fleets.Dress(crowd.colour, fleets.emission(crowd.lights, 0.0), crowd.actor_id)
        poses = fleets.part_poses(fleet, crowd)
        self._pool(fleets.pose, fleet.points, fleet.point_part, poses, fleet.bodies, dress, moving)
        tag = np.stack([fleet.label, moving.tag[:, 2]], axis=1)
        corners = corners_of(moving.points, fleet.bodies.corners, moving.look, tag)
        self._movers.write(corners.tobytes())
        self._movers_frame.use()
        self._movers_frame.clear(depth=1.0)
        self._shadow["clip_from_world"].write(packed(self._near))
        self._moving[1].render()
        self._target.use()
        self._target.clear(*self._light.horizon, 1.0)
        cells = self._cells
        gone, _ = outside(cameras_of((self._view,)), 0, cells.lower, cells.upper, FAR)
        for k in np.nonzero(~gone)[0]:
            count, first = int(cells.face_count[k, -1]), int(cells.first[k, 1])
            self._still[0].render(vertices=3 * count, first=3 * first)
        self._moving[0].render()
        gl.copy_framebuffer(self._read, self._target)
        shape = (self._view.height_px, self._view.width_px)
        colour, tags = (
            np.frombuffer(self._read.read(components=4, attachment=k), np.uint8) for k in (0, 1)
        )
        z = np.frombuffer(self._read.read(components=1, attachment=-1, dtype="f4"), np.float32)
        depth = (2.0 * NEAR * FAR / (FAR + NEAR - (2.0 * z - 1.0) * (FAR - NEAR))).reshape(shape)
        return (
            colour.reshape(*shape, 4)[::-1, :, :3].copy(),
            depth[::-1].astype(np.float32),
            tags.reshape(*shape, 4)[::-1].copy(),
        )


HALF = np.array([[0.5, 0, 0, 0.5], [0, 0.5, 0, 0.5], [0, 0, 0.5, 0.5], [0, 0, 0, 1]])


def packed(matrix: NDArray[np.float64]) -> bytes:
    """The matrix as OpenGL wants it."""
    return np.ascontiguousarray(matrix.T, np.float32).tobytes()


def corners_of(
    points: F32, corners: NDArray[np.int32], look: F32, tag: NDArray[np.unsignedinteger[Any]]
) -> F32:
    """Unshared corners (3 F, 11): position, normal, colour, label and id."""
    out = np.empty((len(corners), 3, 11), np.float32)
    out[:, :, :3] = points[corners]
    out[:, :, 3:6], out[:, :, 6:9] = look[:, None, :3], look[:, None, 4:7]
    out[:, :, 9:] = tag[:, None, :]
    return out.reshape(-1, 11)


def span_of(heights: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Lowest and highest, with room for what moves."""
    return float(heights.min()) - 5.0, float(heights.max()) + 5.0


def light_clip(
    light: NDArray[np.float64], size: tuple[int, int], heights: tuple[float, float]
) -> NDArray[np.float64]:
    """Clip space of a shadow map with the rows of `shadows.ShadowMap.light`."""
    out = np.eye(4)
    out[0] = 2.0 * light[0] / size[0]
    out[1] = 2.0 * light[1] / size[1]
    out[:2, 3] -= 1.0
    low, high = heights
    out[2] = -2.0 * light[2] / (high - low)
    out[2, 3] += (high + low) / (high - low)
    return out


def clip_matrix(view: View) -> NDArray[np.float64]:
    """OpenGL's clip space from the world."""
    focal = 1.0 / np.tan(view.fov / 2.0)
    lens = np.zeros((4, 4))
    lens[0, 0], lens[1, 1] = focal, -focal * view.width_px / view.height_px
    lens[2, 2], lens[2, 3] = (FAR + NEAR) / (FAR - NEAR), -2.0 * FAR * NEAR / (FAR - NEAR)
    lens[3, 2] = 1.0
    clip: NDArray[np.float64] = lens @ np.linalg.inv(view.world_from_cam)
    return clip
