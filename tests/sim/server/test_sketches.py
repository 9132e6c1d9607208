"""Debug drawings, against every pixel's distance to the line."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.server.scene import Planes, View
from sim.server.sketches import NEAR, THICKEST, THINNEST, Sketch, drawn

WIDTH, HEIGHT, FOV = 64, 40, 1.2
FOCAL = WIDTH / (2.0 * math.tan(FOV / 2.0))
RED = (255, 0, 0)


def picture(*sketches, depth=1e9):
    """Which pixels of an empty picture are drawn on; the camera looks along the world's z."""
    rgb, far = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.full((HEIGHT, WIDTH), depth, np.float32)
    none = np.zeros((HEIGHT, WIDTH), np.uint32)
    planes = Planes(rgb, far, none.astype(np.uint8), none)
    view = View(np.eye(4, dtype=np.float32), WIDTH, HEIGHT, FOV)
    return (drawn(planes, view, sketches).rgb == RED).all(axis=2)


def sketch(a, b, thickness):
    return Sketch(np.array([[a, b]], np.float64), thickness, RED, math.inf)


def distances(a, b, thickness):
    """Every pixel's distance to the line on the picture, less the line's half thickness there."""
    a, b = sorted((a, b), key=lambda end: end[2])  # of a line that is a point the nearer end shows
    ends = [np.array([p[0] / p[2], p[1] / p[2]]) * FOCAL + (WIDTH / 2, HEIGHT / 2) for p in (a, b)]
    v, u = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    way = ends[1] - ends[0]
    t = ((u - ends[0][0]) * way[0] + (v - ends[0][1]) * way[1]) / max(way @ way, 1e-12)
    t = t.clip(0.0, 1.0)
    gap = np.hypot(u - ends[0][0] - t * way[0], v - ends[0][1] - t * way[1])
    inverse = 1.0 / a[2] + t * (1.0 / b[2] - 1.0 / a[2])
    return gap - (0.5 * thickness * FOCAL * inverse).clip(THINNEST, THICKEST)


places = st.tuples(st.floats(-20.0, 20.0), st.floats(-20.0, 20.0), st.floats(2.0 * NEAR, 50.0))


@settings(max_examples=200, deadline=None)
@given(places, places, st.sampled_from([0.0, 0.05, 1.0, 1e6]))
def test_a_line_covers_the_pixels_within_its_thickness_and_no_others(a, b, thickness):
    seen, gap = picture(sketch(a, b, thickness)), distances(a, b, thickness)
    assert seen[gap < -1e-6].all()
    assert not seen[gap > 1e-6].any()


@settings(max_examples=100, deadline=None)
@given(*[st.tuples(*[st.sampled_from([-1e12, -3.0, 0.0, 0.05, 4.0, 1e12])] * 3)] * 2)
def test_no_line_is_too_long_or_too_near(a, b):
    seen = picture(sketch(a, b, 1e12), sketch((0.0, 0.0, 5.0), (0.0, 0.0, 5.0), 0.0))
    assert seen[HEIGHT // 2 - 1 : HEIGHT // 2 + 1, WIDTH // 2 - 1 : WIDTH // 2 + 1].any()
    assert (max(a[2], b[2]) > NEAR) or seen.sum() <= 4


def test_what_stands_before_a_line_hides_it():
    line = sketch((-2.0, 0.0, 4.0), (2.0, 0.0, 12.0), 0.3)
    whole, half = picture(line), picture(line, depth=6.0)
    assert 0 < half.sum() < whole.sum()
    assert whole[half].all()
