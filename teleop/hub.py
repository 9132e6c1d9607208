"""The seam between the vehicle's thread and the console's event loop: newest wins both ways."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from dataclasses import dataclass

from teleop.link import OperatorMessage, Request


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame for the console with the state that belongs to it."""

    frame_id: int
    state: str  # JSON
    frame: bytes  # link.frame_bytes


@dataclass(frozen=True, slots=True)
class Inbox:
    """What came from the console since the last look."""

    newest: OperatorMessage | None  # None before anything ever came
    requests: tuple[Request, ...]  # in order; none is lost however many messages came
    received_at: float | None  # s, the vehicle's clock, of the newest
    forged: int  # messages refused since the last look


class Hub:
    """One vehicle's mailbox. Remembers the newest picture and the newest accepted message."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: OperatorMessage | None = None
        self._received_at: float | None = None
        self._requests: deque[Request] = deque(maxlen=16)
        self._forged = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self.picture: Picture | None = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """The console's event loop is running."""
        self._loop = loop

    def offer(self, picture: Picture) -> None:
        """The vehicle has a new picture."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._publish, picture)

    def _publish(self, picture: Picture) -> None:
        self.picture = picture
        self._changed.set()
        self._changed = asyncio.Event()

    async def newer_than(self, frame_id: int) -> Picture:
        """The newest picture, once there is one newer than `frame_id`."""
        while self.picture is None or self.picture.frame_id <= frame_id:
            await self._changed.wait()
        return self.picture

    def receive(self, message: OperatorMessage, now: float) -> None:
        """The console sent a message that was accepted."""
        with self._lock:
            self._newest, self._received_at = message, now
            if message.request is not Request.NONE:
                self._requests.append(message.request)

    def refuse(self) -> None:
        """A message was not accepted."""
        with self._lock:
            self._forged += 1

    def forget(self) -> None:
        """A session ended: what its operator last held is no command any more."""
        with self._lock:
            self._newest = None
            self._received_at = None
            self._requests.clear()

    def drain(self) -> Inbox:
        """What came since the last look."""
        with self._lock:
            inbox = Inbox(self._newest, tuple(self._requests), self._received_at, self._forged)
            self._requests.clear()
            self._forged = 0
        return inbox
