"""One loss per head; their weighted sum is what training lowers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from perception.train.model import Outputs
from perception.train.targets import UNKNOWN, Targets

RASTER_POSITIVE = (1.0, 3.0, 8.0, 1.0, 2.0, 2.0)  # weight of a set cell, per raster: thin is rare
RASTER_WEIGHT = (2.0, 1.0, 1.0, 1.5, 0.5, 0.5)
LIGHT_WEIGHT = (1.0, 1.0, 2.0, 1.0, 1.0)  # yellow is rare
WEIGHTS = {
    "heat": 1.0,
    "boxes": 1.0,
    "rasters": 4.0,
    "dice": 1.0,
    "lamps": 0.1,
    "light": 1.0,
    "stop": 0.3,
}


def focal(scores: Tensor, target: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """Penalty-reduced focal loss per centre: CenterNet (Zhou et al. 2019), eq. 1, a = 2, b = 4."""
    p = scores.sigmoid().clamp(1e-4, 1 - 1e-4)
    at_centre = (target > 0.99).float()
    found = at_centre * (1 - p).square() * p.log()
    false = (1 - at_centre) * (1 - target).pow(4) * p.square() * (1 - p).log()
    return -((found + false) * weight).sum() / at_centre.sum().clamp(min=1.0)


def dice(scores: Tensor, target: Tensor) -> Tensor:
    """1 - overlap of thin rasters (B, C, H, W), over the batch."""
    p = scores.sigmoid()
    both = (p * target).sum(dim=(0, 2, 3))
    total = (p + target).sum(dim=(0, 2, 3))
    return (1 - (2 * both + 1) / (total + 1)).mean()


def lamp_loss(scores: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Binary cross-entropy, lit cells weighted up, per lit cell; of samples with known (B,) 1."""
    p_loss = functional.binary_cross_entropy_with_logits(scores, target, reduction="none")
    weight = (1.0 + 10.0 * target) * known[:, None, None, None]
    return (p_loss * weight).sum() / (target.sum() + 20.0)


def losses(out: Outputs, target: Targets) -> dict[str, Tensor]:
    """Each head's loss, unweighted."""
    box_weight = target.box_weight[:, None]
    box = functional.smooth_l1_loss(out.boxes, target.boxes, reduction="none", beta=0.2)
    channel = torch.tensor(RASTER_WEIGHT)[None, :, None, None]
    positive = torch.tensor(RASTER_POSITIVE)[:, None, None]
    cells = functional.binary_cross_entropy_with_logits(
        out.rasters, target.rasters, pos_weight=positive, reduction="none"
    )
    stop = -(target.stop * out.stop.log_softmax(dim=-1)).sum(dim=-1)
    return {
        "heat": focal(out.heat, target.heat, target.heat_weight),
        "boxes": (box * box_weight).sum() / box_weight.sum().clamp(min=1.0),
        "rasters": (cells * channel).mean(),
        "dice": dice(out.rasters[:, 1:], target.rasters[:, 1:]),
        "lamps": lamp_loss(out.lamps, target.lamps, target.light_known),
        "light": functional.cross_entropy(
            out.light,
            target.light,
            weight=torch.tensor(LIGHT_WEIGHT),
            ignore_index=UNKNOWN,
            reduction="sum",
        )
        / target.light_known.sum().clamp(min=1.0),
        "stop": (stop * target.stop_weight).sum() / target.stop_weight.sum().clamp(min=1.0),
    }


def total(parts: dict[str, Tensor]) -> Tensor:
    """The weighted sum."""
    return torch.stack([WEIGHTS[name] * value for name, value in parts.items()]).sum()
