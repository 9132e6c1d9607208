import pytest

from eval.growth import crow_amsaa, march

TIMES = (2.7, 10.3, 12.5, 30.6, 57, 61.3, 80, 109.5, 125, 128.6, 143.8, 167.9, 229.2, 296.7)
TIMES += (320.6, 328.2, 366.2, 396.7, 421.1, 438.2, 501.2, 620)


def test_crow_amsaa_matches_the_published_data_set() -> None:
    fit = crow_amsaa(TIMES)
    assert fit.shape.value == pytest.approx(0.614210, abs=1e-6)
    assert fit.scale == pytest.approx(0.423942, abs=1e-6)
    assert fit.mtbf_cumulative == pytest.approx(28.1818, abs=1e-4)
    assert fit.mtbf_instantaneous == pytest.approx(45.8830, abs=1e-4)
    assert (fit.shape.low, fit.shape.high) == pytest.approx((0.39287, 0.81137), abs=1e-5)
    assert fit.trend_p_value == pytest.approx(0.00294, abs=1e-5)


def test_equal_work_per_nine_is_a_straight_line() -> None:
    line = march([0, 10, 20, 30], [1, 2, 3, 4])
    assert line.work_per_nine == pytest.approx(10.0)
    assert line.r_squared == pytest.approx(1.0)


def test_no_progress_has_no_price() -> None:
    assert march([0, 10], [2, 1]).work_per_nine is None


def test_too_few_failures_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 3 rising exposures"):
        crow_amsaa([1.0, 2.0])
