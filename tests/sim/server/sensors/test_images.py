import math
import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.server.scene import Planes
from sim.server.sensors import images


def planes(depth=10.0, label=14, instance=0x1234):
    shape = (3, 4)
    rgb = np.zeros((*shape, 3), np.uint8)
    rgb[...] = 10, 20, 30
    return Planes(
        rgb=rgb,
        depth=np.full(shape, depth, np.float32),
        label=np.full(shape, label, np.uint8),
        instance=np.full(shape, instance, np.uint32),
    )


def decode(parts):
    data = b"".join(bytes(part) for part in parts)
    width, height, fov = struct.unpack_from("<IIf", data)
    return fov, np.frombuffer(data, np.uint8, offset=12).reshape(height, width, 4)


def test_a_colour_image_is_bgra_with_its_size_and_field_of_view():
    fov, pixels = decode(images.rgb(planes(), math.pi / 2.0))
    assert fov == 90.0
    assert pixels.shape == (3, 4, 4)
    assert (pixels == [30, 20, 10, 255]).all()


@settings(deadline=None)
@given(st.floats(0.0, 2000.0, width=32))
def test_depth_comes_back_to_a_tenth_of_a_millimetre(metres):
    _, pixels = decode(images.depth(planes(depth=metres), 1.0))
    b, g, r = (pixels[0, 0, i].astype(int) for i in range(3))
    assert abs((r + 256 * g + 65536 * b) / (2**24 - 1) * 1000.0 - min(metres, 1000.0)) < 1e-4


def test_the_sky_is_as_far_as_depth_goes():
    _, pixels = decode(images.depth(planes(depth=np.inf), 1.0))
    assert (pixels == 255).all()


def test_labels_go_to_red_and_ids_to_green_and_blue():
    _, semantic = decode(images.semantic(planes(), 1.0))
    _, instance = decode(images.instance(planes(), 1.0))
    assert (semantic == [0, 0, 14, 255]).all()
    assert (instance == [0x12, 0x34, 14, 255]).all()
