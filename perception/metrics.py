"""How good perception is: overlap, precision, calibration, light and lanes, on labelled samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from common.frames import SEG_GRID, FloatArray
from common.messages import LaneEstimate, ObjectEstimate, ObjectKind
from perception.contract import KINDS, LIGHTS, RASTERS, RawOutputs
from perception.dataset import VISIBLE_PIXELS, Samples, raster
from perception.decode import LANE_REACH, decode_lanes, decode_light, decode_objects

MATCH_RADIUS = {ObjectKind.VEHICLE: 2.0, ObjectKind.WALKER: 1.0}
"""m between centres; nuScenes' middle threshold (Caesar et al. 2020) for cars, half for walkers."""
OCCUPIED = 0.35
"""Confidence from which a detection counts in occupancy figures."""
LANE_TOLERANCE = 0.5  # m sideways
LANE_STEP = 1.0  # m
REACH = 50.0  # m around the ego in which objects are judged
ECE_BINS = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """Detections of one kind against truth, over any number of frames."""

    confidence: FloatArray  # (N,)
    hit: NDArray[np.bool_]  # (N,)
    truths: int


def occupancy(boxes: FloatArray) -> NDArray[np.bool_]:
    """SEG_GRID cells (160, 96) centred in a box; boxes (N, 5): x, y, yaw, length, width."""
    xy = SEG_GRID.centres()
    out = np.zeros(SEG_GRID.shape, dtype=bool)
    for x, y, yaw, length, width in boxes:
        c, s = np.cos(yaw), np.sin(yaw)
        dx, dy = xy[..., 0] - x, xy[..., 1] - y
        out |= (np.abs(c * dx + s * dy) <= length / 2) & (np.abs(c * dy - s * dx) <= width / 2)
    return out


def judge(
    found: list[tuple[float, float, float]], truths: FloatArray, ignored: FloatArray, radius: float
) -> tuple[list[float], list[bool]]:
    """Confidences and hits of detections (x, y, confidence), by falling confidence.

    Each truth (N, 2) is matched once. A detection on an ignored object (M, 2) is left out.
    """
    confidences: list[float] = []
    hits: list[bool] = []
    free = np.ones(len(truths), dtype=bool)
    for x, y, confidence in sorted(found, key=lambda row: -row[2]):
        distance = np.where(free, np.hypot(truths[:, 0] - x, truths[:, 1] - y), np.inf)
        best = int(distance.argmin()) if len(distance) else -1
        hit = best >= 0 and bool(distance[best] <= radius)
        if hit:
            free[best] = False
        elif len(ignored) and np.hypot(ignored[:, 0] - x, ignored[:, 1] - y).min() <= radius:
            continue
        confidences.append(confidence)
        hits.append(hit)
    return confidences, hits


def average_precision(judged: Judged) -> float | None:
    """Area under the precision envelope over recall; None where there is nothing to find."""
    if judged.truths == 0:
        return None
    order = np.argsort(-judged.confidence, kind="stable")
    hit = judged.hit[order]
    true = np.cumsum(hit)
    precision = true / np.arange(1, len(hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((envelope * hit).sum() / judged.truths)


def calibration_error(confidence: FloatArray, hit: NDArray[np.bool_]) -> float | None:
    """Expected calibration error over equal bins (Guo et al. 2017, eq. 3)."""
    if not len(confidence):
        return None
    index = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = [
        abs(float(hit[index == b].mean()) - float(confidence[index == b].mean()))
        * float((index == b).mean())
        for b in range(ECE_BINS)
        if (index == b).any()
    ]
    return float(sum(gaps))


def _resample(lane: FloatArray) -> FloatArray:
    """Points (N, 2) every LANE_STEP along a polyline, within the judged range."""
    lane = lane[np.isfinite(lane).all(axis=1)]
    if len(lane) < 2:
        return np.zeros((0, 2))
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(lane, axis=0).T))])
    s = np.arange(0.0, along[-1], LANE_STEP)
    points = np.stack([np.interp(s, along, lane[:, 0]), np.interp(s, along, lane[:, 1])], axis=1)
    inside = (points[:, 0] >= 0.0) & (points[:, 0] <= LANE_REACH)
    return np.asarray(points[inside & (np.abs(points[:, 1]) <= SEG_GRID.y_max)])


def _near(points: FloatArray, others: FloatArray) -> int:
    """How many points lie within tolerance of the other polyline (its points plus half a step)."""
    if not len(points) or not len(others):
        return 0
    distance = np.hypot(*(points[:, None] - others[None]).transpose(2, 0, 1)).min(axis=1)
    return int((distance <= np.hypot(LANE_TOLERANCE, LANE_STEP / 2)).sum())


@dataclass(slots=True)
class Tally:
    """Memory: counts over the frames judged so far."""

    both: dict[str, float] = field(default_factory=dict)
    either: dict[str, float] = field(default_factory=dict)
    confidence: dict[str, list[float]] = field(default_factory=dict)
    hit: dict[str, list[bool]] = field(default_factory=dict)
    truths: dict[str, int] = field(default_factory=dict)
    lane: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    light: dict[str, list[bool]] = field(default_factory=dict)
    stop_error: list[float] = field(default_factory=list)

    def overlap(
        self, name: str, found: NDArray[np.bool_], truth: NDArray[np.bool_], where: object = ...
    ) -> None:
        """Add to an intersection over union."""
        mask = np.ones(found.shape, dtype=bool) if where is ... else np.asarray(where)
        self.both[name] = self.both.get(name, 0.0) + float((found & truth & mask).sum())
        self.either[name] = self.either.get(name, 0.0) + float(((found | truth) & mask).sum())


def add(tally: Tally, raw: RawOutputs, row: Samples) -> None:
    """Judge one frame's outputs against its labels (a row of `dataset.SAMPLE`)."""
    for name in ("drivable", "marking", "stop_line", "lane_own"):
        channel = RASTERS.index(name)
        tally.overlap(f"iou_{name}", raw.rasters[channel] >= 0.5, raster(row["rasters"], channel))
    labels = row["objects"][np.isfinite(row["objects"][:, 0])].astype(np.float64)
    found = decode_objects(raw, confidence_min=0.05)
    for k, kind in enumerate(KINDS):
        _add_objects(tally, kind, [o for o in found if o.kind is kind], labels[labels[:, 0] == k])
    _add_light(tally, raw, row)
    _add_lanes(tally, decode_lanes(raw.rasters), row["lanes"].astype(np.float64))


def _add_objects(
    tally: Tally, kind: ObjectKind, found: list[ObjectEstimate], labels: FloatArray
) -> None:
    seen = labels[:, 8] >= VISIBLE_PIXELS
    xy = labels[:, 1:3]
    ranges = {"": (0.0, REACH), "_0_20": (0.0, 20.0), "_0_30": (0.0, 30.0), "_20_40": (20.0, 40.0)}
    for suffix, (low, high) in ranges.items():
        name = kind.value + suffix
        distance = np.hypot(xy[:, 0], xy[:, 1])
        asked = seen & (distance >= low) & (distance < high)
        candidates = [
            (o.ego_from_object.x, o.ego_from_object.y, o.confidence)
            for o in found
            if low <= np.hypot(o.ego_from_object.x, o.ego_from_object.y) < high
        ]
        confidences, hits = judge(candidates, xy[asked], xy[~asked], MATCH_RADIUS[kind])
        tally.confidence.setdefault(name, []).extend(confidences)
        tally.hit.setdefault(name, []).extend(hits)
        tally.truths[name] = tally.truths.get(name, 0) + int(asked.sum())
    if kind is ObjectKind.VEHICLE:
        _add_occupancy(tally, found, labels[seen])


def _add_occupancy(tally: Tally, found: list[ObjectEstimate], labels: FloatArray) -> None:
    estimate = occupancy(
        np.array(
            [
                (o.ego_from_object.x, o.ego_from_object.y, o.ego_from_object.yaw, o.length, o.width)
                for o in found
                if o.confidence >= OCCUPIED
            ]
        ).reshape(-1, 5)
    )
    truth = occupancy(labels[:, 1:6])
    distance = np.hypot(*SEG_GRID.centres().transpose(2, 0, 1))
    for low, high in ((0, 20), (20, 40)):
        ring = (distance >= low) & (distance < high)
        tally.overlap(f"iou_vehicle_{low}_{high}", estimate, truth, ring)


def _add_light(tally: Tally, raw: RawOutputs, row: Samples) -> None:
    light = decode_light(raw)
    if row["light"] < 0:
        return
    truth = LIGHTS[int(row["light"])]
    state = None if light is None else light.state
    if truth is None:
        tally.light.setdefault("light_accuracy_none", []).append(state is None)
        return
    distance = float(row["stop_distance"])
    if distance <= 50.0:
        tally.light.setdefault("light_accuracy_0_50", []).append(state is truth)
        tally.light.setdefault(f"light_accuracy_{truth.value}", []).append(state is truth)
        if light is not None and light.distance is not None:
            tally.stop_error.append(abs(light.distance - distance))


def _add_lanes(tally: Tally, lanes: tuple[LaneEstimate, ...], labels: FloatArray) -> None:
    estimates = {lane.index: lane.centre for lane in lanes}
    for index, label in zip((0, 1, -1), labels, strict=True):
        truth = _resample(label[:, :2])
        estimate = _resample(estimates.get(index, np.zeros((0, 2))))
        tally.lane[0] += _near(estimate, truth)
        tally.lane[1] += len(estimate)
        tally.lane[2] += _near(truth, estimate)
        tally.lane[3] += len(truth)


def figures(tally: Tally) -> dict[str, float | None]:
    """The figures by name; None where the samples hold nothing to judge."""
    out: dict[str, float | None] = {
        name: tally.both[name] / tally.either[name] if tally.either[name] else None
        for name in tally.both
    }
    pairs: Iterable[tuple[str, int]] = tally.truths.items()
    for name, truths in pairs:
        judged = Judged(np.array(tally.confidence[name]), np.array(tally.hit[name], bool), truths)
        out[f"ap_{name}"] = average_precision(judged)
    kinds = [kind.value for kind in KINDS]
    out["ece"] = calibration_error(
        np.concatenate([tally.confidence[k] for k in kinds]),
        np.concatenate([np.array(tally.hit[k], bool) for k in kinds]),
    )
    out |= {name: float(np.mean(values)) for name, values in tally.light.items()}
    out["stop_error_m"] = float(np.median(tally.stop_error)) if tally.stop_error else None
    right, given, recalled, there = tally.lane
    precision, recall = right / max(given, 1), recalled / max(there, 1)
    out["lane_f1"] = 2 * precision * recall / max(precision + recall, 1e-9) if there else None
    return out


def score(outputs: Iterable[tuple[RawOutputs, Samples]]) -> dict[str, float | None]:
    """The figures of many frames."""
    tally = Tally()
    for raw, row in outputs:
        add(tally, raw, row)
    return figures(tally)
