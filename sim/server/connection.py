"""One non-blocking TCP connection of the event loop."""

from __future__ import annotations

import logging
import selectors
import socket
import time
from collections import deque

log = logging.getLogger(__name__)

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
CHUNK = 1 << 18  # bytes read at once


class Connection:
    """Bytes in through `received`, bytes out through `send`; whatever fails only closes it.

    Memory: what the peer has not taken yet. Subclasses say what bytes mean, and set `waits_since`:
    since when (s, monotonic) the peer owes a whole message; None where it owes none.
    """

    def __init__(self, selector: selectors.BaseSelector, sock: socket.socket) -> None:
        self.selector, self.sock = selector, sock
        self.closed = False
        self.waits_since: float | None = time.monotonic()
        self.backlog = 0  # bytes not yet written
        self._out: deque[memoryview] = deque()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(sock, READ, self.on_event)

    def received(self, data: bytes) -> None:
        """Take what the peer sent."""
        raise NotImplementedError

    def on_closed(self) -> None:
        """The connection has just ended, whoever ended it."""

    def on_event(self, events: int) -> None:
        """Read and write what the socket allows; a fault of ours ends this connection only."""
        try:
            self._serve(events)
        except Exception:
            log.exception("a connection is closed")
            self.close()

    def _serve(self, events: int) -> None:
        if events & WRITE and not self.closed:  # closed in the same round, by another's event
            self._flush()
        if events & READ and not self.closed:
            try:
                data = self.sock.recv(CHUNK)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if data:
                self.received(data)
            else:
                self.close()

    def send(self, *buffers: bytes | memoryview) -> None:
        """Write now what the socket takes, keep the rest."""
        if self.closed:
            return
        written = 0
        if not self._out:
            try:
                written = self.sock.sendmsg(buffers)
            except BlockingIOError:
                written = 0
            except OSError:
                self.close()
                return
        for buffer in buffers:
            if written >= len(buffer):
                written -= len(buffer)
                continue
            rest = memoryview(buffer)[written:]
            written = 0
            self._out.append(rest)
            self.backlog += len(rest)
        if self._out:
            self.selector.modify(self.sock, READ | WRITE, self.on_event)

    def _flush(self) -> None:
        try:
            while self._out:
                sent = self.sock.send(self._out[0])
                self.backlog -= sent
                if sent < len(self._out[0]):
                    self._out[0] = self._out[0][sent:]
                else:
                    self._out.popleft()
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self.selector.modify(self.sock, READ, self.on_event)

    def close(self) -> None:
        """End it once; the peer sees the end of the stream."""
        if self.closed:
            return
        self.closed = True
        self.selector.unregister(self.sock)
        self.sock.close()
        self._out.clear()
        self.backlog = 0
        self.on_closed()
