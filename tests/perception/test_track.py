import numpy as np

from common.frames import Pose2
from common.messages import LightEstimate, LightState, ObjectEstimate, ObjectKind
from perception.track import LightFilter, Tracker

ORIGIN = Pose2(0.0, 0.0, 0.0)


def seen(pose, kind=ObjectKind.VEHICLE, confidence=0.9):
    return ObjectEstimate(kind, pose, 4.5, 1.9, np.zeros(2), confidence, None)


def run(world_of, ego_of, steps=25, noise=0.0, kind=ObjectKind.VEHICLE):
    rng = np.random.default_rng(0)
    tracker = Tracker()
    for i in range(steps):
        t = 0.1 * i
        world = world_of(t)
        jitter = rng.normal(0.0, noise, 2) if noise else (0.0, 0.0)
        world = Pose2(world.x + jitter[0], world.y + jitter[1], world.yaw)
        out = tracker.step(t, ego_of(t), [seen(ego_of(t).inverse() @ world, kind)])
    return out


def test_a_car_keeps_its_id_and_gets_its_speed_over_ground():
    out = run(
        lambda t: Pose2(30.0 + 6.0 * t, 3.0, 0.0), lambda t: Pose2(8.0 * t, 0.0, 0.0), noise=0.2
    )
    (car,) = out
    assert car.track_id == 1
    np.testing.assert_allclose(car.velocity, (6.0, 0.0), atol=0.6)


def test_velocity_is_given_in_ego_axes_of_a_turned_ego():
    (car,) = run(
        lambda t: Pose2(5.0, 20.0 + 5.0 * t, np.pi / 2), lambda t: Pose2(0.0, 0.0, np.pi / 2)
    )
    np.testing.assert_allclose(car.velocity, (5.0, 0.0), atol=0.3)
    np.testing.assert_allclose(car.ego_from_object.yaw, 0.0, atol=0.05)


def test_a_parked_car_stands_still_while_the_ego_turns():
    (car,) = run(lambda t: Pose2(12.0, -4.0, 0.3), lambda t: Pose2(4.0 * t, 0.0, 0.2 * t))
    assert np.hypot(*car.velocity) < 0.1


def test_two_cars_side_by_side_keep_their_ids():
    tracker = Tracker()
    ids = []
    for i in range(20):
        cars = [seen(Pose2(10.0 + i, y, 0.0)) for y in (-1.7, 1.8)]
        out = tracker.step(0.1 * i, Pose2(0.0, 0.0, 0.0), cars[:: 1 if i % 2 else -1])
        ids.append({round(o.ego_from_object.y): o.track_id for o in out})
    assert all(found == ids[0] for found in ids)


def test_a_doubtful_thing_seen_once_is_not_reported():
    tracker = Tracker()
    assert tracker.step(0.0, Pose2(0, 0, 0), [seen(Pose2(9, 0, 0), confidence=0.3)]) == ()


def test_what_looks_a_little_like_a_walker_all_the_time_is_none():
    tracker = Tracker()
    pole = seen(Pose2(4, -3.2, 0), ObjectKind.WALKER, 0.29)
    assert all(tracker.step(0.1 * i, Pose2(0, 0, 0), [pole]) == () for i in range(50))
    sure = seen(Pose2(4, -3.2, 0), ObjectKind.WALKER, 0.9)
    out = [tracker.step(5.0 + 0.1 * i, Pose2(0, 0, 0), [sure]) for i in range(5)]
    assert len(out[4]) == 1


def test_a_walker_seen_every_other_frame_stays_and_a_ghost_seen_so_goes():
    for confidence, stays in ((0.8, True), (0.37, False)):
        tracker = Tracker()
        there = seen(Pose2(8, 1, 0), ObjectKind.WALKER, confidence)
        out = [tracker.step(0.1 * i, ORIGIN, [there] * (i % 2 == 0)) for i in range(60)]
        assert [bool(one) for one in out[20:]] == [stays] * 40


def test_a_pole_whose_place_jitters_stands_still():
    rng = np.random.default_rng(1)
    tracker = Tracker()
    moved = []
    for i in range(300):
        pole = Pose2(12 + rng.normal(0, 0.2), -2.2 + rng.normal(0, 0.2), 0.0)
        for one in tracker.step(0.1 * i, ORIGIN, [seen(pole, ObjectKind.WALKER)]):
            moved.append(float(np.hypot(*one.velocity)) > 0.0)
    assert np.mean(moved[5:]) < 0.01


def test_a_walker_who_steps_off_the_kerb_is_seen_moving_within_a_second():
    tracker = Tracker()
    for i in range(40):
        t = 0.1 * i
        y = -3.0 + 1.4 * max(t - 2.0, 0.0)
        (walker,) = tracker.step(t, ORIGIN, [seen(Pose2(12, y, 0), ObjectKind.WALKER)])
        if t <= 2.0:
            assert np.hypot(*walker.velocity) == 0.0
        if t >= 2.9:
            assert walker.velocity[1] > 0.6


def test_a_turning_car_has_its_turn_rate_and_a_straight_one_next_to_none():
    for rate, tolerance in ((0.5, 0.15), (0.0, 0.04)):
        rng = np.random.default_rng(3)
        tracker = Tracker()
        for i in range(25):
            t = 0.1 * i
            yaw = 1.5 + rate * t
            x = 20.0 + (6.0 * np.sinc(rate * t / 2 / np.pi) * t) * np.cos(1.5 + rate * t / 2)
            y = -10.0 + (6.0 * np.sinc(rate * t / 2 / np.pi) * t) * np.sin(1.5 + rate * t / 2)
            pose = Pose2(x + rng.normal(0, 0.2), y + rng.normal(0, 0.2), yaw + rng.normal(0, 0.1))
            out = tracker.step(t, ORIGIN, [seen(pose)])
        np.testing.assert_allclose(out[0].yaw_rate, rate, atol=tolerance)


def test_a_car_taken_the_wrong_way_round_drives_forward_all_the_same():
    tracker = Tracker()
    for i in range(20):
        flip = np.pi if i % 3 == 0 else 0.0
        (car,) = tracker.step(0.1 * i, ORIGIN, [seen(Pose2(10.0 + 0.6 * i, 0.0, flip))])
    np.testing.assert_allclose(car.velocity, (6.0, 0.0), atol=0.7)
    np.testing.assert_allclose(car.ego_from_object.yaw, 0.0, atol=0.1)


def test_a_hidden_car_coasts_and_is_then_forgotten():
    tracker = Tracker()
    origin = Pose2(0.0, 0.0, 0.0)
    for i in range(10):
        tracker.step(0.1 * i, origin, [seen(Pose2(10.0 + i, 0.0, 0.0))])
    (car,) = tracker.step(1.2, origin, [])
    np.testing.assert_allclose(car.ego_from_object.x, 22.0, atol=1.0)
    assert tracker.step(2.0, origin, []) == ()


def test_one_wrong_frame_does_not_change_the_light():
    light = LightFilter()
    red, green = (LightEstimate(s, 20.0, 0.9) for s in (LightState.RED, LightState.GREEN))
    assert light.step(0.0, red).state is LightState.RED
    assert light.step(0.1, green).state is LightState.RED
    assert light.step(0.2, red).state is LightState.RED
    assert light.step(0.3, green).state is LightState.RED
    assert light.step(0.4, green).state is LightState.GREEN
    assert light.step(0.6, None).state is LightState.GREEN
    assert light.step(2.0, None) is None
