import pytest

from eval.paired import compare, mcnemar


def test_mcnemar_matches_the_worked_example() -> None:
    assert mcnemar(9, 2) == pytest.approx(0.0654297, abs=1e-7)


def test_a_gate_needs_six_pairs_that_all_go_one_way() -> None:
    assert mcnemar(5, 0) == pytest.approx(0.0625)
    assert mcnemar(6, 0) == pytest.approx(0.03125)


def test_the_paired_interval_matches_the_worked_example() -> None:
    difference = compare(1000, 9, 2).difference
    assert difference.value == pytest.approx(0.007)
    assert (difference.low, difference.high) == pytest.approx((0.000514, 0.013486), abs=1e-6)


def test_runs_that_never_differ_show_nothing() -> None:
    assert compare(50, 0, 0).p_value == 1.0


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 0 <= discordant <= pairs"):
        compare(3, 2, 2)
