"""Exact statistics of rare failures: intervals, nines, and how many episodes a claim costs.

Pure functions of counts. Intervals are two-sided at `confidence` unless said. Sources: Clopper &
Pearson 1934; Garwood 1936; Wilson 1927; Robbins 1970 for the mixture confidence sequences, which
stay right however often one looks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy import optimize, special, stats


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its bounds; `kind` names the method."""

    value: float | None  # None where only a bound can be given
    low: float
    high: float
    kind: str


def check_counts(failures: int, trials: int) -> None:
    """Raise ValueError unless 0 <= failures <= trials and trials > 0."""
    if trials <= 0 or not 0 <= failures <= trials:
        raise ValueError(
            f"expected 0 <= failures <= trials, trials > 0; got {failures} of {trials}"
        )


def clopper_pearson(failures: int, trials: int, confidence: float = 0.95) -> Interval:
    """The exact interval of a failure probability, for a number of trials fixed beforehand."""
    check_counts(failures, trials)
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if failures == 0 else float(stats.beta.ppf(tail, failures, trials - failures + 1))
    high = (
        1.0
        if failures == trials
        else float(stats.beta.ppf(1.0 - tail, failures + 1, trials - failures))
    )
    return Interval(failures / trials, low, high, "clopper-pearson")


def upper_bound(failures: int, trials: int, confidence: float = 0.95) -> float:
    """The exact one-sided upper bound of a failure probability."""
    return clopper_pearson(failures, trials, 2.0 * confidence - 1.0).high


def wilson(failures: int, trials: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval: shorter than the exact one, right on average only."""
    check_counts(failures, trials)
    z = float(stats.norm.ppf(0.5 + confidence / 2.0))
    p = failures / trials
    centre = (p + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials**2))
    return Interval(p, max(0.0, centre - half), min(1.0, centre + half), "wilson")


def jeffreys(failures: int, trials: int, confidence: float = 0.95) -> Interval:
    """The Bayesian interval under Jeffreys' prior Beta(1/2, 1/2)."""
    check_counts(failures, trials)
    tail = (1.0 - confidence) / 2.0
    posterior = stats.beta(failures + 0.5, trials - failures + 0.5)
    low = 0.0 if failures == 0 else float(posterior.ppf(tail))
    high = 1.0 if failures == trials else float(posterior.ppf(1.0 - tail))
    return Interval(failures / trials, low, high, "jeffreys")


def garwood(events: int, exposure: float, confidence: float = 0.95) -> Interval:
    """The exact interval of a rate (events per unit of exposure, km or h), counts Poisson."""
    if events < 0 or exposure <= 0.0:
        raise ValueError(f"expected events >= 0 and exposure > 0; got {events} in {exposure}")
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if events == 0 else float(stats.chi2.ppf(tail, 2 * events)) / 2.0
    high = float(stats.chi2.ppf(1.0 - tail, 2 * events + 2)) / 2.0
    return Interval(events / exposure, low / exposure, high / exposure, "garwood")


def bernoulli_log_evidence(p: float, failures: int, trials: int) -> float:
    """Log of the Beta(1/2, 1/2) mixture martingale against the failure probability `p`."""
    ok = trials - failures
    log_mixture = special.betaln(0.5 + failures, 0.5 + ok) - special.betaln(0.5, 0.5)
    log_null = special.xlogy(failures, p) + special.xlog1py(ok, -p)
    return float(log_mixture - log_null)


def poisson_log_evidence(rate: float, events: int, exposure: float, a: float, b: float) -> float:
    """Log of the Gamma(a, b) mixture martingale against a Poisson `rate`."""
    return float(
        a * math.log(b)
        + special.gammaln(a + events)
        - special.gammaln(a)
        - (a + events) * math.log(b + exposure)
        - special.xlogy(events, rate)
        + rate * exposure
    )


def _crossings(
    log_evidence: Callable[[float], float], low: float, peak: float, high: float, alpha: float
) -> tuple[float, float]:
    """Where the evidence against a value falls to 1/alpha, left and right of the estimate."""

    def excess(value: float) -> float:
        return log_evidence(value) + math.log(alpha)

    left = low if excess(low) <= 0.0 else float(optimize.brentq(excess, low, peak, xtol=1e-15))
    right = high if excess(high) <= 0.0 else float(optimize.brentq(excess, peak, high, xtol=1e-15))
    return left, right


def bernoulli_sequence(failures: int, trials: int, confidence: float = 0.95) -> Interval:
    """The peek-safe interval of a failure probability: right at every look, not only at one."""
    check_counts(failures, trials)
    tiny = 1e-300
    peak = min(max(failures / trials, tiny), 1.0 - 1e-16)
    low, high = _crossings(
        lambda p: bernoulli_log_evidence(p, failures, trials),
        tiny,
        peak,
        1.0 - 1e-16,
        1.0 - confidence,
    )
    return Interval(
        failures / trials,
        0.0 if failures == 0 else low,
        1.0 if failures == trials else high,
        "peek-safe",
    )


def poisson_sequence(
    events: int, exposure: float, a: float = 0.5, b: float = 500.0, confidence: float = 0.95
) -> Interval:
    """The peek-safe interval of a rate; `b` is the exposure where it is tightest."""
    if events < 0 or exposure <= 0.0:
        raise ValueError(f"expected events >= 0 and exposure > 0; got {events} in {exposure}")
    tiny = 1e-300
    peak = max(events / exposure, tiny)
    far = (events + 50.0 + 10.0 * math.sqrt(events)) / exposure * (1.0 + b / exposure)
    low, high = _crossings(
        lambda rate: poisson_log_evidence(rate, events, exposure, a, b),
        tiny,
        peak,
        far,
        1.0 - confidence,
    )
    return Interval(events / exposure, 0.0 if events == 0 else low, high, "peek-safe")


def nines(probability: Interval) -> Interval:
    """-log10 of a failure probability; the ends swap. No failure yet gives only a lower bound."""

    def of(p: float) -> float:
        return math.inf if p <= 0.0 else -math.log10(p) + 0.0

    value = None if not probability.value else of(probability.value)
    return Interval(value, of(probability.high), of(probability.low), probability.kind)


def clean_episodes_needed(probability: float, confidence: float = 0.95) -> int:
    """Episodes without a failure that show the failure probability to be below `probability`."""
    if not 0.0 < probability < 1.0:
        raise ValueError(f"expected a probability between 0 and 1, got {probability}")
    return math.ceil(math.log1p(-confidence) / math.log1p(-probability))


def exposure_multiplier(failures: int, confidence: float = 0.95) -> float:
    """Exposure, in units of 1/rate, that shows a rate although `failures` happened."""
    return float(stats.chi2.ppf(confidence, 2 * failures + 2)) / 2.0
