"""The kinds of background vehicles: how common each is, how it is driven, where it fits.

Kinds carry the names of CARLA's attribute `base_type`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray

IntArray = NDArray[np.int32]
Range = tuple[float, float]
FREE = 60.0  # m/s; never what holds a driver back


class Way(IntEnum):
    """Which lanes a vehicle drives on."""

    ANY = 0
    SLOW = 1  # no fast roads
    LONG = 2  # no tight bends


class Lanes(NamedTuple):
    """What a lane must be like for a `Way`."""

    fastest: float  # m/s, its limit at most
    bend: float  # m, its smallest radius at least
    turn: float  # m, the same in a junction


LANES = {
    Way.ANY: Lanes(np.inf, 0.0, 0.0),
    Way.SLOW: Lanes(18.0, 0.0, 0.0),  # no motorways
    Way.LONG: Lanes(np.inf, 33.0, 11.0),  # a lorry passes, and turns past, another in 3.5 m lanes
}


class Body(NamedTuple):
    """A vehicle seen from above; m."""

    half_length: float
    half_width: float
    wheelbase: float


LORRY = Body(4.23, 1.45, 4.4)  # CARLA's fire engine and its European lorry
PIVOT = 0.75  # wheelbases before the rear axle: the point of a lorry that runs along its lane


class Kind(NamedTuple):
    """Ranges that drivers are drawn from."""

    name: str
    share: float  # of all vehicles
    way: Way
    wish: Range  # desired speed over the limit
    top: Range  # m/s, never faster
    corner: Range  # speed in bends over what cars drive there
    headway: Range  # s
    accel: Range  # m/s2, IDM's a
    decel: Range  # m/s2, IDM's b


CAR, VAN, TRUCK, MOTORCYCLE, BICYCLE = range(5)
KINDS = (
    Kind("car", 0.76, Way.ANY, (0.7, 1.05), (FREE, FREE), (1.0, 1.0), (1.0, 1.8), (1.2, 2.2),
         (1.6, 2.4)),
    Kind("van", 0.10, Way.ANY, (0.7, 1.0), (FREE, FREE), (0.9, 1.0), (1.2, 1.8), (1.0, 1.7),
         (1.6, 2.2)),
    Kind("truck", 0.06, Way.LONG, (0.7, 0.95), (22.2, 25.0), (0.7, 0.8), (1.5, 2.2), (0.7, 1.1),
         (1.4, 2.0)),
    Kind("motorcycle", 0.05, Way.ANY, (0.85, 1.1), (FREE, FREE), (0.9, 1.0), (1.0, 1.6), (1.6, 2.6),
         (1.8, 2.6)),
    Kind("bicycle", 0.03, Way.SLOW, (0.9, 1.0), (4.5, 7.0), (0.8, 0.9), (1.0, 1.6), (0.6, 1.0),
         (1.4, 2.0)),
)  # fmt: skip
"""Cars: Treiber and Kesting, "Traffic Flow Dynamics", table 11.2, city and highway, spread about.
Lorries: their table's truck, and the 80 to 90 km/h of speed limiters.
Bicycles: Parkin and Rotheram 2010, 22 km/h on the flat. Shares: about an inner city's.
"""


class Bodies(NamedTuple):
    """What the traffic consists of; arrays over N."""

    kind: IntArray  # row of `KINDS`
    half_length: FloatArray  # m
    half_width: FloatArray  # m
    wheelbase: FloatArray  # m


def cars(half_size: FloatArray) -> Bodies:
    """Cars of given half lengths and half widths (N, 2) m."""
    half_length, half_width = half_size.T
    kind = np.full(len(half_size), CAR, dtype=np.int32)
    wheelbase = 1.16 * half_length  # Lincoln MKZ: 2.85 m of 4.90 m
    return Bodies(kind, half_length.copy(), half_width.copy(), wheelbase)


def draw_kinds(count: int, rng: np.random.Generator) -> IntArray:
    """Kinds (N,) by their shares."""
    share = np.array([one.share for one in KINDS])
    return rng.choice(len(KINDS), count, p=share / share.sum()).astype(np.int32)


def swept(body: Body, radius: FloatArray) -> FloatArray:
    """How far (m) a lorry reaches beside a lane of given radii (N,) m in a steady bend."""
    pivot = PIVOT * body.wheelbase
    radius = np.maximum(radius, 1.2 * body.wheelbase)
    rear = np.sqrt(radius**2 - pivot**2)
    nose = 0.5 * body.wheelbase + body.half_length
    outside = np.hypot(rear + body.half_width, nose) - radius
    return np.maximum(outside, radius - rear + body.half_width)
