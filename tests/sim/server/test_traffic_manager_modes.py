"""The client's Traffic Manager in all its modes, on our server."""

import carla
import numpy as np
import pytest

from tests.sim.server.conftest import STEP


@pytest.fixture
def straight(world):
    """A place with 120 m of lane ahead, no junction, and a lane of the same way to its left."""

    def free(waypoint):
        ahead = [waypoint, *(waypoint.next(d)[0] for d in (40.0, 80.0, 120.0) if waypoint.next(d))]
        beside = waypoint.get_left_lane()
        return (
            len(ahead) == 4
            and not any(one.is_junction for one in ahead)
            and beside is not None
            and beside.lane_type == carla.LaneType.Driving
            and beside.lane_id * waypoint.lane_id > 0
        )

    town = world.get_map()
    waypoints = (town.get_waypoint(p.location) for p in town.get_spawn_points())
    place = next(filter(free, waypoints)).transform
    place.location.z += 0.3
    return place


@pytest.fixture
def managed(world, spawn, manager, straight):
    """A car that the manager drives along the straight."""
    car = spawn("vehicle.tesla.model3", straight)
    world.tick()
    car.set_autopilot(True, manager.get_port())
    return car


def drive(world, car, seconds):
    """The speeds (m/s) of so much simulated time."""
    speeds = []
    for _ in range(round(seconds / STEP)):
        world.tick()
        speeds.append(car.get_velocity().length())
    return speeds


def lateral(world, car):
    """Metres to the left of the lane's middle."""
    lane = world.get_map().get_waypoint(car.get_location()).transform
    off = car.get_location() - lane.location
    right = lane.get_right_vector()
    return -(off.x * right.x + off.y * right.y)


@pytest.mark.parametrize(("slower", "expected"), [(0.0, 30.0), (50.0, 15.0), (-20.0, 36.0)])
def test_a_share_of_the_limit_is_kept(world, manager, managed, slower, expected):
    manager.vehicle_percentage_speed_difference(managed, slower)
    assert 3.6 * max(drive(world, managed, 4.0)) == pytest.approx(expected, rel=0.05)


def test_a_desired_speed_is_reached(world, manager, managed):
    manager.set_desired_speed(managed, 36.0)
    assert max(drive(world, managed, 4.0)) == pytest.approx(10.0, rel=0.05)


def test_a_lane_offset_is_driven(world, manager, managed):
    manager.vehicle_lane_offset(managed, 0.6)  # positive is to the right
    drive(world, managed, 5.0)
    assert lateral(world, managed) == pytest.approx(-0.6, abs=0.25)


def test_a_forced_lane_change_ends_in_the_lane_beside(world, manager, managed):
    before = world.get_map().get_waypoint(managed.get_location())
    drive(world, managed, 2.0)
    manager.force_lane_change(managed, False)  # False is to the left
    drive(world, managed, 5.0)
    after = world.get_map().get_waypoint(managed.get_location())
    assert (after.road_id, after.lane_id) == (before.road_id, before.get_left_lane().lane_id)


def test_who_ignores_lights_passes_at_red(world, spawn, manager):
    light = world.get_actors().filter("traffic.traffic_light")[0]
    light.set_state(carla.TrafficLightState.Red)
    light.freeze(True)
    place = light.get_stop_waypoints()[0].previous(20.0)[0].transform
    place.location.z += 0.3
    car = spawn("vehicle.tesla.model3", place)
    world.tick()
    manager.ignore_lights_percentage(car, 100.0)
    car.set_autopilot(True, manager.get_port())
    start = car.get_location()
    drive(world, car, 8.0)
    assert car.get_location().distance(start) > 30.0


def test_a_leader_is_followed_at_the_distance_asked_for(world, spawn, manager, managed, straight):
    ahead = world.get_map().get_waypoint(straight.location).next(30.0)[0].transform
    ahead.location.z += 0.3
    leader = spawn("vehicle.tesla.model3", ahead)
    leader.set_simulate_physics(False)
    manager.distance_to_leading_vehicle(managed, 6.0)
    assert drive(world, managed, 10.0)[-1] < 0.1
    gap = managed.get_location().distance(leader.get_location()) - 2 * managed.bounding_box.extent.x
    assert 3.0 < gap < 10.0


def test_a_path_is_followed(world, manager, managed, straight):
    lane = world.get_map().get_waypoint(straight.location)
    path = [lane.next(d)[0].transform.location for d in np.arange(5.0, 120.0, 5.0)]
    manager.set_path(managed, path)
    manager.auto_lane_change(managed, False)
    drive(world, managed, 8.0)
    assert min(managed.get_location().distance(one) for one in path) < 3.0
    action, waypoint = manager.get_next_action(managed)
    assert action
    assert waypoint.transform.location.distance(managed.get_location()) < 60.0


def test_in_hybrid_mode_those_far_from_the_hero_are_moved_without_physics(world, spawn, manager):
    points = world.get_map().get_spawn_points()
    far = max(range(len(points)), key=lambda i: points[i].location.distance(points[0].location))
    hero = spawn("vehicle.tesla.model3", 0, role_name="hero")
    distant = spawn("vehicle.tesla.model3", far)
    world.tick()
    manager.set_hybrid_physics_mode(True)
    manager.set_hybrid_physics_radius(40.0)
    for car in (hero, distant):
        car.set_autopilot(True, manager.get_port())
    starts = [car.get_location() for car in (hero, distant)]
    gears = set()
    for _ in range(200):
        world.tick()
        gears.add(distant.get_control().gear)
        lane = world.get_map().get_waypoint(distant.get_location()).transform.location
        assert abs(distant.get_location().z - lane.z) < 1.0
    assert distant.get_location().distance(starts[1]) > 10.0
    assert hero.get_location().distance(starts[0]) > 1.0
    assert len(gears) == 1  # nobody drives it


def test_asynchronous_vehicles_drive_too(client, world, spawn, manager):
    car = spawn("vehicle.tesla.model3", 3)
    world.tick()
    manager.set_synchronous_mode(False)
    world.apply_settings(carla.WorldSettings(False, False, STEP))
    car.set_autopilot(True, manager.get_port())
    start = car.get_location()
    begun = world.get_snapshot().timestamp.elapsed_seconds
    while world.wait_for_tick(30.0).timestamp.elapsed_seconds < begun + 20.0:
        if car.get_location().distance(start) > 10.0:
            break
    assert car.get_location().distance(start) > 10.0
    world.apply_settings(carla.WorldSettings(True, False, STEP))


def test_a_second_client_drives_through_the_same_manager(world, spawn, port, manager, straight):
    car = spawn("vehicle.tesla.model3", straight)
    world.tick()
    other = carla.Client("127.0.0.1", port, worker_threads=1)
    other.set_timeout(60.0)
    same = other.get_trafficmanager(manager.get_port())
    other.get_world().get_actor(car.id).set_autopilot(True, same.get_port())
    start = car.get_location()
    for _ in range(160):
        world.tick()
    assert car.get_location().distance(start) > 10.0


def test_in_a_town_loaded_anew_the_manager_keeps_to_that_towns_lanes(client, world, manager):
    world = client.load_world("suburb", False)
    world.tick()
    place = world.get_map().get_spawn_points()[5]
    car = world.spawn_actor(world.get_blueprint_library().find("vehicle.tesla.model3"), place)
    world.tick()
    car.set_autopilot(True, manager.get_port())
    for _ in range(100):
        world.tick()
        where = car.get_location()
        lane = world.get_map().get_waypoint(where).transform.location
        assert where.distance_2d(lane) < 1.0
    assert where.distance(place.location) > 10.0
    car.set_autopilot(False, manager.get_port())
    client.load_world("city", False)
