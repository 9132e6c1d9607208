"""What other people's programs rely on (tests/peers runs them; here is what they found)."""

import pytest


def test_a_vehicle_is_headed_as_its_spawn_point_says(world, spawn):
    points = world.get_map().get_spawn_points()
    turned = max(range(len(points)), key=lambda i: abs(points[i].rotation.yaw))
    car = spawn("vehicle.tesla.model3", turned)
    world.tick()
    assert car.get_transform().rotation.yaw == pytest.approx(points[turned].rotation.yaw, abs=0.01)
    assert all(-180.0 <= point.rotation.yaw <= 180.0 for point in points)
