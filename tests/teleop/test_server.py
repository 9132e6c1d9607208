"""The console's web server against strangers: real sockets, no vehicle."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from teleop.hub import Hub
from teleop.link import seal
from teleop.server import ConsoleServer
from teleop.session import Desk

FIELDS = {
    "frame": 0,
    "request": "none",
    "present": True,
    "steer": 0.0,
    "accel": 0.0,
    "reverse": False,
}


class Console:
    """A console without a vehicle, and a stranger before it."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.hub = Hub()
        self.server = ConsoleServer(Desk(self.codes.append), self.hub, {"vehicle": "none"})
        self.origin = ""
        self.stranger: aiohttp.ClientSession

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Console"]:
        runner = web.AppRunner(self.server.app(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        jar = aiohttp.CookieJar(unsafe=True)  # an address instead of a name
        async with aiohttp.ClientSession(self.origin, cookie_jar=jar) as self.stranger:
            yield self
        await runner.cleanup()

    async def log_in(self, body: bytes, **headers: str) -> tuple[int, str]:
        headers = {"Origin": self.origin, "Content-Type": "application/json", **headers}
        async with self.stranger.post("/login", data=body, headers=headers) as response:
            return response.status, await response.text()

    async def session(self) -> tuple[bytes, str]:
        """Key and name of a session, with its cookie in the jar."""
        status, text = await self.log_in(json.dumps({"code": self.codes[-1]}).encode())
        assert status == 200
        found = json.loads(text)
        return base64.b64decode(found["key"]), found["session"]

    async def link(self) -> tuple[aiohttp.ClientWebSocketResponse, dict[str, object]]:
        """The socket of the session, and the vehicle's hello."""
        socket = await self.stranger.ws_connect("/link", origin=self.origin)
        return socket, await socket.receive_json(timeout=10.0)


def meet(scene: Callable[[Console], Awaitable[None]]) -> None:
    async def play() -> None:
        async with Console().open() as console:
            await scene(console)

    asyncio.run(play())


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[" * 4000, "application/json"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"{}", "application/json; charset=klingon"),
        (b"x" * 100_000, "application/json"),
        (b'{"code": "\\ud800"}', "application/json"),
        (b'{"code": 7}', "application/json"),
    ],
)
def test_whatever_is_sent_to_the_login_it_answers_no(body: bytes, kind: str) -> None:
    async def scene(console: Console) -> None:
        status, _ = await console.log_in(body, **{"Content-Type": kind})
        assert 400 <= status < 500

    meet(scene)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://[", "http://x]"])
def test_another_origin_neither_logs_in_nor_links(origin: str) -> None:
    async def scene(console: Console) -> None:
        code = json.dumps({"code": console.codes[-1]}).encode()
        assert (await console.log_in(code, Origin=origin))[0] == 403
        await console.session()
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await console.stranger.ws_connect("/link", origin=origin)
        assert refused.value.status == 403

    meet(scene)


def test_codes_tried_at_once_do_not_burn_code_after_code() -> None:
    async def scene(console: Console) -> None:
        tries = [console.log_in(b'{"code": "WRONG"}') for _ in range(40)]
        statuses = [status for status, _ in await asyncio.gather(*tries)]
        assert set(statuses) <= {401, 429}
        assert statuses.count(401) < 5
        assert len(console.codes) == 1

    meet(scene)


def test_what_was_heard_on_one_connection_is_no_command_on_the_next() -> None:
    async def scene(console: Console) -> None:
        key, name = await console.session()
        heard = seal(key, {**FIELDS, "session": name, "seq": 10, "request": "engage"})
        socket, hello = await console.link()
        assert hello["seq"] == -1
        await socket.send_str(heard)
        await socket.send_str("babble")
        assert (await socket.receive_json(timeout=10.0))["type"] == "rejected"  # after the first
        assert len(console.hub.drain().requests) == 1
        socket, hello = await console.link()
        assert hello["seq"] == 10
        await socket.send_str(heard)
        assert "replayed" in (await socket.receive_json(timeout=10.0))["why"]
        assert console.hub.drain().requests == ()

    meet(scene)


def test_a_huge_message_ends_only_its_connection() -> None:
    async def scene(console: Console) -> None:
        await console.session()
        socket, _ = await console.link()
        await socket.send_str("x" * 100_000)
        assert (await socket.receive(timeout=10.0)).type is aiohttp.WSMsgType.CLOSE
        socket, hello = await console.link()
        assert hello["type"] == "hello"

    meet(scene)
