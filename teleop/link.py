"""What travels between console and vehicle, and what the vehicle accepts.

A console message is JSON, a full stop, and the hex HMAC-SHA-256 of that JSON under the session's
key. The vehicle checks it all: key, session, sequence, ranges, and the age of the picture the
operator saw. Browser and server are not trusted with safety.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Any

MAX_MESSAGE_BYTES = 2048
FRAME_HEADER = struct.Struct("<IdHH")  # frame id, simulation time s, width px, height px


class Request(str, Enum):
    """What the operator asks for with a message."""

    NONE = "none"
    ENGAGE = "engage"  # let the autonomy drive
    TAKE_OVER = "take_over"
    HAND_BACK = "hand_back"
    STOP = "stop"  # minimum-risk stop, now
    CLEAR = "clear"  # the cause of a stop is known and gone


class Rejection(str, Enum):
    """Why a message was not accepted."""

    MALFORMED = "malformed"
    BAD_MAC = "bad MAC"
    OTHER_SESSION = "other session"
    REPLAYED = "replayed or out of order"
    OUT_OF_RANGE = "out of range"
    UNKNOWN_FRAME = "unknown frame"


@dataclass(frozen=True, slots=True)
class OperatorMessage:
    """One accepted console message."""

    seq: int
    frame_id: int  # newest frame on the operator's screen
    request: Request
    present: bool  # page in focus, operator at the controls
    steer: float  # -1..1 of the full wheel angle, positive left
    accel: float  # -1 (full brake) .. 1 (full throttle)
    reverse: bool


def mac(key: bytes, payload: bytes) -> str:
    """The message authentication code, hex."""
    return hmac.new(key, payload, hashlib.sha256).hexdigest()


def seal(key: bytes, fields: dict[str, Any]) -> str:
    """What the console does: JSON and its code. Here for tests and other consoles."""
    payload = json.dumps(fields, separators=(",", ":"))
    return f"{payload}.{mac(key, payload.encode())}"


def number(value: object, low: float, high: float) -> float:
    """A finite number in range; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number, got {value!r}")
    if not low <= value <= high:  # NaN neither
        raise ValueError(f"expected {low}..{high}, got {value!r}")
    return float(value)


def parse(fields: dict[str, Any]) -> OperatorMessage:
    """The message in decoded JSON; raises KeyError, TypeError or ValueError."""
    if not isinstance(fields["present"], bool) or not isinstance(fields["reverse"], bool):
        raise TypeError("expected true or false")
    return OperatorMessage(
        seq=int(number(fields["seq"], 0, 2**53)),
        frame_id=int(number(fields["frame"], 0, 2**32 - 1)),
        request=Request(fields["request"]),
        present=fields["present"],
        steer=number(fields["steer"], -1.0, 1.0),
        accel=number(fields["accel"], -1.0, 1.0),
        reverse=fields["reverse"],
    )


class Gatekeeper:
    """Checks one session's messages. Remembers the last sequence number and what it refused.

    It outlives a connection: else a message heard on one could be played back on the next.
    """

    def __init__(self, session: str, key: bytes) -> None:
        self.session = session
        self.rejections: Counter[Rejection] = Counter()
        self._key = key
        self.seq = -1

    def accept(self, text: str | bytes) -> OperatorMessage | Rejection:
        """The message, or why not; never raises."""
        verdict = self._check(text)
        if isinstance(verdict, Rejection):
            self.rejections[verdict] += 1
        else:
            self.seq = verdict.seq
        return verdict

    def _check(self, text: str | bytes) -> OperatorMessage | Rejection:
        if isinstance(text, bytes) or len(text) > MAX_MESSAGE_BYTES:
            return Rejection.MALFORMED
        payload, dot, code = text.rpartition(".")
        if not dot or not code.isascii():
            return Rejection.MALFORMED
        if not hmac.compare_digest(mac(self._key, payload.encode(errors="replace")), code):
            return Rejection.BAD_MAC
        try:
            fields = json.loads(payload)
            if fields["session"] != self.session:
                return Rejection.OTHER_SESSION
            message = parse(fields)
        except (ValueError, RecursionError):
            return Rejection.OUT_OF_RANGE
        except (KeyError, TypeError):
            return Rejection.MALFORMED
        return message if message.seq > self.seq else Rejection.REPLAYED


def frame_bytes(frame_id: int, t: float, width_px: int, height_px: int, jpeg: bytes) -> bytes:
    """A video frame as it travels: header and JPEG."""
    return FRAME_HEADER.pack(frame_id, t, width_px, height_px) + jpeg
