"""The register of Traffic Managers, and the barrier that keeps them from losing a tick.

A Traffic Manager runs inside a client; the server only knows which port has one. Its synchronous
cycle is get_vehicle_light_states, get_weather_parameters, apply_batch, get_episode_settings, then
a wait for the client's next tick. The client sets that wake-up without the lock, so a snapshot
that comes between the last answer and the wait is lost, and the client hangs (docs/protocol.md).
Hence ticks wait until the cycle has ended and a moment longer; and where no cycle follows a tick
all the same, the Traffic Manager is told of it once more (`rouse.py`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

MOST = 64  # Traffic Managers of one connection
PATIENCE = 0.25  # s a tick waits for the end of a cycle
MOMENT = 0.0005  # s from the last answer of a cycle to the next snapshot
SLOW_MOMENT = 0.003  # s at most, on a busy machine; a tick that is lost all the same costs OVERDUE
SLACK = 2.0  # moments are this many times what the client's thread took to wake up
OVERDUE = 5.0  # s from the answer to a tick until the cycle it calls for is taken for lost
STEADY = 10  # ticks in a row with one cycle for each, which no asynchronous mode keeps up


@dataclass(slots=True)
class _Cycle:
    began: bool = False
    batch_at: float | None = None  # when the batch came; None: no end is awaited
    ended_at: float = 0.0
    wake_up: float = 0.0  # s from the answer to its batch to its next call
    lost_at: float | None = None  # when the cycle that a tick calls for is lost; None: none is due
    begun: int = 0  # cycles since the last tick, of all Traffic Managers of the connection
    ended: int = 0
    steady: int = 0  # ticks in a row with one cycle for each


class TrafficManagers:
    """Memory: which port has a Traffic Manager, of which connection, and where its cycle is."""

    def __init__(self) -> None:
        self._ports: dict[int, tuple[str, object]] = {}  # port -> address, connection
        self._cycles: dict[object, _Cycle] = {}

    def address(self, port: int) -> str | None:
        """Where the Traffic Manager of a port runs, None where there is none."""
        return self._ports[port][0] if port in self._ports else None

    def add(self, port: int, address: str, peer: object) -> bool:
        """Register one; False where the port is taken, or the connection has too many."""
        if port in self._ports or self.count(peer) >= MOST:
            return False
        self._ports[port] = (address, peer)
        self._cycles.setdefault(peer, _Cycle())
        return True

    def remove(self, port: int) -> bool:
        """Forget one; False where there was none."""
        _, owner = self._ports.pop(port, ("", None))
        if not self._ports_of(owner):
            self._cycles.pop(owner, None)
        return owner is not None

    def forget(self, peer: object) -> None:
        """A connection has ended: so have its Traffic Managers."""
        self._cycles.pop(peer, None)
        for port in self._ports_of(peer):
            del self._ports[port]

    def _ports_of(self, peer: object) -> list[int]:
        return [port for port, (_, owner) in self._ports.items() if owner is peer]

    def observe(self, peer: object, method: str, waits: bool) -> None:
        """Follow the cycle of a connection's Traffic Manager, request by request."""
        cycle = self._cycles.get(peer)
        if cycle is None or not waits:
            return
        if method == "get_vehicle_light_states":
            cycle.began, cycle.lost_at = True, None
            cycle.begun += 1
        elif method == "apply_batch" and cycle.began:
            cycle.began, cycle.batch_at = False, time.monotonic()
        elif method == "get_episode_settings":
            if cycle.batch_at is not None:
                cycle.wake_up = time.monotonic() - cycle.batch_at
            cycle.batch_at, cycle.ended_at = None, time.monotonic()
            cycle.ended += 1

    def answered(self, peer: object, method: str) -> None:
        """An answer is on its way: from now on the client's thread may go on."""
        cycle = self._cycles.get(peer)
        if cycle is None:
            return
        if method == "apply_batch" and cycle.batch_at is not None:
            cycle.batch_at = time.monotonic()
        elif method == "get_episode_settings":
            cycle.ended_at = time.monotonic()
        elif method == "tick_cue" and cycle.ended_at > 0.0:
            cycle.lost_at = time.monotonic() + OVERDUE
            managers = self.count(peer)
            even = cycle.begun == managers and cycle.ended <= managers
            cycle.steady = cycle.steady + 1 if even else 0
            cycle.begun = cycle.ended = 0

    def count(self, peer: object) -> int:
        """How many Traffic Managers a connection has."""
        return len(self._ports_of(peer))

    def restless(self, peer: object) -> bool:
        """Whether a connection's Traffic Managers may look at the world at any time.

        Not where they have kept step with the ticks for a while: then they wait for the next.
        In asynchronous mode they ask for get_episode_settings over and over, or miss ticks.
        """
        cycle = self._cycles.get(peer)
        return cycle is not None and (cycle.steady < STEADY or cycle.ended > self.count(peer))

    def lost(self, now: float) -> list[tuple[object, int]]:
        """Connections and ports of the Traffic Managers whose cycle is lost, each told once.

        `now`: until when the requests were read that the register has observed.
        """
        found = []
        for peer, cycle in self._cycles.items():
            if cycle.lost_at is not None and cycle.lost_at <= now:
                cycle.lost_at = None
                found += [(peer, port) for port in self._ports_of(peer)]
        return found

    def patience(self) -> float | None:
        """Seconds until a cycle may be lost, None where none is due."""
        ends = [c.lost_at for c in self._cycles.values() if c.lost_at is not None]
        return max(min(ends) - time.monotonic(), 0.0) if ends else None

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
