"""Where the paths of a junction meet, and what a connection through it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from common.frames import FloatArray, wrap_angle
from common.messages import RouteCommand

TURN = 0.6  # rad; a connection that bends less goes straight (half way between 0 and 70 degrees)
MEET = 2.4  # m between centre lines; two cars of 2.1 m (Lincoln MKZ) would nearly touch
STACKED = 3.0  # m of height between roads of a bridge


class Meeting(IntEnum):
    """How two lanes meet."""

    CROSS = 0
    MERGE = 1  # into the same lane
    SPLIT = 2  # from the same lane


@dataclass(frozen=True, slots=True)
class Conflict:
    """Traffic of two lanes comes too near to each other along these stretches."""

    lane: int
    other: int
    kind: Meeting
    begin: float  # m along lane
    end: float
    other_begin: float  # m along other
    other_end: float


def turn_command(turn: float) -> RouteCommand:
    """The command of a connection whose heading changes by turn (rad, positive left)."""
    angle = wrap_angle(turn)
    if abs(angle) < TURN:
        return RouteCommand.STRAIGHT
    return RouteCommand.LEFT if angle > 0.0 else RouteCommand.RIGHT


def conflicts(
    xy: FloatArray,
    z: FloatArray,
    s: FloatArray,
    lane: NDArray[np.int32],
    successors: tuple[tuple[int, ...], ...],
    wide: FloatArray,
    narrow: FloatArray,
) -> tuple[Conflict, ...]:
    """All pairs of lanes that meet, each both ways round, ordered by (lane, other).

    They do where one vehicle that reaches `wide` beside its lane and one that reaches `narrow`
    beside the other would touch.

    Args:
        xy: (P, 2) m, samples of all lanes.
        z: (P,) m, their height.
        s: (P,) m along their lane.
        lane: (P,) owner of a sample.
        successors: lanes after each lane; a lane does not conflict with the next two.
        wide: (P,) m at each sample, as is
        narrow: (P,) m.
    """
    widest = float((wide + narrow).max(initial=0.0))
    pairs = cKDTree(xy).query_pairs(widest, output_type="ndarray")
    a, b = pairs.T
    reach = np.maximum(wide[a] + narrow[b], narrow[a] + wide[b])
    near = np.hypot(*(xy[a] - xy[b]).T) <= reach
    a, b = a[near], b[near]
    apart = (lane[a] != lane[b]) & (np.abs(z[a] - z[b]) < STACKED)
    a, b = a[apart], b[apart]
    a, b = np.concatenate([a, b]), np.concatenate([b, a])
    order = np.lexsort((lane[b], lane[a]))
    return tuple(_meetings(s, lane, a[order], b[order], successors))


def _meetings(
    s: FloatArray,
    lane: NDArray[np.int32],
    a: NDArray[np.intp],
    b: NDArray[np.intp],
    successors: tuple[tuple[int, ...], ...],
) -> Iterator[Conflict]:
    if not len(a):
        return
    change = (np.diff(lane[a]) != 0) | (np.diff(lane[b]) != 0)
    first = np.concatenate([[0], np.flatnonzero(change) + 1])
    begin, end = np.minimum.reduceat(s[a], first), np.maximum.reduceat(s[a], first)
    other_begin = np.minimum.reduceat(s[b], first)
    other_end = np.maximum.reduceat(s[b], first)
    sources: dict[int, set[int]] = {}
    for source, after in enumerate(successors):
        for one in after:
            sources.setdefault(one, set()).add(source)
    near = [set(after).union(*(successors[one] for one in after)) for after in successors]
    for i, row in enumerate(first):
        one, other = int(lane[a[row]]), int(lane[b[row]])
        if other in near[one] or one in near[other]:
            continue
        kind = Meeting.CROSS
        if sources.get(one, set()) & sources.get(other, set()):
            kind = Meeting.SPLIT
        elif set(successors[one]) & set(successors[other]):
            kind = Meeting.MERGE
        stretch = begin[i], end[i], other_begin[i], other_end[i]
        yield Conflict(one, other, kind, *(float(value) for value in stretch))
