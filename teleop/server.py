"""The console's web server: static page, log-in, one WebSocket for video, state and commands."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from teleop.hub import Hub
from teleop.link import MAX_MESSAGE_BYTES, Gatekeeper, Rejection
from teleop.session import Desk, Session

CONSOLE = Path(__file__).with_name("console")
COOKIE = "ninefold_session"
WRONG_CODE_DELAY = 0.5  # s, one try at a time; with five tries a code guessing has no chance
UNSEEN_FRAMES = 2  # frames under way to the screen; more would only queue up and age
UNSEEN_PATIENCE = 0.5  # s; then a frame is sent anyway, so that a stalled page can recover
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def same_origin(request: web.Request) -> bool:
    """Whether a browser's request comes from our own page (no cross-site WebSocket)."""
    try:
        return urlsplit(request.headers.get("Origin", "")).netloc == request.host
    except ValueError:
        return False


class ConsoleServer:
    """One vehicle's console.

    Remembers the socket in force, to close it when another comes, and the session's gatekeeper,
    which knows what was already said.
    """

    def __init__(self, desk: Desk, hub: Hub, hello: dict[str, object]) -> None:
        self._desk = desk
        self._hub = hub
        self._hello = hello
        self._socket: web.WebSocketResponse | None = None
        self._gatekeeper: Gatekeeper | None = None  # of the session in force
        self._door = asyncio.Lock()  # one code is tried at a time

    def app(self) -> web.Application:
        """The application."""
        app = web.Application(middlewares=[self._headers], client_max_size=4096)
        app.router.add_get("/", self._page)
        app.router.add_post("/login", self._log_in)
        app.router.add_get("/link", self._link)
        app.router.add_static("/console", CONSOLE)
        app.on_startup.append(self._started)
        return app

    async def _started(self, _: web.Application) -> None:
        self._hub.attach(asyncio.get_running_loop())

    @staticmethod
    @web.middleware
    async def _headers(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if not response.prepared:
            response.headers.update(SECURITY_HEADERS)
        return response

    async def _page(self, _: web.Request) -> web.FileResponse:
        return web.FileResponse(CONSOLE / "index.html")

    async def _log_in(self, request: web.Request) -> web.Response:
        if not same_origin(request):
            raise web.HTTPForbidden(text="not from the console's own page")
        try:
            code = (await request.json())["code"]
        except (ValueError, LookupError, TypeError, RecursionError):
            raise web.HTTPBadRequest(text='expected {"code": "..."}') from None
        if self._door.locked():
            raise web.HTTPTooManyRequests(text="another code is being looked at; try again")
        async with self._door:
            session = self._desk.log_in(code) if isinstance(code, str) else None
            if session is None:
                await asyncio.sleep(WRONG_CODE_DELAY)
                raise web.HTTPUnauthorized(text="wrong code; the terminal shows the one in force")
        self._gatekeeper = Gatekeeper(session.id, session.key)
        self._hub.forget()
        await self._evict()
        response = web.json_response(
            {"session": session.id, "key": base64.b64encode(session.key).decode()}
        )
        response.set_cookie(
            COOKIE, session.cookie, httponly=True, samesite="Strict", secure=request.secure
        )
        return response

    async def _evict(self) -> None:
        """Tell the console in force that another took its place, and close it."""
        socket, self._socket = self._socket, None
        if socket is not None and not socket.closed:
            with contextlib.suppress(ConnectionError):
                await socket.send_json({"type": "evicted"})
            await socket.close()

    async def _link(self, request: web.Request) -> web.StreamResponse:
        session = self._desk.by_cookie(request.cookies.get(COOKIE))
        gatekeeper = self._gatekeeper
        if session is None or gatekeeper is None:
            raise web.HTTPUnauthorized(text="log in first")
        if not same_origin(request):
            raise web.HTTPForbidden(text="not from the console's own page")
        await self._evict()
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES, compress=False)
        await socket.prepare(request)
        self._socket = socket
        await socket.send_json({"type": "hello", **self._hello, "seq": gatekeeper.seq})
        shown = Shown()
        sender = asyncio.create_task(self._send(socket, shown))
        try:
            await self._receive(socket, session, gatekeeper, shown)
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await sender
            if self._socket is socket:
                self._socket = None
        return socket

    async def _receive(
        self,
        socket: web.WebSocketResponse,
        session: Session,
        gatekeeper: Gatekeeper,
        shown: Shown,
    ) -> None:
        async for message in socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                continue
            if self._desk.session is not session:
                return
            verdict = gatekeeper.accept(message.data)
            if isinstance(verdict, Rejection):
                self._hub.refuse()
                await socket.send_json({"type": "rejected", "why": verdict.value})
            else:
                self._hub.receive(verdict, monotonic())
                shown.update(verdict.frame_id)

    async def _send(self, socket: web.WebSocketResponse, shown: Shown) -> None:
        sent: list[int] = []
        while not socket.closed:
            picture = await self._hub.newer_than(sent[-1] if sent else -1)
            await socket.send_str(picture.state)
            await socket.send_bytes(picture.frame)
            sent = [*sent[-UNSEEN_FRAMES + 1 :], picture.frame_id]
            if len(sent) == UNSEEN_FRAMES:
                await shown.wait_for(sent[0])


class Shown:
    """The newest frame on the operator's screen. Remembers it."""

    def __init__(self) -> None:
        self._frame_id = -1
        self._changed = asyncio.Event()

    def update(self, frame_id: int) -> None:
        """The console said so."""
        self._frame_id = frame_id
        self._changed.set()

    async def wait_for(self, frame_id: int) -> None:
        """Until it is shown, or patience ends."""

        async def until() -> None:
            while self._frame_id < frame_id:
                self._changed.clear()
                await self._changed.wait()

        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(until(), UNSEEN_PATIENCE)


def json_line(fields: dict[str, object]) -> str:
    """Compact JSON."""
    return json.dumps(fields, separators=(",", ":"))
