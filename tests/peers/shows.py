"""What a program must show: what the server says while it runs, what it leaves in its folder."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import carla

RUN_OVER = 0.1  # of the walkers, at most: who is hit by a vehicle dies

Probe = Callable[[carla.World], str | None]  # what is wrong; None where all is well


def places(world: carla.World, pattern: str) -> dict[int, carla.Location]:
    """Where the actors of a kind are."""
    return {actor.id: actor.get_location() for actor in world.get_actors().filter(pattern)}


def wait(world: carla.World, seconds: float) -> None:
    """Let simulation time pass."""
    until = world.wait_for_tick(30.0).timestamp.elapsed_seconds + seconds
    while world.wait_for_tick(30.0).timestamp.elapsed_seconds < until:
        pass


def moving(vehicles: int, walkers: int, seconds: float = 5.0, gone: float = 0.0) -> Probe:
    """So many vehicles and walkers exist, and half of them move at the end of the time.

    CARLA's Traffic Manager takes vehicles away that stand for 90 s; their share `gone` may go.
    """
    wanted = {"vehicle.*": vehicles, "walker.*": walkers}
    least = {"vehicle.*": (1.0 - gone) * vehicles, "walker.*": (1.0 - RUN_OVER) * walkers}
    end = min(seconds, 60.0)  # s: longer than a red light

    def probe(world: carla.World) -> str | None:
        wait(world, 0.0)  # before its first snapshot a client knows nobody
        for pattern, number in wanted.items():
            if len(places(world, pattern)) < number:
                return f"{len(places(world, pattern))} of {number} {pattern}"
        wait(world, seconds - end)
        before = {pattern: places(world, pattern) for pattern in wanted}
        wait(world, end)
        for pattern, number in wanted.items():
            first, last = before[pattern], places(world, pattern)
            moved = sum(last[i].distance(first[i]) > 0.5 for i in first if i in last)
            if len(last) < least[pattern] or moved < 0.5 * number:
                return f"{len(last)} of {number} {pattern} left, {moved} moved in {end:.0f} s"
            if any(place.z < -20.0 for place in last.values()):
                return f"a {pattern} has fallen through the ground"
        return None

    return probe


def weather_changes(world: carla.World) -> str | None:
    """The sun moves."""
    before = world.get_weather()
    for _ in range(60):
        world.wait_for_tick(30.0)
    after = world.get_weather()
    same = math.isclose(before.sun_altitude_angle, after.sun_altitude_angle, abs_tol=1e-6)
    return "the sun stands still" if same else None


def ticking(world: carla.World) -> str | None:
    """Time goes on."""
    world.wait_for_tick(30.0)
    return None


def leaderboard_scores(folder: Path) -> str:
    """The composed score, the route's share and the game's seconds of every route.

    Raises:
        ValueError: the file of results is not complete.
    """
    results = json.loads((folder / "simulation_results.json").read_text())
    done, of = results["_checkpoint"]["progress"]
    if results["entry_status"] != "Finished" or done != of:
        raise ValueError(f"{done} of {of} routes, {results['entry_status']}")
    return "; ".join(
        f"{record['scores']['score_composed']:g} ({record['scores']['score_route']:g} %,"
        f" {record['meta']['duration_game']:g} s, {record['status']})"
        for record in results["_checkpoint"]["records"]
    )
