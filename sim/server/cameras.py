"""Cameras: those with the same view share one pass, all views of a tick share one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np

from sim import iso
from sim.server.actors import Actor
from sim.server.episode import Episode
from sim.server.poses import matrices
from sim.server.render.renderer import Renderer
from sim.server.rpc import RpcError
from sim.server.scene import Planes, View
from sim.server.sensors import images
from sim.server.stage import instances
from sim.server.town import Town
from sim.server.wire import Description

MAX_PIXELS = 1 << 23  # of one image: 4K
Parts = list[bytes | memoryview]

ENCODERS: dict[str, Callable[[Planes, float], Parts]] = {
    "sensor.camera.rgb": images.rgb,
    "sensor.camera.depth": images.depth,
    "sensor.camera.semantic_segmentation": images.semantic,
    "sensor.camera.instance_segmentation": images.instance,
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
    except ValueError as error:
        raise RpcError(f"unable to spawn actor: {error}") from error
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise RpcError(f"unable to spawn actor: image of {width} x {height}, at most {MAX_PIXELS}")
    if not 0.0 < fov < np.pi:
        raise RpcError("unable to spawn actor: the field of view must lie in (0, 180) degrees")


def size(camera: Description) -> tuple[int, int, float]:
    """Width and height in pixels, horizontal field of view in rad."""
    width = int(camera.attribute("image_size_x", "800"))
    height = int(camera.attribute("image_size_y", "600"))
    return width, height, float(iso.radians(float(camera.attribute("fov", "90"))))


def view_of(episode: Episode, actor: Actor) -> View:
    """What a camera looks at now."""
    width, height, fov = size(actor.description)
    world_from_cam = matrices(episode.actors.pose[actor.row]) @ BODY_FROM_CAM
    return View(world_from_cam, width, height, fov)


class Studio:
    """Memory: the renderer of the present town, made when the first camera looks."""

    def __init__(self) -> None:
        self._town: Town | None = None
        self._renderer: Renderer | None = None

    def shoot(self, episode: Episode, cameras: Sequence[Actor]) -> list[Parts]:
        """The image payloads of cameras, in their order."""
        views: dict[tuple[bytes, int, int, float], View] = {}
        keys = []
        for camera in cameras:
            view = view_of(episode, camera)
            key = (view.world_from_cam.tobytes(), view.width_px, view.height_px, view.fov)
            views.setdefault(key, view)
            keys.append(key)
        planes = self._of(episode.town).render_many(
            tuple(views.values()),
            instances(episode),
            episode.lights.states,
            episode.weather,
            episode.elapsed,
        )
        shots = dict(zip(views, planes, strict=True))
        return [
            ENCODERS[camera.type_id](shots[key], views[key].fov)
            for camera, key in zip(cameras, keys, strict=True)
        ]

    def _of(self, town: Town) -> Renderer:
        if self._renderer is None or self._town is not town:
            self._town = town
            self._renderer = Renderer(town.mesh(), len(os.sched_getaffinity(0)))
        return self._renderer
