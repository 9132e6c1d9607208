"""Hours of background traffic: does anybody collide, or stand for ever?

    python -m tests.sim.soak_traffic --town city --hours 2 --seed 1

Without a server: `sim.fleet`'s drivers, its kinematic vehicles, the embedded server's lights.
Prints every collision as it happens, a line per simulated ten minutes, and a last one.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time

import numpy as np

from sim.fleet import Fleet, nobody
from tests.sim.streets import DT, Streets, overlaps

REPORT = 600.0  # s of simulated time
STUCK = 180.0  # s


def place(streets: Streets, fleet: Fleet, i: int) -> str:
    """A vehicle in words: lanes (road, section, lane), metres, speed."""
    own, after = (tuple(streets.roads.keys[lane].tolist()) for lane in fleet.route[i, :2])
    return (
        f"{i}: {own} {fleet.s[i]:.1f} m then {after}, {fleet.speed[i]:.1f} m/s, "
        f"at {fleet.x[i]:.1f} {fleet.y[i]:.1f}, stood {fleet.stood[i]:.0f} s"
    )


def soak(town: str, vehicles: int, hours: float, seed: int) -> dict[str, float | str]:
    """Collisions, the longest stand (s), the mean speed (m/s) and a hash of all states."""
    streets = Streets(town)
    fleet = streets.fleet(vehicles, np.random.default_rng(seed))
    digest, touching, collisions = hashlib.sha256(), set[tuple[int, int]](), 0
    longest, way, stuck = 0.0, 0.0, set[int]()
    began, next_report = time.process_time(), REPORT
    for t in streets.run(fleet, 3600.0 * hours, seed, nobody()):
        now = set(overlaps(fleet))
        for a, b in sorted(now - touching):
            collisions += 1
            say(f"{t:.2f} s: {place(streets, fleet, a)} meets {place(streets, fleet, b)}")
        touching = now
        longest, way = max(longest, float(fleet.stood.max())), way + float(fleet.speed.mean())
        late = set(np.flatnonzero(fleet.stood > STUCK).tolist())
        for i in sorted(late - stuck):
            say(f"{t:.2f} s: stuck {place(streets, fleet, i)}")
        stuck = late
        if t >= next_report:
            next_report += REPORT
            say(
                f"{town}, {t / 60:.0f} min: {collisions} collisions, longest stand {longest:.0f} s,"
                f" mean speed {way * DT / t:.2f} m/s"
            )
        for values in (fleet.x, fleet.y, fleet.yaw, fleet.speed):
            digest.update(values.tobytes())
    return {
        "town": town,
        "vehicles": len(fleet.x),
        "collisions": collisions,
        "longest_stand_s": round(longest, 1),
        "mean_speed_m_s": round(way * DT / (3600.0 * hours), 2),
        "hash": digest.hexdigest()[:16],
        "cpu_s": round(time.process_time() - began),
    }


def say(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--town", default="city", help="a name, an .xodr or .osm file")
    parser.add_argument("--vehicles", type=int, default=60)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    found = soak(wanted.town, wanted.vehicles, wanted.hours, wanted.seed)
    say(", ".join(f"{key} {value}" for key, value in found.items()))


if __name__ == "__main__":
    main()
