"""Confidence that means what it says: of detections at 0.3, three in ten are right.

The focal loss that finds rare centres leaves the scores too high or too low; one line per kind
through the scores sets that right and changes no order: Platt scaling (Platt 1999; Guo et al.
2017, section 4.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from common.frames import FloatArray
from perception.contract import KINDS, RawOutputs
from perception.dataset import Samples
from perception.metrics import Tally, add
from perception.train.model import Network

ENOUGH = 50
"""Detections of a kind, right ones and wrong ones each, below which nothing is fitted."""
RIDGE = 1.0
"""Pull towards the identity, worth one detection."""


@dataclass(frozen=True, slots=True)
class Line:
    """Calibrated score = slope * score + shift, before the sigmoid."""

    slope: float = 1.0
    shift: float = 0.0


def fit(confidence: FloatArray, hit: NDArray[np.bool_]) -> Line:
    """The likeliest line for detections of one kind, with a slight pull towards none."""
    if min(hit.sum(), (~hit).sum()) < ENOUGH:
        return Line()
    clipped = confidence.clip(1e-6, 1 - 1e-6)
    score = np.log(clipped / (1 - clipped))

    def cost(line: FloatArray) -> float:
        margin = np.where(hit, -1.0, 1.0) * (line[0] * score + line[1])
        ridge = RIDGE * float((line[0] - 1.0) ** 2 + line[1] ** 2)
        return float(np.logaddexp(0.0, margin).sum()) + ridge

    slope, shift = minimize(cost, np.array([1.0, 0.0]), method="BFGS").x
    return Line(float(slope), float(shift))


def lines(outputs: Iterable[tuple[RawOutputs, Samples]]) -> list[Line]:
    """One line per kind of object, from frames that were not learned."""
    tally = Tally()
    for raw, row in outputs:
        add(tally, raw, row)
    return [
        fit(np.array(tally.confidence[kind.value]), np.array(tally.hit[kind.value], dtype=bool))
        for kind in KINDS
    ]


@torch.no_grad()
def fold(network: Network, calibration: list[Line]) -> None:
    """Put the lines into the last layer of the heat, in place."""
    bias = network.heat.bias
    assert bias is not None
    for k, line in enumerate(calibration):
        network.heat.weight[k] *= line.slope
        bias[k] = bias[k] * line.slope + line.shift
