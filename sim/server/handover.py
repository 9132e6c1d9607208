"""Loads by clients with Traffic Managers: what the client's threads would do to each other.

On the answer to load_new_episode a client lets go of its episode, and it holds the next one when
it asks for that one's get_sensor_token. In between a look at the world ends its process, and a
Traffic Manager in asynchronous mode looks all the time (docs/protocol.md). But before each look it
asks for get_episode_settings. So a load waits until every one of them waits for that answer, and
they get it once their client has its new episode.

The first snapshot there makes them begin anew: they let their cars go, ask for the map, and then
for get_required_files("TM"). A client that ticks does not wait for that, and would read the old
map and hand over cars too early. So the answer to its first tick waits until all have asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from sim.server.rpc import Request
from sim.server.simulation import Simulation

STANDSTILL = 0.5  # s that a load waits for the Traffic Managers
ARRIVAL = 1.0  # s that they wait for their client to follow the load
RENEWAL = 2.0  # s that the client's first tick waits until they have the new map
LOAD = "load_new_episode"


class Listener(Protocol):
    """Whoever gets an answer."""

    def send(self, *buffers: bytes | memoryview) -> None:
        """Write it."""


Owner = TypeVar("Owner", bound=Listener)


@dataclass(slots=True)
class _Handover:
    managers: int  # Traffic Managers of the connection
    restless: int  # those of them that must stand still
    load: Request | None  # None once it is answered
    deadline: float  # s, monotonic: for what is awaited now
    looks: list[Request] = field(default_factory=list)  # one for each that stands still
    arrived: bool = False  # whether the client has its new episode
    renewed: int = 0  # Traffic Managers that have its map
    tick: bytes | None = None  # the answer to the first tick there


class Handovers(Generic[Owner]):
    """Memory: what is held back of the connections that load. `answer` answers a request."""

    def __init__(self, sim: Simulation, answer: Callable[[Owner, Request], None]) -> None:
        self.sim, self._answer = sim, answer
        self._open: dict[Owner, _Handover] = {}

    def hold(self, owner: Owner, request: Request) -> bool:
        """Keep a request for later; False where it is to be answered now."""
        handover = self._open.get(owner)
        if request.method == LOAD and (handover is None or handover.arrived):
            return self._begin(owner, request)
        if handover is None:
            return False
        if request.method == "get_episode_settings" and request.waits:
            return self._stand_still(owner, handover, request)
        if request.method == "get_required_files" and request.arguments == ["TM"]:
            self._renew(owner, handover)
        return False

    def keep(self, owner: Owner, method: str, answer: bytes) -> bool:
        """Keep an answer for later; False where it is to be sent now."""
        handover = self._open.get(owner)
        if method != "tick_cue" or handover is None or not handover.arrived or handover.tick:
            return False
        handover.tick = answer
        return True

    def answered(self, owner: Owner, method: str) -> None:
        """An answer is on its way: the client may have got hold of its new episode."""
        handover = self._open.get(owner)
        if handover and method == "get_sensor_token" and handover.load is None:
            self._arrive(owner, handover)

    def _begin(self, owner: Owner, load: Request) -> bool:
        self._end(owner)
        managers = self.sim.traffic_managers.count(owner)
        if not managers:
            return False
        restless = managers * self.sim.traffic_managers.restless(owner)
        handover = _Handover(managers, restless, load, time.monotonic() + STANDSTILL)
        self._open[owner] = handover
        if not restless:
            self._load(owner, handover)
        return True

    def _stand_still(self, owner: Owner, handover: _Handover, look: Request) -> bool:
        if handover.arrived or len(handover.looks) == handover.restless:
            return False
        handover.looks.append(look)
        if len(handover.looks) == handover.restless and handover.load is not None:
            self._load(owner, handover)
        return True

    def _load(self, owner: Owner, handover: _Handover) -> None:
        load, handover.load = handover.load, None
        assert load is not None
        before = self.sim.episode.id
        self._answer(owner, load)
        handover.deadline = time.monotonic() + ARRIVAL
        if self.sim.episode.id == before:  # refused: the client keeps its episode
            self._end(owner)

    def _arrive(self, owner: Owner, handover: _Handover) -> None:
        if not handover.arrived:
            handover.arrived, handover.deadline = True, time.monotonic() + RENEWAL
            looks, handover.looks = handover.looks, []
            for look in looks:
                self._answer(owner, look)

    def _renew(self, owner: Owner, handover: _Handover) -> None:
        handover.renewed += handover.arrived
        if handover.renewed == handover.managers:
            self._end(owner)

    def _end(self, owner: Owner) -> None:
        handover = self._open.pop(owner, None)
        if handover is None:
            return
        if handover.tick is not None:
            owner.send(handover.tick)
        for look in handover.looks:
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
