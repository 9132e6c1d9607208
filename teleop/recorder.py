"""The flight recorder: every command as it was sent, every mode, every latency, hash-chained.

One JSON line per event; each carries the hash of the line before it, so that a line changed,
dropped or added shows (StVFernLV Annex 3 asks for commands in the format sent, latencies for the
whole session, mode changes and causes).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import TracebackType

from common.errors import UserError

START = "0" * 64


def chained(line: dict[str, object], previous: str) -> tuple[str, str]:
    """The line as it is written, and its hash."""
    text = json.dumps({**line, "previous": previous}, separators=(",", ":"), sort_keys=True)
    return text, hashlib.sha256(text.encode()).hexdigest()


class Recorder:
    """An open recording. Remembers the hash of its last line."""

    def __init__(self, path: Path) -> None:
        """Create `path`; UserError where that cannot be."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("x")
        except OSError as error:
            raise UserError(
                f"expected a new file that can be written at {path}, got: {error.strerror};"
                " choose another with --record"
            ) from error
        self.path = path
        self._last = START

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        if self._last == START:  # nothing happened: the name stays free for the next try
            self.path.unlink(missing_ok=True)

    def write(self, event: str, t: float, **fields: object) -> None:
        """Add one event at simulation time `t` (s)."""
        text, self._last = chained({"event": event, "t": t, **fields}, self._last)
        self._file.write(text + "\n")
        self._file.flush()


def verify(path: Path) -> int:
    """The number of lines of an unbroken recording.

    Raises:
        ValueError: a line was changed, dropped or added; the message says which.
    """
    last = START
    number = 0
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if json.loads(line).get("previous") != last:
            raise ValueError(f"{path}: the chain breaks at line {number}")
        last = hashlib.sha256(line.encode()).hexdigest()
    return number
