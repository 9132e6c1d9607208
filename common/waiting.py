"""What people are told while they wait for seconds: a line each."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterator

log = logging.getLogger(__name__)
log.propagate = False


def tell(handler: logging.Handler) -> None:
    """Say it there from now on, until `log` has the handler no more."""
    log.addHandler(handler)
    log.setLevel(logging.INFO)


class OnStandardError(logging.Handler):
    """Wherever that leads at the time: a progress bar may have taken it over."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; nothing where standard error is closed."""
        if sys.stderr is not None:
            sys.stderr.write(f"{record.getMessage()}\n")
            sys.stderr.flush()


@contextlib.contextmanager
def told(doing: str) -> Iterator[None]:
    """Say that a long work begins, and how long it took."""
    began = time.monotonic()
    log.info("%s ...", doing)
    yield
    log.info("%s took %.0f s", doing, time.monotonic() - began)
