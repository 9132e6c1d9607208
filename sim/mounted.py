"""Sensors bolted to an actor, and what each of them measured, frame by frame."""

from __future__ import annotations

import queue
import time
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from common.errors import RigError
from common.messages import Camera
from sim import iso

TIMEOUT = 20.0  # s on the clock
FIRST_DATA = 120.0  # s on the clock for the first: a cold simulator makes itself ready for it
FIRST_TIMEOUT = 2.0  # s on the clock to see whether a tick is the first one measured


class Inbox(queue.SimpleQueue[Any]):
    """A sensor's carla.SensorData, from the client's threads. It knows whether any was taken."""

    heard = False


class Mounted:
    """The sensors of one actor; remembers them, to take them off again."""

    def __init__(self, world: carla.World, actor: carla.Actor) -> None:
        self._world, self._actor = world, actor
        self._sensors: list[carla.Actor] = []

    def mount(self, blueprint: carla.ActorBlueprint, place: carla.Transform | None = None) -> Inbox:
        """Bolt a sensor on, at the actor's origin unless said otherwise, and listen to it."""
        inbox = Inbox()
        sensor = self._world.spawn_actor(
            blueprint, place or carla.Transform(), attach_to=self._actor
        )
        sensor.listen(inbox.put)
        self._sensors.append(sensor)
        return inbox

    def camera(self, camera: Camera, period: float, kind: str = "rgb") -> Inbox:
        """A camera of CARLA's `kind` that fires every `period` s."""
        blueprint = self._world.get_blueprint_library().find(f"sensor.camera.{kind}")
        blueprint.set_attribute("image_size_x", str(camera.width_px))
        blueprint.set_attribute("image_size_y", str(camera.height_px))
        blueprint.set_attribute("fov", f"{float(iso.degrees(camera.fov)):.6f}")
        blueprint.set_attribute("sensor_tick", f"{period:.3f}")
        return self.mount(blueprint, iso.carla_transform(iso.camera_pose(camera.ego_from_cam)))

    def close(self, *, gone: bool = False) -> None:
        """Stop listening and take the sensors off the world, unless the server is gone."""
        for sensor in self._sensors:
            sensor.stop()
        for sensor in () if gone else self._sensors:
            sensor.destroy()
        self._sensors = []


def take(inbox: Inbox, frame: int) -> carla.SensorData:
    """The data of this frame; older data is dropped.

    Raises:
        RigError: the sensor stays silent or runs ahead.
    """
    patience = TIMEOUT if inbox.heard else FIRST_DATA
    deadline = time.monotonic() + patience
    while True:
        try:
            data = inbox.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise RigError(f"a sensor gave nothing for frame {frame} in {patience:g} s") from None
        inbox.heard = True
        if data.frame == frame:
            return data
        if data.frame > frame:
            raise RigError(f"a sensor skipped frame {frame}: it is at {data.frame}")


def picture(inbox: Inbox, frame: int) -> NDArray[np.uint8]:
    """The image (height, width, 4) BGRA of this frame, as `take` finds it."""
    image = take(inbox, frame)
    return np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)


def first_frame(inbox: Inbox, frame: int) -> int | None:
    """The frame of a first measurement, which can still be taken; None while there is none."""
    try:
        data = inbox.get(timeout=FIRST_TIMEOUT)
    except queue.Empty:
        return None
    if data.frame == frame:
        inbox.put(data)
    return int(data.frame)
