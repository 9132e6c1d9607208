"""What people are told while they wait."""

import logging
from collections.abc import Iterator

import numba
import pytest
from numba.core import event

from common.compiling import Compiling
from common.waiting import OnStandardError, log, tell, told


@pytest.fixture(autouse=True)
def telling() -> Iterator[None]:
    handler = OnStandardError()
    tell(handler)
    yield
    log.removeHandler(handler)
    log.setLevel(logging.NOTSET)


def test_a_long_work_is_named_before_and_its_time_after(capsys: pytest.CaptureFixture[str]) -> None:
    with told("dressing Town04"):
        assert capsys.readouterr().err == "dressing Town04 ...\n"
    assert capsys.readouterr().err == "dressing Town04 took 0 s\n"


def test_compiling_is_told_once_and_code_that_is_there_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with event.install_listener("numba:compile", Compiling()):
        inner = numba.njit(lambda x: x + 1)
        function = numba.njit(lambda x: inner(x))
        assert function(1) == 2
        assert function(1.0) == 2.0
        assert capsys.readouterr().err == "compiling, once for all later starts ...\n"
        assert function(2) == 3
        assert capsys.readouterr().err == ""
