"""What sensors measured, taken frame by frame: how long that is waited for."""

import threading
from types import SimpleNamespace

import pytest

from common.errors import RigError
from sim import mounted
from sim.mounted import Inbox, take


def data(frame):
    return SimpleNamespace(frame=frame)


def test_the_first_data_may_take_as_long_as_a_cold_simulator_and_the_next_may_not(monkeypatch):
    monkeypatch.setattr(mounted, "TIMEOUT", 0.01)
    inbox = Inbox()
    threading.Timer(0.3, inbox.put, [data(7)]).start()
    assert take(inbox, 7).frame == 7
    with pytest.raises(RigError, match=r"frame 8 in 0\.01 s"):
        take(inbox, 8)


def test_a_sensor_that_runs_ahead_is_no_sensor_of_this_frame():
    inbox = Inbox()
    for frame in (3, 4, 6):
        inbox.put(data(frame))
    assert take(inbox, 4).frame == 4
    with pytest.raises(RigError, match="skipped frame 5"):
        take(inbox, 5)
