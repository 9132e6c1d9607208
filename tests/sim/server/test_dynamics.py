import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.server.blueprints import CATALOGUE, find
from sim.server.dynamics import Vehicles
from sim.server.friction import Zone
from sim.server.scene import Weather
from sim.server.vehicle_physics import Gear
from sim.server.walkers import Walkers

DT = 0.05
DRY = Weather()
CARS = [blueprint for blueprint in CATALOGUE if blueprint.physics]
MKZ = "vehicle.lincoln.mkz_2020"


def flat(xy):
    return np.zeros(len(xy)), np.tile([0.0, 0.0, 1.0], (len(xy), 1))


def slope(share):
    """Ground that falls along +x."""
    return lambda xy: (-share * xy[:, 0], np.tile([0.0, 0.0, 1.0], (len(xy), 1)))


def alone(name=MKZ, x=0.0, z=0.0):
    vehicles = Vehicles()
    return vehicles, vehicles.add(find(name), [x, 0.0, z, 0.0, 0.0, 0.0])


def run(vehicles, seconds, ground=flat, weather=DRY):
    for _ in range(round(seconds / DT)):
        vehicles.step(DT, ground, weather)


def energy(vehicles):
    v, r = vehicles.velocity, vehicles.angular_velocity[:, 2]
    mass, inertia = vehicles.model["mass"], vehicles.model["yaw_inertia"]
    return float(np.sum(mass * (v[:, 0] ** 2 + v[:, 1] ** 2) + inertia * r**2) / 2.0)


@settings(max_examples=40, deadline=None)
@given(
    blueprint=st.sampled_from(CARS),
    u=st.floats(-40.0, 40.0),
    v=st.floats(-15.0, 15.0),
    rate=st.floats(-4.0, 4.0),
    steer=st.floats(-1.0, 1.0),
    brake=st.floats(0.0, 1.0),
    hand_brake=st.booleans(),
)
def test_energy_never_grows_without_throttle(blueprint, u, v, rate, steer, brake, hand_brake):
    vehicles = Vehicles()
    slot = vehicles.add(blueprint, np.zeros(6))
    vehicles.set_velocity(slot, [u, v, 0.0])
    vehicles.set_angular_velocity(slot, [0.0, 0.0, rate])
    vehicles.control(slot, 0.0, steer, brake, hand_brake=hand_brake)
    before = energy(vehicles)
    for _ in range(60):
        vehicles.step(DT, flat, DRY)
        after = energy(vehicles)
        assert after <= before * (1.0 + 1e-9)
        before = after


@pytest.mark.parametrize("steer", [-0.4, 0.15, 0.3])
def test_a_slow_circle_has_the_radius_of_the_geometry(steer):
    vehicles, slot = alone()
    vehicles.control(slot, 0.0, steer, 0.0)
    run(vehicles, 1.0)
    xy = []
    for _ in range(1200):
        speed = vehicles.velocity[slot, 0] ** 2 + vehicles.velocity[slot, 1] ** 2
        throttle = 0.25 * (speed < 4.0)
        vehicles.control(slot, throttle, steer, 0.0)
        vehicles.step(DT, flat, DRY)
        xy.append(vehicles.pose[slot, :2].copy())
    model = vehicles.model[slot]
    yaw_rate = vehicles.angular_velocity[slot, 2]
    assert np.sign(yaw_rate) == np.sign(steer)
    # the origin lies (rear - centre_x) ahead of the rear axle
    rear = model["wheelbase"] / math.tan(abs(vehicles.state["wheel_angle"][slot]))
    theory = math.hypot(rear, model["rear"] - model["centre_x"])
    xy = np.array(xy[200:])
    radius = 0.25 * (np.ptp(xy[:, 0]) + np.ptp(xy[:, 1]))
    assert radius == pytest.approx(theory, rel=0.02)


def test_a_fast_circle_is_wider_by_the_understeer_gradient():
    vehicles, slot = alone()
    vehicles.set_velocity(slot, [15.0, 0.0, 0.0])
    for _ in range(300):
        v = vehicles.velocity[slot]
        vehicles.control(slot, float(np.hypot(v[0], v[1]) < 15.0), 0.04, 0.0)
        vehicles.step(DT, flat, DRY)
    speed = float(np.hypot(*vehicles.velocity[slot, :2]))
    m = vehicles.model[slot]
    # Steady-state single-track model: delta = L / R + K a_y with K from the axles' stiffness per
    # load (Gillespie, Fundamentals of Vehicle Dynamics, ch. 6).
    gradient = (1.0 / m["stiffness"][0] - 1.0 / m["stiffness"][2]) / 9.81
    delta = vehicles.state["wheel_angle"][slot]
    theory = speed * delta / (m["wheelbase"] + gradient * speed**2)
    assert vehicles.angular_velocity[slot, 2] == pytest.approx(theory, rel=0.06)


def test_a_vehicle_left_alone_stays_where_it_is():
    vehicles, slot = alone()
    run(vehicles, 2.0)
    before = vehicles.pose[slot].copy()
    run(vehicles, 20.0)
    assert np.array_equal(vehicles.pose[slot], before)
    assert not vehicles.velocity[slot].any()


def test_brakes_hold_a_vehicle_on_a_hill_to_the_bit():
    vehicles, slot = alone()
    vehicles.control(slot, 0.0, 0.0, 0.6)
    run(vehicles, 3.0, slope(0.15))
    before = vehicles.pose[slot].copy()
    run(vehicles, 20.0, slope(0.15))
    assert np.array_equal(vehicles.pose[slot, :2], before[:2])


def test_neutral_rolls_downhill_and_reverse_drives_back():
    vehicles, slot = alone()
    vehicles.control(slot, 0.0, 0.0, 0.0, manual_gear_shift=True, gear=0)
    run(vehicles, 5.0, slope(0.10))
    assert vehicles.velocity[slot, 0] == pytest.approx(5.0 * 9.81 * (0.0995 - 0.012), rel=0.1)
    vehicles.control(slot, 0.6, 0.0, 0.0, reverse=True)
    run(vehicles, 10.0)
    assert vehicles.velocity[slot, 0] < -3.0
    assert vehicles.state["gear"][slot] == -1


def test_an_engine_drags_by_what_it_turns_above_idle():
    def slowing(speed, gear):
        vehicles, slot = alone()
        vehicles.control(slot, 0.0, 0.0, 0.0, manual_gear_shift=True, gear=gear)
        run(vehicles, 1.0)
        vehicles.set_velocity(slot, [speed, 0.0, 0.0])
        run(vehicles, 1.0)
        return speed - vehicles.velocity[slot, 0]

    vehicles, slot = alone()
    m = vehicles.model[slot]
    idle = m["idle_rpm"] / (60.0 / (2.0 * math.pi)) / (m["ratio"][0] * m["final_ratio"])
    idle *= m["radius"]  # m/s in first gear
    assert slowing(idle, 1) == pytest.approx(slowing(idle, 0), abs=1e-6)
    engine = [slowing(k * idle, 1) - slowing(k * idle, 0) for k in (2.0, 3.0, 4.0)]
    assert engine[0] > 0.2
    assert engine[1] == pytest.approx(2.0 * engine[0], rel=0.15)
    assert engine[2] == pytest.approx(3.0 * engine[0], rel=0.2)


def test_a_vehicle_follows_the_hill_in_height_and_pitch():
    vehicles, slot = alone()
    vehicles.set_cruise(slot, [10.0, 0.0, 0.0])
    run(vehicles, 4.0, slope(0.08))
    x, _, z, _, pitch, _ = vehicles.pose[slot]
    assert z == pytest.approx(-0.08 * x, abs=0.02)
    assert pitch == pytest.approx(math.atan(0.08), abs=0.005)
    assert vehicles.velocity[slot, 2] == pytest.approx(-0.8, abs=0.02)


def test_a_vehicle_spawned_in_the_air_falls_and_settles():
    vehicles, slot = alone(z=0.5)
    vehicles.step(DT, flat, DRY)
    assert vehicles.acceleration[slot, 2] == pytest.approx(-9.81, rel=0.01)
    run(vehicles, 3.0)
    assert vehicles.pose[slot, 2] == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("yaw", [math.pi, -math.pi, 0.0])
def test_a_vehicle_keeps_its_heading_also_where_headings_begin_again(yaw):
    vehicles = Vehicles()
    slot = vehicles.add(find(MKZ), [0.0, 0.0, 1.0, 0.0, 0.0, yaw])
    run(vehicles, 2.0)
    assert vehicles.pose[slot, 5] == yaw


def test_left_is_positive():
    vehicles, slot = alone()
    vehicles.set_velocity(slot, [8.0, 0.0, 0.0])
    vehicles.control(slot, 0.2, 0.2, 0.0)
    run(vehicles, 1.0)
    assert vehicles.pose[slot, 1] > 0.3
    assert vehicles.pose[slot, 5] > 0.1
    assert vehicles.angular_velocity[slot, 2] > 0.1


def test_rain_lengthens_the_braking_distance():
    stops = []
    for weather in (DRY, Weather(precipitation_deposits=100.0)):
        vehicles, slot = alone()
        vehicles.set_velocity(slot, [25.0, 0.0, 0.0])
        vehicles.control(slot, 0.0, 0.0, 1.0)
        run(vehicles, 8.0, weather=weather)
        stops.append(vehicles.pose[slot, 0])
    assert 1.3 < stops[1] / stops[0] < 1.8


def test_the_hand_brake_turns_the_tail_round():
    vehicles, slot = alone()
    vehicles.set_velocity(slot, [18.0, 0.0, 0.0])
    vehicles.control(slot, 0.0, 0.5, 0.0, hand_brake=True)
    run(vehicles, 3.0)
    yaw, velocity = vehicles.pose[slot, 5], vehicles.velocity[slot]
    drift = math.atan2(velocity[1], velocity[0]) - yaw
    assert abs(math.remainder(drift, 2.0 * math.pi)) > 0.3 or abs(yaw) > 1.0


def test_gravity_off_takes_the_grip():
    vehicles, slot = alone()
    vehicles.gravity(slot, False)
    vehicles.step(DT, flat, DRY)
    vehicles.set_velocity(slot, [5.0, 0.0, 0.0])
    vehicles.control(slot, 0.0, 0.0, 1.0)
    run(vehicles, 2.0)
    assert vehicles.velocity[slot, 0] > 4.9


def test_impulses_forces_and_torques_are_newtons():
    vehicles, slot = alone()
    run(vehicles, 1.0)
    mass = float(vehicles.model["mass"][slot])
    vehicles.add_impulse(slot, [3.0 * mass, 0.0, 0.0])
    assert vehicles.velocity[slot, 0] == pytest.approx(3.0)
    vehicles.control(slot, 0.0, 0.0, 0.0, manual_gear_shift=True, gear=0)
    before = vehicles.velocity[slot, 0]
    vehicles.add_force(slot, [10.0 * mass, 0.0, 0.0])
    vehicles.step(DT, flat, DRY)
    assert vehicles.velocity[slot, 0] - before == pytest.approx(0.5, abs=0.02)
    vehicles.step(DT, flat, DRY)
    assert vehicles.velocity[slot, 0] - before < 0.5


def test_constant_velocity_holds_against_the_brakes_and_still_steers():
    vehicles, slot = alone()
    vehicles.set_cruise(slot, [7.0, 0.0, 0.0])
    vehicles.control(slot, 0.0, 0.2, 1.0)
    run(vehicles, 2.0)
    assert np.hypot(*vehicles.velocity[slot, :2]) == pytest.approx(7.0)
    assert vehicles.pose[slot, 5] > 0.3
    vehicles.set_cruise(slot, None)
    run(vehicles, 3.0)
    assert np.hypot(*vehicles.velocity[slot, :2]) == pytest.approx(0.0, abs=1e-6)


def test_without_physics_only_teleports_move_a_vehicle():
    vehicles, slot = alone()
    vehicles.simulate(slot, False)
    vehicles.control(slot, 1.0, 0.0, 0.0)
    vehicles.teleport(slot, [3.0, 4.0, 5.0, 0.0, 0.0, 1.0])
    run(vehicles, 1.0)
    assert np.array_equal(vehicles.pose[slot], [3.0, 4.0, 5.0, 0.0, 0.0, 1.0])


def crowd():
    vehicles = Vehicles()
    rng = np.random.default_rng(7)
    for i, blueprint in enumerate(CARS):
        slot = vehicles.add(blueprint, [12.0 * i, 0.0, 0.0, 0.0, 0.0, rng.uniform(-3.0, 3.0)])
        vehicles.control(slot, rng.uniform(0.2, 1.0), rng.uniform(-0.5, 0.5), 0.0)
    return vehicles


def test_two_runs_are_the_same_to_the_bit():
    one, two = crowd(), crowd()
    run(one, 5.0)
    run(two, 5.0)
    assert one.save() == two.save()
    assert np.isfinite(one.pose).all()


def test_a_saved_state_goes_on_as_if_nothing_had_happened():
    vehicles = crowd()
    run(vehicles, 2.0)
    saved = vehicles.save()
    run(vehicles, 2.0)
    after = vehicles.save()
    vehicles.restore(saved)
    assert vehicles.save() == saved
    run(vehicles, 2.0)
    assert vehicles.save() == after


def test_slots_are_used_again_and_others_keep_theirs():
    vehicles = Vehicles()
    slots = [vehicles.add(find(MKZ), np.full(6, float(i))) for i in range(40)]
    vehicles.remove(slots[5])
    assert vehicles.add(find(MKZ), np.full(6, 99.0)) == slots[5]
    assert vehicles.pose[slots[6], 0] == 6.0


def test_a_walker_walks_where_it_is_told_on_the_ground():
    walkers = Walkers()
    slot = walkers.add(find("walker.pedestrian.0001"), [0.0, 0.0, 0.93, 0.0, 0.0, 0.0])
    walkers.control(slot, [0.0, 2.0, 0.0], 1.4, False)
    for _ in range(40):
        walkers.step(DT, flat)
    assert walkers.pose[slot] == pytest.approx([0.0, 2.8, 0.93, 0.0, 0.0, math.pi / 2.0])
    assert walkers.velocity[slot] == pytest.approx([0.0, 1.4, 0.0])


def test_a_walker_that_is_hit_lies_down_and_gets_up_again():
    walkers = Walkers()
    slot = walkers.add(find("walker.pedestrian.0001"), [0.0, 0.0, 0.93, 0.0, 0.0, 0.0])
    walkers.control(slot, [1.0, 0.0, 0.0], 1.4, False)
    walkers.knock_over(slot, [0.0, 6.0, 1.0])
    for _ in range(60):
        walkers.step(DT, flat)
    assert walkers.pose[slot, 2] < 0.3
    assert walkers.velocity[slot] == pytest.approx([0.0, 0.0, 0.0])
    for _ in range(60):
        walkers.step(DT, flat)
    assert walkers.pose[slot, 2] == pytest.approx(0.93)
    assert walkers.velocity[slot, 0] == pytest.approx(1.4)


def test_ice_in_a_friction_trigger_lengthens_the_stop_and_leaves_others_alone():
    values = {"friction": "0.5", "extent_x": "20000", "extent_y": "300", "extent_z": "500"}
    vehicles = Vehicles()
    slots = [vehicles.add(find(MKZ), [0.0, y, 0.0, 0.0, 0.0, 0.0]) for y in (0.0, 10.0)]
    vehicles.zones[1] = Zone.read(np.zeros(6), values.__getitem__)
    for slot in slots:
        vehicles.set_velocity(slot, [15.0, 0.0, 0.0])
        vehicles.control(slot, 0.0, 0.0, 1.0)
    run(vehicles, 3.0)
    assert vehicles.velocity[slots[0], 0] > 8.0
    assert vehicles.velocity[slots[1], 0] == 0.0


numbers = st.floats(0.0, 1e4) | st.sampled_from([1e-300, 1e-6, 1e6, 1e12])


@settings(max_examples=80, deadline=None)
@given(
    blueprint=st.sampled_from(CARS),
    figures=st.tuples(*[numbers] * 14),
    gears=st.lists(st.tuples(numbers, numbers, numbers), max_size=20),
    curve=st.lists(st.tuples(numbers, numbers), min_size=1, max_size=30),
    radius=numbers,
)
def test_no_physics_that_users_write_breaks_the_world(blueprint, figures, gears, curve, radius):
    own = blueprint.physics
    physics = replace(
        own,
        max_rpm=figures[0],
        moi=figures[1],
        damping_full_throttle=figures[2],
        damping_zero_clutch_engaged=figures[3],
        gear_switch_time=figures[4],
        final_ratio=figures[5],
        mass=figures[6],
        drag_coefficient=figures[7],
        centre_of_mass=(figures[10], 0.0, figures[11]),
        forward_gears=tuple(Gear(*gear) for gear in gears),
        torque_curve=tuple(curve),
        steering_curve=tuple(curve),
        wheels=tuple(
            replace(
                w,
                radius=radius,
                tire_friction=figures[8],
                max_brake_torque=figures[9],
                lat_stiff_value=figures[12],
            )
            for w in own.wheels
        ),
    )
    vehicles = Vehicles()
    slot = vehicles.add(blueprint, np.zeros(6))
    vehicles.set_physics(slot, physics)
    for throttle, brake, reverse in ((1.0, 0.0, False), (0.0, 1.0, False), (1.0, 0.0, True)):
        vehicles.control(slot, throttle, 0.3, brake, reverse=reverse)
        run(vehicles, 0.5)
        vehicles.set_velocity(slot, [figures[13], 0.0, 0.0])
        run(vehicles, 0.2)
        state = vehicles.state[slot]
        for name in ("pose", "velocity", "angular_velocity", "rpm", "long_slip", "omega"):
            assert (np.abs(state[name]) < 1e30).all(), name
