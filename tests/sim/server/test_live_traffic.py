"""Traffic lights, the Traffic Manager and walkers, as the genuine client sees them."""

import carla
import numpy as np


def approach(light, back):
    """A place `back` metres before the stop line of a light's first lane."""
    waypoint = light.get_stop_waypoints()[0].previous(back)[0]
    place = waypoint.transform
    place.location.z += 0.3
    return place


def test_a_managed_car_stops_at_red_and_goes_at_green(world, spawn, manager):
    light = world.get_actors().filter("traffic.traffic_light")[0]
    light.set_state(carla.TrafficLightState.Red)
    light.freeze(True)
    car = spawn("vehicle.tesla.model3", approach(light, 25.0))
    world.tick()
    car.set_autopilot(True, manager.get_port())
    for _ in range(240):
        world.tick()
    assert car.is_at_traffic_light()
    assert car.get_traffic_light().id == light.id
    assert car.get_traffic_light_state() == carla.TrafficLightState.Red
    assert car.get_velocity().length() < 0.1
    stopped = car.get_location()
    light.set_state(carla.TrafficLightState.Green)
    for _ in range(120):
        world.tick()
    assert car.get_location().distance(stopped) > 3.0
    car.set_autopilot(False, manager.get_port())
    world.tick()


def test_a_car_in_a_lights_trigger_is_governed_by_it(world, spawn):
    light = world.get_actors().filter("traffic.traffic_light")[0]
    car = spawn("vehicle.tesla.model3", approach(light, 3.0))
    for state in (carla.TrafficLightState.Red, carla.TrafficLightState.Yellow):
        light.set_state(state)
        world.freeze_all_traffic_lights(True)
        world.tick()
        assert car.get_traffic_light_state() == light.get_state() == state


def test_the_lights_of_a_group_take_turns(world):
    light = world.get_actors().filter("traffic.traffic_light")[0]
    group = light.get_group_traffic_lights()
    assert len(group) >= 2
    for one in group:
        one.set_green_time(1.0)
        one.set_yellow_time(0.2)
        one.set_red_time(0.2)
    green = set()
    for _ in range(160):
        world.tick()
        now = {one.id for one in group if one.get_state() == carla.TrafficLightState.Green}
        green |= now
        assert len(now) < len(group)
    assert green == {one.id for one in group}


def test_every_light_has_a_stop_line_and_its_landmark(world):
    for light in world.get_actors().filter("traffic.traffic_light"):
        assert light.get_stop_waypoints()
        found = world.get_traffic_light_from_opendrive_id(light.get_opendrive_id())
        assert found.id == light.id


def test_walkers_of_the_clients_crowd_walk_on_pavements_and_crossings(client, world):
    world.set_pedestrians_seed(3)
    places = [world.get_random_location_from_navigation() for _ in range(8)]
    for place in places:
        place.z += 1.0
    library = world.get_blueprint_library()
    command = carla.command.SpawnActor
    kinds = library.filter("walker.pedestrian.*")
    answers = client.apply_batch_sync(
        [command(kinds[i], carla.Transform(place)) for i, place in enumerate(places)]
    )
    ids = [answer.actor_id for answer in answers if not answer.has_error()]
    brain = library.find("controller.ai.walker")
    answers = client.apply_batch_sync([command(brain, carla.Transform(), i) for i in ids])
    world.tick()
    walkers = world.get_actors(ids)
    controllers = world.get_actors([answer.actor_id for answer in answers])
    start = [walker.get_location() for walker in walkers]
    for controller in controllers:
        controller.start()
        controller.go_to_location(world.get_random_location_from_navigation())
        controller.set_max_speed(1.4)
    for _ in range(200):
        world.tick()
    moved = [w.get_location().distance(s) for w, s in zip(walkers, start, strict=True)]
    assert np.median(moved) > 5.0
    for controller in controllers:
        controller.stop()
