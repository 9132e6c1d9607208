import numpy as np

from common.frames import SEG_GRID
from ninefold.collect import Nudged, Plan, collect
from perception.contract import RASTERS
from perception.dataset import open_shards, raster, read_card


def test_collect_records_labelled_samples_and_goes_on_where_it_stopped(tmp_path):
    plan = Plan("city", seed=11, per_episode=3, vehicles=8, walkers=6)
    assert list(collect(plan, 3, tmp_path)) == [3]
    (rows,) = open_shards(tmp_path)
    assert list(collect(plan, 3, tmp_path)) == [3]  # nothing left to do
    assert read_card(tmp_path)["town"] == "city"
    assert rows["images"].std(axis=(2, 3, 4)).min() > 5.0  # every camera sees something
    row, column = (int(v) for v in SEG_GRID.cells(np.array([3.0, 0.0])))
    for row_bits in rows["rasters"]:
        assert raster(row_bits, RASTERS.index("drivable"))[row, column]
        assert raster(row_bits, RASTERS.index("lane_own"))[row, column]
    assert np.isfinite(rows["lanes"][:, 0]).any()


def test_episodes_differ_in_seed_and_weather_and_come_back_the_same():
    plan = Plan("city", seed=5, per_episode=3, vehicles=8, walkers=6)
    first, second = plan.episode(0), plan.episode(1)
    assert first == plan.episode(0)
    assert (first.seed, first.weather) != (second.seed, second.weather)


def test_a_nudge_turns_the_wheel_now_and_then_and_lets_go():
    from common.frames import Pose2
    from common.messages import ControlCommand, Decision, EgoState, Observation, Route, Source

    class Straight:
        def reset(self, route):
            pass

        def act(self, observation):
            return Decision(
                ControlCommand(observation.t, 0.0, 0.0, False, Source.PLANNER), None, None
            )

    driver = Nudged(Straight(), np.random.default_rng(0))
    driver.reset(Route(np.zeros((2, 2)), np.ones(2), ()))
    steers = []
    for i in range(600):
        ego = EgoState(0.05 * i, Pose2(0, 0, 0), 0, 0, 0, 0)
        steers.append(driver.act(Observation(0.05 * i, ego, (), Route)).command.steer)
    pushed = np.array(steers) != 0.0
    assert 0.03 < pushed.mean() < 0.35
    assert not pushed[:20].any()
