"""How old is what the operator sees and says, and what follows from it.

The age of a command is the vehicle's own clock now, minus its own clock when it captured the
newest frame on the operator's screen: glass to glass plus command latency with no clock to
synchronise (StVFernLV Annex 1 no. 2 limits their sum to 0.2 s). A frozen picture, a silent link
and a slow one all show as the same thing: age.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

LEGAL_LATENCY = 0.2  # s, StVFernLV Annex 1 no. 2


@dataclass(frozen=True, slots=True)
class Timings:
    """Limits on age (s); none can be switched off."""

    warn: float = 0.15
    govern: float = LEGAL_LATENCY
    comfortable_stop: float = 0.5
    emergency_stop: float = 1.0
    supervision_lost: float = 2.0  # while the autonomy drives

    def __post_init__(self) -> None:
        rising = (0.0, self.warn, self.govern, self.comfortable_stop, self.emergency_stop)
        if any(b <= a for a, b in pairwise(rising)):
            raise ValueError(f"expected 0 < warn < govern < comfortable < emergency, got {self}")
        if self.supervision_lost < self.comfortable_stop:
            raise ValueError("expected supervision_lost >= comfortable_stop")


class Grade(IntEnum):
    """How bad the age is."""

    FRESH = 0
    WARN = 1
    GOVERN = 2
    COMFORTABLE_STOP = 3
    EMERGENCY_STOP = 4


def grade(age: float | None, timings: Timings) -> Grade:
    """The grade of an age (s); nothing heard at all is the worst."""
    if age is None or age >= timings.emergency_stop:
        return Grade.EMERGENCY_STOP
    limits = (timings.warn, timings.govern, timings.comfortable_stop)
    return Grade(sum(age >= limit for limit in limits))


def adapted_speed(speed: float, latency: float) -> float:
    """The speed (m/s) that travels as far within `latency` as `speed` within the legal 0.2 s.

    StVFernLV Annex 1 no. 2.6: v * 0.2 / t; below the limit nothing changes.
    """
    return speed if latency <= LEGAL_LATENCY else speed * LEGAL_LATENCY / latency


def stopping_distance(speed: float, reaction: float, decel: float, latency: float) -> float:
    """Reaction, braking and latency drift (m) from `speed` (m/s), StVFernLV Annex 1 no. 2.5."""
    return speed * (reaction + latency) + speed * speed / (2.0 * decel)


class SpeedGovernor:
    """The cap on speed while latency is over the limit. Remembers the cap, since it ratchets."""

    def __init__(self) -> None:
        self.cap: float | None = None

    def update(self, speed: float, latency: float) -> float | None:
        """The cap (m/s) after this latency (s) at this speed (m/s); None while there is none.

        Reached with the latency still high, the cap is computed anew from the lower speed
        (no. 2.6.6); with the latency back within the limit it goes.
        """
        if latency <= LEGAL_LATENCY:
            self.cap = None
        elif self.cap is None or speed <= self.cap:
            self.cap = adapted_speed(speed, latency)
        return self.cap


class CaptureClock:
    """When each frame was captured, by the vehicle's clock. Remembers the last few seconds."""

    KEPT = 256

    def __init__(self) -> None:
        self._captured: OrderedDict[int, float] = OrderedDict()

    def captured(self, frame_id: int, now: float) -> None:
        """A frame was captured."""
        self._captured[frame_id] = now
        while len(self._captured) > self.KEPT:
            self._captured.popitem(last=False)

    def age(self, frame_id: int, now: float) -> float | None:
        """The age (s) of a frame; None for one never sent or long gone."""
        captured = self._captured.get(frame_id)
        return None if captured is None else now - captured
