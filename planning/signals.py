"""The next traffic light: where its line is, what it showed last, whether the car is bound by it.

A camera loses sight of lamps, and takes one colour for another now and then. So what was seen is
kept: a red until green has been seen for a while or the line is passed, a green not for long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from common.frames import FloatArray
from common.messages import LightEstimate, LightState
from planning.propose import STOP_FADE
from planning.rules import LINE_MARGIN, Hold

LOOK = 60.0  # m ahead within which a light counts
SURE = 0.3  # confidence from which it counts
SAME_LINE = (5.0, 0.35)  # m, and share of the distance, by which a light's seen line may be off
PULL = 0.3  # share of a newly seen line's place in the kept one, on a route without lines
GREEN_AFTER = 0.25  # s for which nothing but green must have been seen before it is believed
YELLOW_TIME = 3.0  # s of CARLA's yellow
GREEN_KEPT = YELLOW_TIME  # s a green that is no longer seen counts: it is not red yet
IN_VIEW = 6.0
"""m between the front bumper and the line where the car waits: the rig's front camera looks up by
31 degrees, so a lamp 5 m high at the line leaves its picture 4.5 m before the bumper gets there."""
CALM_DECEL = 2.0  # m/s2 with which that place must be reached; else the car stops nearer the line
GIVE_UP = {LightState.RED: 60.0, None: 6.0}
"""s of standing before a light without seeing it after which the car goes on with care: longer
than the red of four phases of CARLA's (10 s green, 3 s yellow, 2 s all red); None: never seen."""
DECEL = {LightState.RED: 7.0, LightState.YELLOW: 3.0, None: 3.5}
"""m/s2 of braking needed above which the car goes on: red only where tyres could not stop it,
yellow at the ITE's design deceleration; None: a light that is not seen, or no more."""
UNSEEN_DECEL, UNSEEN_TIME = 2.0, 1.0
"""m/s2 of braking needed from which on a light is braked for that is not seen, after so many s."""
FIRM_DECEL = 4.0  # m/s2 with which the car stops at a yellow rather than be caught by red
REACTION = 0.25  # s until braking for a yellow bites
OVERRUN = 2.0  # m past the line that stopping late for a red may end
PAST = 1.5  # m between the line and the rear bumper of a car that is over it
STANDS = 0.3  # m/s


@dataclass(frozen=True, slots=True)
class Signal:
    """What is known of the next light on the route; the planner's memory."""

    line: float = math.inf  # m along the route
    state: LightState | None = None  # as believed; None where it was not seen
    seen: float = -math.inf  # s, when it was last seen
    green: float | None = None  # s, since when nothing but green was seen
    yellow: float = math.inf  # s, since when it is believed yellow
    bound: bool = False  # the car has begun to stop for it
    stood: float = 0.0  # s it has stood before it, unseen
    t: float = -math.inf  # s


def watch(
    before: Signal,
    lines: tuple[float, ...],
    s: float,
    speed: float,
    t: float,
    light: LightEstimate | None,
    entry: float,
    half_length: float,
) -> Signal:
    """What is known at time t of the next light.

    Args:
        before: what was known.
        lines: m along the route, all lights' stop lines, ascending, as the map knows them. A
            route without any takes them from where the light is seen.
        s: m along the route, the ego's origin; the line is passed with it.
        speed: m/s, the ego's.
        t: s.
        light: what is seen now.
        entry: m along the route where the next junction begins, inf for none.
        half_length: m, the ego's.
    """
    light = None if light is None or light.confidence < SURE else light
    line = _next(lines, s) if lines else _seen_line(before, s, light, entry)
    if abs(line - before.line) > SAME_LINE[0] or math.isinf(line):
        before = Signal(t=t)
    if light is not None and not _fits(light, line - s):
        light = None
    after = _believe(replace(before, line=line, t=t), light, t)
    elapsed = min(max(t - before.t, 0.0), 1.0)
    waits = light is None and speed < STANDS and line - s < LOOK / 4
    stood = before.stood + elapsed if waits else 0.0
    if after.bound and stood > GIVE_UP.get(after.state, GIVE_UP[LightState.RED]):
        after = replace(after, state=LightState.OFF)
    room = line - s - half_length
    return replace(after, stood=stood, bound=_bound(after, room, speed, bool(lines)))


def _next(lines: tuple[float, ...], s: float) -> float:
    return min((line for line in lines if line > s), default=math.inf)


def _seen_line(before: Signal, s: float, light: LightEstimate | None, entry: float) -> float:
    """The line's place from what is seen, kept while it is not."""
    kept = before.line if before.line > s else math.inf
    if light is None:
        return kept
    if light.distance is None:
        return kept if math.isfinite(kept) or entry - s > LOOK else entry - 0.5
    line = min(s + light.distance, entry + 2.0)
    if line < s:
        return kept
    if abs(line - kept) > SAME_LINE[0]:
        return kept if before.bound and math.isfinite(kept) else line
    return kept + PULL * (line - kept)


def _fits(light: LightEstimate, distance: float) -> bool:
    """Whether what is seen is the light of this line and not of the one behind or after it."""
    if light.distance is None:
        return distance < LOOK
    return distance < LOOK and abs(light.distance - distance) < max(
        SAME_LINE[0], SAME_LINE[1] * distance
    )


def _believe(signal: Signal, light: LightEstimate | None, t: float) -> Signal:
    """Red and yellow are believed at once; green, and a dark light, only for a while or after it.

    A light that went dark while red is a red one whose lamp is not made out.
    """
    if light is None:
        if signal.state is LightState.GREEN and t - signal.seen > GREEN_KEPT:
            return replace(signal, state=None, green=None)
        return signal
    if light.state in (LightState.RED, LightState.YELLOW):
        since = min(signal.yellow, t) if light.state is LightState.YELLOW else math.inf
        return replace(signal, state=light.state, seen=t, green=None, yellow=since)
    if light.state is LightState.OFF:
        dark = LightState.OFF if signal.state is None else signal.state
        return replace(signal, state=dark, seen=t, green=None)
    since = t if signal.green is None else signal.green
    if t - since < GREEN_AFTER:
        return replace(signal, seen=t, green=since)
    return replace(signal, state=LightState.GREEN, seen=t, green=since, yellow=math.inf)


def _bound(signal: Signal, room: float, speed: float, mapped: bool) -> bool:
    """Whether the car must stop; once it has begun to, it goes on stopping until green.

    `room` m from the front bumper to the line. `mapped`: the line is there, seen or not.
    """
    state = signal.state
    if state not in DECEL or math.isinf(signal.line) or (state is None and not mapped):
        return False
    if signal.bound:
        return True
    if state is LightState.RED:
        room += OVERRUN
    elif state is LightState.YELLOW:
        room -= REACTION * speed
    elif state is None and speed**2 < 2.0 * UNSEEN_DECEL * (room - UNSEEN_TIME * speed):
        return False
    return room > -0.5 and speed**2 <= 2.0 * DECEL[state] * max(room, 0.05)


def caught(
    signal: Signal, s: FloatArray, speed: FloatArray, dt: float, leave: float, half_length: float
) -> Signal:
    """The signal, the car bound by it where its plan to pass on yellow would not end well.

    A yellow was judged by the speed at which it was met. If somebody on the way slows the plan so
    that it is not over the line before red, or stands in the junction, firm braking is better.

    Args:
        signal: what is known now.
        s: (T,) m along the route, the planned places of the ego's origin, the first one now.
        speed: (T,) m/s, planned.
        dt: s between them.
        leave: m along the route where the junction behind the line ends.
        half_length: m, the ego's.
    """
    if signal.state is not LightState.YELLOW or signal.bound:
        return signal
    rear = s - half_length
    red = round((signal.yellow + YELLOW_TIME - signal.t) / dt)
    late = bool(rear[min(max(red, 0), len(s) - 1)] < signal.line + PAST)
    stands = bool(((speed < STANDS) & (s + half_length > signal.line) & (rear < leave)).any())
    room = signal.line - float(s[0]) - half_length + (OVERRUN if late else 0.0)
    can = 2.0 * FIRM_DECEL * (room - REACTION * float(speed[0])) >= float(speed[0]) ** 2
    return replace(signal, bound=(late or stands) and room > 0.0 and can)


def hold(signal: Signal, s: float, speed: float, half_length: float) -> Hold:
    """Where the next light holds the car: where it sees the lamp, or nearer if that is too near."""
    if not signal.bound:
        return Hold()
    what = "look for the" if signal.state is None else f"stop for {signal.state.value}"
    front = signal.line - half_length
    calm = s + speed**2 / (2.0 * CALM_DECEL) + STOP_FADE * speed
    stop = min(max(front - IN_VIEW, calm), front - LINE_MARGIN)
    return Hold(max(stop, s), front, f"{what} light")
