"""The leaderboard's scores and the comfort share."""

import numpy as np
import pytest

from common.messages import Infraction
from drive.scores import comfort_si, lb20, lb21


def broken(kind: str, share: float | None = None) -> Infraction:
    return Infraction(kind, 0.0, 0.0, 0.0, "", True, share)


@pytest.mark.parametrize(
    ("kinds", "old", "new"),
    [
        ([], 100.0, 100.0),
        (["collision_vehicle"], 60.0, 58.8),  # the figures of the leaderboard's own announcement
        (["collision_vehicle"] * 2, 36.0, 41.7),
        (["collision_walker", "red_light"], 35.0, 41.7),
        (["hit_while_standing"], 100.0, 100.0),
    ],
)
def test_penalties_multiply_in_2_0_and_add_in_2_1(kinds, old, new):
    infractions = [broken(kind) for kind in kinds]
    assert lb20(100.0, infractions) == pytest.approx(old, abs=0.05)
    assert lb21(100.0, infractions) == pytest.approx(new, abs=0.05)


def test_the_share_off_the_lanes_is_taken_off():
    assert lb20(80.0, [broken("off_road", 0.25)]) == pytest.approx(60.0)
    assert lb21(80.0, [broken("off_road", 0.25)]) == pytest.approx(60.0)


def test_a_slow_quarter_costs_by_what_is_missing():
    assert lb20(100.0, [broken("min_speed", 0.5)]) == pytest.approx(85.0)
    assert lb21(100.0, [broken("min_speed", 0.5)]) == pytest.approx(100.0 / 1.2)


def test_steady_driving_is_comfortable_and_one_stamp_on_the_brake_costs_its_second():
    speed = np.full(400, 10.0)
    yaw_rate = np.zeros(400)
    still = np.column_stack([speed, yaw_rate])
    assert comfort_si(still, yaw_rate, 0.05) == 1.0
    speed[210:] = np.maximum(10.0 - 8.0 * 0.05 * np.arange(190), 0.0)
    hard = np.column_stack([speed, yaw_rate])
    assert 0.85 <= comfort_si(hard, yaw_rate, 0.05) <= 0.95


def test_nothing_driven_was_not_uncomfortable():
    assert comfort_si(np.zeros((5, 2)), np.zeros(5), 0.05) == 1.0
