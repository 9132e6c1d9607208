"""Telling people that numba compiles; nothing is told where the code is on disk already."""

from __future__ import annotations

import math
import time

from numba.core import event

from common.waiting import log

STILL = 10.0  # s between two lines
AGAIN = 60.0  # s without any, after which it begins anew


class Compiling(event.Listener):  # type: ignore[misc]
    """Remembers since when it compiles, when it was last at it, and when it last said so."""

    def __init__(self) -> None:
        self.began = self.busy = self.said = -math.inf

    @property
    def ever(self) -> bool:
        """Whether it has compiled at all."""
        return self.began > -math.inf

    def on_start(self, _: object) -> None:
        """A function's turn has come, alone or for another that calls it."""
        now = time.monotonic()
        if now > self.busy + AGAIN:
            self.began = self.said = now
            log.info("compiling, once for all later starts ...")
        elif now >= self.said + STILL:
            self.said = now
            log.info("compiling ... %.0f s", now - self.began)
        self.busy = now

    def on_end(self, _: object) -> None:
        """It is done; others may follow."""
        self.busy = time.monotonic()


def tell_of_compiling() -> Compiling:
    """From now on, in this process."""
    compiling = Compiling()
    event.register("numba:compile", compiling)
    return compiling
