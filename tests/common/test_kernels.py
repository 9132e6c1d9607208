"""Compiled kernels on disk, after crashes and on full disks."""

import importlib.util
import resource
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numba.core.caching import IndexDataCacheFile

from common.kernels import kept

SOURCE = "def work(x):\n    return x + {}\n"


def module(folder: Path, adds: int):
    """A module with a function in it that adds a number."""
    path = folder / "worker.py"
    path.write_text(SOURCE.format(adds))
    spec = importlib.util.spec_from_file_location("worker", path)
    assert spec and spec.loader
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.nb[ic]"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernels")
    assert kept(module(folder, 1).work)(1) == 2
    assert len(files(folder)) == 2
    return folder


def test_compiled_code_is_loaded_the_next_time(folder):
    work = kept(module(folder, 1).work)
    assert work(1) == 2
    assert sum(work.stats.cache_hits.values()) == 1


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(st.integers(0, 1), st.floats(0.0, 1.0), st.integers(1, 255), st.booleans())
def test_damaged_files_are_compiled_again(folder, which, where, change, cut):
    path = files(folder)[which]
    whole = path.read_bytes()
    at = int(where * (len(whole) - 1))
    rest = b"" if cut else bytes([whole[at] ^ change]) + whole[at + 1 :]
    path.write_bytes(whole[:at] + rest)
    assert kept(module(folder, 1).work)(1) == 2
    again = kept(module(folder, 1).work)
    assert again(1) == 2
    assert sum(again.stats.cache_hits.values()) == 1


def test_code_of_an_older_source_is_not_run(tmp_path, monkeypatch):
    assert kept(module(tmp_path, 1).work)(1) == 2

    def killed(*_):
        raise OSError("killed")

    with monkeypatch.context() as patch:  # the new index is there, the new code is not
        patch.setattr(IndexDataCacheFile, "_save_data", killed)
        assert kept(module(tmp_path, 10).work)(1) == 11
    assert kept(module(tmp_path, 10).work)(1) == 11


def test_a_full_disk_is_no_error(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    work = kept(module(tmp_path, 1).work)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))
    try:
        assert work(1) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files(tmp_path) == []


def test_without_a_place_for_it_code_is_compiled_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/dev/null")
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    source = module(tmp_path, 1)
    monkeypatch.setattr(
        source.work, "__code__", source.work.__code__.replace(co_filename="/dev/null/worker.py")
    )
    assert kept(source.work)(1) == 2
