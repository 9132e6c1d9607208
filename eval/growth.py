"""Reliability growth: does each nine cost the same work, or a power of exposure?

Crow-AMSAA (power-law Poisson process), Crow 1974; MIL-HDBK-189C for estimates and bounds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import stats

from eval.nines import Interval


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """Expected failures by exposure t: scale * t ** shape; shape < 1 means it gets better."""

    shape: Interval  # with its exact interval, failure-truncated
    scale: float
    mtbf_cumulative: float  # exposure per failure so far
    mtbf_instantaneous: float  # exposure per failure now
    trend_p_value: float  # of "no growth", one-sided


def crow_amsaa(times: Sequence[float], confidence: float = 0.90) -> PowerLaw:
    """Fit to the exposures at which failures came, the last of which ends the test.

    Raises:
        ValueError: fewer than three failures, or times that do not rise from above zero.
    """
    n = len(times)
    if n < 3 or times[0] <= 0.0 or any(b < a for a, b in pairwise(times)):
        raise ValueError(f"expected at least 3 rising exposures above 0, got {list(times)[:5]}...")
    end = times[-1]
    shape = n / sum(math.log(end / t) for t in times[:-1])
    scale = n / end**shape
    tail = (1.0 - confidence) / 2.0
    low = shape * float(stats.chi2.ppf(tail, 2 * (n - 1))) / (2 * n)
    high = shape * float(stats.chi2.ppf(1.0 - tail, 2 * (n - 1))) / (2 * n)
    cumulative = end / n
    return PowerLaw(
        shape=Interval(shape, low, high, "crow-amsaa, failure-truncated"),
        scale=scale,
        mtbf_cumulative=cumulative,
        mtbf_instantaneous=cumulative / shape,
        trend_p_value=float(stats.chi2.sf(2 * n / shape, 2 * (n - 1))),
    )


@dataclass(frozen=True, slots=True)
class March:
    """Nines against work, a straight line if each nine costs the same."""

    work_per_nine: float | None  # None where the line does not rise
    at_zero: float
    r_squared: float


def march(work: Sequence[float], reached: Sequence[float]) -> March:
    """Least squares of nines over work.

    Raises:
        ValueError: fewer than two points, or no difference in work.
    """
    if len(work) < 2 or len(work) != len(reached) or np.ptp(work) == 0.0:
        raise ValueError(
            f"expected two or more runs of differing work, got {len(work)} of {len(reached)}"
        )
    line = stats.linregress(work, reached)
    slope = float(line.slope)
    return March(1.0 / slope if slope > 0 else None, float(line.intercept), float(line.rvalue) ** 2)
