"""Camera images on the wire: u32 width, u32 height, f32 field of view (deg), then B, G, R, A rows.

Row-major from the top left, as `Planes`.
"""

from __future__ import annotations

import math
import struct

import numpy as np
from numpy.typing import NDArray

from common.jit import kernel
from sim import iso
from sim.server.scene import F32, U8, U32, Planes

FAR = 1000.0  # m, where CARLA's depth image ends
BLACK = 0xFF000000  # an opaque pixel's four bytes, B first
_STEPS = 2**24 - 1


def header(width: int, height: int, fov: float) -> bytes:
    """The 12 bytes that begin an image; `fov` in rad."""
    return struct.pack("<IIf", width, height, float(iso.degrees(fov)))


@kernel
def _bgra(rgb: U8, out: U8) -> None:
    for i in range(rgb.shape[0]):
        out[i, 0] = rgb[i, 2]
        out[i, 1] = rgb[i, 1]
        out[i, 2] = rgb[i, 0]
        out[i, 3] = 255


@kernel
def _depth(depth: F32, out: U8) -> None:
    scale = _STEPS / FAR
    for i in range(depth.shape[0]):
        metres = depth[i]
        if not metres < FAR:
            value = _STEPS
        elif metres <= 0.0:
            value = 0
        else:
            value = math.floor(metres * scale + 0.5)
        out[i, 0] = (value >> 16) & 255
        out[i, 1] = (value >> 8) & 255
        out[i, 2] = value & 255
        out[i, 3] = 255


@kernel
def _label(label: U8, out: U8) -> None:
    for i in range(label.shape[0]):
        out[i, 0] = 0
        out[i, 1] = 0
        out[i, 2] = label[i]
        out[i, 3] = 255


@kernel
def _instance(label: U8, instance: U32, out: U8) -> None:
    for i in range(label.shape[0]):
        out[i, 0] = (instance[i] >> 8) & 255
        out[i, 1] = instance[i] & 255
        out[i, 2] = label[i]
        out[i, 3] = 255


def _blank(count: int) -> U8:
    return np.empty((count, 4), np.uint8)


def _framed(planes: Planes, fov: float, pixels: NDArray[np.uint8]) -> list[bytes | memoryview]:
    height, width = planes.label.shape
    return [header(width, height, fov), pixels.data.cast("B")]


def grey(values: U8, fov: float) -> list[bytes | memoryview]:
    """One value (height, width) in all three colours."""
    out = values * np.uint32(0x010101) | np.uint32(BLACK)
    return [header(values.shape[1], values.shape[0], fov), out.data.cast("B")]


def black(width: int, height: int, fov: float) -> list[bytes | memoryview]:
    """An image without anything."""
    return [header(width, height, fov), np.full((height, width), BLACK, np.uint32).data.cast("B")]


def rgb(planes: Planes, fov: float) -> list[bytes | memoryview]:
    """sensor.camera.rgb."""
    out = _blank(planes.label.size)
    _bgra(planes.rgb.reshape(-1, 3), out)
    return _framed(planes, fov, out)


def depth(planes: Planes, fov: float) -> list[bytes | memoryview]:
    """sensor.camera.depth: (R + 256 G + 65536 B) / (2^24 - 1) * 1000 m along the optical axis."""
    out = _blank(planes.label.size)
    _depth(planes.depth.reshape(-1), out)
    return _framed(planes, fov, out)


def semantic(planes: Planes, fov: float) -> list[bytes | memoryview]:
    """sensor.camera.semantic_segmentation: the label in R."""
    out = _blank(planes.label.size)
    _label(planes.label.reshape(-1), out)
    return _framed(planes, fov, out)


def instance(planes: Planes, fov: float) -> list[bytes | memoryview]:
    """sensor.camera.instance_segmentation: label in R, id's low byte in G, next byte in B."""
    out = _blank(planes.label.size)
    _instance(planes.label.reshape(-1), planes.instance.reshape(-1), out)
    return _framed(planes, fov, out)
