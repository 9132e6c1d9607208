"""The stream port: tokens, subscriptions, and frames pushed to whoever listens.

A subscriber connects, writes the u32 id of its stream, and reads ``u32 size`` + payload for ever.
Stream 1 is the world snapshot; sensors have the ids above.
"""

from __future__ import annotations

import logging
import selectors
import socket
import struct
import time
from collections.abc import Callable

from sim.server.connection import Connection

log = logging.getLogger(__name__)

SNAPSHOT = 1  # the stream id of the world snapshot
ALIAS = 1 << 30  # + an episode's id: the world snapshot by another name
HOLD = 0.25  # s a tick waits for a subscription that a client has announced
STALLED = 64 << 20  # bytes a listener may leave unread in synchronous mode before ticks wait
HANGING = 10.0  # s of waiting after which such a listener is dropped
_HEADER = struct.Struct("<QQd6f")  # sensor type, frame, time, transform


def header(sensor_type: int, frame: int, t: float, transform: list[float]) -> bytes:
    """The 48 bytes that begin every payload; the transform in CARLA's numbers."""
    return _HEADER.pack(sensor_type, frame, t, *transform)


def snapshots_of(episode: int) -> int:
    """The stream id that clients get for the snapshots of an episode.

    A client that follows a new episode may drop the old one late, and then unsubscribes by the
    id alone: under one id for all, it would cut the subscription that it has just made.
    """
    return ALIAS + episode


class Subscriber(Connection):
    """A listener of one stream; `stream` is None until it has said which."""

    def __init__(self, selector: selectors.BaseSelector, sock: socket.socket, hub: Streams) -> None:
        super().__init__(selector, sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        self.hub = hub
        self.stream: int | None = None
        self.said = 0  # the id it gave; for snapshots it tells which episode it knows
        self.stalled_since: float | None = None
        self._head = b""

    def received(self, data: bytes) -> None:
        """Only the first four bytes mean something."""
        if self.stream is not None:
            return
        self._head += data
        if len(self._head) >= 4:
            self.stream = int.from_bytes(self._head[:4], "little")
            self.waits_since = None
            self.hub.joined(self, self.stream)

    def on_closed(self) -> None:
        """Nobody listens here any more."""
        self.hub.left(self)


class Streams:
    """Who listens to what. Memory: the subscribers, and subscriptions announced but not made."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._listeners: dict[int, list[Subscriber]] = {}
        self._announced: dict[int, float] = {}  # stream -> deadline

    def token(self, stream: int) -> bytes:
        """The 24 bytes that name a stream: TCP, at the host the client already knows."""
        return struct.pack("<IHBB16x", stream, self.port, 1, 0)

    def announce(self, stream: int) -> None:
        """A client is about to subscribe: ticks wait for it, lest it lose its first frame.

        Who says so again and again does not make them wait longer.
        """
        now = time.monotonic()
        if self._announced.get(stream, now) <= now:
            self._announced[stream] = now + HOLD

    def joined(self, subscriber: Subscriber, stream: int) -> None:
        """A subscription begins."""
        self._announced.pop(stream, None)
        subscriber.said = stream
        if ALIAS <= stream < 2 * ALIAS:
            subscriber.stream = stream = SNAPSHOT
        self._listeners.setdefault(stream, []).append(subscriber)

    def left(self, subscriber: Subscriber) -> None:
        """A subscription ends."""
        listeners = self._listeners.get(subscriber.stream or 0, [])
        if subscriber in listeners:
            listeners.remove(subscriber)
        if not listeners:
            self._listeners.pop(subscriber.stream or 0, None)

    def listened(self, stream: int, *, keep: bool = True) -> bool:
        """Whether anybody would get a frame; without `keep` nobody who is busy."""
        return any(keep or one.backlog == 0 for one in self._listeners.get(stream, ()))

    def publish(
        self,
        stream: int,
        parts: list[bytes | memoryview],
        *,
        keep: bool,
        among: Callable[[Subscriber], bool] | None = None,
    ) -> None:
        """Send one frame to the listeners; without `keep` a busy listener misses it."""
        listeners = self._listeners.get(stream)
        if among and listeners:
            listeners = [subscriber for subscriber in listeners if among(subscriber)]
        if not listeners:
            return
        size = struct.pack("<I", sum(len(part) for part in parts))
        for subscriber in list(listeners):
            if keep or subscriber.backlog == 0:
                subscriber.send(size, *parts)

    def awaiting(self) -> bool:
        """Whether a listener is announced and not there yet."""
        now = time.monotonic()
        for stream in [s for s, deadline in self._announced.items() if deadline < now]:
            del self._announced[stream]
        return bool(self._announced)

    def stalled(self) -> bool:
        """Whether a listener does not read; one that has not for too long is dropped."""
        now = time.monotonic()
        stalled = False
        for listeners in list(self._listeners.values()):
            for subscriber in list(listeners):
                if subscriber.backlog < STALLED:
                    subscriber.stalled_since = None
                elif subscriber.stalled_since is None:
                    subscriber.stalled_since = now
                    stalled = True
                elif now - subscriber.stalled_since > HANGING:
                    log.warning("stream %s: a listener does not read; dropped", subscriber.stream)
                    subscriber.close()
                else:
                    stalled = True
        return stalled
