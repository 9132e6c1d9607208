"""Cooperative awareness messages: their 456 bytes in the 0.9.16 client, and when one is due.

Sources: ETSI EN 302 637-2 (when to send, what), ETSI TS 102 894-2 (units); offsets from the debug
information of the wheel. All integers are C longs. As in CARLA, yaw rate and lateral acceleration
are positive to the right, and the vertical acceleration counts gravity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim import iso
from sim.server.scene import Label
from sim.server.sensors.attributes import Attributes, flag, number, vector
from sim.server.sensors.memory import Plain

F64 = NDArray[np.float64]

MOST_TEXT = 99  # bytes of a custom message, CARLA's
RECORD = 464  # bytes: f32 power, 4 unused, the message
PROTOCOL, CAM, CUSTOM = 2, 2, 0  # protocol version, message ids
TURNED, MOVED, FASTER = float(iso.radians(4.0)), 4.0, 0.5  # rad, m, m/s that make a message due
SLOW_PART = 0.5  # s between low-frequency containers; also between a roadside unit's messages
CALM = 3  # messages without a cause until the interval is the longest again
VEHICLE_PART, ROADSIDE_PART = 1, 2  # high-frequency containers
ROADSIDE, SPECIAL = 15, 10  # stations
STATIONS = {
    Label.CAR: 5, Label.BUS: 6, Label.TRUCK: 7, Label.MOTORCYCLE: 4, Label.BICYCLE: 2,
    Label.TRAIN: 11,
}  # fmt: skip
ROLES = {6: 1, 11: 1, SPECIAL: 6}  # public transport, emergency
LAMPS = {2: 0x80, 4: 0x40, 32: 0x20, 16: 0x10, 64: 0x04, 128: 0x02, 1: 0x01}
"""CARLA's light states: low, high, left, right, reverse, fog, position; exterior lights."""

_FIELDS = {
    "protocol": 8, "message": 16, "station": 24, "time": 32, "kind": 40, "latitude": 48,
    "longitude": 56, "major": 64, "minor": 72, "orientation": 80, "altitude": 88,
    "altitude_confidence": 96, "heading": 112, "heading_confidence": 120, "speed": 128,
    "speed_confidence": 136, "backward": 144, "length": 152, "length_confidence": 160,
    "width": 168, "along": 176, "along_confidence": 184, "curvature": 192,
    "curvature_confidence": 200, "yaw_rate": 216, "yaw_rate_confidence": 224, "across": 280,
    "across_confidence": 288, "up": 304, "up_confidence": 312, "role": 416,
}  # fmt: skip
_MESSAGE = np.dtype(
    {
        "names": ["power", "fast_part", "has_across", "has_up", "slow_part", "lights", *_FIELDS],
        "formats": ["<f4", "<i4", "?", "?", "<i4", "u1", *["<i8"] * len(_FIELDS)],
        "offsets": [0, 104, 272, 296, 408, 424, *_FIELDS.values()],
        "itemsize": RECORD,
    }
)
_UNKNOWN = {
    "major": 4095, "minor": 4095, "orientation": 3601, "altitude_confidence": 15,
    "heading_confidence": 10, "speed_confidence": 3, "length_confidence": 4,
    "along_confidence": 102, "curvature": 30001, "curvature_confidence": 7,
    "yaw_rate_confidence": 8, "across_confidence": 102, "up_confidence": 102,
}  # fmt: skip
"""What nobody measures, and the confidences that CARLA gives."""


def station_of(label: Label | None, special: bool) -> int:
    """The kind of station of a vehicle's label; None for what is no vehicle."""
    if label is None:
        return ROADSIDE
    return SPECIAL if special else STATIONS.get(label, 0)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who speaks, and what it is doing; vehicles' motion in their own left-handed axes."""

    station: int  # actor's id
    kind: int
    place: F64  # (3,) m, world
    fix: F64  # (3,) latitude deg, longitude deg, altitude m
    heading: float  # rad from north, clockwise
    speed: float  # m/s forward
    force: F64  # (3,) m/s2, gravity counts
    yaw_rate: float  # rad/s
    size: tuple[float, float]  # m, length and width
    lights: int  # CARLA's VehicleLightState


@dataclass(frozen=True, slots=True)
class Noise:
    """The errors that a V2X sensor's attributes ask for."""

    fix_stddev: F64  # (3,)
    fix_bias: F64  # (3,)
    heading: tuple[float, float]  # deg, standard deviation and bias
    speed: float  # m/s
    force: F64  # (3,) m/s2
    yaw_rate: tuple[float, float]  # rad/s

    @staticmethod
    def read(get: Attributes) -> Noise:
        """From the blueprint's attributes."""
        axes = ("lat", "lon", "alt")
        return Noise(
            fix_stddev=np.array([number(get, f"noise_{axis}_stddev") for axis in axes]),
            fix_bias=np.array([number(get, f"noise_{axis}_bias") for axis in axes]),
            heading=(number(get, "noise_head_stddev"), number(get, "noise_head_bias")),
            speed=number(get, "noise_vel_stddev_x"),
            force=vector(get, "noise_accel_stddev"),
            yaw_rate=(number(get, "noise_yawrate_stddev"), number(get, "noise_yawrate_bias")),
        )


class Service:
    """Says when a station's message is due. Memory: the last message, and the interval."""

    def __init__(self, get: Attributes) -> None:
        self.least, self.most = number(get, "gen_cam_min", 0.1), number(get, "gen_cam_max", 1.0)
        self.fixed = flag(get, "fixed_rate")
        self._interval, self._calm = self.most, 0
        self._last: tuple[float, F64, float, float] | None = None
        self._slow_at = -math.inf

    def due(self, own: Sender, t: float) -> bool:
        """Whether a station sends at the time t (s); a message that is due counts as sent."""
        if not self._due(own, t):
            return False
        self._last = (t, own.place.copy(), own.heading, own.speed)
        return True

    def slow_due(self, t: float) -> bool:
        """Whether this message has the low-frequency container."""
        if t - self._slow_at < SLOW_PART:
            return False
        self._slow_at = t
        return True

    def _due(self, own: Sender, t: float) -> bool:
        if self._last is None:
            return True
        at, place, heading, speed = self._last
        gone = t - at + 1e-6  # sums of steps are rounded
        if own.kind == ROADSIDE:
            return gone >= SLOW_PART
        if gone < self.least:
            return False
        turned = abs(math.remainder(own.heading - heading, 2.0 * math.pi)) > TURNED
        moved = float(np.linalg.norm(own.place - place)) > MOVED
        if turned or moved or abs(own.speed - speed) > FASTER:
            self._interval, self._calm = min(gone, self.most), 0
            return True
        if gone < self._interval:
            return self.fixed
        self._calm += 1
        if self._calm >= CALM:
            self._interval = self.most
        return True

    def save(self) -> Plain:
        """The memory."""
        last = None
        if self._last is not None:
            t, place, heading, speed = self._last
            last = [t, place.tolist(), heading, speed]
        return [self._interval, self._calm, self._slow_at, last]

    def restore(self, saved: Plain) -> None:
        """The inverse of `save`."""
        self._interval, self._calm, self._slow_at, last = saved
        self._last = last and (last[0], np.array(last[1], np.float64), last[2], last[3])


def message(own: Sender, t: float, noise: Noise, dice: np.random.Generator, *, slow: bool) -> bytes:
    """The record of a message, without its power."""
    record = np.zeros((), _MESSAGE)
    record["protocol"], record["message"], record["station"] = PROTOCOL, CAM, own.station
    record["time"], record["kind"] = round(t * 1000.0) % 65536, own.kind
    fix = own.fix + noise.fix_bias + dice.normal(size=3) * noise.fix_stddev
    record["latitude"], record["longitude"] = np.round(fix[:2] * 1e6) * 10  # 0.1 microdegrees
    record["altitude"] = np.round(fix[2] * 100.0)
    for name, value in _UNKNOWN.items():
        record[name] = value
    if own.kind == ROADSIDE:
        record["fast_part"] = ROADSIDE_PART
        return record.tobytes()
    record["fast_part"] = VEHICLE_PART
    _fill_motion(record, own, noise, dice)
    if slow:
        record["slow_part"], record["role"] = 1, ROLES.get(own.kind, 0)
        record["lights"] = sum(lamp for state, lamp in LAMPS.items() if own.lights & state)
    return record.tobytes()


def _fill_motion(
    record: NDArray[np.void], own: Sender, noise: Noise, dice: np.random.Generator
) -> None:
    """Heading, speed, size, accelerations and yaw rate of a vehicle."""
    spread, bias = noise.heading
    heading = float(iso.degrees(own.heading)) + bias + float(dice.normal()) * spread
    record["heading"] = round(heading % 360.0 * 10.0) % 3600
    speed = max(own.speed + float(dice.normal()) * noise.speed, 0.0)
    record["speed"] = min(round(speed * 100.0), 16382)
    record["backward"] = own.speed < 0.0
    record["length"] = min(round(own.size[0] * 10.0), 1022)
    record["width"] = min(round(own.size[1] * 10.0), 61)
    force = own.force + dice.normal(size=3) * noise.force
    for name, value in zip(("along", "across", "up"), force.tolist(), strict=True):
        record[name] = _limited(value * 10.0, 160, 161)
    spread, bias = noise.yaw_rate
    turning = float(iso.degrees(own.yaw_rate + bias + float(dice.normal()) * spread))
    record["yaw_rate"] = _limited(turning * 100.0, 32766, 32767)
    record["has_across"] = record["has_up"] = True


def _limited(value: float, most: int, unknown: int) -> int:
    """A number on the wire; beyond its range it is unknown."""
    return round(value) if abs(value) <= most else unknown


def custom(station: int, text: str) -> bytes:
    """The record of a custom message, without its power."""
    head = b"".join(n.to_bytes(8, "little") for n in (PROTOCOL, CUSTOM, station))
    words = text.encode()[:MOST_TEXT].decode(errors="ignore").encode()
    return bytes(8) + head + words.ljust(104, b"\0")
