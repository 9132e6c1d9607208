"""msgpack-RPC as CARLA's client speaks it (rpclib): requests in, answers out.

A request is ``[0, id, method, [[asynchronous], argument, ...]]``, an answer
``[1, id, error or nil, result]``. Messages follow each other without a length. The result wraps
CARLA's ``Response<T>``: ``[[1, value]]`` or ``[[0, [text]]]``, for ``Response<void>`` ``[[false]]``
or ``[[true, [text]]]``; the wrong form ends the client's process.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgpack

log = logging.getLogger(__name__)

MAX_MESSAGE = 64 << 20  # bytes; the largest honest ones are textures and OpenDRIVE texts
LONGEST_ERROR = 2000  # characters
MAX_ITEMS = 1 << 22  # of one array: a texture of 2048 x 2048


class ProtocolError(Exception):
    """The peer does not speak this protocol; only its connection ends."""


class RpcError(Exception):
    """The answer is no: the client raises RuntimeError with this text."""


class Status(Enum):
    """How much of an RPC is there; docs/compatibility.md lists it."""

    REAL = "real"
    PARTIAL = "partial"
    ACCEPTED = "accepted without effect"


@dataclass(frozen=True, slots=True)
class Request:
    """One call."""

    id: int
    method: str
    waits: bool  # False: the client ignores the answer
    arguments: list[Any]


@dataclass(frozen=True, slots=True)
class Rpc:
    """One row of the RPC table."""

    handler: Callable[..., object]
    returns: bool  # Response<T>, not Response<void>: picks the envelope
    status: Status = Status.REAL
    note: str = ""
    bare: bool = False  # the answer goes out without an envelope
    arity: tuple[int, int] = (0, 0)  # fewest and most arguments


Table = dict[str, Rpc]


def _arity(handler: Callable[..., object]) -> tuple[int, int]:
    parameters = list(inspect.signature(handler).parameters.values())[1:]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return 0, 255
    return sum(p.default is p.empty for p in parameters), len(parameters)


def value(handler: Callable[..., object], note: str = "", *, bare: bool = False) -> Rpc:
    """A row that answers with a value; a note says what is missing."""
    status = Status.PARTIAL if note else Status.REAL
    return Rpc(handler, True, status, note, bare, _arity(handler))


def void(handler: Callable[..., object], note: str = "") -> Rpc:
    """A row that answers with nothing; a note says what is missing."""
    status = Status.PARTIAL if note else Status.REAL
    return Rpc(handler, False, status, note, False, _arity(handler))


def accepted(note: str, answer: Callable[[], object] | None = None) -> Rpc:
    """A row that has no effect here: a valid answer, and one warning in the log."""
    warned = False

    def handler(call: object, *arguments: object) -> object:
        nonlocal warned
        if not warned:
            warned = True
            log.warning("accepted without effect: %s", note)
        return answer() if answer else None

    return Rpc(handler, answer is not None, Status.ACCEPTED, note, False, (0, 255))


def feed(unpacker: msgpack.Unpacker, data: bytes) -> None:
    """Give an unpacker what came.

    Raises:
        ProtocolError: a message is too large.
    """
    try:
        unpacker.feed(data)
    except msgpack.BufferFull as error:
        raise ProtocolError(f"a message is larger than {MAX_MESSAGE} bytes") from error


def next_request(unpacker: msgpack.Unpacker) -> Request | None:
    """The next request, None where none is complete; the rest stays in the unpacker.

    Raises:
        ProtocolError: what came is not a request.
    """
    try:
        message = unpacker.unpack()
    except msgpack.OutOfData:
        return None
    except (ValueError, TypeError, MemoryError, RecursionError) as error:
        raise ProtocolError(f"not msgpack: {error!r}") from error
    return parse(message)


def new_unpacker() -> msgpack.Unpacker:
    """An unpacker with the limits of this server."""
    return msgpack.Unpacker(
        raw=False,
        unicode_errors="replace",
        max_buffer_size=MAX_MESSAGE,
        max_array_len=MAX_ITEMS,
        max_map_len=1024,
    )


def parse(message: object) -> Request:
    """A decoded message as a request.

    Raises:
        ProtocolError: it is none.
    """
    match message:
        case [0, int(number), str(method), [[bool(asynchronous), *_], *arguments]]:
            return Request(number, method, not asynchronous, arguments)
    raise ProtocolError(f"expected [0, id, method, [[asynchronous], ...]], got {message!r:.80}")


def answer(row: Rpc | None, call: object, request: Request) -> bytes:
    """Run one request's handler and pack the answer."""
    if row is None:
        log.warning("unknown RPC %s", request.method)
        text = f"rpclib: server could not find function '{request.method}' with argument count "
        return pack([1, request.id, text + str(len(request.arguments)), None])
    try:
        result = invoke(row, call, request.method, request.arguments)
        return pack([1, request.id, None, success(row, result)])
    except RpcError as error:
        text = str(error)
    except (TypeError, ValueError, OverflowError) as error:
        log.exception("%s: the answer cannot be packed", request.method)
        text = f"{request.method}: internal error: {error}"
    return pack([1, request.id, None, failure(row, text)])


def success(row: Rpc, result: object) -> object:
    """The form of a row's return type."""
    if row.bare:
        return result
    return [[1, result]] if row.returns else [[False]]


def failure(row: Rpc, text: str) -> object:
    """The error form of a row's return type; what the client sent is not sent back at length."""
    text = text if len(text) <= LONGEST_ERROR else f"{text[:LONGEST_ERROR]}..."
    return [[0, [text]]] if row.returns else [[True, [text]]]


def invoke(row: Rpc, call: object, method: str, arguments: list[Any]) -> object:
    """Call a handler; whatever goes wrong in it becomes an `RpcError`."""
    least, most = row.arity
    if not least <= len(arguments) <= most:
        raise RpcError(f"{method}: expected {least} to {most} arguments, got {len(arguments)}")
    try:
        return row.handler(call, *arguments)
    except RpcError:
        raise
    except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
        log.info("%s: bad arguments", method, exc_info=True)
        raise RpcError(f"{method}: bad arguments: {error}") from error
    except Exception as error:
        log.exception("%s failed", method)
        raise RpcError(f"{method}: internal error: {error}") from error


def pack(message: object) -> bytes:
    """A message as msgpack."""
    packed: bytes = msgpack.packb(message, use_bin_type=True)
    return packed
