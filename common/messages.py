"""The values that cross package borders.

Frozen; SI units; angles in radians, positive left. ``t`` is the simulation time (s) the content
refers to, so its age is ``now - t``. Absent is ``None``, never a legal value.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray, Pose2

ImageArray = NDArray[np.uint8]
GridArray = NDArray[np.float32]


class ObjectKind(str, Enum):
    """What a detected object is."""

    VEHICLE = "vehicle"  # cars, trucks, buses, motorcycles, bicycles
    WALKER = "walker"


class LightState(str, Enum):
    """What a traffic light shows."""

    RED = "red"
    YELLOW = "yellow"
    GREEN = "green"
    OFF = "off"


class RouteCommand(str, Enum):
    """What the route asks for at a point; anything but LANE_FOLLOW lies inside a junction."""

    LANE_FOLLOW = "lane_follow"
    LEFT = "left"
    RIGHT = "right"
    STRAIGHT = "straight"


class Source(str, Enum):
    """Who made a control command."""

    PLANNER = "planner"
    OPERATOR = "operator"
    SAFETY = "safety"


class Outcome(str, Enum):
    """How an episode ended. VOID is a failure of the rig, never of the driver."""

    SUCCESS = "SUCCESS"
    COLLISION = "COLLISION"
    OFF_ROAD = "OFF_ROAD"
    RED_LIGHT = "RED_LIGHT"
    STOP_SIGN = "STOP_SIGN"
    ROUTE_DEVIATION = "ROUTE_DEVIATION"
    STUCK = "STUCK"
    TIMEOUT = "TIMEOUT"
    DRIVER_ERROR = "DRIVER_ERROR"
    VOID = "VOID"


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera fixed to the ego vehicle."""

    name: str
    width_px: int
    height_px: int
    fov: float  # rad, horizontal
    ego_from_cam: FloatArray  # (4, 4)

    @property
    def intrinsics(self) -> FloatArray:
        """The matrix K (3, 3) px that maps cam-frame points to homogeneous pixels."""
        focal_px = self.width_px / (2.0 * np.tan(self.fov / 2.0))
        return np.array(
            [
                [focal_px, 0.0, self.width_px / 2.0],
                [0.0, focal_px, self.height_px / 2.0],
                [0.0, 0.0, 1.0],
            ]
        )


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """One image."""

    t: float  # s
    camera: Camera
    image: ImageArray  # (height, width, 3) RGB


@dataclass(frozen=True, slots=True)
class EgoState:
    """Where the vehicle is and how it moves, as its localiser believes."""

    t: float  # s
    world_from_ego: Pose2
    speed: float  # m/s, signed along ego x
    accel: float  # m/s2, along ego x
    yaw_rate: float  # rad/s
    steer: float  # rad at the front wheels


@dataclass(frozen=True, slots=True)
class Proprioception:
    """What the vehicle measures of itself in one tick: input of the localiser."""

    t: float  # s
    wheel_speed: float  # m/s, signed
    steer: float  # rad at the front wheels
    accel: FloatArray  # (3,) m/s2, specific force, ego axes
    gyro: FloatArray  # (3,) rad/s, ego axes
    gnss: FloatArray | None  # (2,) m, world frame; None where no fix came


@dataclass(frozen=True, slots=True)
class ObjectEstimate:
    """One road user."""

    kind: ObjectKind
    ego_from_object: Pose2  # box centre
    length: float  # m
    width: float  # m
    velocity: FloatArray  # (2,) m/s over ground, ego axes
    confidence: float  # 0..1
    track_id: int | None
    yaw_rate: float | None = None  # rad/s; None where nobody measured it


@dataclass(frozen=True, slots=True)
class LaneEstimate:
    """One lane's centre line."""

    index: int  # 0 own, +1 left, -1 right
    centre: FloatArray  # (N, 2) m, ego frame
    width: FloatArray  # (N,) m
    confidence: float  # 0..1


@dataclass(frozen=True, slots=True)
class LightEstimate:
    """The traffic light that governs the ego lane."""

    state: LightState
    distance: float | None  # m along the lane, ego origin to stop line; None where it is not seen
    confidence: float  # 0..1


@dataclass(frozen=True, slots=True)
class Scene:
    """What stands around the vehicle, in the ego frame at ``t``."""

    t: float  # s
    objects: tuple[ObjectEstimate, ...]
    lanes: tuple[LaneEstimate, ...]
    light: LightEstimate | None
    drivable: GridArray | None  # frames.SEG_GRID.shape, probability 0..1
    source: str  # "truth", or the network's name and digest


@dataclass(frozen=True, slots=True)
class Route:
    """Where to go: a line of points about 1 m apart."""

    points: FloatArray  # (N, 2) m, world frame
    speed_limit: FloatArray  # (N,) m/s
    commands: tuple[RouteCommand, ...]  # (N,)
    stops: tuple[float, ...] = ()  # m along the points, stop signs' lines as a map knows them
    signals: tuple[float, ...] = ()  # the same of traffic lights; what they show only eyes know


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the vehicle means to be; row 0 is now."""

    t: float  # s
    dt: float  # s between rows
    xy: FloatArray  # (N, 2) m, ego frame at t
    yaw: FloatArray  # (N,) rad
    speed: FloatArray  # (N,) m/s
    reason: str  # "follow route", "yield to 17", ...
    scores: tuple[tuple[str, float], ...] = ()  # sub-scores of the chosen proposal


@dataclass(frozen=True, slots=True)
class ControlCommand:
    """What the vehicle shall do."""

    t: float  # s
    steer: float  # rad at the front wheels
    accel: float  # m/s2
    reverse: bool
    source: Source


@dataclass(frozen=True, slots=True)
class Observation:
    """What a driver may know. No ground truth in it unless `truth` is given to an oracle."""

    t: float  # s
    ego: EgoState
    frames: tuple[CameraFrame, ...]
    route: Route
    truth: Scene | None = None  # filled for `--driver truth` only


@dataclass(frozen=True, slots=True)
class Decision:
    """What a driver decided, and from what."""

    command: ControlCommand
    plan: Plan | None
    scene: Scene | None
    stopping: str | None = None  # why the safety gate brings the car to rest for good


class Driver(Protocol):
    """Anything that drives."""

    def reset(self, route: Route) -> None:
        """Forget everything; a new route begins."""

    def act(self, observation: Observation) -> Decision:
        """The decision for this tick."""


@dataclass(frozen=True, slots=True)
class Infraction:
    """One broken rule."""

    kind: str  # "collision_vehicle", "red_light", "off_road", ...
    t: float  # s
    x: float  # m, world frame
    y: float  # m, world frame
    detail: str
    at_fault: bool = True  # False: others ran into the ego (see sim/judge.py)
    share: float | None = None  # 0..1 where the rule grades: of the route off the lanes, of speed


@dataclass(frozen=True, slots=True)
class Disengagement:
    """Autonomy handed over, or was taken off."""

    kind: str  # "takeover", "minimum_risk", ...
    initiator: str  # "operator", "system"; "referee": a safety driver would have taken over
    t: float  # s
    cause: str


@dataclass(frozen=True, slots=True)
class EpisodeSpec:
    """Enough to run an episode again, bit for bit."""

    town: str
    route: int
    seed: int
    driver: str  # "camera" or "truth"
    scenario: str = "traffic"
    weather: str = "ClearNoon"
    vehicles: int = 20
    walkers: int = 12
    fault: str | None = None
    weights: str | None = None  # sha256 of the network that drives; None for "truth"
    town_sha256: str | None = None  # digest of a map file given by path
    versions: tuple[tuple[str, str], ...] = ()

    def key(self) -> str:
        """A digest of everything that shapes the outcome."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class EpisodeResult:
    """What an episode came to."""

    spec: EpisodeSpec
    outcome: Outcome
    route_completion: float  # 0..100
    distance: float  # m driven
    duration: float  # s simulated
    wall: float  # s on the clock
    infractions: tuple[Infraction, ...]
    disengagements: tuple[Disengagement, ...]
    scores: tuple[tuple[str, float], ...]  # metric version -> value
    comfort: float  # 0..1, share of time within the comfort limits
    state_hash: str
    detail: str = ""  # one line: why it ended
    extra: dict[str, Any] = field(default_factory=dict)
