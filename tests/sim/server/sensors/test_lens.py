import numpy as np
import pytest

from sim.server.blueprints import CATALOGUE
from sim.server.scene import Planes
from sim.server.sensors.lens import Bender, read

CAMERA = next(b for b in CATALOGUE if b.id == "sensor.camera.rgb")
DEFAULTS = {attribute.id: attribute.value for attribute in CAMERA.attributes}
WIDTH, HEIGHT = 161, 121
EDGE = 120  # px, the first bright column


def lens(**changed):
    return read(lambda key: str({**DEFAULTS, **changed}.get(key, "")))


def wall():
    """Dark on the left, bright on the right of a straight edge."""
    bright = np.broadcast_to(np.arange(WIDTH) >= EDGE, (HEIGHT, WIDTH))
    return Planes(
        rgb=np.repeat(np.where(bright, 200, 20).astype(np.uint8)[..., None], 3, axis=2),
        depth=np.where(bright, 10.0, 20.0).astype(np.float32),
        label=np.where(bright, 3, 1).astype(np.uint8),
        instance=np.where(bright, 70000, 0).astype(np.uint32),
    )


def through(planes, **changed):
    return Bender(lens(**changed), WIDTH, HEIGHT)(planes)


def edge(picture):
    """The first bright column of each row."""
    return np.argmax(picture > picture.min(), axis=1)


def test_carlas_default_values_are_a_pinhole():
    assert lens() is None
    assert lens(lens_k=3.0) is None  # the circle it shows in has no size yet
    assert lens(lens_circle_multiplier=3.0, lens_k=0.0) is None
    assert lens(lens_circle_multiplier=3.0, lens_x_size=0.0, lens_y_size=0.0) is None


@pytest.mark.parametrize("cubic", [False, True])
def test_a_positive_k_makes_a_barrel_and_a_negative_one_a_cushion(cubic):
    for k, way in ((6.0, -1), (-6.0, 1)):
        bend = {"lens_k": 0.0, "lens_kcube": k} if cubic else {"lens_k": k}
        seen = edge(through(wall(), lens_circle_multiplier=3.0, **bend).label)
        ends, middle = (seen[0], seen[-1]), seen[HEIGHT // 2]
        assert ends[0] == ends[1]
        assert way * (ends[0] - middle) > 2


def test_the_middle_stays_and_a_higher_falloff_keeps_more_of_it():
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    planes = wall()
    planes = Planes(noise, planes.depth, planes.label, planes.instance)
    kept = []
    for falloff in (1.0, 8.0):
        rgb = through(planes, lens_circle_multiplier=1.0, lens_circle_falloff=falloff).rgb
        kept.append((rgb == noise).all(axis=2).mean())
        assert (rgb[HEIGHT // 2, WIDTH // 2] == noise[HEIGHT // 2, WIDTH // 2]).all()
    assert 0.02 < kept[0] < kept[1] < 1.0


def test_every_plane_bends_alike():
    seen = through(wall(), lens_circle_multiplier=3.0, lens_k=4.0)
    bright = seen.label == 3
    assert np.array_equal(seen.depth == 10.0, bright)
    assert np.array_equal(seen.instance == 70000, bright)
    assert np.abs(edge(seen.rgb[..., 0]) - edge(seen.label)).max() <= 1


def test_red_and_green_are_wider_than_blue_past_the_offset():
    seen = through(wall(), chromatic_aberration_intensity=5.0)
    red, green, blue = (edge(seen.rgb[..., i] > 110)[HEIGHT // 2] for i in range(3))
    assert (red, green, blue) == (EDGE + 2, EDGE + 1, EDGE)
    assert np.array_equal(edge(seen.label), edge(wall().label))
    near = through(wall(), chromatic_aberration_intensity=5.0, chromatic_aberration_offset=0.6)
    assert np.array_equal(near.rgb, wall().rgb)


def test_without_post_processing_there_is_no_lens():
    assert lens(lens_circle_multiplier=3.0) is not None
    assert lens(lens_circle_multiplier=3.0, enable_postprocess_effects="False") is None


@pytest.mark.parametrize(
    "changed", [{"lens_k": "nan"}, {"lens_circle_falloff": -1.0}, {"lens_circle_multiplier": "x"}]
)
def test_what_cannot_be_is_refused(changed):
    with pytest.raises(ValueError, match=r"expected a|could not convert"):
        lens(**changed)
