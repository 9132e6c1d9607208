"""The ego's own sensors: cameras, GNSS, IMU, collision; all frames of a tick before going on."""

from __future__ import annotations

from dataclasses import dataclass

import carla
import cv2

from common.frames import FloatArray
from common.messages import Camera, CameraFrame, ImageArray
from sim import iso
from sim.mounted import Inbox, Mounted, first_frame, picture, take
from sim.readings import Contact

CAMERA_PERIOD = 2  # ticks; cameras and GNSS at 10 Hz
CAMERA_TICK = 0.1  # s
CONTACT_LAG = 2  # ticks; contact events come without a deadline, so they are read this much later
EARTH_RADIUS = 6_378_137.0  # m, WGS 84

GNSS_NOISE = 0.6  # m per axis, one sigma: a single-frequency receiver in the open
ACCEL_NOISE = 0.05  # m/s2, one sigma: automotive MEMS
GYRO_NOISE = 0.002  # rad/s, one sigma
GYRO_BIAS = 0.001  # rad/s


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
    ) -> None:
        """Mount the driver's rig."""
        self._map, self._rig = carla_map, rig
        self._mounted = mounted = Mounted(world, ego)
        self._images = [mounted.camera(camera, CAMERA_TICK) for camera in rig]
        self._gnss = mounted.mount(_gnss(world, seed))
        self._imu = mounted.mount(_imu(world, seed))
        self._hits = mounted.mount(world.get_blueprint_library().find("sensor.other.collision"))
        self._view: tuple[Camera, Inbox] | None = None
        self._pending: list[Contact] = []
        self._phase: int | None = None  # frame of the first picture

    def film(self, view: Camera) -> None:
        """Mount a camera for the audience."""
        self._view = (view, self._mounted.camera(view, CAMERA_TICK))

    def read(self, frame: int, t: float) -> Sensed:
        """Everything of this frame; waits for it.

        Raises:
            RigError: a sensor stays silent or runs ahead.
        """
        imu = take(self._imu, frame)
        images: tuple[CameraFrame, ...] = ()
        gnss = view = None
        if self._due(frame):
            pairs = zip(self._rig, self._images, strict=True)
            images = tuple(_picture(camera, inbox, frame, t) for camera, inbox in pairs)
            view = None if self._view is None else _picture(*self._view, frame, t)
            fix = take(self._gnss, frame)
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
            self._phase = first_frame(self._gnss, frame)
        if self._phase is None:
            return False
        return (frame - self._phase) % CAMERA_PERIOD == 0

    def _contacts(self, frame: int) -> tuple[Contact, ...]:
        while not self._hits.empty():
            self._pending.append(_contact(self._hits.get()))
        self._pending.sort(key=lambda contact: (contact.frame, contact.other_id))
        ripe = tuple(one for one in self._pending if one.frame <= frame - CONTACT_LAG)
        self._pending = self._pending[len(ripe) :]
        return ripe

    def close(self, *, gone: bool = False) -> None:
        """Take the sensors off the world, unless the server is gone."""
        self._mounted.close(gone=gone)


def _picture(camera: Camera, inbox: Inbox, frame: int, t: float) -> CameraFrame:
    rgb: ImageArray = cv2.cvtColor(picture(inbox, frame), cv2.COLOR_BGRA2RGB)
    return CameraFrame(t, camera, rgb)


def _contact(event: carla.CollisionEvent) -> Contact:
    other = event.other_actor
    impulse = iso.vector(event.normal_impulse)
    return Contact(int(event.frame), int(other.id), str(other.type_id), impulse)


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
