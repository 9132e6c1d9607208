"""Kernels on several threads. The work of a lane depends on its number alone, never on timing."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class Pool:
    """Runs ``kernel(*arguments, lane, lanes)`` once per lane, and waits for all of them."""

    def __init__(self, threads: int) -> None:
        self.lanes = max(1, threads)
        self._pid = -1
        self._workers: ThreadPoolExecutor | None = None

    def __call__(self, kernel: Callable[..., None], *arguments: object) -> None:
        """Lane 0 runs on the calling thread."""
        if self._pid != os.getpid():  # threads do not survive a fork
            self._pid = os.getpid()
            self._workers = ThreadPoolExecutor(self.lanes - 1) if self.lanes > 1 else None
        futures = []
        if self._workers is not None:
            futures = [
                self._workers.submit(kernel, *arguments, lane, self.lanes)
                for lane in range(1, self.lanes)
            ]
        kernel(*arguments, 0, self.lanes)
        for future in futures:
            future.result()
