"""What the renderer draws: the seam between town, actors and pictures.

World frame, ISO 8855 (right-handed, z up, metres). Labels are CARLA's CityObjectLabel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum
from itertools import compress

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]


FIRST_LENS = 60_000
"""Object ids in pictures from here on are lenses: + 4 * signal index + (0 R, 1 Y, 2 G)."""


class Label(IntEnum):
    """CARLA 0.9.16's semantic tags."""

    NONE = 0
    ROAD = 1
    SIDEWALK = 2
    BUILDING = 3
    WALL = 4
    FENCE = 5
    POLE = 6
    TRAFFIC_LIGHT = 7
    TRAFFIC_SIGN = 8
    VEGETATION = 9
    TERRAIN = 10
    SKY = 11
    PEDESTRIAN = 12
    RIDER = 13
    CAR = 14
    TRUCK = 15
    BUS = 16
    TRAIN = 17
    MOTORCYCLE = 18
    BICYCLE = 19
    STATIC = 20
    DYNAMIC = 21
    OTHER = 22
    WATER = 23
    ROAD_LINE = 24
    GROUND = 25
    BRIDGE = 26
    RAIL_TRACK = 27
    GUARD_RAIL = 28


class Material(IntEnum):
    """How a face is shaded; `sim/server/render/materials.py` gives each its look."""

    PLAIN = 0
    ASPHALT = 1
    MARKING_WHITE = 2
    MARKING_YELLOW = 3
    KERB = 4
    PAVEMENT = 5
    GRASS = 6
    FACADE_BRICK = 7
    FACADE_PLASTER = 8
    FACADE_GLASS = 9
    ROOF = 10
    TRUNK = 11
    FOLIAGE = 12
    METAL = 13
    CONCRETE = 14
    SIGN = 15  # uv picks the plate in the sign atlas
    LAMP = 16  # a traffic light's lens: lit by its head's state
    STREET_LAMP = 17  # lit at night
    PAINT = 18  # a vehicle's body: the instance's colour
    GLASS = 19
    TYRE = 20
    HEADLIGHT = 21
    TAILLIGHT = 22
    INDICATOR_LEFT = 23
    INDICATOR_RIGHT = 24
    SKIN = 25
    CLOTH = 26  # a walker's clothes: the instance's colour
    WATER = 27
    SOIL = 28
    GUARD_RAIL = 29
    BEACON = 30  # an emergency vehicle's light: flashes with its special lights


@dataclass(frozen=True, slots=True)
class Mesh:
    """Triangles. Counter-clockwise seen from outside."""

    vertices: F32  # (V, 3) m
    uv: F32  # (V, 2): metres along the surface, or atlas coordinates for SIGN
    faces: I32  # (F, 3) into vertices
    material: U8  # (F,) Material
    label: U8  # (F,) Label
    instance: U32  # (F,) object id, 0 for none; for LAMP faces: 4 * signal index + (0 R, 1 Y, 2 G)
    colour: F32  # (F, 3) linear RGB 0..1, multiplies the material's own


Moves = Mapping[str, NDArray[np.float64]]
"""How named parts of a model have moved from rest: transforms (4, 4) in the model's frame."""


@dataclass(frozen=True, slots=True)
class Instances:
    """The moving things of one frame, structure of arrays."""

    model: tuple[str, ...]  # (N,) key of the model library: a blueprint id
    world_from_model: F32  # (N, 4, 4)
    colour: F32  # (N, 3) linear RGB 0..1
    actor_id: U32  # (N,)
    steer: F32  # (N,) rad at the front wheels
    travel: F32  # (N,) m rolled or walked so far: turns wheels, swings legs
    lights: U32  # (N,) CARLA's VehicleLightState flags
    speed: F32  # (N,) m/s over ground
    moved: Mapping[int, Moves] = field(default_factory=dict)  # by actor id

    def only(self, chosen: NDArray[np.bool_]) -> Instances:
        """Those (N,) that are chosen."""
        arrays = {own.name: getattr(self, own.name) for own in fields(self)[1:-1]}
        some = {name: array[chosen] for name, array in arrays.items()}
        return Instances(tuple(compress(self.model, chosen)), **some, moved=self.moved)


@dataclass(frozen=True, slots=True)
class View:
    """A camera to draw."""

    world_from_cam: NDArray[np.float64]  # (4, 4) optical frame: x right, y down, z forward
    width_px: int
    height_px: int
    fov: float  # rad, horizontal


@dataclass(frozen=True, slots=True)
class Planes:
    """One picture, all planes from one visibility pass."""

    rgb: U8  # (height, width, 3)
    depth: F32  # (height, width) m along the optical axis; inf for sky
    label: U8  # (height, width)
    instance: U32  # (height, width) actor or object id, 0 for none


@dataclass(frozen=True, slots=True)
class Weather:
    """CARLA's WeatherParameters; angles in radians. The defaults are its preset ClearNoon."""

    cloudiness: float = 5.0  # 0..100
    precipitation: float = 0.0  # 0..100
    precipitation_deposits: float = 0.0  # 0..100
    wind_intensity: float = 10.0  # 0..100
    sun_azimuth: float = math.pi / 180.0  # rad, world frame, positive left
    sun_altitude: float = math.pi / 4.0  # rad
    fog_density: float = 2.0  # 0..100
    fog_distance: float = 0.75  # m
    fog_falloff: float = 0.1
    wetness: float = 0.0  # 0..100
    scattering_intensity: float = 1.0
    mie_scattering_scale: float = 0.03
    rayleigh_scattering_scale: float = 0.0331
    dust_storm: float = 0.0  # 0..100


@dataclass(frozen=True, slots=True)
class Signal:
    """One traffic light: an actor, its trigger volume, and the lenses that the mesh has for it."""

    opendrive_id: str
    junction: int  # lights of one junction form a group
    phase: int  # lights of one group with the same phase are green together
    x: float  # m, the actor: pole foot
    y: float
    z: float
    yaw: float  # rad, the actor's x axis: to the right across the lanes; lenses face yaw - pi/2
    trigger_centre: tuple[float, float, float]  # m, in the actor's frame
    trigger_extent: tuple[float, float, float]  # m, half sizes; x runs across the lanes
    trigger_yaw: float = 0.0  # rad, in the actor's frame; CARLA's client counts on 0


@dataclass(frozen=True, slots=True)
class Sign:
    """One traffic sign, an actor."""

    kind: str  # "traffic.speed_limit.30", "traffic.stop", "traffic.yield"
    opendrive_id: str
    x: float
    y: float
    z: float
    yaw: float  # rad, as a signal's: its plate faces yaw - pi/2
    trigger_centre: tuple[float, float, float]
    trigger_extent: tuple[float, float, float]
    painted: bool = False  # a stencil on the road, not a plate


@dataclass(frozen=True, slots=True)
class StaticObject:
    """A thing that stands still: for collisions, level bounding boxes, environment objects."""

    id: int
    label: int
    x: float
    y: float
    z: float  # m, centre
    yaw: float
    extent: tuple[float, float, float]  # m, half sizes
    solid: bool  # vehicles collide with it
