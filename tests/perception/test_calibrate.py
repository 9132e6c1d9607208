import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs the extra `train`")

from perception.metrics import calibration_error  # noqa: E402
from perception.train.calibrate import Line, fit, fold  # noqa: E402
from perception.train.model import Network, Size  # noqa: E402

pytestmark = pytest.mark.train


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.4, 2.5), st.floats(-2.0, 2.0))
def test_a_fitted_confidence_is_the_share_of_hits(seed, slope, shift):
    rng = np.random.default_rng(seed)
    true_score = rng.normal(0.0, 2.0, 20_000)
    chance = 1 / (1 + np.exp(-true_score))
    hit = rng.random(len(true_score)) < chance
    score = (true_score - shift) / slope
    line = fit(1 / (1 + np.exp(-score)), hit)
    calibrated = 1 / (1 + np.exp(-(line.slope * score + line.shift)))
    error, drawn = calibration_error(calibrated, hit), calibration_error(chance, hit)
    assert error is not None
    assert drawn is not None  # the dice alone
    assert error < drawn + 0.005


def test_with_too_few_detections_confidence_stays_as_it_is():
    assert fit(np.linspace(0.1, 0.9, 80), np.arange(80) % 2 == 0) == Line()


def test_folded_lines_act_on_the_scores_of_their_kind():
    torch.manual_seed(0)
    network = Network(Size(16, 16, 16, 16, 16, 16, 16)).eval()
    images = torch.randn(1, 5, 3, 128, 256)
    with torch.no_grad():
        before = network(images).heat
        fold(network, [Line(2.0, 0.5), Line(0.5, -1.0)])
        after = network(images).heat
    torch.testing.assert_close(after[:, 0], 2.0 * before[:, 0] + 0.5)
    torch.testing.assert_close(after[:, 1], 0.5 * before[:, 1] - 1.0)
