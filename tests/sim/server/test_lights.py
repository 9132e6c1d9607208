"""Traffic lights: their cycle, and whom they govern."""

import re

import carla
import numpy as np
import pytest

from sim.server.lights import GREEN, RED, YELLOW, LightController
from sim.server.town import load_town, town_from_opendrive


@pytest.fixture(scope="module")
def city():
    return load_town("city")


def run(lights, seconds, dt=0.05):
    for _ in range(round(seconds / dt)):
        lights.step(dt)


def test_a_cycle_is_green_yellow_all_red_then_the_next_phase(city):
    lights = LightController(city.signals)
    first, second = lights.phase == 0, lights.phase == 1
    assert set(lights.states[first]) == {GREEN}
    assert set(lights.states[~first]) == {RED}
    run(lights, 9.95)
    assert set(lights.states[first]) == {GREEN}
    run(lights, 0.1)
    assert set(lights.states[first]) == {YELLOW}
    run(lights, 3.0)
    assert set(lights.states) == {RED}
    run(lights, 2.0)
    assert set(lights.states[second]) == {GREEN}
    assert set(lights.states[~second]) == {RED}


def test_no_two_phases_of_a_junction_are_ever_open_together(city):
    lights = LightController(city.signals)
    lights.set_times(0, green=4.0)
    for _ in range(2000):
        lights.step(0.1)
        for group in range(lights.group.max() + 1):
            open_ = (lights.group == group) & (lights.states != RED)
            assert len(set(lights.phase[open_])) <= 1


def test_times_hold_for_the_phase_and_freezing_stops_the_clock(city):
    lights = LightController(city.signals)
    lights.set_times(0, green=1.0, yellow=0.5, red=0.5)
    run(lights, 1.05)
    assert lights.states[0] == YELLOW
    lights.freeze(True)
    run(lights, 20.0)
    assert lights.states[0] == YELLOW
    lights.freeze(False)
    run(lights, 0.55)
    assert lights.states[0] == RED
    lights.reset()
    assert lights.states[0] == GREEN
    assert lights.elapsed[0] == 0.0


def test_setting_a_state_by_hand_lasts_until_the_group_changes(city):
    lights = LightController(city.signals)
    lights.set_state(0, RED)
    assert lights.states[0] == RED
    run(lights, 10.05)
    assert lights.states[0] == YELLOW


def stop_waypoints(town, signal):
    """What the client makes of a light's trigger (LibCarla, TrafficLight::GetStopWaypoints)."""
    c, s = np.cos(signal.yaw), np.sin(signal.yaw)
    x, y, _ = signal.trigger_centre
    found = {}
    for along in np.arange(-0.9 * signal.trigger_extent[0], 0.9 * signal.trigger_extent[0], 1.0):
        at = carla.Location(
            signal.x + c * (x + along) - s * y, -(signal.y + s * (x + along) + c * y), signal.z
        )
        waypoint = town.road_map.get_waypoint(at)
        found[waypoint.road_id, waypoint.lane_id] = waypoint
    return list(found.values())


def test_stop_waypoints_are_the_lanes_before_the_junction(city):
    for signal in city.signals:
        waypoints = stop_waypoints(city, signal)
        (mark,) = city.road_map.get_all_landmarks_from_id(signal.opendrive_id)
        ((first, last),) = mark.get_lane_validities()
        assert {w.lane_id for w in waypoints} == set(range(first, last + 1))
        for waypoint in waypoints:
            assert not waypoint.is_junction
            ahead = waypoint.next(signal.trigger_extent[1] + 1.5)
            assert all(w.junction_id == signal.junction for w in ahead)


@pytest.mark.parametrize("nose", [0.3, 2.0, 3.5])
def test_a_light_governs_whoever_waits_at_its_line_and_nobody_else(city, nose):
    lights = LightController(city.signals)
    for index, signal in enumerate(city.signals):
        for waypoint in stop_waypoints(city, signal):
            yaw = signal.yaw + np.pi / 2
            line = np.array([waypoint.transform.location.x, -waypoint.transform.location.y])
            line += signal.trigger_extent[1] * np.array([np.cos(yaw), np.sin(yaw)])
            car = line - (nose + 2.4) * np.array([np.cos(yaw), np.sin(yaw)])
            here = lights.governing(car[None], np.array([yaw]))
            assert here[0] == index
            assert lights.governing(car[None], np.array([yaw + np.pi]))[0] != index
            through = car + (nose + 4.0) * np.array([np.cos(yaw), np.sin(yaw)])
            assert lights.governing(through[None], np.array([yaw]))[0] == -1


def test_lights_and_signs_that_name_no_lanes_govern_those_that_end_at_them(city):
    bare = town_from_opendrive("bare", re.sub(r"<validity[^>]*/>", "", city.xodr))
    for own, named in ((bare.signals, city.signals), (bare.signs, city.signs)):
        for signal, same in zip(own, named, strict=True):
            assert signal.opendrive_id == same.opendrive_id
            assert signal.trigger_centre == pytest.approx(same.trigger_centre, abs=0.01)
            assert signal.trigger_extent == same.trigger_extent
            assert signal.yaw == pytest.approx(same.yaw, abs=1e-3)


def test_nobody_is_governed_on_a_map_without_lights():
    lights = LightController(())
    lights.step(1.0)
    assert lights.governing(np.zeros((3, 2)), np.zeros(3)).tolist() == [-1, -1, -1]
