"""Compare two runs of the same episodes: pairs by seed and route cancel what both share."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from eval.nines import Interval


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs over the same episodes."""

    pairs: int
    only_first: int  # episodes that only the first run fails
    only_second: int  # episodes that only the second run fails
    p_value: float  # exact McNemar, two-sided
    difference: Interval  # failure rate of the first minus that of the second


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value of McNemar's test; 1 where the runs never differ."""
    discordant = only_first + only_second
    if discordant == 0:
        return 1.0
    smaller = min(only_first, only_second)
    return min(1.0, 2.0 * float(stats.binom.cdf(smaller, discordant, 0.5)))


def compare(pairs: int, only_first: int, only_second: int, confidence: float = 0.95) -> Comparison:
    """The comparison from its counts; Wald interval of the paired difference."""
    if pairs <= 0 or min(only_first, only_second) < 0 or only_first + only_second > pairs:
        raise ValueError(
            f"expected 0 <= discordant <= pairs; got {only_first} + {only_second} of {pairs}"
        )
    difference = (only_first - only_second) / pairs
    spread = only_first + only_second - (only_first - only_second) ** 2 / pairs
    half = float(stats.norm.ppf(0.5 + confidence / 2.0)) * math.sqrt(spread) / pairs
    interval = Interval(difference, difference - half, difference + half, "paired-wald")
    return Comparison(pairs, only_first, only_second, mcnemar(only_first, only_second), interval)
