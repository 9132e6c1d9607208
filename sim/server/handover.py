"""Loads by clients with Traffic Managers, which must stand still while their client has no episode.

On the answer to load_new_episode a client lets go of its episode, and it holds the next one when
it asks for that one's get_sensor_token. In between a look at the world ends its process, and a
Traffic Manager in asynchronous mode looks all the time (docs/protocol.md). But before each look it
asks for get_episode_settings. So a load waits until every one of them waits for that answer, and
they get it once their client has its new episode.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sim.server.rpc import Request
from sim.server.simulation import Simulation

STANDSTILL = 0.5  # s that a load waits for the Traffic Managers
ARRIVAL = 1.0  # s that they wait for their client to follow the load
Owner = TypeVar("Owner")


@dataclass(slots=True)
class _Handover:
    managers: int  # how many must stand still
    load: Request | None  # None once it is answered
    deadline: float  # s, monotonic: for the load, and then for the client to follow it
    looks: list[Request] = field(default_factory=list)  # one for each that stands still


class Handovers(Generic[Owner]):
    """Memory: what is held back of the connections that load. `answer` answers a request."""

    def __init__(self, sim: Simulation, answer: Callable[[Owner, Request], None]) -> None:
        self.sim, self._answer = sim, answer
        self._open: dict[Owner, _Handover] = {}

    def hold(self, owner: Owner, request: Request) -> bool:
        """Keep a request for later; False where it is to be answered now."""
        handover = self._open.get(owner)
        if handover is None:
            return request.method == "load_new_episode" and self._begin(owner, request)
        full = len(handover.looks) == handover.managers
        if full or request.method != "get_episode_settings" or not request.waits:
            return False
        handover.looks.append(request)
        if len(handover.looks) == handover.managers:
            self._load(owner, handover)
        return True

    def _begin(self, owner: Owner, load: Request) -> bool:
        managers = self.sim.traffic_managers.restless(owner)
        if managers:
            self._open[owner] = _Handover(managers, load, time.monotonic() + STANDSTILL)
        return managers > 0

    def _load(self, owner: Owner, handover: _Handover) -> None:
        if handover.load is None:  # the last one stands still too late
            return
        load, handover.load = handover.load, None
        before = self.sim.episode.id
        self._answer(owner, load)
        handover.deadline = time.monotonic() + ARRIVAL
        if self.sim.episode.id == before:  # refused: the client keeps its episode
            self._end(owner)

    def answered(self, owner: Owner, method: str) -> None:
        """An answer is on its way: the client may have got hold of its new episode."""
        if method == "get_sensor_token" and owner in self._open:
            self._end(owner)

    def _end(self, owner: Owner) -> None:
        for look in self._open.pop(owner).looks:
            self._answer(owner, look)

    def go_on(self) -> None:
        """Answer what has waited for too long."""
        now = time.monotonic()
        for owner, handover in list(self._open.items()):
            if handover.deadline > now:
                continue
            if handover.load is not None:
                self._load(owner, handover)
            else:
                self._end(owner)

    def patience(self) -> float | None:
        """Seconds until something has waited for too long, None where nothing waits."""
        ends = [handover.deadline for handover in self._open.values()]
        return max(min(ends) - time.monotonic(), 0.0) if ends else None

    def forget(self, owner: Owner) -> None:
        """A connection has ended."""
        self._open.pop(owner, None)
