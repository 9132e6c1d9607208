"""The embedded server's whole state as bytes and back: the client's side of our extension.

`save` and `restore` speak to the server's RPC port by themselves, beside any `carla.Client`. A
restored world is the saved one to the bit: actors, physics, lights, weather, settings, and what
sensors remember. Frame numbers go on, so that clients see the restored world as news, and so do
the ids of actors and streams to come. What runs in clients (Traffic Managers, walkers' crowds) is
not part of it.
"""

from __future__ import annotations

import socket
from typing import Any

import msgpack

from common.errors import RigError, UserError

TIMEOUT = 30.0  # s
MOST = 64 << 20  # bytes of a message, the server's own limit


def save(host: str, port: int) -> bytes:
    """The state of the server at an address.

    Raises:
        UserError: nobody answers there, or not as our server.
        RigError: the server refuses.
    """
    data = _call(host, port, "ninefold_save_state")
    if not isinstance(data, bytes):
        raise UserError(f"expected Ninefold's server at {host}:{port}, got another")
    return data


def restore(host: str, port: int, state: bytes) -> None:
    """Give the server at an address a state that `save` gave.

    Raises:
        UserError: nobody answers there, or not as our server.
        RigError: the server refuses: another map or version, or broken bytes.
    """
    _call(host, port, "ninefold_restore_state", state)


def digest(state: bytes) -> str:
    """What tells worlds apart: equal digests are worlds that are equal to the bit."""
    value: bytes = msgpack.unpackb(state, raw=False)[3]
    return value.hex()


def _call(host: str, port: int, method: str, *arguments: object) -> Any:  # noqa: ANN401
    request = msgpack.packb([0, 1, method, [[False], *arguments]], use_bin_type=True)
    try:
        with socket.create_connection((host, port), TIMEOUT) as sock:
            sock.sendall(request)
            _, _, error, result = _answer(sock)
    except (OSError, ValueError, msgpack.UnpackException) as error:
        raise UserError(
            f"expected Ninefold's server at {host}:{port}, got none ({error}); "
            f"start one with `ninefold serve --port {port}`"
        ) from error
    if error is not None:
        raise UserError(f"expected Ninefold's server at {host}:{port}, got another: {error}")
    match result:
        case [[0, [str(text)]]] | [[True, [str(text)]]]:
            raise RigError(f"{host}:{port} refuses: {text}")
        case [[1, value]]:
            return value
    return None


def _answer(sock: socket.socket) -> list[Any]:
    unpacker = msgpack.Unpacker(raw=False, max_buffer_size=MOST)
    while data := sock.recv(1 << 18):
        unpacker.feed(data)
        for message in unpacker:
            answer: list[Any] = message
            return answer
    raise OSError("the connection ended")
