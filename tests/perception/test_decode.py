import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from common.frames import OBJECT_GRID, SEG_GRID
from common.messages import LightState, ObjectKind
from perception.contract import OUTPUT_SHAPES, RASTERS, RawOutputs
from perception.decode import decode_lanes, decode_light, decode_objects


def silence():
    return RawOutputs(*(np.zeros(shape, np.float32) for shape in OUTPUT_SHAPES.values()))


def put(raw, kind, x, y, yaw, length, width, confidence):
    row, column = (int(v) for v in OBJECT_GRID.cells(np.array([x, y])))
    centre = OBJECT_GRID.centres()[row, column]
    raw.heat[kind, row, column] = confidence
    raw.boxes[:, row, column] = (
        x - centre[0],
        y - centre[1],
        np.log(length),
        np.log(width),
        np.sin(yaw),
        np.cos(yaw),
    )


@given(
    x=st.floats(-19.0, 59.0),
    y=st.floats(-23.0, 23.0),
    yaw=st.floats(-3.1, 3.1),
    length=st.floats(0.4, 12.0),
    kind=st.integers(0, 1),
)
def test_a_drawn_box_comes_back(x, y, yaw, length, kind):
    raw = silence()
    put(raw, kind, x, y, yaw, length, 1.9, 0.8)
    (found,) = decode_objects(raw)
    assert found.kind is (ObjectKind.VEHICLE, ObjectKind.WALKER)[kind]
    pose = found.ego_from_object
    np.testing.assert_allclose(
        (pose.x, pose.y, pose.yaw, found.length, found.width, found.confidence),
        (x, y, yaw, length, 1.9, 0.8),
        atol=1e-4,
    )


def test_of_two_centres_closer_than_a_car_is_wide_the_surer_stays():
    raw = silence()
    put(raw, 0, 10.6, 0.5, 0.0, 4.0, 2.0, 0.9)
    put(raw, 0, 12.3, 0.5, 0.0, 4.0, 2.0, 0.6)
    put(raw, 0, 20.5, 0.5, 0.0, 4.0, 2.0, 0.7)
    assert [round(o.confidence, 2) for o in decode_objects(raw)] == [0.9, 0.7]


def test_objects_come_by_falling_confidence():
    raw = silence()
    for i, confidence in enumerate((0.3, 0.9, 0.5)):
        put(raw, i % 2, 10.5 + 8 * i, 3.5, 0.0, 4.0, 2.0, confidence)
    confidences = [o.confidence for o in decode_objects(raw)]
    assert confidences == sorted(confidences, reverse=True)


def test_a_curved_lane_is_followed_with_its_width():
    xy = SEG_GRID.centres()
    centre = 0.004 * xy[..., 0] ** 2 + 0.3
    raw = silence()
    raw.rasters[RASTERS.index("lane_own")] = np.abs(xy[..., 1] - centre) < 1.75
    raw.rasters[RASTERS.index("lane_left")] = np.abs(xy[..., 1] - centre - 3.5) < 1.75
    lanes = {lane.index: lane for lane in decode_lanes(raw.rasters)}
    assert set(lanes) == {0, 1}
    own = lanes[0]
    np.testing.assert_allclose(own.centre[:, 1], 0.004 * own.centre[:, 0] ** 2 + 0.3, atol=0.26)
    np.testing.assert_allclose(own.width, 3.5, atol=0.51)
    assert own.centre[-1, 0] > 35.0


def test_no_lane_is_made_of_nothing():
    assert decode_lanes(silence().rasters) == ()


def test_the_light_tells_state_and_distance():
    raw = silence()
    raw.light[:] = (0.1, 0.8, 0.05, 0.05, 0.0)
    raw.stop[23:25] = 0.5
    light = decode_light(raw)
    assert light.state is LightState.RED
    np.testing.assert_allclose(light.distance, 24.0, atol=1e-6)


def test_no_light_is_no_estimate():
    raw = silence()
    raw.light[:] = (0.9, 0.1, 0.0, 0.0, 0.0)
    assert decode_light(raw) is None
