"""Which network drove is part of the spec, so that two networks are told apart."""

from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import UserError
from common.messages import EpisodeSpec
from drive.run import digest, with_network
from eval.execute import void
from eval.store import row
from perception.perceive import WEIGHTS

SPEC = EpisodeSpec(town="city", route=0, seed=3, driver="camera")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The shipped network with another description (field 6 of ONNX's ModelProto)."""
    path = tmp_path / "other.onnx"
    path.write_bytes(WEIGHTS.read_bytes() + b"\x32\x05other")
    return path


def test_the_shipped_network_and_another_make_two_specs_and_two_rows(other: Path) -> None:
    shipped, another = with_network(SPEC), with_network(SPEC, other)
    assert shipped.weights == digest(WEIGHTS)
    assert shipped == with_network(SPEC) == with_network(SPEC, WEIGHTS)
    assert shipped.key() != another.key()
    rows = [row(void(spec, "")) for spec in (shipped, another)]
    assert [one["weights"] for one in rows] == [digest(WEIGHTS), digest(other)]


def test_a_spec_is_not_driven_by_another_network_than_it_names(other: Path) -> None:
    spec = with_network(SPEC, other)
    assert with_network(spec, other) == spec
    with pytest.raises(UserError, match="--weights"):
        with_network(spec)


def test_the_truth_driver_has_no_network(other: Path) -> None:
    assert with_network(replace(SPEC, driver="truth"), other).weights is None


def test_a_missing_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.onnx"):
        with_network(SPEC, tmp_path / "none.onnx")
