"""CARLA's recorder file: a header, then frames of packets.

Facts: CARLA's Docs/ref_recorder_binary_file_format.md and the Recorder sources of 0.9.16.
Integers and floats are little-endian. Lengths are Unreal's: centimetres, left-handed; rotations are
roll, pitch, yaw in degrees. A packet is ``u8 id, u32 size`` and that many bytes. `Reel` reads.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

VERSION, MAGIC = 1, "CARLA_RECORDER"
CM = 100.0  # per m
NOBODY = 0xFFFFFFFF  # an id: something that is no actor
LONGEST_NAME = 4096  # characters
LONGEST_PACKET = 64 << 20  # bytes

Records = NDArray[Any]
Record = Any  # one of its rows


class Packet(IntEnum):
    """What a packet holds."""

    FRAME_START = 0
    FRAME_END = 1
    EVENT_ADD = 2
    EVENT_DEL = 3
    EVENT_PARENT = 4
    COLLISION = 5
    POSITION = 6
    STATE = 7
    ANIM_VEHICLE = 8
    ANIM_WALKER = 9
    VEHICLE_LIGHT = 10
    SCENE_LIGHT = 11
    KINEMATICS = 12
    BOUNDING_BOX = 13
    PLATFORM_TIME = 14
    PHYSICS_CONTROL = 15
    TRAFFIC_LIGHT_TIME = 16
    TRIGGER_VOLUME = 17
    FRAME_COUNTER = 18
    WALKER_BONES = 19
    VISUAL_TIME = 20
    VEHICLE_DOOR = 21
    ANIM_WHEELS = 22
    ANIM_BIKER = 23


class Kind(IntEnum):
    """FCarlaActor::ActorType."""

    OTHER = 0
    VEHICLE = 1
    WALKER = 2
    TRAFFIC_LIGHT = 3
    TRAFFIC_SIGN = 4
    SENSOR = 5


FRAME = struct.Struct("<Qdd")  # number, duration s, elapsed s
OPEN_END = -1.0  # s, a last frame's duration

ROWS: dict[Packet, np.dtype[Any]] = {
    Packet.EVENT_DEL: np.dtype([("id", "<u4")]),
    Packet.EVENT_PARENT: np.dtype([("id", "<u4"), ("parent", "<u4")]),
    Packet.COLLISION: np.dtype(
        [("number", "<u4"), ("a", "<u4"), ("b", "<u4"), ("a_hero", "u1"), ("b_hero", "u1")]
    ),
    Packet.POSITION: np.dtype(
        [("id", "<u4"), ("location", "<f4", 3), ("rotation", "<f4", 3)]
    ),
    Packet.STATE: np.dtype(
        [("id", "<u4"), ("frozen", "u1"), ("elapsed", "<f4"), ("state", "i1")]
    ),
    Packet.ANIM_VEHICLE: np.dtype(
        [("id", "<u4"), ("steer", "<f4"), ("throttle", "<f4"), ("brake", "<f4"),
         ("hand_brake", "u1"), ("gear", "<i4")]
    ),
    Packet.ANIM_WALKER: np.dtype([("id", "<u4"), ("speed", "<f4")]),
    Packet.VEHICLE_LIGHT: np.dtype([("id", "<u4"), ("state", "<u4")]),
    Packet.SCENE_LIGHT: np.dtype(
        [("id", "<i4"), ("intensity", "<f4"), ("colour", "<f4", 4), ("on", "u1"), ("group", "u1")]
    ),
    Packet.KINEMATICS: np.dtype([("id", "<u4"), ("velocity", "<f4", 3), ("rates", "<f4", 3)]),
    Packet.BOUNDING_BOX: np.dtype([("id", "<u4"), ("origin", "<f4", 3), ("extent", "<f4", 3)]),
    Packet.TRIGGER_VOLUME: np.dtype([("id", "<u4"), ("origin", "<f4", 3), ("extent", "<f4", 3)]),
    Packet.TRAFFIC_LIGHT_TIME: np.dtype(
        [("id", "<u4"), ("green", "<f4"), ("yellow", "<f4"), ("red", "<f4")]
    ),
    Packet.VEHICLE_DOOR: np.dtype([("id", "<u4"), ("doors", "u1"), ("open", "u1")]),
    Packet.ANIM_BIKER: np.dtype([("id", "<u4"), ("speed", "<f4"), ("engine", "<f4")]),
}  # fmt: skip
"""Packets that are ``u16 count`` and rows of one size."""

WHEEL = np.dtype([("place", "u1"), ("steer", "<f4"), ("turn", "<f4")])  # degrees
WHEELS = np.dtype([("id", "<u4"), ("count", "<u4"), ("wheels", WHEEL, 4)])
"""A row of ANIM_WHEELS as this server writes it: every vehicle tells four wheels."""


class TapeError(Exception):
    """The file is no recording, or a broken one."""


@dataclass(frozen=True, slots=True)
class Add:
    """An actor comes."""

    id: int
    kind: int
    location: tuple[float, float, float]  # cm
    rotation: tuple[float, float, float]  # degrees: roll, pitch, yaw
    uid: int
    type_id: str
    attributes: tuple[tuple[int, str, str], ...]  # type, name, value

    @property
    def hero(self) -> bool:
        """Whether its role is the hero's."""
        return any(name == "role_name" and value == "hero" for _, name, value in self.attributes)


@dataclass(frozen=True, slots=True)
class Physics:
    """A vehicle's parameters, in CARLA's order and units."""

    id: int
    engine: tuple[float, ...]  # max_rpm, moi, three damping rates
    autobox: bool
    body: tuple[float, ...]  # clutch, final ratio, mass, drag, centre of mass (3,)
    torque: tuple[tuple[float, ...], ...]
    gears: tuple[tuple[float, ...], ...]
    steering: tuple[tuple[float, ...], ...]
    wheels: tuple[tuple[float, ...], ...]  # 12 figures each


_CURVES = (("torque", 2), ("gears", 3), ("steering", 2), ("wheels", 12))


def packet(kind: Packet, data: bytes) -> bytes:
    """A packet's bytes."""
    return struct.pack("<BI", kind, len(data)) + data


def rows(kind: Packet, records: Records) -> bytes:
    """A packet of rows (N,) of `ROWS[kind]`."""
    return packet(kind, struct.pack("<H", len(records)) + records.tobytes())


def string(text: str) -> bytes:
    """A string's bytes."""
    data = text.encode()[:0x7FFF]
    return struct.pack("<H", len(data)) + data


def header(date: int, town: str) -> bytes:
    """What a file begins with; the date in seconds of Unix time."""
    return struct.pack("<H", VERSION) + string(MAGIC) + struct.pack("<q", date) + string(town)


def add(event: Add) -> bytes:
    """An EVENT_ADD record."""
    out = struct.pack("<IB6fI", event.id, event.kind, *event.location, *event.rotation, event.uid)
    out += string(event.type_id) + struct.pack("<H", len(event.attributes))
    for kind, name, value in event.attributes:
        out += struct.pack("<B", kind & 0xFF) + string(name) + string(value)
    return out


def physics(own: Physics) -> bytes:
    """A PHYSICS_CONTROL record."""
    out = struct.pack("<I5f?7f", own.id, *own.engine, own.autobox, *own.body)
    for name, width in _CURVES:
        points = getattr(own, name)
        out += struct.pack("<I", len(points))
        out += b"".join(struct.pack(f"<{width}f", *point) for point in points)
    return out


class Cursor:
    """A packet's bytes, read from the front."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, layout: str) -> tuple[Any, ...]:
        """The next values of a `struct` layout.

        Raises:
            TapeError: there are not so many bytes.
        """
        try:
            out = struct.unpack_from("<" + layout, self.data, self.at)
        except struct.error as error:
            raise TapeError("a packet ends before its content") from error
        self.at += struct.calcsize("<" + layout)
        return out

    def string(self) -> str:
        """The next string."""
        (length,) = self.take("H")
        (data,) = self.take(f"{length}s")
        return str(data.decode(errors="replace"))

    def rows(self, row: np.dtype[Any]) -> Records:
        """``u16 count`` and that many rows."""
        (count,) = self.take("H")
        if self.at + count * row.itemsize > len(self.data):
            raise TapeError("a packet ends before its content")
        return np.frombuffer(self.data, row, count, self.at)


def adds(data: bytes) -> list[Add]:
    """The records of an EVENT_ADD packet."""
    cursor = Cursor(data)
    (count,) = cursor.take("H")
    out = []
    for _ in range(count):
        number, kind, x, y, z, roll, pitch, yaw, uid = cursor.take("IB6fI")
        type_id = cursor.string()
        (more,) = cursor.take("H")
        attributes = tuple(
            (int(cursor.take("B")[0]), cursor.string(), cursor.string()) for _ in range(more)
        )
        out.append(Add(number, kind, (x, y, z), (roll, pitch, yaw), uid, type_id, attributes))
    return out


def controls(data: bytes) -> list[Physics]:
    """The records of a PHYSICS_CONTROL packet."""
    cursor = Cursor(data)
    (count,) = cursor.take("H")
    out = []
    for _ in range(count):
        (number,) = cursor.take("I")
        engine = cursor.take("5f")
        (autobox,) = cursor.take("?")
        body = cursor.take("7f")
        curves = {}
        for name, width in _CURVES:
            (points,) = cursor.take("I")
            curves[name] = tuple(cursor.take(f"{width}f") for _ in range(points))
        out.append(Physics(number, engine, autobox, body, **curves))
    return out


def wheels(data: bytes) -> Iterator[tuple[int, Records]]:
    """The ids and wheels (N,) `WHEEL` of an ANIM_WHEELS packet."""
    cursor = Cursor(data)
    (count,) = cursor.take("H")
    for _ in range(count):
        number, some = cursor.take("II")
        end = cursor.at + some * WHEEL.itemsize
        if end > len(data):
            raise TapeError("a packet ends before its content")
        yield int(number), np.frombuffer(data, WHEEL, some, cursor.at)
        cursor.at = end


def folder() -> Path:
    """Where recordings with a plain name lie: under NINEFOLD_HOME or the user's cache folder."""
    home = os.environ.get("NINEFOLD_HOME")
    if home:
        return Path(home) / "recordings"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ninefold/recordings"


def file_of(name: str) -> Path:
    """A recording's file: as in CARLA a name with a slash, backslash or colon is a path itself.

    Raises:
        TapeError: no file has so long a name.
    """
    if len(name) > LONGEST_NAME:
        raise TapeError(f"expected a file's name of at most {LONGEST_NAME} characters")
    return Path(name) if any(mark in name for mark in "/\\:") else folder() / name


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a file, and where its packets begin."""

    number: int
    duration: float  # s
    elapsed: float  # s
    offset: int


class Reel:
    """A recording, open for reading: header, frames, and their packets. Close it."""

    def __init__(self, path: Path) -> None:
        """Open a file and find its complete frames.

        Raises:
            TapeError: it is not there, or no recording.
        """
        try:
            if not path.is_file():
                raise TapeError(f"File {path} not found on server")
            self._file: IO[bytes] = path.open("rb")
            self._size = path.stat().st_size
        except (OSError, ValueError) as error:
            raise TapeError(f"File {path} not found on server") from error
        try:
            self._read_header()
            self.frames = list(self._find_frames())
        except TapeError:
            self.close()
            raise

    def _read_header(self) -> None:
        cursor = Cursor(self._file.read(4 + len(MAGIC) + 8 + 2 + 0xFFFF))
        try:
            (self.version,) = cursor.take("H")
            magic = cursor.string()
            (self.date,) = cursor.take("q")
            self.town = cursor.string()
        except TapeError:
            magic = ""
        if magic != MAGIC:
            raise TapeError("File is not a CARLA recorder")
        self._begin = cursor.at

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def __enter__(self) -> Reel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def duration(self) -> float:
        """When (s) the last frame was."""
        return self.frames[-1].elapsed if self.frames else 0.0

    def _headers(self, at: int) -> Iterator[tuple[int, int, int]]:
        """Packet ids, where their content begins, its size; ends where the file does."""
        while at + 5 <= self._size:
            self._file.seek(at)
            head = self._file.read(5)
            if len(head) < 5:
                return
            kind, size = struct.unpack("<BI", head)
            if at + 5 + size > self._size:
                return
            yield kind, at + 5, size
            at += 5 + size

    def _find_frames(self) -> Iterator[Frame]:
        """Complete frames whose time goes on; what is behind a broken one is not read."""
        open_frame: Frame | None = None
        last = 0.0
        for kind, at, size in self._headers(self._begin):
            if kind == Packet.FRAME_START:
                if size != FRAME.size:
                    return
                self._file.seek(at)
                number, duration, elapsed = FRAME.unpack(self._file.read(size))
                if not (np.isfinite([duration, elapsed]).all() and elapsed >= last):
                    return
                last = elapsed
                open_frame = Frame(number, duration, elapsed, at + size)
            elif kind == Packet.FRAME_END and open_frame is not None:
                yield open_frame
                open_frame = None

    def packets(self, frame: Frame) -> Iterator[tuple[int, bytes]]:
        """The packets of a frame.

        Raises:
            TapeError: one is too long to be true, or the file has changed.
        """
        for kind, at, size in self._headers(frame.offset):
            if kind == Packet.FRAME_END:
                return
            if size > LONGEST_PACKET:
                raise TapeError(f"a packet of {size} bytes, at most {LONGEST_PACKET}")
            self._file.seek(at)
            data = self._file.read(size)
            if len(data) < size:
                raise TapeError("the file has become shorter")
            yield kind, data
