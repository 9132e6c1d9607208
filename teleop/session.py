"""Who may drive: one-time codes to log in, one session at a time holds the lease of the vehicle."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"  # no I L O U 0 1: read aloud without mistakes
CODE_LENGTH = 8  # 30 ** 8 codes; five tries each
TRIES = 5


@dataclass(frozen=True, slots=True)
class Session:
    """A logged-in operator."""

    id: str
    key: bytes  # of the message authentication code
    cookie: str


def new_code() -> str:
    """A fresh one-time code."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


class Desk:
    """The lease on one vehicle. Remembers the valid code, the tries left, and the session.

    A code works once; after five wrong ones it is burnt and `announce` gets a new one. A new login
    ends the session before it, which is what lets an operator come back after a lost link.
    """

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce
        self.session: Session | None = None
        self._renew()

    def _renew(self) -> None:
        self._code = new_code()
        self._tries = TRIES
        self._announce(self._code)

    def log_in(self, code: str) -> Session | None:
        """A session for the right code, None for a wrong one."""
        typed = code.strip().upper().replace("-", "").replace(" ", "")
        if not hmac.compare_digest(typed.encode(errors="replace"), self._code.encode()):
            self._tries -= 1
            if self._tries == 0:
                self._renew()
            return None
        self.session = Session(
            secrets.token_hex(8), secrets.token_bytes(32), secrets.token_urlsafe(32)
        )
        self._renew()
        return self.session

    def by_cookie(self, cookie: str | None) -> Session | None:
        """The session a cookie belongs to, if it is the one in force."""
        if self.session is None or cookie is None:
            return None
        matches = hmac.compare_digest(self.session.cookie.encode(), cookie.encode())
        return self.session if matches else None
