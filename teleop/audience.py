"""A drive live in the browser: who has the address may look, nobody can touch.

The drive never waits: a picture that nobody has time to draw or to fetch is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import secrets
import threading
from itertools import count

import cv2
from aiohttp import web

from common.errors import UserError
from drive.episode import Step
from drive.video import compose
from teleop.hub import Hub, Picture
from teleop.server import CONSOLE, SECURITY_HEADERS, same_origin

HOST = "127.0.0.1"  # nobody else's machine
JPEG_QUALITY = 80
GOODBYE = 1.0  # s for viewers to hear the end


class Audience:
    """The viewers of one drive, served from threads of their own.

    Remembers how many look on, and the newest step that waits for being drawn.
    """

    def __init__(self) -> None:
        self._path = secrets.token_urlsafe(16)  # guessing it is out of the question
        self._hub = Hub()
        self._viewers = 0
        self._waiting: queue.Queue[Step | None] = queue.Queue(1)
        self._painter = threading.Thread(target=self._paint, name="audience", daemon=True)
        self._server = threading.Thread(target=self._run, name="audience-server", daemon=True)
        self._open = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._last_words = "the drive was stopped"
        self.address = ""

    def __enter__(self) -> Audience:
        self._server.start()
        self._open.wait()
        if not self.address:
            raise UserError(f"expected to listen on {HOST}, got no port; leave out --view")
        self._painter.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.put(None)
        self._painter.join()
        self._loop.call_soon_threadsafe(self._end.set)
        self._server.join()

    def add(self, step: Step) -> None:
        """Show a step that has a picture, if somebody looks and the one before is drawn."""
        if self._viewers and step.view is not None:
            with contextlib.suppress(queue.Full):
                self._waiting.put_nowait(step)

    def end(self, words: str) -> None:
        """What the viewers read when the drive is over."""
        self._last_words = words

    def _paint(self) -> None:
        for number in count():
            step = self._waiting.get()
            if step is None:
                return
            bgr = cv2.cvtColor(compose(step), cv2.COLOR_RGB2BGR)
            _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            self._hub.offer(Picture(number, "", jpeg.tobytes()))

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()
            self._open.set()

    async def _serve(self) -> None:
        self._hub.attach(self._loop)
        app = web.Application()
        app.on_response_prepare.append(_guard)
        app.router.add_get(f"/{self._path}/", self._page)
        app.router.add_get(f"/{self._path}/link", self._link)
        app.router.add_static(f"/{self._path}", CONSOLE)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=GOODBYE)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, 0).start()
            self.address = f"http://{HOST}:{runner.addresses[0][1]}/{self._path}/"
            self._open.set()
            await self._end.wait()
        finally:
            await runner.cleanup()

    async def _page(self, _: web.Request) -> web.FileResponse:
        return web.FileResponse(CONSOLE / "watch.html")

    async def _link(self, request: web.Request) -> web.WebSocketResponse:
        if not same_origin(request):
            raise web.HTTPForbidden(text="not from the drive's own page")
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self._viewers += 1
        tasks = [
            asyncio.create_task(one)
            for one in (self._show(socket), _until_closed(socket), self._say_goodbye(socket))
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._viewers -= 1
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return socket

    async def _show(self, socket: web.WebSocketResponse) -> None:
        shown = -1
        while True:
            picture = await self._hub.newer_than(shown)
            await socket.send_bytes(picture.frame)
            shown = picture.frame_id

    async def _say_goodbye(self, socket: web.WebSocketResponse) -> None:
        await self._end.wait()
        await socket.send_str(self._last_words)
        await socket.close()


async def _until_closed(socket: web.WebSocketResponse) -> None:
    async for _ in socket:
        pass  # a viewer has nothing to say


async def _guard(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(SECURITY_HEADERS)
