"""The main path in the embedded server, through the genuine client."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from common.frames import Pose2, transform_from_euler
from common.messages import Camera, ControlCommand, EpisodeSpec, Observation, Outcome, Source
from common.rig import RIG
from drive import run
from drive.episode import episode
from drive.run import Simulator, drive, true_ego
from drive.stack import truth_driver
from drive.video import VIEW
from sim.lamps import Lamp
from sim.world import World

SPEC = EpisodeSpec(town="city", route=0, seed=3, driver="truth", vehicles=6, walkers=4)


@pytest.fixture(scope="module")
def simulator():
    with Simulator() as one:
        yield one


def hashes(ticks: int, spec: EpisodeSpec) -> list[bytes]:
    """The state hashes of the first ticks in a server of its own, driven by truth."""
    with Simulator() as simulator:
        stage = simulator.stage(spec)
        oracle = replace(stage, spec=replace(spec, driver="truth"))
        return [s.state_hash for s in islice(episode(oracle, truth_driver(), true_ego), ticks)]


def test_the_truth_driver_reaches_the_end_without_a_fault(simulator):
    seen = []
    result = drive(simulator, SPEC, watches=[seen.append])
    assert result.outcome is Outcome.SUCCESS, result.detail
    assert result.route_completion == 100.0
    assert result.distance > 390.0
    assert {step.decision.plan.reason for step in seen[10:] if step.decision.plan}
    assert all(step.observation.frames == () for step in seen)
    assert seen[-1].route_completion == 100.0, "the moment that ended it is a step too"
    assert seen[-1].state_hash.hex() == result.state_hash
    assert result.disengagements == ()


def test_a_second_episode_in_the_same_server_is_the_same_as_in_a_fresh_one(simulator):
    stage = simulator.stage(replace(SPEC, driver="camera"))
    again = replace(stage, spec=SPEC)
    reused = [s.state_hash for s in islice(episode(again, truth_driver(), true_ego), 10)]
    stage.close()
    assert reused == hashes(10, replace(SPEC, driver="camera"))


def test_who_is_filmed_drives_no_differently(simulator):
    """A camera for the audience changes nothing that the driver's cameras see."""
    spec = replace(SPEC, driver="camera", walkers=30)

    def pictures(view: Camera | None) -> list[bytes]:
        stage = simulator.stage(spec, view)
        oracle = replace(stage, spec=replace(spec, driver="truth"))
        steps = islice(episode(oracle, truth_driver(), true_ego), 60)
        seen = [frame.image.tobytes() for step in steps for frame in step.observation.frames]
        stage.close()
        return seen

    unfilmed = pictures(None)
    assert len(unfilmed) == 30 * len(RIG)
    assert pictures(VIEW) == unfilmed


def test_the_state_hash_tells_networks_apart(simulator):
    def first_hash(weights: str) -> bytes:
        stage = simulator.stage(replace(SPEC, weights=weights, vehicles=0, walkers=0))
        (step,) = islice(episode(stage, truth_driver(), true_ego), 1)
        stage.close()
        return step.state_hash

    assert first_hash("a") == first_hash("a") != first_hash("b")


def test_an_exception_of_the_driver_is_its_own_failure(simulator, monkeypatch):
    class Broken:
        def reset(self, route):
            pass

        def act(self, observation: Observation):
            raise ZeroDivisionError("planner")

    monkeypatch.setattr(run, "driver_of", lambda *_: Broken())
    result = drive(simulator, SPEC)
    assert result.outcome is Outcome.DRIVER_ERROR
    assert "ZeroDivisionError: planner" in result.detail
    assert [one.cause for one in result.disengagements] == ["driver_error"]


def test_a_picture_goes_with_its_scene_and_knows_how_its_camera_leans(simulator):
    """A point of the road is seen where its camera truly stood: to a pixel, braking or not."""
    stage = simulator.stage(SPEC, VIEW)
    leant = 0.0
    for step in islice(episode(stage, truth_driver(), true_ego), 120):
        if step.view is None:
            continue
        assert step.decision.scene.t == step.view.t
        pose = step.readings.users.pose[step.readings.ego_row]
        world_from_cam = transform_from_euler(tuple(pose[:3]), *pose[3:]) @ VIEW.ego_from_cam
        ahead = step.observation.ego.world_from_ego.apply(np.array([15.0, 1.0]))
        truly = np.linalg.inv(world_from_cam) @ [*ahead, 0.0, 1.0]
        drawn = np.linalg.inv(step.view.camera.ego_from_cam) @ [15.0, 1.0, 0.0, 1.0]
        assert pixel(drawn) == pytest.approx(pixel(truly), abs=1.0)
        flat = np.linalg.inv(VIEW.ego_from_cam) @ [15.0, 1.0, 0.0, 1.0]
        leant = max(leant, float(np.abs(pixel(flat) - pixel(truly)).max()))
    stage.close()
    assert leant > 2.0, "the car never leant"


def pixel(point: np.ndarray) -> np.ndarray:
    """Where the audience's camera sees a point (4,) of its own frame."""
    seen = VIEW.intrinsics @ point[:3]
    return seen[:2] / seen[2]


def test_at_night_the_ego_is_lit_as_the_traffic_is(simulator):
    stage = simulator.stage(replace(SPEC, weather="ClearNight"))
    for _ in islice(episode(stage, truth_driver(), true_ego), 40):
        pass
    vehicles = stage.world.world.get_actors().filter("vehicle.*")
    shown = [int(one.get_light_state()) for one in vehicles]
    stage.close()
    assert len(shown) == 1 + SPEC.vehicles
    assert all(lamps & Lamp.POSITION and lamps & Lamp.LOW_BEAM for lamps in shown), shown


def test_left_is_left_all_the_way(simulator):
    """A walker at CARLA y = -5 has ego y = +5, shows on the left, and steer > 0 turns to him."""
    stage = simulator.stage(replace(SPEC, driver="camera", vehicles=0, walkers=0))
    world = stage.world
    world.start()
    without = picture(world)
    ego = world.ego.get_transform()
    library = world.world.get_blueprint_library()
    place = ego
    ahead, right = ego.get_forward_vector(), ego.get_right_vector()
    place.location += ahead * 12.0 - right * 5.0  # CARLA: right is +y
    place.location.z += 1.0
    walker = world.world.spawn_actor(library.find("walker.pedestrian.0001"), place)
    readings = world.tick()
    scene = stage.oracle.scene(readings)
    (seen,) = [one for one in scene.objects if one.track_id == walker.id]
    assert (seen.ego_from_object.x, seen.ego_from_object.y) == pytest.approx((12.0, 5.0), abs=0.3)
    changed = np.abs(picture(world).astype(int) - without).sum(axis=2) > 60
    assert changed.sum() > 10
    assert np.nonzero(changed)[1].mean() < 0.5 * RIG[0].width_px
    begin: Pose2 = readings.world_from_ego
    for _ in range(60):
        world.apply(ControlCommand(readings.t, 0.2, 2.0, False, Source.PLANNER))
        readings = world.tick()
    moved = begin.inverse() @ readings.world_from_ego
    assert moved.y > 0.1
    assert moved.yaw > 0.1
    walker.destroy()
    stage.close()


def picture(world: World) -> np.ndarray:
    """The next image of the front camera."""
    while not (frames := world.tick().frames):
        pass
    return frames[0].image
