"""What has no effect is told once in the server's log."""

import logging

import pytest

from sim.server.handlers import TABLE
from sim.server.rpc import Status

WITHOUT = sorted(name for name, row in TABLE.items() if row.status is Status.ACCEPTED)


@pytest.mark.parametrize("name", WITHOUT)
def test_a_call_without_effect_warns_once_and_by_name(name, caplog):
    with caplog.at_level(logging.WARNING):
        answers = [TABLE[name].handler(None) for _ in range(2)]
    assert answers[0] == answers[1]
    told = [record.getMessage() for record in caplog.records if name in record.getMessage()]
    assert len(told) == 1
    assert told[0].startswith(f"accepted without effect: {name}")
