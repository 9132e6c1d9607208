"""The ego's own sensors: cameras, GNSS, IMU, collision; all frames of a tick before going on."""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass
from typing import Any

import carla
import cv2
import numpy as np

from common.errors import RigError
from common.frames import FloatArray
from common.messages import Camera, CameraFrame, ImageArray
from sim import iso
from sim.readings import Contact

CAMERA_PERIOD = 2  # ticks; cameras and GNSS at 10 Hz
CAMERA_TICK = 0.1  # s
CONTACT_LAG = 2  # ticks; contact events come without a deadline, so they are read this much later
SENSOR_TIMEOUT = 20.0  # s on the clock
FIRST_TIMEOUT = 2.0  # s on the clock to see whether the first tick has a picture
EARTH_RADIUS = 6_378_137.0  # m, WGS 84

GNSS_NOISE = 0.6  # m per axis, one sigma: a single-frequency receiver in the open
ACCEL_NOISE = 0.05  # m/s2, one sigma: automotive MEMS
GYRO_NOISE = 0.002  # rad/s, one sigma
GYRO_BIAS = 0.001  # rad/s

Inbox = queue.SimpleQueue[Any]  # of carla.SensorData, filled by the client's threads


@dataclass(frozen=True, slots=True)
class Sensed:
    """What the sensors gave for one tick."""

    frames: tuple[CameraFrame, ...]
    accel: FloatArray  # (3,) m/s2
    gyro: FloatArray  # (3,) rad/s
    gnss: FloatArray | None  # (2,) m, world frame
    contacts: tuple[Contact, ...]
    view: CameraFrame | None


class EgoSensors:
    """The sensors bolted to the ego; remembers the phase of the slow ones and late contacts."""

    def __init__(
        self,
        world: carla.World,
        carla_map: carla.Map,
        ego: carla.Actor,
        rig: tuple[Camera, ...],
        seed: int,
        view: Camera | None,
    ) -> None:
        """Mount the driver's rig and, last, the audience's camera."""
        self._world, self._map, self._ego, self._rig = world, carla_map, ego, rig
        self._actors: list[carla.Actor] = []
        self._images = [self._mount(*_camera(world, camera)) for camera in rig]
        self._gnss = self._mount(_gnss(world, seed), carla.Transform())
        self._imu = self._mount(_imu(world, seed), carla.Transform())
        collision = world.get_blueprint_library().find("sensor.other.collision")
        self._hits = self._mount(collision, carla.Transform())
        self._view = None if view is None else (view, self._mount(*_camera(world, view)))
        self._pending: list[Contact] = []
        self._phase: int | None = None  # frame of the first picture

    def _mount(self, blueprint: carla.ActorBlueprint, place: carla.Transform) -> Inbox:
        inbox: Inbox = queue.SimpleQueue()
        sensor = self._world.spawn_actor(blueprint, place, attach_to=self._ego)
        sensor.listen(inbox.put)
        self._actors.append(sensor)
        return inbox

    def read(self, frame: int, t: float) -> Sensed:
        """Everything of this frame; waits for it.

        Raises:
            RigError: a sensor stays silent or runs ahead.
        """
        imu = _take(self._imu, frame, SENSOR_TIMEOUT)
        images: tuple[CameraFrame, ...] = ()
        gnss = view = None
        if self._due(frame):
            pairs = zip(self._rig, self._images, strict=True)
            images = tuple(_picture(camera, inbox, frame, t) for camera, inbox in pairs)
            view = None if self._view is None else _picture(*self._view, frame, t)
            fix = _take(self._gnss, frame, SENSOR_TIMEOUT)
            where = carla.GeoLocation(fix.latitude, fix.longitude, fix.altitude)
            gnss = iso.vector(self._map.geolocation_to_transform(where))[:2]
        return Sensed(
            frames=images,
            accel=iso.vector(imu.accelerometer),
            gyro=iso.mirror_axial([imu.gyroscope.x, imu.gyroscope.y, imu.gyroscope.z]),
            gnss=gnss,
            contacts=self._contacts(frame),
            view=view,
        )

    def _due(self, frame: int) -> bool:
        """Whether the slow sensors fire in this frame; the first GNSS fix tells their phase."""
        if self._phase is None:
            try:
                fix = self._gnss.get(timeout=FIRST_TIMEOUT)
            except queue.Empty:
                return False
            if fix.frame == frame:
                self._gnss.put(fix)
            self._phase = int(fix.frame)
        return (frame - self._phase) % CAMERA_PERIOD == 0

    def _contacts(self, frame: int) -> tuple[Contact, ...]:
        while not self._hits.empty():
            self._pending.append(_contact(self._hits.get()))
        self._pending.sort(key=lambda contact: (contact.frame, contact.other_id))
        ripe = tuple(one for one in self._pending if one.frame <= frame - CONTACT_LAG)
        self._pending = self._pending[len(ripe) :]
        return ripe

    def close(self) -> None:
        """Stop listening and take the sensors off the world."""
        for sensor in self._actors:
            sensor.stop()
        for sensor in self._actors:
            sensor.destroy()
        self._actors = []


def _take(inbox: Inbox, frame: int, timeout: float) -> carla.SensorData:
    """The data of this frame; older data is dropped."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            data = inbox.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise RigError(f"a sensor gave nothing for frame {frame} in {timeout:g} s") from None
        if data.frame == frame:
            return data
        if data.frame > frame:
            raise RigError(f"a sensor skipped frame {frame}: it is at {data.frame}")


def _picture(camera: Camera, inbox: Inbox, frame: int, t: float) -> CameraFrame:
    image = _take(inbox, frame, SENSOR_TIMEOUT)
    bgra = np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)
    rgb: ImageArray = cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGB)
    return CameraFrame(t, camera, rgb)


def _contact(event: carla.CollisionEvent) -> Contact:
    other = event.other_actor
    impulse = iso.vector(event.normal_impulse)
    return Contact(int(event.frame), int(other.id), str(other.type_id), impulse)


def _camera(world: carla.World, camera: Camera) -> tuple[carla.ActorBlueprint, carla.Transform]:
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    blueprint.set_attribute("image_size_x", str(camera.width_px))
    blueprint.set_attribute("image_size_y", str(camera.height_px))
    blueprint.set_attribute("fov", f"{float(iso.degrees(camera.fov)):.6f}")
    blueprint.set_attribute("sensor_tick", str(CAMERA_TICK))
    return blueprint, iso.carla_transform(iso.camera_pose(camera.ego_from_cam))


def _gnss(world: carla.World, seed: int) -> carla.ActorBlueprint:
    blueprint = world.get_blueprint_library().find("sensor.other.gnss")
    blueprint.set_attribute("sensor_tick", str(CAMERA_TICK))
    blueprint.set_attribute("noise_seed", str(seed % 2**31))
    sigma_deg = float(iso.degrees(GNSS_NOISE / EARTH_RADIUS))
    for axis in ("lat", "lon"):
        blueprint.set_attribute(f"noise_{axis}_stddev", f"{sigma_deg:.9f}")
    return blueprint


def _imu(world: carla.World, seed: int) -> carla.ActorBlueprint:
    blueprint = world.get_blueprint_library().find("sensor.other.imu")
    blueprint.set_attribute("noise_seed", str(seed % 2**31))
    for axis in "xyz":
        blueprint.set_attribute(f"noise_accel_stddev_{axis}", str(ACCEL_NOISE))
        blueprint.set_attribute(f"noise_gyro_stddev_{axis}", str(GYRO_NOISE))
        blueprint.set_attribute(f"noise_gyro_bias_{axis}", str(GYRO_BIAS))
    return blueprint
