"""How traffic lights change: per junction one phase after the other is green, as in CARLA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common.frames import FloatArray, wrap_angles
from sim.server.scene import Signal
from sim.server.sensors.memory import Plain, packed, unpacked

RED, YELLOW, GREEN, OFF = 0, 1, 2, 3  # CARLA's TrafficLightState
GREEN_TIME, YELLOW_TIME, RED_TIME = 10.0, 3.0, 2.0  # s, CARLA's defaults
NOSE = 1.0  # m at a vehicle's front that must lie in a trigger
ALONG = 1.05  # rad between a vehicle and the traffic a light governs


class LightController:
    """Memory: per group the phase that has its turn, and how long it has shown its colour.

    A phase is green, then yellow, then the whole group is red; then comes the next phase.
    """

    def __init__(self, signals: Sequence[Signal]) -> None:
        groups = {
            junction: k for k, junction in enumerate(dict.fromkeys(s.junction for s in signals))
        }
        self.signals = tuple(signals)
        self.group = np.array([groups[s.junction] for s in signals], np.int64)  # (S,)
        self.phase = np.array([s.phase for s in signals], np.int64)  # (S,)
        self.green = np.full(len(signals), GREEN_TIME)  # (S,) s
        self.yellow = np.full(len(signals), YELLOW_TIME)
        self.red = np.full(len(signals), RED_TIME)
        self.states = np.zeros(len(signals), np.uint8)  # (S,) RED, YELLOW, GREEN or OFF
        self.frozen = np.zeros(len(signals), np.bool_)  # (S,)
        self._phases = [int(self.phase[self.group == k].max()) + 1 for k in range(len(groups))]
        self._turn = np.zeros(len(groups), np.int64)  # the phase whose turn it is
        self._stage = np.full(len(groups), GREEN, np.int64)
        self._clock = np.zeros(len(groups))  # s in this stage
        self._boxes = _boxes(signals)
        self.reset()

    @property
    def elapsed(self) -> FloatArray:
        """How long (s) each light's group has been in its stage (S,)."""
        return self._clock[self.group]

    def step(self, dt: float) -> None:
        """Let dt (s) pass."""
        for k in range(len(self._turn)):
            members = self.group == k
            if self.frozen[members].any():
                continue
            self._clock[k] += dt
            lead = int(np.flatnonzero(members & (self.phase == self._turn[k]))[0])
            times = {GREEN: self.green, YELLOW: self.yellow, RED: self.red}
            if self._clock[k] >= times[int(self._stage[k])][lead] - 1e-9:
                self._advance(k)

    def _advance(self, k: int) -> None:
        self._clock[k] = 0.0
        if self._stage[k] == RED:
            self._turn[k] = (self._turn[k] + 1) % self._phases[k]
            self._stage[k] = GREEN
        else:
            self._stage[k] -= 1
        self._show(k)

    def _show(self, k: int) -> None:
        members = self.group == k
        self.states[members] = RED
        self.states[members & (self.phase == self._turn[k])] = self._stage[k]

    def reset(self) -> None:
        """Every group starts its cycle again."""
        for k in range(len(self._turn)):
            self._restart(k)

    def reset_group(self, i: int) -> None:
        """The group of light i starts its cycle again."""
        self._restart(int(self.group[i]))

    def _restart(self, k: int) -> None:
        self._turn[k], self._stage[k], self._clock[k] = 0, GREEN, 0.0
        self._show(k)

    def set_state(self, i: int, state: int) -> None:
        """Light i shows `state` until its group next changes."""
        self.states[i] = state

    def save(self) -> list[Plain]:
        """All that changes."""
        return [packed(array) for array in self._changing()]

    def restore(self, saved: list[Plain]) -> None:
        """The inverse of `save`, for the same signals.

        Raises:
            ValueError: these are other signals.
        """
        for array, value in zip(self._changing(), saved, strict=True):
            array[:] = unpacked(value, array.dtype)

    def _changing(self) -> tuple[NDArray[Any], ...]:
        times = (self.green, self.yellow, self.red)
        return (*times, self.states, self.frozen, self._turn, self._stage, self._clock)

    def put(self, i: int, state: int, frozen: bool, elapsed: float) -> None:
        """Light i shows `state` and its group's clock stands at `elapsed` (s), as recorded."""
        k = int(self.group[i])
        self.states[i] = state
        self.freeze(frozen, i)
        self._clock[k] = elapsed
        if state in (YELLOW, GREEN):
            self._turn[k], self._stage[k] = self.phase[i], state
        elif not np.isin(self.states[self.group == k], (YELLOW, GREEN)).any():
            self._stage[k] = RED

    def set_times(
        self,
        i: int,
        green: float | None = None,
        yellow: float | None = None,
        red: float | None = None,
    ) -> None:
        """Durations (s) of the phase of light i; None leaves one as it is."""
        phase = (self.group == self.group[i]) & (self.phase == self.phase[i])
        for times, value in ((self.green, green), (self.yellow, yellow), (self.red, red)):
            if value is not None:
                times[phase] = value

    def freeze(self, frozen: bool, i: int | None = None) -> None:
        """Stop or start the clocks of the group of light i, or of all."""
        if i is None:
            self.frozen[:] = frozen
        else:
            self.frozen[self.group == self.group[i]] = frozen

    def group_of(self, i: int) -> tuple[int, ...]:
        """The lights of the same junction as light i, itself among them."""
        return tuple(int(k) for k in np.flatnonzero(self.group == self.group[i]))

    def governing(
        self, xy: FloatArray, yaw: FloatArray, half_length: ArrayLike = 2.4
    ) -> NDArray[np.int64]:
        """The light whose trigger holds each vehicle's nose, -1 where there is none.

        Args:
            xy: (N, 2) m, vehicle centres, world frame.
            yaw: (N,) rad.
            half_length: m, one or (N,).

        Returns:
            (N,) indices into `signals`.
        """
        found = np.full(len(xy), -1, np.int64)
        centre, heading, across, along = self._boxes
        if not len(centre) or not len(xy):
            return found
        tip = np.broadcast_to(np.asarray(half_length, np.float64), (len(xy),))
        ahead = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
        c, s = np.cos(heading), np.sin(heading)
        inside = np.zeros((len(xy), len(centre)), np.bool_)
        for back in (0.0, NOSE):
            nose = xy + ahead * (tip - back)[:, None]
            d = nose[:, None] - centre
            x = d[..., 0] * c + d[..., 1] * s
            y = -d[..., 0] * s + d[..., 1] * c
            inside |= (np.abs(x) <= along) & (np.abs(y) <= across)
        inside &= np.abs(wrap_angles(yaw[:, None] - heading)) < ALONG
        held = inside.any(axis=1)
        found[held] = inside[held].argmax(axis=1)
        return found


def _boxes(signals: Sequence[Signal]) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Trigger centres (S, 2) m, headings of the traffic (S,) rad, half sizes (S,) m."""
    yaw = np.array([s.yaw for s in signals])
    local = np.array([s.trigger_centre[:2] for s in signals]).reshape(-1, 2)
    c, s = np.cos(yaw), np.sin(yaw)
    x = np.array([s.x for s in signals]) + c * local[:, 0] - s * local[:, 1]
    y = np.array([s.y for s in signals]) + s * local[:, 0] + c * local[:, 1]
    extent = np.array([s.trigger_extent for s in signals]).reshape(-1, 3)
    turn = np.array([s.trigger_yaw for s in signals])
    return np.stack([x, y], axis=-1), yaw + turn + np.pi / 2.0, extent[:, 0], extent[:, 1]
