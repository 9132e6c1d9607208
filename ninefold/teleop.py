"""`ninefold teleop`: a vehicle, and a browser console to supervise and drive it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import RigError, UserError
from common.messages import EpisodeSpec
from common.ports import not_to_listen_on
from ninefold import arguments

if TYPE_CHECKING:
    from drive.run import Simulator
    from teleop.hub import Hub
    from teleop.recorder import Recorder
    from teleop.server import ConsoleServer

HALT = 5.0  # s for the last tick; a simulator that hangs is ended by closing it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `ninefold teleop`."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument(
        "--port", type=arguments.whole(0, 65535), default=8443, help="port of the console"
    )
    parser.add_argument("--tls-cert", type=Path, help="certificate, needed beyond loopback")
    parser.add_argument("--tls-key", type=Path, help="its key")
    parser.add_argument("--town", default="city", metavar="NAME|FILE.xodr", help="where to drive")
    parser.add_argument("--route", type=arguments.crowd, default=0, metavar="N", help="first route")
    parser.add_argument(
        "--weather", default="ClearNoon", metavar="NAME", help="one of CARLA's presets"
    )
    parser.add_argument(
        "--seed", type=arguments.seed, default=0, metavar="S", help="of what is left to chance"
    )
    parser.add_argument(
        "--driver", choices=("camera", "truth"), default="camera", help="who is supervised"
    )
    parser.add_argument("--carla", metavar="HOST:PORT", help="a running CARLA server")
    parser.add_argument("--record", type=Path, metavar="F.jsonl", help="the flight recorder's file")


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from drive.run import Simulator
    from drive.stage import check
    from ninefold.drive import address_of
    from teleop.hub import Hub
    from teleop.recorder import Recorder
    from teleop.server import ConsoleServer
    from teleop.session import Desk
    from teleop.vehicle import hello

    tls = tls_of(options)
    spec = EpisodeSpec(
        town=options.town,
        route=options.route,
        seed=options.seed,
        driver=options.driver,
        weather=options.weather,
    )
    name = f"teleop-{datetime.now():%Y%m%d-%H%M%S-%f}.jsonl"
    address = None if options.carla is None else address_of(options.carla)
    check(spec, embedded=address is None)
    hub = Hub()
    with (
        listener(options.host, options.port) as sock,
        Recorder(options.record or Path("runs") / name) as recorder,
        Simulator(address) as simulator,
    ):
        if address is not None:
            simulator.connect(spec.town)
        desk = Desk(lambda code: print(f"one-time code: {code[:4]}-{code[4:]}", flush=True))
        console = ConsoleServer(desk, hub, hello(f"{options.town} route {options.route}"))
        vehicle = Vehicle(simulator, spec, hub, recorder)
        return asyncio.run(serve(console, sock, options.host, tls, vehicle))


def tls_of(options: argparse.Namespace) -> ssl.SSLContext | None:
    """The certificate's context; beyond loopback there must be one."""
    if options.tls_cert is None:
        if not is_loopback(options.host):
            raise UserError(
                f"expected --tls-cert and --tls-key to listen on {options.host}, got none;"
                " make a certificate, or stay on 127.0.0.1 and forward the port through ssh"
            )
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(options.tls_cert, options.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise UserError(f"expected a certificate and its key, got: {error}") from error
    return context


def is_loopback(host: str) -> bool:
    """Whether nobody else can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Vehicle(threading.Thread):
    """The supervised drive in its own thread. Remembers how it ended."""

    def __init__(
        self, simulator: Simulator, spec: EpisodeSpec, hub: Hub, recorder: Recorder
    ) -> None:
        super().__init__(name="vehicle", daemon=True)
        self.ended: asyncio.Future[None] | None = None
        self._halted = threading.Event()
        self._arguments = (simulator, spec, hub, recorder, self._halted)

    def run(self) -> None:
        """Drive until told to stop; how it ended goes to the event loop."""
        from teleop.vehicle import supervise

        assert self.ended is not None
        failure: Exception | None = None
        try:
            for one in supervise(*self._arguments):
                print(f"{one.t:8.2f} s  {one.kind} by the {one.initiator}: {one.cause}", flush=True)
        except Exception as error:  # noqa: BLE001 - carried over to the main thread whole
            failure = error
        loop = self.ended.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._tell, failure)

    def _tell(self, failure: Exception | None) -> None:
        if self.ended is None or self.ended.done():
            return
        if failure is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(failure)

    def halt(self) -> None:
        """End after this tick, and wait for it."""
        self._halted.set()
        if self.is_alive():
            self.join(timeout=HALT)


def listener(host: str, port: int) -> socket.socket:
    """A socket to listen on.

    Raises:
        UserError: the port is taken, or the host is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        raise not_to_listen_on(host, port, error) from error


@contextlib.asynccontextmanager
async def listening(
    console: ConsoleServer, sock: socket.socket, tls: ssl.SSLContext | None
) -> AsyncIterator[None]:
    """The console's web server."""
    from aiohttp import web

    runner = web.AppRunner(console.app(), access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, sock, ssl_context=tls, shutdown_timeout=1.0).start()
        yield
    finally:
        await runner.cleanup()


async def serve(
    console: ConsoleServer,
    sock: socket.socket,
    host: str,
    tls: ssl.SSLContext | None,
    vehicle: Vehicle,
) -> int:
    """Console and vehicle side by side, until Ctrl-C or a failure."""
    from drive.episode import DriverError

    vehicle.ended = asyncio.get_running_loop().create_future()
    async with listening(console, sock, tls):
        scheme = "http" if tls is None else "https"
        print(f"console: {scheme}://{host}:{sock.getsockname()[1]}/", flush=True)
        vehicle.start()
        try:
            await vehicle.ended
        except (RigError, DriverError) as error:
            what = "rig" if isinstance(error, RigError) else "driver"
            print(f"ninefold: the {what} failed: {error}")
            return 3
        finally:
            await asyncio.to_thread(vehicle.halt)
    return 0
