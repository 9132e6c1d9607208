"""How traffic lights change: per junction one phase after the other is green, as in CARLA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common.frames import FloatArray
from sim.server.scene import Signal
from sim.server.sensors.memory import Plain, packed, unpacked
from sim.server.triggers import Triggers

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
        times = [[RED_TIME], [YELLOW_TIME], [GREEN_TIME]]
        self._times = np.tile(times, len(signals))  # (3, S) s, by state
        self.red, self.yellow, self.green = self._times
        self.states = np.zeros(len(signals), np.uint8)  # (S,) RED, YELLOW, GREEN or OFF
        self.frozen = np.zeros(len(signals), np.bool_)  # (S,)
        self._phases = [int(self.phase[self.group == k].max()) + 1 for k in range(len(groups))]
        self._turn = np.zeros(len(groups), np.int64)  # the phase whose turn it is
        self._stage = np.full(len(groups), GREEN, np.int64)
        self._clock = np.zeros(len(groups))  # s in this stage
        self._running = np.zeros(len(groups))  # 1 where the clock runs, 0 where it is frozen
        self._ends = np.zeros(len(groups))  # s on the clock at which the stage ends
        self._triggers = _triggers(signals)
        self._groups = np.arange(len(groups))
        # (groups, phases) the light whose times hold for a phase of a group
        self._lead = np.zeros((len(groups), max(self._phases, default=0)), np.int64)
        for i in range(len(signals) - 1, -1, -1):
            self._lead[self.group[i], self.phase[i]] = i
        self.reset()

    @property
    def elapsed(self) -> FloatArray:
        """How long (s) each light's group has been in its stage (S,)."""
        return self._clock[self.group]

    def step(self, dt: float) -> None:
        """Let dt (s) pass."""
        self._clock += dt * self._running
        for k in (self._clock >= self._ends).nonzero()[0].tolist():
            self._advance(k)

    def _schedule(self) -> None:
        """Note which clocks run and when their stages end; whatever changes that calls this."""
        lead = self._lead[self._groups, self._turn]
        frozen = self.frozen[lead]
        self._running = np.where(frozen, 0.0, 1.0)
        self._ends = np.where(frozen, np.inf, self._times[self._stage, lead] - 1e-9)

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
        self._schedule()

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
        self._schedule()

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
        self._schedule()

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
        self._schedule()

    def freeze(self, frozen: bool, i: int | None = None) -> None:
        """Stop or start the clocks of the group of light i, or of all."""
        if i is None:
            self.frozen[:] = frozen
        else:
            self.frozen[self.group == self.group[i]] = frozen
        self._schedule()

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
        reach = np.broadcast_to(np.asarray(half_length, np.float64), yaw.shape)
        return self._triggers.first_ahead(xy, yaw, reach, NOSE, ALONG)


def _triggers(signals: Sequence[Signal]) -> Triggers:
    """The lights' triggers; their headings are those of the traffic."""
    yaw = np.array([s.yaw for s in signals])
    local = np.array([s.trigger_centre[:2] for s in signals]).reshape(-1, 2)
    c, s = np.cos(yaw), np.sin(yaw)
    x = np.array([s.x for s in signals]) + c * local[:, 0] - s * local[:, 1]
    y = np.array([s.y for s in signals]) + s * local[:, 0] + c * local[:, 1]
    extent = np.array([s.trigger_extent[:2] for s in signals]).reshape(-1, 2)
    turn = np.array([s.trigger_yaw for s in signals])
    heading = yaw + turn + np.pi / 2.0
    return Triggers.at(np.stack([x, y], axis=-1), heading, extent[:, ::-1].copy())
