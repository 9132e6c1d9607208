"""The register of Traffic Managers, and the barrier that keeps them from losing a tick.

A Traffic Manager runs inside a client; the server only knows which port has one. Its synchronous
cycle is get_vehicle_light_states, get_weather_parameters, apply_batch, get_episode_settings, then
a wait for the client's next tick. The client sets that wake-up without the lock, so a snapshot
that comes between the last answer and the wait is lost and the client hangs for ever
(docs/protocol.md, pitfall 4). Hence ticks wait until the cycle has ended and a moment longer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

PATIENCE = 0.25  # s a tick waits for the end of a cycle
MOMENT = 0.001  # s from the last answer of a cycle to the next snapshot; measured: 0 of 30 lost
SLOW_MOMENT = 0.01  # s at most, on a busy machine
SLACK = 3.0  # moments are this many times what the client's thread took to wake up


@dataclass(slots=True)
class _Cycle:
    began: bool = False
    batch_at: float | None = None  # when the batch came; None: no end is awaited
    ended_at: float = 0.0
    wake_up: float = 0.0  # s from the answer to its batch to its next call


class TrafficManagers:
    """Memory: which port has a Traffic Manager, of which connection, and where its cycle is."""

    def __init__(self) -> None:
        self._ports: dict[int, tuple[str, object]] = {}  # port -> address, connection
        self._cycles: dict[object, _Cycle] = {}

    def address(self, port: int) -> str | None:
        """Where the Traffic Manager of a port runs, None where there is none."""
        return self._ports[port][0] if port in self._ports else None

    def add(self, port: int, address: str, peer: object) -> bool:
        """Register one; False where the port is taken."""
        if port in self._ports:
            return False
        self._ports[port] = (address, peer)
        self._cycles.setdefault(peer, _Cycle())
        return True

    def remove(self, port: int) -> bool:
        """Forget one; False where there was none."""
        return self._ports.pop(port, None) is not None

    def forget(self, peer: object) -> None:
        """A connection has ended: so have its Traffic Managers."""
        self._cycles.pop(peer, None)
        for port in [p for p, (_, owner) in self._ports.items() if owner is peer]:
            del self._ports[port]

    def observe(self, peer: object, method: str, waits: bool) -> None:
        """Follow the cycle of a connection's Traffic Manager, request by request."""
        cycle = self._cycles.get(peer)
        if cycle is None or not waits:
            return
        if method == "get_vehicle_light_states":
            cycle.began = True
        elif method == "apply_batch" and cycle.began:
            cycle.began, cycle.batch_at = False, time.monotonic()
        elif method == "get_episode_settings":
            if cycle.batch_at is not None:
                cycle.wake_up = time.monotonic() - cycle.batch_at
            cycle.batch_at, cycle.ended_at = None, time.monotonic()

    def answered(self, peer: object, method: str) -> None:
        """An answer is on its way: from now on the client's thread may go on."""
        cycle = self._cycles.get(peer)
        if cycle is None:
            return
        if method == "apply_batch" and cycle.batch_at is not None:
            cycle.batch_at = time.monotonic()
        elif method == "get_episode_settings":
            cycle.ended_at = time.monotonic()

    def waiting(self) -> bool:
        """Whether a tick must wait for the end of a cycle."""
        now = time.monotonic()
        return any(
            c.batch_at is not None and now - c.batch_at < PATIENCE for c in self._cycles.values()
        )

    def pause(self) -> None:
        """Sleep until the moment after the last cycle has passed."""
        for cycle in self._cycles.values():
            moment = min(max(SLACK * cycle.wake_up, MOMENT), SLOW_MOMENT)
            remaining = cycle.ended_at + moment - time.monotonic()
            if remaining > 0.0:
                time.sleep(remaining)
