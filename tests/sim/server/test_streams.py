"""Who gets a frame, and what is not worth measuring because nobody would."""

import selectors
import socket
from dataclasses import replace

import numpy as np
import pytest

from sim.server import streams
from sim.server.simulation import Simulation
from sim.server.spawn import spawn
from sim.server.town import load_town
from sim.server.wire import Description, Settings

SMALL = {"image_size_x": (2, "32"), "image_size_y": (2, "24")}


@pytest.fixture
def sim():
    return Simulation(load_town("suburb"), Settings(), 0)


@pytest.fixture
def listen(sim):
    """Listeners of a stream who read nothing: our end and theirs."""
    selector, opened = selectors.DefaultSelector(), []

    def listen(stream):
        with socket.create_server(("127.0.0.1", 0)) as door:
            theirs = socket.create_connection(door.getsockname())
            ours = streams.Subscriber(selector, door.accept()[0], sim.streams)
        opened.extend((ours, theirs))
        theirs.sendall(stream.to_bytes(4, "little"))
        ours.on_event(selectors.EVENT_READ)
        return ours, theirs

    yield listen
    for end in opened:
        end.close()


def camera(sim, kind):
    pose = np.array([0.0, 0.0, 20.0, 0.0, 0.5, 0.0])
    return spawn(sim, Description(0, f"sensor.camera.{kind}", SMALL), pose, None)


def pictures(sim, ticks):
    """How many pictures are drawn in so many ticks."""
    drawn = []
    shoot = sim.sensing.studio.shoot
    sim.sensing.studio.shoot = lambda episode, due: drawn.extend(due) or shoot(episode, due)
    for _ in range(ticks):
        sim.tick(0.05)
        sim.publish_sensors()
    sim.sensing.studio.shoot = shoot
    return len(drawn)


def choke(listener):
    """Send a listener more than it takes."""
    while listener.backlog == 0:
        listener.send(bytes(8 << 20))


def test_a_picture_that_every_listener_would_miss_is_not_drawn(sim, listen):
    eye = camera(sim, "rgb")
    busy, _ = listen(eye.stream)
    assert pictures(sim, 3) == 3
    choke(busy)
    assert pictures(sim, 3) == 0
    listen(eye.stream)
    assert pictures(sim, 3) == 3


def test_synchronous_mode_draws_every_picture(sim, listen):
    sim.settings = replace(sim.settings, synchronous=True, fixed_delta=0.05)
    eye = camera(sim, "rgb")
    choke(listen(eye.stream)[0])
    assert pictures(sim, 3) == 3


def test_a_camera_that_compares_pictures_never_pauses(sim, listen):
    eye = camera(sim, "dvs")
    choke(listen(eye.stream)[0])
    assert pictures(sim, 3) == 3
