"""sensor.camera.dvs: events where the brightness has changed enough.

Between two images every pixel's (log) brightness is taken to change evenly; it sends an event
whenever it has crossed a threshold since its last one (Rebecq, Gehrig, Scaramuzza, ESIM: an open
event camera simulator, 2018), as CARLA does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.jit import kernel
from sim.server.scene import F32, Planes, View
from sim.server.sensors.attributes import Attributes, flag, number
from sim.server.sensors.images import header
from sim.server.sensors.memory import Plain, packed, unpacked

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_EVENT = np.dtype([("x", "<u2"), ("y", "<u2"), ("t", "<i8"), ("polarity", "u1")])
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_LEAST = 1e-3  # of brightness: the smallest threshold


@dataclass(frozen=True, slots=True)
class Settings:
    """The attributes of an event camera."""

    positive: float  # thresholds in (log) brightness
    negative: float
    sigma_positive: float
    sigma_negative: float
    refractory: float  # s
    use_log: bool
    log_eps: float

    @staticmethod
    def read(get: Attributes) -> Settings:
        """From the blueprint's attributes."""
        return Settings(
            positive=max(number(get, "positive_threshold", 0.3), _LEAST),
            negative=max(number(get, "negative_threshold", 0.3), _LEAST),
            sigma_positive=max(number(get, "sigma_positive_threshold"), 0.0),
            sigma_negative=max(number(get, "sigma_negative_threshold"), 0.0),
            refractory=1e-9 * max(number(get, "refractory_period_ns"), 0.0),
            use_log=flag(get, "use_log"),
            log_eps=max(number(get, "log_eps", 0.001), 1e-6),
        )


@kernel
def _cross(
    old: F32, new: F32, reference: F32, fired: F64, up: F32, down: F32, start: float, end: float,
    refractory: float, pixels: I64, times: F64, signs: I64,
) -> int:  # fmt: skip
    """Find the events of flat images; how many. With empty `pixels` only count, change nothing."""
    count = 0
    for i in range(old.shape[0]):
        change = new[i] - old[i]
        if abs(change) < 1e-6:
            continue
        sign = 1 if change > 0.0 else -1
        threshold = up[i] if sign > 0 else down[i]
        level, last = reference[i], fired[i]
        while True:
            nearer = level + sign * threshold
            if sign * (nearer - new[i]) > 0.0:
                break
            level = nearer
            t = start + max((level - old[i]) / change, 0.0) * (end - start)
            if t - last < refractory:
                continue
            last = t
            if pixels.shape[0]:
                pixels[count], times[count], signs[count] = i, t, sign
            count += 1
        if pixels.shape[0]:
            reference[i], fired[i] = level, last
    return count


class EventCamera:
    """Memory: every pixel's last brightness, the level of its last event, and when that was."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._time = 0.0
        self._old: F32 | None = None
        self._reference = np.zeros(0, np.float32)
        self._fired = np.zeros(0)

    def payload(
        self, planes: Planes, view: View, t: float, rng: np.random.Generator
    ) -> list[bytes | memoryview]:
        """The events since the last image, in order of time; none at first."""
        new = self._brightness(planes)
        head = header(view.width_px, view.height_px, view.fov)
        old, start = self._old, self._time
        self._old, self._time = new, t
        if old is None or len(old) != len(new):
            self._reference, self._fired = new.copy(), np.full(len(new), -math.inf)
            return [head]
        s = self.settings
        up = self._thresholds(s.positive, s.sigma_positive, len(new), rng)
        down = self._thresholds(s.negative, s.sigma_negative, len(new), rng)
        nothing, none = np.zeros(0, np.int64), np.zeros(0)
        same = (old, new, self._reference, self._fired, up, down, start, t, s.refractory)
        count = _cross(*same, nothing, none, nothing)
        if not count:
            return [head]
        pixels, signs, times = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count)
        _cross(*same, pixels, times, signs)
        order = np.argsort(times, kind="stable")
        out = np.zeros(count, _EVENT)
        out["x"], out["y"] = pixels[order] % view.width_px, pixels[order] // view.width_px
        out["t"] = np.round(1e9 * times[order]).astype(np.int64)
        out["polarity"] = signs[order] > 0
        return [head, out.tobytes()]

    def save(self) -> Plain:
        """The memory."""
        if self._old is None:
            return None
        return [self._time, packed(self._old), packed(self._reference), packed(self._fired)]

    def restore(self, saved: Plain) -> None:
        """The inverse of `save`."""
        self._old = None
        if saved is not None:
            self._time = float(saved[0])
            self._old, self._reference = (unpacked(part, np.float32) for part in saved[1:3])
            self._fired = unpacked(saved[3], np.float64)

    def _brightness(self, planes: Planes) -> F32:
        grey: F32 = (planes.rgb.reshape(-1, 3) @ _LUMA) / np.float32(255.0)
        if self.settings.use_log:
            grey = np.log(np.float32(self.settings.log_eps) + grey)
        out: F32 = grey.astype(np.float32)
        return out

    def _thresholds(self, mean: float, sigma: float, count: int, rng: np.random.Generator) -> F32:
        if sigma == 0.0:
            return np.full(count, mean, np.float32)
        noisy: F32 = np.float32(mean) + np.float32(sigma) * rng.standard_normal(count, np.float32)
        return noisy.clip(_LEAST)
