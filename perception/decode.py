"""From the network's tensors to objects, lanes and the light: numpy only, no memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.frames import OBJECT_GRID, SEG_GRID, FloatArray, Pose2
from common.messages import GridArray, LaneEstimate, LightEstimate, ObjectEstimate, ObjectKind
from perception.contract import KINDS, LIGHTS, RASTERS, RawOutputs, Tensor

MAX_OBJECTS = 64
"""Detections kept per frame, the most confident first."""
CONFIDENCE_MIN = 0.1
"""Below this a peak is noise; what acts on objects sets its own, higher bar."""
SEPARATION = {ObjectKind.VEHICLE: 2.0, ObjectKind.WALKER: 0.7}
"""m: two centres of one kind cannot lie closer (width of a car, shoulders of a person)."""
LANE_INDEX = {"lane_own": 0, "lane_left": 1, "lane_right": -1}
LANE_REACH = 40.0
"""m ahead up to which lanes are read out."""
LANE_HALF_WINDOW = 2.5
"""m to each side of the previous centre in which the next row's is sought."""
LANE_MIN_POINTS = 8
"""Rows of 0.5 m: a shorter piece of lane is no lane."""
LIGHT_MIN = 0.5
"""Probability that a light is there at all, below which none is reported."""


def peaks(heat: Tensor) -> NDArray[np.bool_]:
    """Cells (..., rows, columns) that no neighbour of the eight exceeds."""
    padded = np.pad(heat, [(0, 0)] * (heat.ndim - 2) + [(1, 1), (1, 1)], constant_values=-1.0)
    rows, columns = heat.shape[-2:]
    highest = heat
    for i in range(3):
        for j in range(3):
            highest = np.maximum(highest, padded[..., i : i + rows, j : j + columns])
    return np.asarray(heat == highest)


def _separate(xy: FloatArray, separation: float) -> list[int]:
    """Indices kept when, in order, each removes its later neighbours."""
    kept: list[int] = []
    for i in range(len(xy)):
        if all(np.hypot(*(xy[i] - xy[j])) >= separation for j in kept):
            kept.append(i)
    return kept


def decode_objects(raw: RawOutputs, confidence_min: float = CONFIDENCE_MIN) -> list[ObjectEstimate]:
    """Objects by falling confidence; velocity is zero, since one frame cannot show it."""
    found: list[ObjectEstimate] = []
    tops = peaks(raw.heat) & (raw.heat >= confidence_min)
    centres = OBJECT_GRID.centres()
    for k, kind in enumerate(KINDS):
        row, column = np.nonzero(tops[k])
        order = np.argsort(-raw.heat[k, row, column], kind="stable")[:MAX_OBJECTS]
        row, column = row[order], column[order]
        box = raw.boxes[:, row, column].astype(np.float64)
        xy = centres[row, column] + box[:2].T
        for i in _separate(xy, SEPARATION[kind]):
            yaw = float(np.arctan2(box[4, i], box[5, i]))
            found.append(
                ObjectEstimate(
                    kind=kind,
                    ego_from_object=Pose2(float(xy[i, 0]), float(xy[i, 1]), yaw),
                    length=float(np.exp(box[2, i])),
                    width=float(np.exp(box[3, i])),
                    velocity=np.zeros(2),
                    confidence=float(raw.heat[k, row[i], column[i]]),
                    track_id=None,
                )
            )
    return sorted(found, key=lambda o: -o.confidence)[:MAX_OBJECTS]


def _follow_lane(probability: GridArray) -> tuple[FloatArray, FloatArray, float] | None:
    """Centre (N, 2), width (N,) and confidence of the lane in a raster, from beside the ego on."""
    xy = SEG_GRID.centres()
    first = int(SEG_GRID.cells(np.array([0.0, 0.0]))[0])
    last = int(SEG_GRID.cells(np.array([LANE_REACH, 0.0]))[0])
    y = xy[0, :, 1]
    window = np.ones(len(y), dtype=bool)
    points: list[tuple[float, float, float, float]] = []
    missed = 0
    for row in range(first, last - 1, -1):
        p = np.where(window & (probability[row] >= 0.5), probability[row], 0.0)
        mass = float(p.sum())
        if mass < 2.0:  # under 1 m wide
            missed += 1
            if missed > 6 and points:  # 3 m
                break
            continue
        missed = 0
        centre = float((p * y).sum() / mass)
        window = np.abs(y - centre) <= LANE_HALF_WINDOW
        points.append((float(xy[row, 0, 0]), centre, mass * SEG_GRID.cell, float(p.max())))
    if len(points) < LANE_MIN_POINTS:
        return None
    table = np.array(points)
    return table[:, :2], table[:, 2], float(table[:, 3].mean())


def decode_lanes(rasters: GridArray) -> tuple[LaneEstimate, ...]:
    """Own lane and its neighbours, as far as they are seen."""
    lanes = []
    for name, index in LANE_INDEX.items():
        found = _follow_lane(rasters[RASTERS.index(name)])
        if found is not None:
            lanes.append(LaneEstimate(index, *found))
    return tuple(lanes)


def decode_light(raw: RawOutputs) -> LightEstimate | None:
    """The light of the own lane, or None; the distance is the mean around the likeliest bin."""
    if 1.0 - raw.light[0] < LIGHT_MIN:
        return None
    best = 1 + int(np.argmax(raw.light[1:]))
    state = LIGHTS[best]
    if state is None:
        return None
    peak = int(np.argmax(raw.stop))
    low, high = max(0, peak - 2), min(len(raw.stop), peak + 3)
    mass = raw.stop[low:high].astype(np.float64)
    distance = float((mass * (np.arange(low, high) + 0.5)).sum() / max(mass.sum(), 1e-9))
    return LightEstimate(state, distance if mass.sum() > 0.3 else None, float(raw.light[best]))
