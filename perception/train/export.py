"""From a trained network to a checked ONNX file."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from perception import contract, perceive
from perception.contract import INPUT, INPUT_SHAPE, OUTPUT_SHAPES
from perception.train.model import Deployed, Network

OPSET = 17
PARITY = 1e-3
"""Largest difference allowed between torch's and onnxruntime's outputs; float32 gives 1e-5."""


def parity(network: Network, path: Path, seed: int = 0) -> float:
    """The largest difference between both runtimes over noise images."""
    rng = np.random.default_rng(seed)
    deployed = Deployed(network).eval()
    runtime = perceive.Network(path)
    worst = 0.0
    for _ in range(2):
        images = rng.integers(0, 256, INPUT_SHAPE, dtype=np.uint8)
        with torch.no_grad():
            expected = deployed(torch.from_numpy(images))
        got = runtime(images)
        for name, value in zip(OUTPUT_SHAPES, expected, strict=True):
            worst = max(worst, float(np.abs(value.numpy() - getattr(got, name)).max()))
    return worst


def export(network: Network, path: Path, card: dict[str, Any]) -> float:
    """Write the network with its contract and card as metadata; returns the parity.

    Raises:
        RuntimeError: onnxruntime computes something else than torch.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Deployed(network).eval(),
            (torch.zeros(INPUT_SHAPE, dtype=torch.uint8),),
            str(partial),
            input_names=[INPUT],
            output_names=list(OUTPUT_SHAPES),
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(str(partial))
    fields = contract.metadata() | {"ninefold.card": json.dumps(card, sort_keys=True)}
    onnx.helper.set_model_props(model, fields)
    onnx.checker.check_model(model)
    onnx.save(model, str(partial))
    worst = parity(network, partial)
    if worst > PARITY:
        partial.unlink()
        raise RuntimeError(f"onnxruntime differs from torch by {worst:.2g}")
    partial.rename(path)
    return worst
