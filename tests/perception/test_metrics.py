import numpy as np
import toy

from common.frames import OBJECT_GRID
from perception import metrics
from perception.contract import OUTPUT_SHAPES, RASTERS, RawOutputs
from perception.dataset import raster


def perfect(row):
    """The outputs that say exactly what the labels say."""
    raw = RawOutputs(*(np.zeros(shape, np.float32) for shape in OUTPUT_SHAPES.values()))
    for i in range(len(RASTERS)):
        raw.rasters[i] = raster(row["rasters"], i)
    for kind, x, y, yaw, length, width, *_ in row["objects"][np.isfinite(row["objects"][:, 0])]:
        i, j = (int(v) for v in OBJECT_GRID.cells(np.array([x, y])))
        centre = OBJECT_GRID.centres()[i, j]
        raw.heat[int(kind), i, j] = 1.0
        raw.boxes[:, i, j] = (
            *(np.array([x, y]) - centre),
            np.log(length),
            np.log(width),
            np.sin(yaw),
            np.cos(yaw),
        )
    raw.light[int(row["light"])] = 1.0
    if row["light"]:
        raw.stop[int(row["stop_distance"])] = 1.0
    return raw


def test_perfect_outputs_score_one():
    rows = toy.scenes(6, 3)
    figures = metrics.score((perfect(row), row) for row in rows)
    for name in ("iou_drivable", "iou_marking", "iou_lane_own", "light_accuracy_0_50"):
        assert figures[name] == 1.0, name
    assert figures["ap_vehicle"] > 0.85  # cars drawn into one another share a cell
    assert figures["lane_f1"] > 0.95  # rows of half a metre end a little early
    assert figures["ece"] < 0.15


def test_blind_outputs_score_nothing():
    rows = toy.scenes(4, 5)
    blank = RawOutputs(*(np.zeros(shape, np.float32) for shape in OUTPUT_SHAPES.values()))
    blank.light[0] = 1.0
    figures = metrics.score((blank, row) for row in rows)
    assert figures["iou_drivable"] == 0.0
    assert figures["ap_vehicle"] == 0.0
    assert figures["lane_f1"] == 0.0
    assert figures["ece"] is None


def test_average_precision_of_a_case_worked_by_hand():
    judged = metrics.Judged(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), truths=2)
    assert metrics.average_precision(judged) == (1.0 + 2 / 3) / 2


def test_a_truth_is_matched_once_and_hidden_objects_cost_nothing():
    truths, hidden = np.array([[10.0, 0.0]]), np.array([[30.0, 0.0]])
    found = [(10.2, 0.0, 0.9), (9.5, 0.3, 0.8), (30.1, 0.2, 0.7)]
    assert metrics.judge(found, truths, hidden, 2.0) == ([0.9, 0.8], [True, False])


def test_calibration_error_is_the_gap_between_said_and_true():
    assert np.isclose(metrics.calibration_error(np.full(10, 0.95), np.arange(10) < 5), 0.45)


def test_occupancy_has_the_area_of_its_box():
    cells = metrics.occupancy(np.array([[20.0, 3.0, 0.7, 8.0, 3.0]])).sum()
    assert abs(cells * 0.25 - 24.0) < 2.0
