import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.server.blueprints import find
from sim.server.collisions import Collisions, Party
from sim.server.dynamics import Vehicles
from sim.server.scene import Label, StaticObject, Weather
from sim.server.walkers import Walkers

DT = 0.05
MKZ, BIKE = "vehicle.lincoln.mkz_2020", "vehicle.diamondback.century"
WALKER = "walker.pedestrian.0001"


def flat(xy):
    return np.zeros(len(xy)), np.tile([0.0, 0.0, 1.0], (len(xy), 1))


class World:
    def __init__(self, objects=()):
        self.vehicles, self.walkers = Vehicles(), Walkers()
        self.collisions = Collisions(objects)
        self.contacts = []

    def car(self, x, y=0.0, yaw=0.0, speed=0.0, name=MKZ):
        slot = self.vehicles.add(find(name), [x, y, 0.0, 0.0, 0.0, yaw])
        self.vehicles.set_velocity(slot, [speed * math.cos(yaw), speed * math.sin(yaw), 0.0])
        self.vehicles.control(slot, 0.0, 0.0, 0.0, manual_gear_shift=True, gear=0)
        return slot

    def walker(self, x, y, speed=0.0, way=(0.0, 1.0, 0.0)):
        slot = self.walkers.add(find(WALKER), [x, y, 0.93, 0.0, 0.0, 0.0])
        self.walkers.control(slot, way, speed, False)
        return slot

    def run(self, seconds):
        for _ in range(round(seconds / DT)):
            self.collisions.before(self.vehicles, self.walkers)
            self.vehicles.step(DT, flat, Weather())
            self.walkers.step(DT, flat)
            self.contacts += self.collisions.resolve(self.vehicles, self.walkers)


def pole(x, y=0.0, radius=0.15):
    return StaticObject(1, Label.POLE, x, y, 3.0, 0.0, (radius, radius, 3.0), True)


def wall(x):
    return StaticObject(2, Label.WALL, x, 0.0, 1.0, 0.0, (0.1, 20.0, 1.0), True)


@pytest.mark.parametrize("name", [MKZ, BIKE])
@pytest.mark.parametrize("offset", np.linspace(0.0, 1.4, 8))
@pytest.mark.parametrize("thing", [pole, wall])
def test_nothing_passes_through_a_thin_thing_at_thirty_metres_per_second(name, offset, thing):
    world = World([thing(30.0)])
    slot = world.car(offset, speed=30.0, name=name)
    world.run(2.0)
    assert world.contacts
    assert world.vehicles.pose[slot, 0] < 30.0
    assert world.vehicles.velocity[slot, 0] < 1.0


def test_a_head_on_crash_at_thirty_metres_per_second_each_stops_both():
    world = World()
    one, two = world.car(0.0, speed=30.0), world.car(50.0, yaw=math.pi, speed=30.0)
    world.run(2.0)
    assert world.vehicles.pose[one, 0] < world.vehicles.pose[two, 0]
    first = world.contacts[0]
    assert (first.a, first.b) == (Party.VEHICLE, Party.VEHICLE)
    mass = find(MKZ).mass
    # Equal masses: each loses (1 + e) v; e = 0.15
    assert first.impulse[0] == pytest.approx(1.15 * 30.0 * mass, rel=0.05)
    assert first.point[0] == pytest.approx(25.0, abs=0.8)


@settings(max_examples=60, deadline=None)
@given(
    y=st.floats(-2.5, 2.5),
    yaw=st.floats(-math.pi, math.pi),
    speed=st.floats(1.0, 30.0),
    other=st.floats(-20.0, 20.0),
)
def test_crashes_keep_momentum_and_never_make_energy(y, yaw, speed, other):
    world = World()
    slots = [world.car(-6.0, speed=speed), world.car(0.0, y, yaw, speed=other)]
    mass = world.vehicles.model["mass"][slots]
    inertia = world.vehicles.model["yaw_inertia"][slots]

    def momentum():
        return (mass[:, None] * world.vehicles.velocity[slots, :2]).sum(axis=0)

    def energy():
        v, r = world.vehicles.velocity[slots], world.vehicles.angular_velocity[slots, 2]
        return float((mass * (v[:, 0] ** 2 + v[:, 1] ** 2) + inertia * r**2).sum() / 2.0)

    for _ in range(20):
        world.collisions.before(world.vehicles, world.walkers)
        world.vehicles.step(DT, flat, Weather())
        p, e = momentum(), energy()
        world.collisions.resolve(world.vehicles, world.walkers)
        assert energy() <= e * (1.0 + 1e-9)
        assert momentum() == pytest.approx(p, abs=1e-6 * (1.0 + abs(p).max()))


def test_an_off_centre_hit_spins_the_car():
    world = World()
    hit = world.car(0.0)
    world.car(-8.0, y=1.2, speed=12.0)
    world.run(1.0)
    assert world.vehicles.pose[hit, 5] < -0.02  # pushed at its left rear: it turns right


def test_a_walker_is_thrown_over_by_a_fast_car_and_reported_once():
    world = World()
    car, walker = world.car(0.0, speed=10.0), world.walker(20.0, 0.0)
    world.run(2.5)
    assert len(world.contacts) == 1
    contact = world.contacts[0]
    assert (contact.a, contact.b, contact.b_slot) == (Party.VEHICLE, Party.WALKER, walker)
    assert contact.impulse[0] > 300.0
    assert world.walkers.state["down"][walker] > 0.0
    assert world.walkers.pose[walker, 0] > 21.0
    assert world.vehicles.velocity[car, 0] > 9.0


@pytest.mark.parametrize("offset", np.linspace(0.0, 1.4, 5))
@pytest.mark.parametrize("y", [0.0, 0.6])
def test_no_walker_is_run_through_at_thirty_metres_per_second(offset, y):
    world = World()
    world.car(offset, speed=30.0)
    walker = world.walker(30.0, y)
    world.run(1.5)
    assert world.walkers.state["down"][walker] > 0.0
    assert world.walkers.pose[walker, 0] > 35.0


def test_a_walker_stops_at_a_standing_car_and_the_car_does_not_budge():
    world = World()
    car, walker = world.car(0.0), world.walker(0.0, -4.0, speed=1.4)
    world.run(1.0)
    before = world.vehicles.pose[car].copy()
    world.run(4.0)
    assert np.array_equal(world.vehicles.pose[car], before)
    assert world.walkers.pose[walker, 1] < -0.9
    assert world.walkers.state["down"][walker] == 0.0


def test_what_is_higher_or_lower_is_not_met():
    bridge = StaticObject(1, Label.BRIDGE, 20.0, 0.0, 6.0, 0.0, (2.0, 10.0, 0.5), True)
    kerb = StaticObject(2, Label.SIDEWALK, 20.0, 0.0, 0.05, 0.0, (2.0, 10.0, 0.05), True)
    ghost = StaticObject(3, Label.VEGETATION, 20.0, 0.0, 1.0, 0.0, (2.0, 10.0, 1.0), False)
    world = World([bridge, kerb, ghost])
    slot = world.car(0.0, speed=20.0)
    world.run(2.0)
    assert not world.contacts
    assert world.vehicles.pose[slot, 0] > 25.0


def test_obstacles_come_and_go():
    world = World([pole(200.0)])
    number = world.collisions.add_obstacle(20.0, 0.0, 0.5, 0.3, (0.4, 0.4, 0.5))
    world.car(0.0, speed=10.0)
    world.run(2.0)
    assert world.contacts[0].b is Party.OBSTACLE
    assert world.contacts[0].b_slot == number == 1
    world.collisions.remove_obstacle(number)
    slot = world.car(0.0, y=8.0, speed=10.0)
    world.vehicles.teleport(slot, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    world.contacts.clear()
    world.vehicles.remove(0)
    world.run(3.0)
    assert not world.contacts


def test_collisions_can_be_switched_off():
    world = World()
    slot = world.car(0.0, speed=10.0)
    world.car(20.0)
    world.vehicles.state["collides"][slot] = False
    world.run(4.0)
    assert not world.contacts


def test_two_pile_ups_are_the_same_to_the_bit():
    def pile():
        rng = np.random.default_rng(3)
        world = World([pole(10.0 * i, 3.0) for i in range(10)])
        for _ in range(30):
            world.car(rng.uniform(0, 60), rng.uniform(0, 60), rng.uniform(-3, 3), 12.0)
            world.walker(rng.uniform(0, 60), rng.uniform(0, 60), 1.4)
        world.run(3.0)
        contacts = [(c.a, c.a_slot, c.b, c.b_slot, c.impulse.tobytes()) for c in world.contacts]
        return world.vehicles.save(), world.walkers.save(), pickle.dumps(contacts)

    assert pile() == pile()
