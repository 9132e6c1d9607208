"""Compiled kernels on disk; what is damaged there, or cannot be kept, is compiled again.

numba's own cache believes what it finds: a file that a crash has cut off ends every later start,
and after a kill between index and code it runs the code of an older source. It sees a change of the
file that holds a function, but not of the helpers and constants that come from other files.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import pickle
from collections.abc import Callable
from enum import EnumMeta
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.dispatcher import Dispatcher

F = TypeVar("F", bound=Callable[..., object])
log = logging.getLogger(__name__)

COMPILED = "__compiled__"  # an attribute of functions that are compiled into their callers


class _File(IndexDataCacheFile):  # type: ignore[misc]
    """One function's files: an index, and the machine code for each signature with its digest."""

    def save(self, key: object, data: object) -> None:
        """Keep machine code; a full disk is no error."""
        code = self._dump(data)
        with contextlib.suppress(OSError):
            super().save(key, (self._digest(key, code), code))

    def load(self, key: object) -> Any:  # noqa: ANN401 - numba's own
        """Machine code; None where there is none that is whole, and of this source."""
        try:
            digest, code = super().load(key) or (b"", b"")
        except Exception:
            log.info("compiled code on disk is damaged", exc_info=True)
            return None
        return pickle.loads(code) if digest == self._digest(key, code) else None

    def _load_index(self) -> dict[object, str]:
        try:
            return cast(dict[object, str], super()._load_index())
        except Exception:
            log.info("an index of compiled code is damaged", exc_info=True)
            return {}

    def _digest(self, key: object, code: bytes) -> bytes:
        return hashlib.sha256(repr((self._source_stamp, key)).encode() + code).digest()


class _Cache(FunctionCache):  # type: ignore[misc]
    """numba's cache of a function, its files checked."""

    def __init__(self, function: Callable[..., object], stamp: str) -> None:
        super().__init__(function)
        self._cache_file = _File(self._cache_path, self._impl.filename_base, stamp)

    def save_overload(self, signature: object, data: object) -> None:
        """Keep what was compiled; a folder that cannot be written to any more is no error."""
        with contextlib.suppress(OSError):
            super().save_overload(signature, data)


def kept(function: F, **options: object) -> F:
    """The function compiled at its first call and kept on disk, where there is a place for it."""
    dispatcher = numba.njit(**options)(function)
    with contextlib.suppress(RuntimeError):  # no folder that can be written to
        dispatcher._cache = _Cache(function, digest(function.__globals__) + repr(options))
    return cast(F, dispatcher)


def digest(namespace: dict[str, Any]) -> str:
    """A name for all that the kernels of a module, given by its namespace, are made of so far.

    That is its source, the constants in it, and the modules of the helpers that it imports.
    """
    sha = hashlib.sha256()
    _take_module(namespace, sha, set())
    return sha.hexdigest()[:16]


def _take_module(namespace: dict[str, Any], sha: hashlib._Hash, seen: set[str]) -> None:
    name = namespace["__name__"]
    if name in seen:
        return
    seen.add(name)
    sha.update(Path(namespace["__file__"]).read_bytes())
    for key, value in sorted(namespace.items()):
        if isinstance(value, Dispatcher):
            _take_module(value.py_func.__globals__, sha, seen)
        elif getattr(value, COMPILED, False):
            _take_module(value.__globals__, sha, seen)
        elif not key.startswith("__"):
            sha.update(f"{key} {_plain(value)}\n".encode())


def _plain(value: object) -> object:
    """What compiled code can hold of a value; None for what it cannot."""
    match value:
        case np.ndarray():
            return f"{value.dtype} {value.tolist()}"
        case EnumMeta():
            members: dict[str, Any] = dict(value.__members__)
            return [(name, _plain(member.value)) for name, member in members.items()]
        case tuple():
            return [_plain(item) for item in value]
        case bool() | int() | float() | str() | np.generic():
            return repr(value)
    return None
