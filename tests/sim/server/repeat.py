"""Wild vehicles, walkers and every sensor, twice in fresh servers: the same to the bit?

    python -m tests.sim.server.repeat --vehicles 100 --ticks 1000

Prints a line per stream, with the digest of both runs.
"""

import argparse
import hashlib
import queue
import random
import struct
import sys

import carla
import numpy as np

from sim.launch import embedded_server

STEP = 0.05
MUTE = ("cosmos_visualization", "rss")  # they send nothing
SMALL = {
    "image_size_x": "128",
    "image_size_y": "72",
    "points_per_second": "60000",
    "rotation_frequency": "20",
    "noise_seed": "7",
}


def mount(world, car):
    """A sensor of every kind on a car; by kind, where its data arrive."""
    sensors, boxes = [], {}
    place = carla.Transform(carla.Location(1.5, 0.0, 2.4))
    for blueprint in sorted(world.get_blueprint_library().filter("sensor.*"), key=lambda b: b.id):
        if blueprint.id.endswith(MUTE):
            continue
        for name, value in SMALL.items():
            if blueprint.has_attribute(name):
                blueprint.set_attribute(name, value)
        sensors.append(world.spawn_actor(blueprint, place, attach_to=car))
        boxes[blueprint.id] = queue.Queue()
        sensors[-1].listen(boxes[blueprint.id].put)
    return sensors, boxes


def words(measured):
    """What a sensor says, as bytes."""
    if hasattr(measured, "raw_data"):
        return bytes(measured.raw_data)
    return repr(numbers(measured)).encode()


def numbers(measured):
    """What a sensor says that sends no array, in full precision."""
    if isinstance(measured, carla.CollisionEvent):
        push = measured.normal_impulse
        return measured.other_actor.id, push.x, push.y, push.z
    if isinstance(measured, carla.IMUMeasurement):
        force, turn = measured.accelerometer, measured.gyroscope
        return force.x, force.y, force.z, turn.x, turn.y, turn.z, measured.compass
    if isinstance(measured, carla.GnssMeasurement):
        return measured.latitude, measured.longitude, measured.altitude
    if isinstance(measured, carla.ObstacleDetectionEvent):
        return measured.other_actor.id, measured.distance
    return str(measured)


def places(snapshot):
    """Where everybody is and how they move, as bytes."""
    rows = []
    for one in snapshot:
        pose, speed, turn = one.get_transform(), one.get_velocity(), one.get_angular_velocity()
        where, heading = pose.location, pose.rotation
        rows.append((one.id, where.x, where.y, where.z, heading.pitch, heading.yaw, heading.roll))
        rows.append((one.id, speed.x, speed.y, speed.z, turn.x, turn.y, turn.z))
    return np.array(sorted(rows)).tobytes()


def people(world, dice, count):
    """Walkers that stroll."""
    kinds = world.get_blueprint_library().filter("walker.pedestrian.*")
    points = world.get_map().get_spawn_points()
    for point in dice.sample(points, count):
        place = carla.Location(point.location.x + 6.0, point.location.y + 6.0, 1.2)
        walker = world.try_spawn_actor(dice.choice(kinds), carla.Transform(place))
        if walker is not None:
            ahead = carla.Vector3D(dice.uniform(-1, 1), dice.uniform(-1, 1), 0.0)
            walker.apply_control(carla.WalkerControl(ahead.make_unit_vector(), 1.4))


def digests(port, vehicles, ticks, seed=1):
    """By stream, the SHA-256 of all that came."""
    client = carla.Client("127.0.0.1", port, worker_threads=8)
    client.set_timeout(120.0)
    world = client.get_world()
    world.tick()
    dice = random.Random(seed)
    kinds = sorted(world.get_blueprint_library().filter("vehicle.*"), key=lambda b: b.id)
    points = dice.sample(world.get_map().get_spawn_points(), vehicles)
    spawn = [carla.command.SpawnActor(dice.choice(kinds), point) for point in points]
    cars = [a.actor_id for a in client.apply_batch_sync(spawn, True) if not a.error]
    people(world, dice, vehicles // 3)
    sensors, boxes = mount(world, world.get_actor(cars[0]))
    hashes = {name: hashlib.sha256() for name in (*boxes, "snapshots")}
    cameras = [name for name in boxes if ".camera." in name or ".lidar." in name]
    for _ in range(ticks):
        controls = [carla.VehicleControl(dice.random(), dice.uniform(-1, 1)) for _ in cars]
        apply = carla.command.ApplyVehicleControl
        client.apply_batch_sync([apply(*pair) for pair in zip(cars, controls, strict=True)])
        world.tick()
        hashes["snapshots"].update(places(world.get_snapshot()))
        for name in cameras:
            hashes[name].update(words(boxes[name].get(timeout=60.0)))
    for name in boxes.keys() - set(cameras):
        for measured in sorted(drained(boxes[name]), key=lambda one: (one.frame, words(one))):
            hashes[name].update(struct.pack("<Q", measured.frame) + words(measured))
    for sensor in sensors:
        sensor.stop()
    return {name: one.hexdigest() for name, one in hashes.items()}


def drained(box):
    """All that came, once nothing more has come for a second."""
    while True:
        try:
            yield box.get(timeout=1.0)
        except queue.Empty:
            return


def repeat(vehicles, ticks):
    """The digests of two runs, each in a server of its own."""
    runs = []
    for _ in range(2):
        with embedded_server("city", step=STEP) as port:
            runs.append(digests(port, vehicles, ticks))
    return runs


def main():
    """The command line; exit status 1 where the runs differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vehicles", type=int, default=100)
    parser.add_argument("--ticks", type=int, default=1000)
    wanted = parser.parse_args()
    first, second = repeat(wanted.vehicles, wanted.ticks)
    for name, digest in first.items():
        same = "the same" if digest == second[name] else f"not {second[name][:16]}"
        sys.stdout.write(f"{name:40} {digest[:16]} {same}\n")
    return int(first != second)


if __name__ == "__main__":
    sys.exit(main())
