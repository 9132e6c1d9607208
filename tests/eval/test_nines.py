import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval import nines


@pytest.mark.parametrize(
    ("p", "confidence", "n"),
    [
        (1e-2, 0.90, 230),
        (1e-2, 0.95, 299),
        (1e-2, 0.99, 459),
        (1e-3, 0.95, 2995),
        (1e-4, 0.95, 29956),
        (1e-5, 0.99, 460515),
    ],
)
def test_zero_failure_claims_cost_the_published_number_of_episodes(
    p: float, confidence: float, n: int
) -> None:
    assert nines.clean_episodes_needed(p, confidence) == n


@pytest.mark.parametrize(
    ("k", "multiplier"), [(0, 2.9957), (1, 4.7439), (2, 6.2958), (5, 10.5130), (20, 29.0620)]
)
def test_each_failure_raises_the_exposure_a_claim_needs(k: int, multiplier: float) -> None:
    assert nines.exposure_multiplier(k) == pytest.approx(multiplier, abs=1e-4)


@pytest.mark.parametrize(
    ("k", "low", "high"),
    [
        (0, 0.0, 3.688879),
        (1, 0.025318, 5.571643),
        (10, 4.795389, 18.390356),
        (100, 81.363991, 121.626794),
    ],
)
def test_garwood_matches_the_published_table(k: int, low: float, high: float) -> None:
    interval = nines.garwood(k, 1.0)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-6)


def test_binomial_intervals_match_the_published_values() -> None:
    assert nines.clopper_pearson(0, 1000).high == pytest.approx(0.00368208, rel=1e-5)
    assert nines.upper_bound(0, 1000) == pytest.approx(0.00299125, rel=1e-5)
    exact = nines.clopper_pearson(2, 100)
    assert (exact.low, exact.high) == pytest.approx((0.00243134, 0.0703839), rel=1e-5)
    bayes = nines.jeffreys(2, 100)
    assert (bayes.low, bayes.high) == pytest.approx((0.00417881, 0.0626058), rel=1e-5)
    score = nines.wilson(2, 100)
    assert (score.low, score.high) == pytest.approx((0.00550197, 0.0700118), rel=1e-5)


def test_nines_swap_the_ends_of_the_interval() -> None:
    interval = nines.nines(nines.clopper_pearson(3, 10_000))
    assert interval.value == pytest.approx(3.5229, abs=1e-4)
    assert (interval.low, interval.high) == pytest.approx((3.0573, 4.2085), abs=1e-4)


def test_no_failure_gives_a_lower_bound_and_no_value() -> None:
    interval = nines.nines(nines.clopper_pearson(0, 2995, 0.90))
    assert interval.value is None
    assert interval.low == pytest.approx(3.0, abs=1e-3)
    assert math.isinf(interval.high)


def test_peek_safe_intervals_match_the_published_values() -> None:
    assert nines.poisson_sequence(0, 3000).high == pytest.approx(0.00132290, rel=1e-5)
    assert nines.poisson_sequence(0, 1e4).high == pytest.approx(4.51799e-4, rel=1e-5)
    poisson = nines.poisson_sequence(3, 1e4)
    assert (poisson.low, poisson.high) == pytest.approx((2.86584e-5, 1.13138e-3), rel=1e-4)
    wide = nines.poisson_sequence(37, 234_212_252, b=3.125e6)
    assert (wide.low, wide.high) == pytest.approx((8.7754e-8, 2.5831e-7), rel=1e-4)
    assert nines.bernoulli_sequence(0, 1000).high == pytest.approx(0.00699750, rel=1e-5)
    three = nines.bernoulli_sequence(3, 10_000)
    assert (three.low, three.high) == pytest.approx((8.3157e-6, 0.00158203), rel=1e-4)


def test_a_hundred_looks_exclude_the_truth_no_more_often_than_promised() -> None:
    rng = np.random.default_rng(0)
    p, looks, runs = 0.02, 100, 300
    counts = rng.binomial(20, p, size=(runs, looks)).cumsum(axis=1)
    trials = 20 * np.arange(1, looks + 1)
    wrong = sum(
        any(
            nines.bernoulli_log_evidence(p, int(k), int(n)) > math.log(20.0)
            for k, n in zip(row, trials, strict=True)
        )
        for row in counts
    )
    assert wrong / runs <= 0.05


@given(st.integers(1, 2000), st.data())
def test_every_interval_holds_its_estimate_and_the_exact_one_is_mirrored(
    trials: int, data: st.DataObject
) -> None:
    failures = data.draw(st.integers(0, trials))
    for method in (nines.clopper_pearson, nines.wilson, nines.jeffreys, nines.bernoulli_sequence):
        interval = method(failures, trials)
        assert interval.value is not None
        assert 0.0 <= interval.low <= interval.value + 1e-12
        assert interval.value - 1e-12 <= interval.high <= 1.0
    mirrored = nines.clopper_pearson(trials - failures, trials)
    assert mirrored.high == pytest.approx(1.0 - nines.clopper_pearson(failures, trials).low)


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 0 <= failures <= trials"):
        nines.clopper_pearson(3, 2)
    with pytest.raises(ValueError, match="exposure > 0"):
        nines.garwood(1, 0.0)
