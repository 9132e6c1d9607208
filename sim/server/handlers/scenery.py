"""RPCs of street lights and debug drawings."""

from __future__ import annotations

import math

import numpy as np

from common.frames import FloatArray
from sim.server import sketches, wire
from sim.server.poses import matrices
from sim.server.rpc import RpcError, Table, accepted, value, void
from sim.server.scenery import Lamp
from sim.server.simulation import Call
from sim.server.sketches import MOST_SKETCHES, Sketch
from sim.server.wire import Wire

MOST_LIGHTS = 1 << 16


def query_lights_state(call: Call, client: str = "") -> Wire:
    """The street lights."""
    scenery, dark = call.episode.scenery, call.episode.dark
    out = []
    for number, place in call.episode.town.lamps.items():
        lamp = scenery.lamp(number)
        lit = lamp.on and (dark or not scenery.cycle)
        row = [number, wire.to_vector(place), lamp.intensity, lamp.group, list(lamp.colour), lit]
        out.append(row)
    return out


def update_lights_state(call: Call, client: str, lights: Wire, discard: bool = False) -> None:
    """Change street lights."""
    for row in wire.items(lights, MOST_LIGHTS):
        match row:
            case [number, _, intensity, group, colour, active, *_]:
                r, g, b = (int(min(max(c, 0.0), 255.0)) for c in wire.numbers(colour, 3))
                lamp = Lamp(
                    wire.figure(intensity), wire.unsigned(group, 8), (r, g, b), bool(active)
                )
                call.episode.scenery.set_lamp(wire.whole(number), lamp)
            case _:
                raise RpcError(f"expected a light's state, got {row!r:.80}")
    call.sim.tell_of_lights()


def update_day_night_cycle(call: Call, client: str, active: bool) -> None:
    """Whether lamps go on at dusk by themselves."""
    call.episode.scenery.cycle = bool(active)


def draw_debug_shape(call: Call, shape: Wire) -> None:
    """Draw a point, a line, an arrow or a box into the pictures of RGB cameras.

    Strings and the head-up display's shapes are on CARLA's own screen, which is not there; its
    cameras do not see them.
    """
    match shape:
        case [[int(kind), list(figure), *_], colour, life, *_] if kind in FIGURES:
            lines, thickness = FIGURES[kind](figure)
            r, g, b = (int(min(max(c, 0.0), 255.0)) for c in wire.numbers(colour, 3))
            until, frames = lifetime(wire.number(life), call.episode.elapsed)
            drawings = call.episode.sketches
            drawings.append(Sketch(lines, max(thickness, 0.0), (r, g, b), until, frames))
            del drawings[: max(len(drawings) - MOST_SKETCHES, 0)]
        case [[4 | 5 | 6 | 7 | 8, *_], *_]:
            return
        case _:
            raise RpcError(f"expected a debug shape, got {shape!r:.80}")


def lifetime(life: float, now: float) -> tuple[float, int]:
    """Until when (s), and for how many frames at least; CARLA's 0 is for good."""
    if life == 0.0:
        return math.inf, 0
    return (now + life, 1) if life > 0.0 else (-math.inf, 1)


def point(figure: list[Wire]) -> tuple[FloatArray, float]:
    """A point: a line without length."""
    at, size = figure
    return np.array([[wire.vector(at)] * 2]), wire.figure(size)


def line(figure: list[Wire]) -> tuple[FloatArray, float]:
    """A line between two points."""
    begin, end, thickness = figure
    return np.array([[wire.vector(begin), wire.vector(end)]]), wire.figure(thickness)


def arrow(figure: list[Wire]) -> tuple[FloatArray, float]:
    """A line with a head."""
    (begin, end, thickness), size = figure
    lines = sketches.arrow(wire.vector(begin), wire.vector(end), wire.figure(size))
    return lines, wire.figure(thickness)


def box(figure: list[Wire]) -> tuple[FloatArray, float]:
    """A box's edges; as in CARLA it is turned by the rotation beside it, not by its own."""
    (centre, extent, *_), rotation, thickness = figure
    turn = matrices(wire.pose([[0.0, 0.0, 0.0], rotation]))[:3, :3]
    lines = sketches.box(wire.vector(centre), np.abs(wire.bounded(extent, 3)), turn)
    return lines, wire.figure(thickness)


def clear_debug_shape(call: Call) -> None:
    """Take all drawings away."""
    call.episode.sketches.clear()


FIGURES = {0: point, 1: line, 2: arrow, 3: box}

TABLE: Table = {
    "query_lights_state": value(query_lights_state),
    "update_lights_state": void(
        update_lights_state, "lamps shine at night only; their pools of light keep their colour"
    ),
    "update_day_night_cycle": void(update_day_night_cycle, "lamps shine at night only"),
    "draw_debug_shape": void(draw_debug_shape),
    "clear_debug_shape": void(clear_debug_shape),
    "clear_debug_string": accepted("clear_debug_string: there is no screen with strings"),
}
