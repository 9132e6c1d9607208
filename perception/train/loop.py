"""The training run: resumable, seeded, averaged weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from common.errors import UserError
from perception.contract import RawOutputs
from perception.dataset import Samples
from perception.train.data import Batch, Pool, batches, normalised
from perception.train.losses import losses, total
from perception.train.model import Deployed, Network, Outputs, Size
from perception.train.targets import make_targets

PEAK_RATE = 3e-3
WARM_UP = 0.1  # share of the steps
AVERAGE = 0.998  # of the old in the averaged weights, per step
SAVE_EVERY = 100  # steps
TORCH_VERSION = str(torch.__version__)


def use_threads(count: int) -> None:
    """How many threads torch may compute on, in this process."""
    torch.set_num_threads(count)


@dataclass(frozen=True, slots=True)
class TrainSpec:
    """Everything a run depends on, besides its data."""

    samples: int  # drawn in all
    batch: int = 8
    seed: int = 0
    rate: float = PEAK_RATE

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return max(1, self.samples // self.batch)


@dataclass(frozen=True, slots=True)
class Progress:
    """One step's figures."""

    step: int  # done so far
    steps: int
    loss: float
    parts: dict[str, float]


class Run:
    """Memory of a training run: network, averaged network, optimiser, step count."""

    def __init__(
        self,
        spec: TrainSpec,
        checkpoint: Path,
        size: Size | None = None,
        start: Path | None = None,
    ) -> None:
        """Start anew, or go on from the checkpoint where there is one.

        A new run may begin with the averaged weights of another run's checkpoint, `start`.

        Raises:
            UserError: the checkpoint belongs to a run with another spec.
        """
        torch.manual_seed(spec.seed)
        self.spec = spec
        self.checkpoint = checkpoint
        self.step = 0
        network = Network(size) if start is None else load(start)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = torch.optim.swa_utils.AveragedModel(
            self.network,
            multi_avg_fn=_average,
            use_buffers=True,
        )
        self.optimiser = torch.optim.AdamW(_groups(self.network), lr=spec.rate)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, spec.rate, total_steps=spec.steps + 1, pct_start=WARM_UP
        )
        if checkpoint.exists():
            self._restore()

    def _restore(self) -> None:
        state = read_checkpoint(self.checkpoint)
        if state["spec"] != asdict(self.spec):
            raise UserError(
                f"expected a checkpoint of {asdict(self.spec)} at {self.checkpoint},"
                f" got {state['spec']}; give another --out or remove it"
            )
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        partial = self.checkpoint.with_suffix(".part")
        torch.save(
            {
                "spec": asdict(self.spec),
                "size": asdict(self.network.size),
                "step": self.step,
                "network": self.network.state_dict(),
                "average": self.average.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "schedule": self.schedule.state_dict(),
            },
            partial,
        )
        partial.rename(self.checkpoint)

    def advance(self, pool: Pool) -> Iterator[Progress]:
        """Train to the end, a step at a time; saves every `SAVE_EVERY` steps and at the end."""
        self.network.train()
        spec = self.spec
        for made in batches(pool, spec.batch, self.step, spec.steps, spec.seed):
            parts = self._learn(made)
            self.step += 1
            if self.step % SAVE_EVERY == 0 or self.step == spec.steps:
                self.save()
            yield Progress(self.step, spec.steps, parts.pop("total"), parts)

    def _learn(self, made: Batch) -> dict[str, float]:
        target = make_targets(made.labels)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = self.network(normalised(made.images))
        parts = losses(_single(out), target)
        loss = total(parts)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self.optimiser.step()
        self.schedule.step()
        self.average.update_parameters(self.network)
        return {"total": loss.item(), **{name: part.item() for name, part in parts.items()}}


def _single(out: Outputs) -> Outputs:
    """Outputs in single precision."""
    return Outputs(*(getattr(out, part.name).float() for part in fields(out)))


def _average(kept: Sequence[Tensor], new: Sequence[Tensor], count: Tensor | int) -> None:
    """Move the averaged values towards the new ones, faster in the first steps."""
    share = 1.0 - min(AVERAGE, (1.0 + float(count)) / (10.0 + float(count)))
    for old, value in zip(kept, new, strict=True):
        if old.is_floating_point():
            old.lerp_(value, share)
        else:
            old.copy_(value)


def _groups(network: Network) -> list[dict[str, object]]:
    """Weights decay; biases and norms do not."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    return [
        {"params": weights, "weight_decay": 1e-2},
        {"params": others, "weight_decay": 0.0},
    ]


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What `Run.save` wrote.

    Raises:
        UserError: the file is damaged, or something else.
    """
    try:
        state = torch.load(path, weights_only=True)
    except Exception as error:  # torch raises what pickle, zip and its own reader do
        raise UserError(
            f"expected a checkpoint at {path}, got a damaged file;"
            " remove it, and `ninefold train` begins anew"
        ) from error
    if not isinstance(state, dict) or not {"spec", "size", "step", "average"} <= state.keys():
        raise UserError(f"expected a checkpoint of `ninefold train` at {path}, got another file")
    return state


def load(checkpoint: Path) -> Network:
    """The averaged network of a checkpoint, for inference.

    Raises:
        UserError: no checkpoint there.
    """
    if not checkpoint.exists():
        raise UserError(f"expected a checkpoint at {checkpoint}, got none; run `ninefold train`")
    state = read_checkpoint(checkpoint)
    average = torch.optim.swa_utils.AveragedModel(Network(Size(**state["size"])), use_buffers=True)
    average.load_state_dict(state["average"])
    return cast(Network, average.module).eval()


@torch.no_grad()
def infer(network: Network, rows: Samples) -> list[RawOutputs]:
    """The network's outputs for each row, in torch."""
    deployed = Deployed(network).eval()
    return [
        RawOutputs(*(value.numpy() for value in deployed(torch.from_numpy(np.array(image)))))
        for image in rows["images"]
    ]
