"""Where people walk: pavements and crossings of a map as a graph of polylines.

Pavements are the sidewalk lanes of the OpenDRIVE map; crossings are its crosswalks, and on a map
without any, straight ways over the road at intervals. World frame, metres.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from common.frames import FloatArray
from sim import iso
from sim.opendrive import sidewalks
from sim.roads import Roads, StopKind

if TYPE_CHECKING:
    import carla

IntArray = NDArray[np.int32]

STEP = 2.0  # m between points of a pavement
MARGIN = 0.4  # m; nobody walks nearer to a pavement's edge
JOINT = 3.0  # m; ends nearer than this meet
REACH = 5.0  # m from a crossing's end to the pavement
JAYWALK = 60.0  # m between ways over the road on maps without crosswalks
WIDEST = 24.0  # m of road that people cross at once
SHORTEST = 4.0  # m
BEHIND_LINE, BEYOND_LINE = -6.0, 12.0  # m from a stop line to the crossing that it keeps free


class Pavement(NamedTuple):
    """Edges are polylines between nodes; arrays over E edges and P points."""

    first: IntArray  # (E + 1,) points of an edge
    xy: FloatArray  # (P, 2)
    z: FloatArray  # (P,)
    s: FloatArray  # (P,) m along the edge
    length: FloatArray  # (E,)
    room: FloatArray  # (E,) m either side of the middle
    crossing: NDArray[np.bool_]  # (E,) leads over a road
    node: IntArray  # (E, 2) begin, end
    edge_first: IntArray  # (nodes + 1,) rows of `edges`
    edges: IntArray  # edges that meet at a node


def pavement(carla_map: carla.Map) -> Pavement:
    """The walkers' graph of a map; without edges where it has no sidewalks."""
    walks = [one for one in _walks(carla_map) if len(one) > 1]
    if not walks:
        return _graph([], [])
    points = np.concatenate(walks)
    owner = np.repeat(np.arange(len(walks)), [len(one) for one in walks])
    crosswalks = _crosswalks(carla_map) or _ways_over(walks)
    tree = cKDTree(points[:, :2])
    cuts: list[set[int]] = [{0, len(one) - 1} for one in walks]
    start = np.searchsorted(owner, np.arange(len(walks)))
    over = []
    for begin, end in crosswalks:
        found = tree.query(np.stack([begin, end]))
        distance, near = np.asarray(found[0]), np.asarray(found[1])
        if distance.max() < REACH and near[0] != near[1]:
            over.append(np.stack([points[near[0]], points[near[1]]]))
            for one in near:
                cuts[owner[one]].add(int(one - start[owner[one]]))
    pieces = []
    for walk, cut in zip(walks, cuts, strict=True):
        at = sorted(cut)
        pieces += [walk[a : b + 1] for a, b in itertools.pairwise(at)]
    return _graph(pieces, over)


def lights_of(graph: Pavement, roads: Roads) -> tuple[str, ...]:
    """The OpenDRIVE id of the light that holds the traffic before each edge (E,), "" for none.

    OpenDRIVE tells of no lights for walkers; theirs are taken to be green while this one is red.
    """
    found = [""] * len(graph.length)
    for line in roads.stop_lines:
        middle, across = 0.5 * (line.left + line.right), line.right - line.left
        ahead = np.array([-across[1], across[0]]) / max(float(np.hypot(*across)), 1e-9)
        for edge in np.flatnonzero(graph.crossing) if line.kind is StopKind.SIGNAL else ():
            begin = graph.xy[graph.first[edge]]
            over = graph.xy[graph.first[edge + 1] - 1] - begin
            turn = ahead[0] * over[1] - ahead[1] * over[0]
            dx, dy = begin - middle
            if abs(turn) < 0.5 * np.hypot(*over):
                continue  # nearly parallel
            far, share = (
                (dx * over[1] - dy * over[0]) / turn,
                (dx * ahead[1] - dy * ahead[0]) / turn,
            )
            if BEHIND_LINE < far < BEYOND_LINE and 0.0 <= share <= 1.0:
                found[edge] = line.opendrive_id
    return tuple(found)


def _walks(carla_map: carla.Map) -> list[FloatArray]:
    """Sidewalk lanes as polylines (n, 4) x, y, z, width, in the map's order."""
    walks = []
    for road, lane, begin, end in sidewalks(carla_map.to_opendrive()):
        rows = []
        count = max(2, math.ceil((end - begin) / STEP) + 1)
        for s in np.linspace(begin + 0.05, end - 0.05, count):
            at = carla_map.get_waypoint_xodr(road, lane, float(s))
            if at is not None and at.lane_width > 2.0 * MARGIN:
                rows.append((*iso.vector(at.transform.location), at.lane_width))
        walks.append(np.array(rows).reshape(-1, 4))
    return walks


def _crosswalks(carla_map: carla.Map) -> list[tuple[FloatArray, FloatArray]]:
    """The middle lines of the crosswalks: between the middles of the two short sides."""
    lines = []
    corners: list[FloatArray] = []
    for corner in carla_map.get_crosswalks():
        corners.append(iso.vector(corner)[:2])
        if len(corners) > 2 and np.array_equal(corners[0], corners[-1]):
            box = np.array(corners[:-1])
            sides = np.roll(box, -1, axis=0) - box
            short = np.argsort(np.hypot(*sides.T), kind="stable")[:2]
            middle = box[short] + 0.5 * sides[short]
            lines.append((middle[0], middle[1]))
            corners = []
    return lines


def _ways_over(walks: list[FloatArray]) -> list[tuple[FloatArray, FloatArray]]:
    """Straight ways from one pavement to the one across, every `JAYWALK` m."""
    lines = []
    for i, walk in enumerate(walks):
        for k in range(round(JAYWALK / STEP / 2.0), len(walk) - 2, round(JAYWALK / STEP)):
            ahead = walk[k + 1, :2] - walk[k, :2]
            across = np.array([-ahead[1], ahead[0]]) / max(float(np.hypot(*ahead)), 1e-9)
            for j in range(i + 1, len(walks)):
                delta = walks[j][:, :2] - walk[k, :2]
                straight = np.abs(delta @ ahead) < STEP * np.hypot(*ahead)
                far = np.abs(delta @ across)
                fits = straight & (far > SHORTEST) & (far < WIDEST)
                if fits.any():
                    best = int(np.argmin(np.where(fits, far, np.inf)))
                    lines.append((walk[k, :2], walks[j][best, :2]))
    return lines


def _graph(pieces: list[FloatArray], over: list[FloatArray]) -> Pavement:
    lines = pieces + over
    counts = [len(one) for one in lines]
    rows = np.concatenate([*lines, np.zeros((0, 4))])
    first = np.cumsum([0, *counts]).astype(np.int32)
    step = np.hypot(*np.diff(rows[:, :2], axis=0, prepend=rows[:1, :2]).T)
    step[first[:-1]] = 0.0
    travelled = np.cumsum(step)
    s = travelled - np.repeat(travelled[first[:-1]], counts)
    ends = np.stack([first[:-1], first[1:] - 1], axis=-1).reshape(-1)
    nodes, node = _nodes(rows[ends, :2])
    order = np.argsort(node, kind="stable")
    room = [max(0.5 * float(one[:, 3].min()) - MARGIN, 0.0) for one in lines]
    return Pavement(
        first=first,
        xy=rows[:, :2].copy(),
        z=rows[:, 2].copy(),
        s=s,
        length=s[first[1:] - 1],
        room=np.minimum(np.array(room).reshape(-1), 1.5),
        crossing=np.arange(len(lines)) >= len(pieces),
        node=node.reshape(-1, 2),
        edge_first=np.searchsorted(node[order], np.arange(nodes + 1)).astype(np.int32),
        edges=(order // 2).astype(np.int32),
    )


def _nodes(ends: FloatArray) -> tuple[int, IntArray]:
    """Ends that lie together are one node: the count, and each end's node."""
    if not len(ends):
        return 0, np.zeros(0, dtype=np.int32)
    pairs = cKDTree(ends).query_pairs(JOINT, output_type="ndarray")
    near = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(ends), len(ends)))
    count, label = connected_components(near, directed=False)
    return int(count), label.astype(np.int32)
