"""Hours of background traffic: does anybody collide, or stand for ever?

    python -m tests.sim.soak_traffic --town city --hours 2 --seed 1
    python -m tests.sim.soak_traffic --town city --hours 0.2 --walkers 30 --server

Without `--server`: `sim.fleet`'s drivers, kinematic vehicles, the embedded server's lights. With
it: `sim.traffic` on the embedded server. Prints every collision, who stands for more than three
minutes, a line per simulated ten minutes, and a last one with a hash of all states.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from common.frames import FloatArray
from sim.fleet import Fleet, nobody
from sim.launch import embedded_server
from sim.maps.files import is_file_name
from sim.roads import Roads
from sim.traffic import Traffic
from sim.world import World
from tests.sim.streets import DT, Streets, meeting, overlaps

REPORT = 600.0  # s of simulated time
STUCK = 180.0  # s
REPLY = 30.0  # s for a tick of the server


class Moment(NamedTuple):
    """One tick: who drives, whose boxes meet (vehicles first, then walkers), everybody's state."""

    t: float  # s
    roads: Roads
    fleet: Fleet
    pairs: set[tuple[int, int]]
    state: FloatArray


def without_server(wanted: argparse.Namespace) -> Iterator[Moment]:
    """The drivers alone."""
    streets = Streets(wanted.town)
    fleet = streets.fleet(wanted.vehicles, np.random.default_rng(wanted.seed))
    for t in streets.run(fleet, 3600.0 * wanted.hours, wanted.seed, nobody()):
        state = np.stack([fleet.x, fleet.y, fleet.yaw, fleet.speed])
        yield Moment(t, streets.roads, fleet, set(overlaps(fleet)), state)


def with_server(wanted: argparse.Namespace) -> Iterator[Moment]:
    """Vehicles and walkers on the embedded server."""
    town = None if is_file_name(wanted.town) else wanted.town
    with embedded_server(town, step=DT) as port, World("127.0.0.1", port) as world:
        world.load(wanted.town)
        roads = Roads(world.map)
        dice = np.random.default_rng(wanted.seed)
        traffic = Traffic(world, roads, dice, wanted.vehicles, wanted.walkers)
        world.world.tick(REPLY)
        for tick in range(round(3600.0 * wanted.hours / DT)):
            users = world.road_users(world.world.get_snapshot())
            order = np.argsort(users.walker, kind="stable")
            cos, sin = np.cos(users.pose[:, 5]), np.sin(users.pose[:, 5])
            bx, by, _ = users.box_centre.T
            x, y = users.pose[:, 0] + cos * bx - sin * by, users.pose[:, 1] + sin * bx + cos * by
            box = np.stack([x, y, users.pose[:, 2], users.pose[:, 5]], axis=-1)
            pairs = set(meeting(box[order], users.half_extent[order, :2]))
            pairs = {(a, b) for a, b in pairs if a < len(traffic.ids)}
            yield Moment(tick * DT, roads, traffic.fleet, pairs, users.pose)
            traffic.step(users, world.light_states())
            world.flush()
            world.world.tick(REPLY)


def place(roads: Roads, fleet: Fleet, i: int) -> str:
    """A vehicle in words: lanes (road, section, lane), metres, speed."""
    if i >= len(fleet.x):
        return f"walker {i - len(fleet.x)}"
    own, after = (tuple(roads.keys[lane].tolist()) for lane in fleet.route[i, :2])
    return (
        f"{i}: {own} {fleet.s[i]:.1f} m then {after}, {fleet.speed[i]:.1f} m/s, "
        f"at {fleet.x[i]:.1f} {fleet.y[i]:.1f}, stood {fleet.stood[i]:.0f} s"
    )


class Soak:
    """What has happened so far."""

    def __init__(self, town: str) -> None:
        self.town, self.began, self.digest = town, time.process_time(), hashlib.sha256()
        self.collisions, self.longest, self.speeds, self.ticks = 0, 0.0, 0.0, 0
        self._touching, self._stuck = set[tuple[int, int]](), set[int]()

    def see(self, now: Moment) -> None:
        """Counts one tick in; tells what is new."""
        roads, fleet = now.roads, now.fleet
        for a, b in sorted(now.pairs - self._touching):
            self.collisions += 1
            say(f"{now.t:.2f} s: {place(roads, fleet, a)} meets {place(roads, fleet, b)}")
        stuck = set(np.flatnonzero(fleet.stood > STUCK).tolist())
        for i in sorted(stuck - self._stuck):
            say(f"{now.t:.2f} s: stuck {place(roads, fleet, i)}")
        self._touching, self._stuck = now.pairs, stuck
        self.longest = max(self.longest, float(fleet.stood.max()))
        self.speeds, self.ticks = self.speeds + float(fleet.speed.mean()), self.ticks + 1
        self.digest.update(now.state.tobytes())

    def line(self, t: float) -> str:
        """The figures so far."""
        return (
            f"{self.town}, {t / 60:.0f} min: {self.collisions} collisions, longest stand "
            f"{self.longest:.0f} s, mean speed {self.speeds / self.ticks:.2f} m/s, hash "
            f"{self.digest.hexdigest()[:16]}, {time.process_time() - self.began:.0f} s of CPU"
        )


def say(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--town", default="city", help="a name, an .xodr or .osm file")
    parser.add_argument("--vehicles", type=int, default=60)
    parser.add_argument("--walkers", type=int, default=30, help="with --server only")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--server", action="store_true")
    wanted = parser.parse_args()
    soak = Soak(wanted.town)
    report = REPORT
    for now in (with_server if wanted.server else without_server)(wanted):
        soak.see(now)
        if now.t >= report:
            report += REPORT
            say(soak.line(now.t))
    say(soak.line(3600.0 * wanted.hours))


if __name__ == "__main__":
    main()
