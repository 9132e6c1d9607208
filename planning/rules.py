"""Where the law or courtesy says stop: signs, junctions to keep clear, others' right of way."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from common.frames import FloatArray
from planning.path import Path, junction_ahead
from planning.predict import Forecast

LINE_MARGIN = 1.0  # m between the front bumper and a stop line
ROOM = 3.0  # m to leave free behind the car past a junction
YIELD_GAPS, WALKER_GAPS = (1.5, 0.5), (2.5, 1.2)
"""m between the front bumper and a crossing object's way: wished, and rather than brake hard."""
MOST_STOPS = 8
STOPPED, STOP_NEAR = 0.1, 2.0  # m/s; m before the place to stop: there a stop sign is obeyed
PASS_GAP = 0.65  # m to leave between the car and what it passes
PASS_ROOM = 7.0  # m to keep behind what one waits to pass; from nearer, the wheels cannot
PASS_NEAR = 1.5  # m to which one comes near to it while passing
PASS_SPEED = 8.0  # m/s while passing it
PASS_MOST = 3.6  # m, one lane to the side
PASS_LOOK = 40.0  # m ahead within which standing objects are passed
PASS_AFTER = 2.5  # s an object must have been seen standing
NUDGE = 1.3  # m to the side that still counts as the own lane
CAREFUL = (4.0, 2.7)  # m/s beside a walker within reach, and 1/s: so much more per m of room
CAREFUL_ROOM = 3.0  # m to the car's side beyond which walkers are let be
CAREFUL_DECEL = 1.4  # m/s2 towards that speed
LEAVES = 0.5  # m/s away from the path
ONCOMING_LOOK = 90.0  # m of the other lane that must be empty
QUEUE_AFTER = 40.0  # s a queue must have stood: longer than any red light
QUEUE = 25.0  # m before a junction where standing cars are taken for a queue


@dataclass(frozen=True, slots=True)
class Hold:
    """An arc length (of the ego's origin) no proposal may pass."""

    stop: float = math.inf  # m, where to stop
    line: float = math.inf  # m, where the front bumper would be over the line
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """A place to yield at."""

    stop: float  # m, arc length of the ego's origin
    name: str  # to whom


def stop_sign(
    s: float, speed: float, lines: tuple[float, ...], served: float, half_length: float
) -> tuple[Hold, float]:
    """The hold of the next stop sign's line, and the last line the car has stopped at.

    Args:
        s: m, arc length of the ego's origin.
        speed: m/s.
        lines: m, all stop signs' lines, ascending.
        served: m, the last line the car has stopped at; -inf for none.
        half_length: m, the ego's.
    """
    ahead = [line for line in lines if line > max(served, s)]
    if not ahead:
        return Hold(), served
    stop = ahead[0] - half_length - LINE_MARGIN
    if speed < STOPPED and stop - s < STOP_NEAR:
        return Hold(), ahead[0]
    return Hold(max(stop, s), ahead[0] - half_length, "stop at the sign"), served


def keep_clear(path: Path, s: float, speed: float, future: Forecast, half_length: float) -> Hold:
    """Do not enter a junction that a standing queue would make the car stand in."""
    junction = junction_ahead(path, s)
    if junction is None or junction[0] <= s + half_length:
        return Hold()
    entry, leave = junction
    if not len(future) or speed**2 > 2.0 * 3.0 * max(entry - s - half_length, 0.05):
        return Hold()
    last = future.motion[:, -1]
    rear = last[:, 3] - future.extent[:, -1, 0]
    queue = (np.abs(last[:, 4]) < 1.5) & (future.extent[:, 0, 2] < 1.5) & ~future.walker
    queue &= (np.abs(np.sin(last[:, 5])) < 0.7) & (rear > entry + 1.0)
    queue &= rear < leave + 2.0 * half_length + ROOM
    if not queue.any():
        return Hold()
    stop = max(entry - half_length - LINE_MARGIN, s)
    return Hold(stop, entry - half_length, "keep the junction clear")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A standing object in the way that is not a queue, and the lateral targets that pass it."""

    name: str
    row: int
    sides: tuple[float, ...]  # m


def obstacle(
    path: Path, s: float, future: Forecast, half: tuple[float, float], standing: dict[str, float]
) -> Obstacle | None:
    """The nearest standing object to pass, if there is one.

    Only what has stood for `PASS_AFTER` and is not a queue before a junction; farther than
    `NUDGE` to the side only past vehicles, and while nobody comes the other way.

    Args:
        path: the stretch of route ahead.
        s: arc length of the ego.
        future: the forecast.
        half: the ego's half length and width, m.
        standing: for how long (s) each object has been seen standing, by name.
    """
    junction = junction_ahead(path, s)
    entry = junction[0] if junction is not None else math.inf
    now, extent = future.motion[:, 0], future.extent[:, 0]
    best: tuple[float, int] | None = None
    for n, name in enumerate(future.names):
        ahead = now[n, 3] + extent[n, 0] - (s - half[0])
        aside = extent[n, 1] + half[1] + PASS_GAP - abs(now[n, 4])
        blocks = 0.0 < ahead < PASS_LOOK and aside > 0.0 and not future.walker[n]
        queue = now[n, 3] < entry < now[n, 3] + QUEUE
        if blocks and standing.get(name, 0.0) >= (QUEUE_AFTER if queue else PASS_AFTER):
            best = min(best, (ahead, n)) if best is not None else (ahead, n)
    if best is None:
        return None
    n = best[1]
    room = extent[n, 1] + half[1] + PASS_GAP
    coming = (extent[:, 2] < -0.5) & (now[:, 4] > 0.5) & (np.abs(now[:, 3] - s) < ONCOMING_LOOK)
    sides = (now[n, 4] + room, now[n, 4] - room)
    most = (NUDGE if coming.any() else PASS_MOST, PASS_MOST)
    sides = tuple(side for side, limit in zip(sides, most, strict=True) if abs(side) <= limit)
    return Obstacle(future.names[n], n, sides)


def yields(path: Path, s: float, future: Forecast, half: tuple[float, float]) -> tuple[Stop, ...]:
    """Where to stop for those who will cross the way, and before the junction; nearest first."""
    found: list[Stop] = []
    for n in range(len(future)):
        motion, extent = future.motion[n], future.extent[n]
        side = extent[:, 1] + half[1] + (0.9 if future.walker[n] else 0.6)
        there = (np.abs(motion[:, 4]) < side) & (motion[:, 3] > s)
        crossing = future.walker[n] or abs(math.sin(motion[0, 5])) > 0.4 or extent[0, 2] < -0.5
        if not crossing or not there.any():
            continue
        first = float((motion[:, 3] - extent[:, 0] - future.growth[n])[there].min())
        for gap in WALKER_GAPS if future.walker[n] else YIELD_GAPS:
            found.append(Stop(first - half[0] - gap, future.names[n]))
    junction = junction_ahead(path, s)
    if found and junction is not None and junction[0] > s + half[0]:
        found.append(Stop(junction[0] - half[0] - LINE_MARGIN, found[0].name))
    found = [stop for stop in found if stop.stop > s - 0.5]
    return tuple(sorted(found, key=lambda stop: stop.stop)[:MOST_STOPS])


def careful(
    path: Path, future: Forecast, half: tuple[float, float], share: float = 1.0
) -> FloatArray:
    """The speed (N,) m/s allowed along the path with an eye on the walkers beside it.

    Who stands at the kerb may step off it. From 13 m/s the car needs 17 m to stop: 0.3 s of
    reaction, 0.4 s in which the brakes build up, 8 m/s2. From 9 m/s, 10 m are enough: so fast it
    goes by a walker 1.8 m beside it. Eyes that need longer take a `share` of that.
    """
    allowed = path.speed.copy()
    now, extent = future.motion[:, 0], future.extent[:, 0]
    for n in np.flatnonzero(future.walker):
        room = abs(now[n, 4]) - extent[n, 1] - half[1]
        if room > CAREFUL_ROOM or extent[n, 3] * np.sign(now[n, 4]) > LEAVES:
            continue
        most = share * (CAREFUL[0] + CAREFUL[1] * max(room, 0.0))
        ahead = now[n, 3] - half[0] - path.s
        slow = np.sqrt(most**2 + 2.0 * CAREFUL_DECEL * np.maximum(ahead, 0.0))
        allowed = np.where(ahead > -2.0 * half[0], np.minimum(allowed, slow), allowed)
    return allowed
