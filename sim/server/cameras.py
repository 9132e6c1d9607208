"""Cameras: those with the same view share one pass, all views of a tick share one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim import iso
from sim.server.actors import Actor
from sim.server.episode import Episode
from sim.server.poses import matrices
from sim.server.render.renderer import Renderer
from sim.server.rpc import RpcError
from sim.server.scene import Instances, Planes, View
from sim.server.scenery import Scenery
from sim.server.sensors import film, gbuffers, images, lens, memory
from sim.server.sensors.attributes import generator, number
from sim.server.sensors.dvs import EventCamera, Settings
from sim.server.sensors.gbuffers import Texture
from sim.server.sensors.memory import Memory, Plain
from sim.server.sensors.normals import normals
from sim.server.sensors.optical_flow import FlowCamera
from sim.server.sketches import Sketch, drawn
from sim.server.stage import instances
from sim.server.town import Town
from sim.server.wire import Description

MAX_PIXELS = 1 << 23  # of one image: 4K
MAX_SIDE = 16_383  # pixels: the renderer counts rows, two samples a pixel, in 16 bits
OFF = 3  # a traffic light without light
SIDES = {"image_size_x": "800", "image_size_y": "600"}  # pixels, CARLA's defaults
Parts = list[bytes | memoryview]


@dataclass(frozen=True, slots=True)
class Shot:
    """What a camera sees, and when."""

    planes: Planes
    view: View
    bodies: Instances
    sketches: tuple[Sketch, ...]
    t: float  # s, simulation time


@dataclass(frozen=True, slots=True)
class Encoder:
    """Makes the payload of one camera's image; it may remember the last one."""

    encode: Callable[[Shot], Parts]
    memories: tuple[Memory, ...] = ()


def _events(actor: Actor) -> Encoder:
    """sensor.camera.dvs."""
    camera = EventCamera(Settings.read(actor.attribute))
    dice = generator(actor.attribute, actor.nth)
    return Encoder(
        lambda shot: camera.payload(shot.planes, shot.view, shot.t, dice), (camera, dice)
    )


def _flow(actor: Actor) -> Encoder:
    """sensor.camera.optical_flow."""
    camera = FlowCamera()
    return Encoder(lambda shot: camera.payload(shot.planes, shot.view, shot.bodies), (camera,))


def _normals(_: Actor) -> Encoder:
    """sensor.camera.normals."""
    return Encoder(lambda shot: normals(shot.planes, shot.view))


def _colour(actor: Actor) -> Encoder:
    """sensor.camera.rgb; debug drawings are not developed, they are on the print."""
    table, bend = film.table(actor.attribute), _lens(actor)

    def developed(shot: Shot) -> Parts:
        planes = bend(shot.planes)
        if table is not None:
            planes = replace(planes, rgb=table[planes.rgb])
        if shot.sketches:
            planes = drawn(planes, shot.view, shot.sketches)
        return images.rgb(planes, shot.view.fov)

    return Encoder(developed)


def _plain(encode: Callable[[Planes, float], Parts]) -> Callable[[Actor], Encoder]:
    """A camera that shows one plane; it takes the planes and the field of view."""

    def encoder(actor: Actor) -> Encoder:
        bend = _lens(actor)
        return Encoder(lambda shot: encode(bend(shot.planes), shot.view.fov))

    return encoder


def _lens(actor: Actor) -> Callable[[Planes], Planes]:
    """What a camera's lens makes of a pinhole's picture."""
    found = lens.read(actor.attribute)
    if found is None:
        return lambda planes: planes
    width, height, _ = size(actor.description)
    return lens.Bender(found, width, height)


ENCODERS: dict[str, Callable[[Actor], Encoder]] = {
    "sensor.camera.rgb": _colour,
    "sensor.camera.depth": _plain(images.depth),
    "sensor.camera.semantic_segmentation": _plain(images.semantic),
    "sensor.camera.instance_segmentation": _plain(images.instance),
    "sensor.camera.normals": _normals,
    "sensor.camera.optical_flow": _flow,
    "sensor.camera.dvs": _events,
}
"""Cameras that send, and how their image comes from the planes."""

BODY_FROM_CAM = np.array(
    [[0.0, 0.0, 1.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
)
"""The optical frame (x right, y down, z forward) in the camera actor's axes."""


def check(camera: Description) -> None:
    """Refuse cameras that cannot be drawn.

    Raises:
        RpcError: an attribute is no number, or out of bounds.
    """
    try:
        width, height, fov = size(camera)
        film.table(lambda key: camera.attribute(key, ""))
        lens.read(lambda key: camera.attribute(key, ""))
    except ValueError as error:
        raise RpcError(f"unable to spawn actor: {error}") from error
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise RpcError(
            f"unable to spawn actor: expected an image of 1 to {MAX_SIDE} pixels a side and "
            f"{MAX_PIXELS} in all, got {width} x {height}"
        )
    if not 0.0 < fov < np.pi:
        raise RpcError("unable to spawn actor: the field of view must lie in (0, 180) degrees")


def size(camera: Description) -> tuple[int, int, float]:
    """Width and height in pixels, horizontal field of view in rad."""
    width, height = (_pixels(camera, name) for name in ("image_size_x", "image_size_y"))
    fov = number(camera.attribute, "fov", 90.0)
    return width, height, float(iso.radians(fov))


def _pixels(camera: Description, name: str) -> int:
    """A side of the image; CARLA's defaults where the camera does not say.

    Raises:
        ValueError: it is no whole number.
    """
    text = camera.attribute(name, SIDES[name])
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"expected 1 to {MAX_SIDE} pixels as {name}, got {text!r:.40}") from None


def view_of(episode: Episode, actor: Actor) -> View:
    """What a camera looks at now."""
    width, height, fov = size(actor.description)
    world_from_cam = matrices(episode.actors.pose[actor.row]) @ BODY_FROM_CAM
    return View(world_from_cam, width, height, fov)


class Studio:
    """Memory: the renderer of the present town, and what cameras remember, by actor."""

    def __init__(self) -> None:
        self._look: tuple[Town, object] | None = None
        self._shape: tuple[Town, object] | None = None
        self._renderer: Renderer | None = None
        self._encoders: dict[int, Encoder] = {}

    def shoot(self, episode: Episode, cameras: Sequence[Actor]) -> list[Shot]:
        """What cameras see, in their order; those that ignore the same vehicles share a call."""
        shots: dict[int, Shot] = {}
        everybody = instances(episode)
        for ignored in dict.fromkeys(camera.ignored for camera in cameras):
            some = [camera for camera in cameras if camera.ignored == ignored]
            bodies = everybody.only(~np.isin(everybody.actor_id, list(ignored)))
            shots |= self._shots(episode, some, bodies if ignored else everybody)
        return [shots[camera.id] for camera in cameras]

    def _shots(
        self, episode: Episode, cameras: Sequence[Actor], bodies: Instances
    ) -> dict[int, Shot]:
        """What cameras that see the same bodies see, by camera."""
        views: dict[tuple[bytes, int, int, float], View] = {}
        keys = []
        for camera in cameras:
            view = view_of(episode, camera)
            key = (view.world_from_cam.tobytes(), view.width_px, view.height_px, view.fov)
            views.setdefault(key, view)
            keys.append(key)
        planes = self._of(episode.scenery).render_many(
            tuple(views.values()),
            bodies,
            episode.lights.states,
            episode.weather,
            episode.elapsed,
        )
        sketches, t = tuple(episode.sketches), episode.elapsed
        seen = {
            key: Shot(planes, view, bodies, sketches, t)
            for (key, view), planes in zip(views.items(), planes, strict=True)
        }
        return {camera.id: seen[key] for camera, key in zip(cameras, keys, strict=True)}

    def develop(self, camera: Actor, shot: Shot) -> Parts:
        """The payload of a camera's image."""
        return self._encoder(camera).encode(shot)

    def rehearse(self, camera: Actor, episode: Episode) -> None:
        """Take small pictures that nobody sees, and remember nothing of them."""
        sizes = {"image_size_x": (2, "64"), "image_size_y": (2, "36")}
        description = camera.description
        small = replace(description, attributes=description.attributes | sizes)
        for _ in range(2):  # some kinds compare a picture with the one before
            self.develop(camera, self.shoot(episode, [replace(camera, description=small)])[0])
        self.forget(camera.id)

    def texture(self, episode: Episode, shot: Shot, texture: Texture) -> Parts:
        """The payload of a G-buffer."""
        planes = shot.planes
        if texture is Texture.BASE_COLOUR:
            dark = replace(shot.bodies, lights=np.zeros_like(shot.bodies.lights))
            off = np.full_like(episode.lights.states, OFF)
            draw = self._of(episode.scenery).render_many
            planes = draw((shot.view,), dark, off, episode.weather, shot.t, flat=True)[0]
        return gbuffers.payload(texture, planes, shot.view)

    def _encoder(self, camera: Actor) -> Encoder:
        if camera.id not in self._encoders:
            self._encoders[camera.id] = ENCODERS[camera.type_id](camera)
        return self._encoders[camera.id]

    def remembers(self, camera: Actor) -> bool:
        """Whether a picture of the camera depends on those before."""
        return camera.type_id in ENCODERS and bool(self._encoder(camera).memories)

    def save(self, actor_id: int) -> Plain:
        """What a camera remembers; None for nothing."""
        encoder = self._encoders.get(actor_id)
        return memory.save(encoder.memories) if encoder and encoder.memories else None

    def restore(self, camera: Actor, saved: Plain) -> None:
        """The inverse of `save`."""
        memory.restore(self._encoder(camera).memories, saved)

    def forget(self, actor_id: int) -> None:
        """A camera is gone."""
        self._encoders.pop(actor_id, None)

    def _of(self, scenery: Scenery) -> Renderer:
        """The renderer of the town as it is; where only colours are new, they are painted over."""
        shape, look = (scenery.town, scenery.shape), (scenery.town, scenery.key)
        if self._renderer is None or self._shape != shape:
            self._renderer = Renderer(scenery.mesh(), len(os.sched_getaffinity(0)))
        elif self._look != look:
            self._renderer.paint(scenery.mesh())
        self._shape, self._look = shape, look
        return self._renderer
