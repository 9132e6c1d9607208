"""Can a map be driven from every one of its spawn points?

    python -m tests.sim.server.from_anywhere ../shared/maps/carla/Town04.xodr

A car of the Traffic Manager starts at each spawn point of the map on the embedded server, many
at a time and far from each other, and drives on past red lights. Tells of every spawn point that
takes no car, from which the car does not get `ENOUGH` metres far, or hits something on the way;
ends with the count, and with 1 if there was any.
"""

import argparse
import contextlib
import sys
import time
from pathlib import Path

import carla
import numpy as np

from sim.bench import traffic_manager
from sim.launch import embedded_server
from sim.maps.files import is_file_name, read_map

STEP = 0.05  # s
APART = 60.0  # m between cars that start together
SECONDS = 20.0  # that each drives
ENOUGH = 60.0  # m
CAR = "vehicle.tesla.model3"


def groups(points):
    """Spawn points in groups of which no two lie near to each other."""
    xy = np.array([(one.location.x, one.location.y) for one in points])
    left = list(range(len(points)))
    while left:
        group = []
        for i in left:
            if all(np.hypot(*(xy[i] - xy[j])) > APART for j in group):
                group.append(i)
        left = [i for i in left if i not in group]
        yield group


class Drives:
    """Cars that start together; remembers how far each got and what it hit."""

    def __init__(self, world, manager, points, group):
        library = world.get_blueprint_library()
        self.cars, self.hits, self._sensors = {}, {}, []
        for i in group:
            car = world.try_spawn_actor(library.find(CAR), points[i])
            if car is not None:
                car.set_autopilot(True, manager.get_port())
                manager.ignore_lights_percentage(car, 100.0)
                manager.auto_lane_change(car, False)
                self.cars[i] = car
                self._watch(world, i, library.find("sensor.other.collision"))
        self.way = dict.fromkeys(self.cars, 0.0)

    def _watch(self, world, i, blueprint):
        sensor = world.spawn_actor(blueprint, carla.Transform(), attach_to=self.cars[i])
        sensor.listen(lambda event: self.hits.setdefault(i, event.other_actor.type_id))
        self._sensors.append(sensor)

    def run(self, world):
        """Drives `SECONDS` on."""
        for _ in range(round(SECONDS / STEP)):
            world.tick(60.0)
            snapshot = world.get_snapshot()
            for i, car in self.cars.items():
                velocity = snapshot.find(car.id).get_velocity()
                self.way[i] += STEP * float(np.hypot(velocity.x, velocity.y))

    def clear(self, client):
        """Removes everything."""
        for sensor in self._sensors:
            sensor.stop()
        actors = [*self._sensors, *self.cars.values()]
        client.apply_batch_sync([carla.command.DestroyActor(one) for one in actors], False)

    def fault(self, i):
        """What is wrong with a spawn point, nothing for a good one."""
        if i not in self.cars:
            return "takes no car"
        if i in self.hits:
            return f"hits {self.hits[i]} within {self.way[i]:.0f} m"
        return f"gets {self.way[i]:.0f} m far" if self.way[i] < ENOUGH else None


def start(port, town):
    """Client and world in lockstep; how long the map took to load (s)."""
    client = carla.Client("127.0.0.1", port, worker_threads=8)
    client.set_timeout(120.0)
    begun = time.monotonic()
    if is_file_name(town):
        world = client.generate_opendrive_world(read_map(Path(town)))
    else:
        world = client.load_world(town)
    took = time.monotonic() - begun
    world.apply_settings(carla.WorldSettings(True, False, STEP))
    return client, world, took


def say(text):
    """One line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("town", help="a built-in town's name, or an .xodr file")
    town = parser.parse_args().town
    with contextlib.ExitStack() as stack:
        client, world, took = start(stack.enter_context(embedded_server(step=STEP)), town)
        manager = stack.enter_context(traffic_manager(client))
        points = world.get_map().get_spawn_points()
        bad = 0
        for group in groups(points):
            drives = Drives(world, manager, points, group)
            drives.run(world)
            faults = {i: drives.fault(i) for i in group}
            for i in sorted(i for i in group if faults[i]):
                bad += 1
                at = points[i].location
                say(f"spawn point {i} at {at.x:.1f} {at.y:.1f}: {faults[i]}")
            drives.clear(client)
            world.tick(60.0)
    say(f"{town}: loaded in {took:.1f} s, {len(points)} spawn points, {bad} bad")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
