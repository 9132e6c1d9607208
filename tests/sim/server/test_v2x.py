"""V2X: cars tell each other where they are, through the genuine client."""

import math

import carla
import numpy as np
import pytest

from sim.server.sensors import cam
from sim.server.sensors.radio import Radio, Way
from sim.server.v2x import Outbox
from tests.sim.server.test_live_sensors import ahead, listen
from tests.sim.server.test_robust import call

ROOF = carla.Transform(carla.Location(z=2.5))
CLEAR = {"use_etsi_fading": "false"}


def radio(**attributes):
    return Radio.read(lambda key: attributes.get(key, ""))


def arriving(own, way=Way.CLEAR, distance=100.0, screens=()):
    dice = np.random.default_rng(1)
    return own.received(21.5, way, distance, (1.5, 1.5), screens, dice)


def test_a_highway_loses_what_etsi_says():
    loss = 32.4 + 20.0 * math.log10(100.0) + 20.0 * math.log10(5.9)
    assert arriving(radio()) == pytest.approx(31.5 - loss)


def test_houses_and_vehicles_in_the_way_cost_power():
    for model in ("winner", "geometric"):
        own = radio(path_loss_model=model)
        clear, blocked = arriving(own), arriving(own, Way.BLOCKED)
        low = arriving(own, Way.VEHICLES, screens=[(50.0, 50.0, -3.0)])
        high = arriving(own, Way.VEHICLES, screens=[(50.0, 50.0, 2.0)])
        assert blocked < clear
        assert high < low - 6.9


def test_what_is_too_faint_is_not_heard():
    assert arriving(radio(receiver_sensitivity="-50")) is None


def test_a_car_tells_another_one_where_it_is_and_what_it_does(world, spawn):
    car, bus = spawn("vehicle.tesla.model3"), spawn("vehicle.mitsubishi.fusorosa", ahead(world, 14))
    box = listen(spawn("sensor.other.v2x", ROOF, car, **CLEAR))
    spawn("sensor.other.v2x", ROOF, bus, **CLEAR)
    bus.set_light_state(carla.VehicleLightState(carla.VehicleLightState.LowBeam))
    bus.apply_control(carla.VehicleControl(throttle=1.0))
    frames = [world.tick() for _ in range(40)]
    (first,) = box.get(timeout=60)
    message = first.get()["Message"]
    assert message["Header"] == {"Protocol Version": 2, "Message ID": "CAM", "Station ID": bus.id}
    told = message["Message"]["CAM Parameters"]
    assert told["Basic Container"]["Station Type"] == "Bus"
    slow = told["Low Frequency Container"]["Basic Vehicle Low Frequency"]
    assert (slow["Vehicle Role"], slow["Exterior Light"]) == ("Public Transport", 0x80)
    assert first.power == pytest.approx(31.5 - 32.4 - 20 * math.log10(14 * 5.9), abs=1.0)
    later = [box.get(timeout=60) for _ in range(4)]  # the faster it goes the more it tells
    assert set(frames) >= {event.frame for event in later}
    assert min(np.diff([event.frame for event in later])) >= 2  # at most every 0.1 s
    told = later[-1][0].get()["Message"]["Message"]["CAM Parameters"]
    motion = told["High Frequency Container"]["Basic Vehicle Container High Frequency"]
    assert 50 < motion["Speed"]["Value"] <= 100 * bus.get_velocity().length() + 1
    assert motion["Vehicle Length"]["Value"] == round(20 * bus.bounding_box.extent.x)
    north = (bus.get_transform().rotation.yaw + 90.0) % 360.0
    assert motion["Heading"]["Value"] == pytest.approx(10 * north, abs=10)
    fix = world.get_map().transform_to_geolocation(bus.get_location())
    place = told["Basic Container"]["Reference Position"]
    assert place["Latitude"] == pytest.approx(1e7 * fix.latitude, abs=200)


def test_custom_messages_reach_the_others_of_the_channel_in_the_next_tick(world, spawn):
    kind = "sensor.other.v2x_custom"
    places = (ahead(world, 0, 2.0), ahead(world, 10, 2.0))
    one, two = (spawn(kind, place, **CLEAR) for place in places)
    three = spawn(kind, places[1], channel_id="other", **CLEAR)
    boxes = [listen(sensor) for sensor in (one, two, three)]
    world.tick()
    one.send("mind the gap")
    one.send("x" * 300)
    frame = world.tick()
    event = boxes[1].get(timeout=60)
    assert event.frame == frame
    assert [m.get()["Message"]["Message"] for m in event] == ["mind the gap", "x" * 99]
    assert event[0].get()["Message"]["Header"]["Station ID"] == one.id
    world.tick()
    assert boxes[0].empty()
    assert boxes[1].empty()
    assert boxes[2].empty()


def test_only_custom_sensors_send_what_they_are_told(port, world, spawn):
    sensor = spawn("sensor.other.v2x", ahead(world, 0, 2.0))
    _, ((failed, text),) = call(port, "send", sensor.id, "hello")
    assert failed
    assert "expected a sensor.other.v2x_custom" in text[0]


def test_of_a_long_text_only_what_goes_over_the_air_is_kept():
    outbox = Outbox()
    for _ in range(3):
        outbox.put("x" * 1_000_000)
    outbox.put("é" * 60)
    *long, short = outbox.take()
    assert long == ["x" * 99] * 3
    assert cam.custom(1, short)[32:].rstrip(b"\0") == ("é" * 49).encode()
