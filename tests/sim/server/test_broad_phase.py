"""Pairs of bodies that may meet: those whose surroundings overlap, each once, in order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.server.broad_phase import grid_of, pairs_of
from sim.server.contact_step import BODY

places = st.floats(-60.0, 60.0) | st.sampled_from([5e3, -2e4, 1e12, -1e12, 1e300])
bodies = st.lists(
    st.tuples(places, places, st.floats(-3.0, 3.0), st.floats(-9.0, 9.0), st.floats(0.1, 12.0)),
    max_size=12,
)


def records(rows):
    """Bodies at x, y, yaw that came from 9 m away at most, of some half length."""
    out = np.zeros(len(rows), BODY)
    for record, (x, y, yaw, way, half) in zip(out, rows, strict=True):
        record["x"], record["y"], record["yaw"] = x, y, yaw
        record["x0"], record["y0"] = x - way, y + way
        record["half_x"], record["half_y"] = half, 1.0
    return out


def spans(all_bodies, moved):
    """Low and high corners (N, 2) of the surroundings."""
    half = np.stack([all_bodies["half_x"], all_bodies["half_y"]], axis=-1)
    reach = np.hypot(half[:, 0], half[:, 1])[:, None] * np.ones(2)
    now = np.stack([all_bodies["x"], all_bodies["y"]], axis=-1)
    if moved:
        before = np.stack([all_bodies["x0"], all_bodies["y0"]], axis=-1)
        return np.minimum(now, before) - reach, np.maximum(now, before) + reach
    c, s = np.abs(np.cos(all_bodies["yaw"])), np.abs(np.sin(all_bodies["yaw"]))
    wide = np.stack([c * half[:, 0] + s * half[:, 1], s * half[:, 0] + c * half[:, 1]], axis=-1)
    return now - np.minimum(wide, reach), now + np.minimum(wide, reach)


@settings(deadline=None)  # the first compiles
@given(bodies, bodies, st.data())
def test_pairs_are_those_whose_surroundings_overlap(movers, obstacles, data):
    moving, still = records(movers), records(obstacles)
    present = np.array([data.draw(st.booleans()) for _ in obstacles], bool)
    low, high = spans(moving, True)
    still_low, still_high = spans(still, False)
    wanted = []
    for a in range(len(moving)):
        for b in range(a + 1, len(moving)):
            if (low[a] <= high[b]).all() and (low[b] <= high[a]).all():
                wanted.append((len(still) + a, len(still) + b))
        for b in np.flatnonzero(present):
            if (low[a] <= still_high[b]).all() and (still_low[b] <= high[a]).all():
                wanted.append((len(still) + a, int(b)))
    found = pairs_of(moving, grid_of(still, present))
    assert [tuple(pair) for pair in found.tolist()] == wanted


@pytest.mark.parametrize("count", [0, 1])
def test_nobody_meets_nobody(count):
    nothing = grid_of(records([]), np.zeros(0, bool))
    assert pairs_of(records([(0.0, 0.0, 0.0, 1.0, 2.0)] * count), nothing).shape == (0, 2)
