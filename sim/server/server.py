"""The event loop: one thread, two ports, no waiting but in `select`."""

from __future__ import annotations

import logging
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from common.errors import UserError
from common.ports import not_to_listen_on
from sim.server import rpc
from sim.server.connection import READ, Connection
from sim.server.handlers import TABLE
from sim.server.handover import Handovers
from sim.server.rouse import Rouser
from sim.server.rpc import ProtocolError, Request
from sim.server.simulation import Call, Simulation
from sim.server.streams import Subscriber
from sim.server.town import Town
from sim.server.wire import Settings

log = logging.getLogger(__name__)

MAX_CLIENTS = 512  # connections at once, both ports
MAX_BACKLOG = 256 << 20  # bytes of answers that a client may leave unread
POLL = 0.001  # s between looks at a tick that waits for a subscription or a Traffic Manager
LONGEST_HOLD = 0.5  # s that a tick waits for subscriptions and Traffic Managers, whoever they are
TURN = 0.02  # s of one client's requests before another's have their turn
ROUSING = 5.0  # s that a Traffic Manager may take to answer the call that wakes it


class Peer(Connection):
    """A client's RPC connection."""

    def __init__(self, server: Server, sock: socket.socket) -> None:
        super().__init__(server.selector, sock)
        self.server = server
        self.unpacker = rpc.new_unpacker()
        self._fed = 0  # bytes so far

    def on_event(self, events: int) -> None:
        """Read nothing more while requests are left: who sends much waits for its turns."""
        super().on_event(events & ~READ if self in self.server.busy else events)

    def received(self, data: bytes) -> None:
        """Answer the complete requests, or as many as a turn allows."""
        self._fed += len(data)
        self._guarded(lambda: rpc.feed(self.unpacker, data))
        self.turn()

    def turn(self) -> None:
        """Answer requests for a while; where some are left, they wait for the next turn."""
        self._guarded(self._answer_some)

    def _answer_some(self) -> None:
        end, whole = time.monotonic() + TURN, False
        while not self.closed and self._fed > self.unpacker.tell():
            request = rpc.next_request(self.unpacker)
            if request is None:
                break
            whole = True
            self.server.take(self, request)
            if time.monotonic() > end:
                self.server.busy.append(self)
                return
        if self._fed == self.unpacker.tell():
            self.waits_since = None
        elif whole or self.waits_since is None:
            self.waits_since = time.monotonic()

    def _guarded(self, work: Callable[[], None]) -> None:
        """Garbage, and a fault of ours, end this connection and no other."""
        try:
            work()
        except ProtocolError as error:
            log.warning("a client is cut off: %s", error)
            self.close()
        except Exception:
            log.exception("a client's request failed: it is cut off")
            self.close()

    def on_closed(self) -> None:
        """What only lived through this connection ends with it."""
        self.server.sim.traffic_managers.forget(self)
        self.server.handovers.forget(self)


class Server:
    """CARLA 0.9.16 on `host`: RPC on `port`, streams on the next one."""

    def __init__(
        self, host: str, port: int, town: Town, settings: Settings, maps: Path | None = None
    ) -> None:
        self.selector = selectors.DefaultSelector()
        rpc_socket, stream_socket = listen_pair(host, port)
        self.port: int = rpc_socket.getsockname()[1]
        self.sim = Simulation(town, settings, stream_socket.getsockname()[1], maps)
        self.running = True
        self.busy: deque[Peer] = deque()  # those that have sent more than a turn's requests
        self._held: deque[tuple[Peer, Request]] = deque()  # ticks that must wait
        self._held_since = 0.0  # s, monotonic: when the first of them became the first
        self.handovers: Handovers[Peer] = Handovers(self.sim, self._answer)
        self._rousers: list[Rouser] = []
        self._open: list[socket.socket] = [rpc_socket, stream_socket]
        self._guests: list[Connection] = []
        self._accept(rpc_socket, lambda sock: Peer(self, sock))
        self._accept(stream_socket, lambda sock: Subscriber(self.selector, sock, self.sim.streams))

    def run(self) -> None:
        """Serve until `running` is False."""
        while self.running:
            patience = self._due()
            looked = time.monotonic()
            for key, events in self.selector.select(patience):
                key.data(events)
            for _ in range(len(self.busy)):
                self.busy.popleft().turn()
            self._rouse_lost(looked)
        for sock in self._open:
            sock.close()

    def take(self, peer: Peer, request: Request) -> None:
        """Answer a request, or hold it back: a tick that must wait, or what belongs to a load."""
        self.sim.traffic_managers.observe(peer, request.method, request.waits)
        if request.method == "tick_cue" and (self._held or self._must_wait()):
            self._held.append((peer, request))
        elif not self.handovers.hold(peer, request):
            self._answer(peer, request)

    def _answer(self, peer: Peer, request: Request) -> None:
        row = TABLE.get(request.method)
        answer = rpc.answer(row, Call(self.sim, peer), request)
        if not self.handovers.keep(peer, request.method, answer):
            peer.send(answer)
        self.sim.traffic_managers.answered(peer, request.method)
        self.handovers.answered(peer, request.method)
        if peer.backlog > MAX_BACKLOG:
            log.warning("a client is cut off: it does not read its answers")
            peer.close()
        self._publish()

    def _publish(self) -> None:
        """The sensors of the last tick; a fault of ours costs this tick's data only."""
        if self.sim.sensors_due:
            try:
                self.sim.publish_sensors()
            except Exception:
                log.exception("sensors failed")

    def _due(self) -> float | None:
        """Do what time asks for; the seconds until it asks again, None for never."""
        while self._held and not self._must_wait():
            peer, request = self._held.popleft()
            self._held_since = time.monotonic()
            if not peer.closed:
                self._answer(peer, request)
        self.handovers.go_on()
        waits = [rouser.began + ROUSING - time.monotonic() for rouser in self._rousers]
        for patience in (self.sim.traffic_managers.patience(), self.handovers.patience()):
            if patience is not None:
                waits.append(patience)
        if self.busy:
            waits.append(0.0)
        if self._held:
            waits.append(POLL)
        if not self.sim.settings.synchronous:
            waits.append(self._asynchronous_tick())
        return min(waits, default=None)

    def _asynchronous_tick(self) -> float:
        """Tick if it is time; the seconds until the next one. A fault of ours costs this tick."""
        try:
            wait = self.sim.asynchronous_tick()
        except Exception:
            log.exception("a tick failed")
            return POLL
        self._publish()
        return wait

    def _rouse_lost(self, looked: float) -> None:
        """Wake the Traffic Managers that had lost a tick by the time `looked` (s, monotonic).

        All that had come by then is answered; what came since, while the server did something that
        takes long, is not.
        """
        for owner, port in self.sim.traffic_managers.lost(looked):
            assert isinstance(owner, Peer)
            self._rouse(owner, port)
        for rouser in self._rousers:
            if not rouser.closed and rouser.began + ROUSING <= looked:
                log.warning("a Traffic Manager does not answer: it is left alone")
                rouser.close()
        self._rousers = [rouser for rouser in self._rousers if not rouser.closed]

    def _rouse(self, owner: Peer, port: int) -> None:
        log.warning("the Traffic Manager on port %d has lost a tick: it is told again", port)
        try:
            self._rousers.append(Rouser(self.selector, owner.sock.getpeername()[0], port))
        except (OSError, OverflowError):
            log.exception("it cannot be reached")

    def _must_wait(self) -> bool:
        """Whether the next tick must wait.

        What holds it for moments cannot hold it for ever, however often that is begun anew.
        """
        now = time.monotonic()
        if not self._held:
            self._held_since = now
        awaited = self.sim.traffic_managers.waiting() or self.sim.streams.awaiting()
        return (awaited and now - self._held_since < LONGEST_HOLD) or self.sim.streams.stalled()

    def _make_room(self) -> bool:
        """End the connection that has owed a message for longest; False where none does."""
        owing = [(g.waits_since, g) for g in self._guests if g.waits_since is not None]
        if not owing:
            return False
        log.warning("more than %d connections: the one silent for longest is ended", MAX_CLIENTS)
        min(owing, key=lambda pair: pair[0])[1].close()
        return True

    def _accept(
        self, listener: socket.socket, connect: Callable[[socket.socket], Connection]
    ) -> None:
        def on_event(_: int) -> None:
            try:
                sock, _address = listener.accept()
            except OSError:
                return
            self._guests = [guest for guest in self._guests if not guest.closed]
            if len(self._guests) >= MAX_CLIENTS and not self._make_room():
                log.warning("more than %d connections: one is refused", MAX_CLIENTS)
                sock.close()
            else:
                self._guests.append(connect(sock))

        self.selector.register(listener, selectors.EVENT_READ, on_event)


def listen_pair(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Listening sockets on `port` and the next one; port 0 finds a free pair.

    Raises:
        UserError: a port is taken, or the host is not this machine's.
    """
    for _ in range(100):
        first = _listen(host, port)
        try:
            streams = first.getsockname()[1] + 1
            return first, _listen(host, streams, f": streams use the port after {streams - 1}")
        except UserError:
            first.close()
            if port:
                raise
    raise UserError("expected two free ports in a row, found none; give --port")


def _listen(host: str, port: int, why: str = "") -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except (OSError, OverflowError, UnicodeError) as error:
        sock.close()
        raise not_to_listen_on(host, port, error, why) from error
    sock.listen(64)
    sock.setblocking(False)
    return sock
