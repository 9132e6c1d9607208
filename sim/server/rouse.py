"""Waking a Traffic Manager that has lost the wake-up of a tick (docs/protocol.md)."""

from __future__ import annotations

import selectors
import socket
import time

from sim.server.connection import Connection
from sim.server.rpc import pack


class Rouser(Connection):
    """A call on a Traffic Manager's own port: synchronous mode off and on again.

    In the client the first sets the wake-up once more; the cycle that then runs is the one that
    its tick waits for. The second call follows the answer to the first.
    """

    def __init__(self, selector: selectors.BaseSelector, host: str, port: int) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex((host, port))  # what becomes of it, the selector tells
        super().__init__(selector, sock)
        self.began = time.monotonic()
        self._modes = [True, False]  # the last one is next
        self.received(b"")

    def received(self, data: bytes) -> None:
        """The last call is answered: make the next one."""
        if self._modes:
            self.send(pack([0, 0, "set_synchronous_mode", [self._modes.pop()]]))
        else:
            self.close()
