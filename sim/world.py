"""One CARLA at host:port, real or embedded, driven in lockstep through the genuine client."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import carla
import msgpack
import numpy as np

from common.errors import RigError, UserError
from common.frames import FloatArray, Pose2
from common.messages import Camera, CameraFrame, ControlCommand, LightState, Proprioception
from common.rig import RIG
from sim import iso
from sim.ego import CAMERA_PERIOD, EgoSensors
from sim.lean import ego_from_body
from sim.maps.files import is_file_name, read_map
from sim.readings import Lights, Readings, RoadUsers
from sim.vehicle import Pedals

DT = 0.05  # s; 20 Hz, the leaderboard's tick
EGO_TYPE = "vehicle.lincoln.mkz_2020"  # the leaderboard's ego
WARM_UP_TICKS = 10  # as many as the leaderboard's
DROP = 0.3  # m above the road; lower, and CARLA calls it a collision
LOAD_TIMEOUT = 120.0  # s until all is warm: a first load dresses the town, first pictures compile
TICK_TIMEOUT = 30.0  # s
GONE_TIMEOUT = 0.5  # s for each call that cleans up, once one has failed
WHEEL_SPEED_NOISE = 0.005  # of the speed, one sigma: slip and tyre wear
CLIENT_THREADS = 4  # more than can wait for Python at once, or a tick may hang
EGO_STREAM = 0xE60  # tells the ego's dice from the traffic's of the same seed

MAX_ID = 2**63 - 1  # CARLA's ids of objects have 64 bits without a sign
PARKED = (
    carla.CityObjectLabel.Car,
    carla.CityObjectLabel.Truck,
    carla.CityObjectLabel.Bus,
    carla.CityObjectLabel.Motorcycle,
    carla.CityObjectLabel.Bicycle,
)
"""Labels of vehicles among a map's objects."""

LIGHTS = {
    carla.TrafficLightState.Red: LightState.RED,
    carla.TrafficLightState.Yellow: LightState.YELLOW,
    carla.TrafficLightState.Green: LightState.GREEN,
    carla.TrafficLightState.Off: LightState.OFF,
    carla.TrafficLightState.Unknown: LightState.OFF,
}


@dataclass(frozen=True, slots=True)
class _Body:
    """What never changes about a road user."""

    walker: bool
    half_extent: FloatArray  # (3,) m
    centre: FloatArray  # (3,) m, actor frame


class World:
    """The simulator; remembers its episode's ego and the settings to give back."""

    def __init__(self, host: str, port: int, timeout: float = 10.0) -> None:
        """Connect within `timeout` s.

        Raises:
            UserError: nobody answers there, or not as CARLA.
        """
        self.address = f"{host}:{port}"
        self.client = _connect(host, port, timeout)
        self.world = self.client.get_world()
        self._settings = self.world.get_settings()
        self._bodies: dict[int, _Body | None] = {}
        self._commands: list[Any] = []
        self._first_frame: int | None = None
        self._speed = 0.0
        self._sensors: EgoSensors | None = None
        self.gone = False  # the server, as far as is known

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def load(self, town: str, weather: str = "ClearNoon") -> None:
        """A fresh episode of a town by name, or of a map file; synchronous at 20 Hz."""
        preset = weather_named(weather)
        self._forget()
        self.client.set_timeout(LOAD_TIMEOUT)
        try:
            self.world = self._load(town)
            self.world.apply_settings(carla.WorldSettings(True, False, DT))
            self.world.set_weather(preset)
            self.world.tick()
            self.map = self.world.get_map()
            actors = self.world.get_actors()
        except RuntimeError as error:
            raise self.failed(f"failed to load {town}", error) from error
        lights = actors.filter("traffic.traffic_light*")
        self.lights = sorted(lights, key=lambda light: int(light.id))

    def _load(self, town: str) -> carla.World:
        if is_file_name(town):
            text = read_map(Path(town))
            if self.world.get_map().to_opendrive() == text:
                return self.client.reload_world(False)
            return self.client.generate_opendrive_world(text)
        known = sorted({Path(name).name for name in self.client.get_available_maps()})
        if town not in known:
            names = ", ".join(known)
            raise UserError(f"expected a town of {self.address}, got {town!r}; it knows: {names}")
        if Path(self.world.get_map().name).name == town:
            return self.client.reload_world(False)
        return self.client.load_world(town)

    def parked(self) -> RoadUsers:
        """The vehicles that are part of the map; their ids are those of the map's objects."""
        things = [one for kind in PARKED for one in self.world.get_environment_objects(kind)]
        boxes = [one.bounding_box for one in things]
        poses = [carla.Transform(box.location, box.rotation) for box in boxes]
        half = [(box.extent.x, box.extent.y, box.extent.z) for box in boxes]
        still = np.zeros((len(things), 3))
        return RoadUsers(
            ids=np.array([one.id & MAX_ID for one in things], np.int64),
            walker=np.zeros(len(things), np.bool_),
            pose=np.array([iso.transform_pose(pose) for pose in poses]).reshape(-1, 6),
            velocity=still,
            spin=still,
            half_extent=np.array(half).reshape(-1, 3),
            box_centre=still,
        )

    def signals(self) -> tuple[tuple[int, str], ...]:
        """Every traffic light's actor id and OpenDRIVE id."""
        return tuple((int(one.id), str(one.get_opendrive_id())) for one in self.lights)

    def spawn_ego(
        self,
        world_from_ego: Pose2,
        seed: int,
        rig: Sequence[Camera] = RIG,
    ) -> int:
        """Put the ego on the road, with its sensors; gives its actor id."""
        blueprint = self.world.get_blueprint_library().find(EGO_TYPE)
        blueprint.set_attribute("role_name", "hero")
        place = self._on_road(world_from_ego)
        ego = self.world.try_spawn_actor(blueprint, place)
        if ego is None:
            raise RigError(f"no room for the ego at {place.location}")
        self.ego = ego
        self._pedals = Pedals(ego.get_physics_control(), DT)
        self._sensors = EgoSensors(self.world, self.map, ego, tuple(rig), seed)
        self._rng = np.random.default_rng([seed, EGO_STREAM])
        return int(ego.id)

    def film(self, view: Camera) -> None:
        """A further camera on the ego, for the audience.

        To be mounted last: who is spawned after it would wear other clothes than without it.
        """
        assert self._sensors is not None, "spawn_ego comes before film"
        self._sensors.film(view)

    def _on_road(self, world_from_ego: Pose2) -> carla.Transform:
        x, y, yaw = world_from_ego.x, world_from_ego.y, world_from_ego.yaw
        near = self.map.get_waypoint(carla.Location(x, -y, 0.0))
        return iso.carla_transform([x, y, near.transform.location.z + DROP, 0.0, 0.0, yaw])

    def start(self) -> Readings:
        """Let everything settle with the ego's brake on; the first readings are t = 0.

        Then the cameras fire, so that a plan made every other tick and a picture go together.
        """
        self._first_frame = None
        brake = carla.VehicleControl(brake=1.0)
        for ticks in range(1, WARM_UP_TICKS + CAMERA_PERIOD + 1):
            self.send([carla.command.ApplyVehicleControl(self.ego.id, brake)])
            readings = self.tick()
            if ticks >= WARM_UP_TICKS and readings.proprioception.gnss is not None:
                break
        self.client.set_timeout(TICK_TIMEOUT)
        self._first_frame = readings.frame
        return replace(readings, t=0.0, contacts=())

    def send(self, commands: Sequence[Any]) -> None:
        """Queue client commands (`carla.command`) for the next tick's one batch."""
        self._commands.extend(commands)

    def flush(self) -> None:
        """Carry out the queued commands now, before the next tick does."""
        if self._commands:
            self.client.apply_batch_sync(self._commands, False)
            self._commands = []

    def apply(self, command: ControlCommand) -> None:
        """Drive the ego by this command in the next tick."""
        control = self._pedals.control(command, self._speed)
        self.send([carla.command.ApplyVehicleControl(self.ego.id, control)])

    def tick(self) -> Readings:
        """One step of 0.05 s; everything of that frame, complete."""
        try:
            self.flush()
            frame = int(self.world.tick(TICK_TIMEOUT))
            snapshot = self.world.get_snapshot()
            wheel_angle_deg = self.ego.get_wheel_steer_angle(carla.VehicleWheelLocation.FL_Wheel)
        except RuntimeError as error:
            raise self.failed("stopped answering", error) from error
        if snapshot.frame != frame:
            raise RigError(f"{self.address} is ticked by someone else: stop the other client")
        return self._readings(snapshot, iso.yaw_from_carla(wheel_angle_deg))

    def _readings(self, snapshot: carla.WorldSnapshot, steer: float) -> Readings:
        frame = int(snapshot.frame)
        t = 0.0 if self._first_frame is None else (frame - self._first_frame) * DT
        users = self.road_users(snapshot)
        row = users.row(self.ego.id)
        if row is None:
            raise RigError(f"the ego vehicle is gone from {self.address}")
        ahead = np.array([np.cos(users.pose[row, 5]), np.sin(users.pose[row, 5])])
        self._speed = float(users.velocity[row, :2] @ ahead)
        assert self._sensors is not None, "spawn_ego comes before tick"
        sensed = self._sensors.read(frame, t)
        wheel_speed = self._speed * (1.0 + WHEEL_SPEED_NOISE * float(self._rng.standard_normal()))
        return Readings(
            frame=frame,
            t=t,
            users=users,
            ego_id=int(self.ego.id),
            lights=self.light_states(),
            frames=sensed.frames,
            proprioception=Proprioception(
                t, wheel_speed, steer, sensed.accel, sensed.gyro, sensed.gnss
            ),
            contacts=sensed.contacts,
            view=None if sensed.view is None else self._over_road(sensed.view, users.pose[row]),
        )

    def _over_road(self, view: CameraFrame, body: FloatArray) -> CameraFrame:
        """The picture with its camera where it was over the road: braking, the car dives."""
        place = carla.Location(*(float(value) for value in iso.mirror(body[:3])))
        road = iso.transform_pose(self.map.get_waypoint(place).transform)
        ego_from_cam = ego_from_body(body, road) @ view.camera.ego_from_cam
        return replace(view, camera=replace(view.camera, ego_from_cam=ego_from_cam))

    def road_users(self, snapshot: carla.WorldSnapshot) -> RoadUsers:
        """Who is there at one tick; boxes of new actors are asked for."""
        present = sorted(snapshot, key=lambda actor: int(actor.id))
        if any(actor.id not in self._bodies for actor in present):
            self._meet({int(actor.id) for actor in present})
        present = [actor for actor in present if self._bodies[actor.id] is not None]
        bodies = [body for actor in present if (body := self._bodies[actor.id]) is not None]
        states = np.array([_state(actor) for actor in present]).reshape(-1, 12)
        return RoadUsers(
            ids=np.array([actor.id for actor in present], np.int64),
            walker=np.array([body.walker for body in bodies], np.bool_),
            pose=iso.pose_from_carla(states[:, :6]),
            velocity=iso.mirror(states[:, 6:9]),
            spin=iso.angular_velocity_from_carla(states[:, 9:]),
            half_extent=np.array([body.half_extent for body in bodies]).reshape(-1, 3),
            box_centre=np.array([body.centre for body in bodies]).reshape(-1, 3),
        )

    def light_states(self) -> Lights:
        """What every traffic light shows, by actor id."""
        return tuple((int(one.id), LIGHTS[one.state]) for one in self.lights)

    def _meet(self, ids: set[int]) -> None:
        """Learn the boxes of new actors; anything but vehicles and walkers has none."""
        new = sorted(ids - self._bodies.keys())
        for actor in self.world.get_actors(new):
            self._bodies[int(actor.id)] = _body(actor)
        for actor_id in new:
            self._bodies.setdefault(actor_id, None)

    def _forget(self) -> None:
        """Drop what belonged to the episode before."""
        self._bodies, self._commands, self._first_frame = {}, [], None
        self._speed, self._sensors = 0.0, None

    def failed(self, what: str, error: RuntimeError) -> RigError:
        """The error to raise; nobody waits or cleans up any more where the server is gone."""
        self.client.set_timeout(GONE_TIMEOUT)
        try:
            self.client.get_server_version()
        except RuntimeError:
            self.gone = True
        return RigError(f"{self.address} {what}: {error}")

    def clear(self) -> None:
        """Take the ego and its sensors off the world."""
        if self._sensors is not None:
            with contextlib.suppress(RuntimeError):  # a dead server has nothing left to clean
                self._sensors.close(gone=self.gone)
                if not self.gone:
                    self.client.apply_batch_sync([carla.command.DestroyActor(self.ego.id)], False)
        self._forget()

    def close(self) -> None:
        """Remove what was spawned here, give the simulator its settings back."""
        self.clear()
        if self.gone:
            return
        with contextlib.suppress(RuntimeError):
            self.world.apply_settings(self._settings)


def _connect(host: str, port: int, timeout: float) -> carla.Client:
    try:
        _greet(host, port, timeout)
        client = carla.Client(host, port, worker_threads=CLIENT_THREADS)
        client.set_timeout(timeout)
        client.get_server_version()
    except (OSError, RuntimeError, ValueError, msgpack.UnpackException) as error:
        raise UserError(
            f"expected a CARLA server at {host}:{port}, got none ({error}); start one with "
            f"`ninefold serve --port {port}`, or leave --carla out to use the embedded one"
        ) from error
    return client


def _greet(host: str, port: int, timeout: float) -> None:
    """Ask for the version on a socket of our own: the client's process ends at a foreign answer.

    Raises:
        OSError, ValueError, msgpack.UnpackException: no answer in time, or a foreign one.
    """
    deadline = time.monotonic() + timeout
    unpacker = msgpack.Unpacker(max_buffer_size=1 << 16)
    with socket.create_connection((host, port), timeout) as sock:
        sock.sendall(msgpack.packb([0, 1, "version", [[False]]]))
        while data := sock.recv(4096):
            unpacker.feed(data)
            for message in unpacker:
                match message:
                    case [1, 1, None, [[1, str()]]]:
                        return
                raise ValueError("something else listens there")
            sock.settimeout(max(0.001, deadline - time.monotonic()))
    raise ConnectionError("it hung up")


def weather_named(name: str) -> carla.WeatherParameters:
    """One of CARLA's presets.

    Raises:
        UserError: no such preset; names those there are.
    """
    presets = {
        key: value
        for key, value in vars(carla.WeatherParameters).items()
        if isinstance(value, carla.WeatherParameters)
    }
    if name not in presets:
        names = ", ".join(sorted(presets))
        raise UserError(f"expected a weather preset, got {name!r}; there are: {names}")
    return presets[name]


def _body(actor: carla.Actor) -> _Body | None:
    kind = actor.type_id.split(".")[0]
    if kind not in ("vehicle", "walker"):
        return None
    box = actor.bounding_box
    extent = np.array([box.extent.x, box.extent.y, box.extent.z])
    return _Body(kind == "walker", extent, iso.vector(box.location))


def _state(actor: carla.ActorSnapshot) -> tuple[float, ...]:
    """One actor's transform, velocity and angular velocity (12,) as CARLA gives them."""
    transform, velocity = actor.get_transform(), actor.get_velocity()
    at, turn, spin = transform.location, transform.rotation, actor.get_angular_velocity()
    linear = (velocity.x, velocity.y, velocity.z)
    return (at.x, at.y, at.z, turn.pitch, turn.yaw, turn.roll, *linear, spin.x, spin.y, spin.z)
