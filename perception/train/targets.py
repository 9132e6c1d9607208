"""From recorded labels to what each head should say; torch, a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from common.frames import OBJECT_GRID
from perception.contract import KINDS, LIGHTS, RASTERS, STOP_BINS
from perception.dataset import VISIBLE_PIXELS

HEAT_SIGMA = (0.9, 0.6)  # cells, per kind
BOX_RADIUS = 1.5  # cells around a centre that learn its box
STOP_SIGMA = 1.0  # m
UNKNOWN = -1
"""The light of a sample whose lenses nobody looked for."""
LAMP_STRIDE = 4  # px per cell of the lamp maps
LAMP_SHAPE = (32, 64)


@dataclass(frozen=True, slots=True)
class Labels:
    """A batch of labels as recorded."""

    rasters: Tensor  # (B, 160, 96) uint8 bits
    objects: Tensor  # (B, 48, 9)
    light: Tensor  # (B,) int64
    lamps: Tensor  # (B, 2, 4, 2) px
    stop_distance: Tensor  # (B,) m


@dataclass(frozen=True, slots=True)
class Targets:
    """A batch of targets."""

    heat: Tensor  # (B, 2, 80, 48), 1 at centres
    heat_weight: Tensor  # (B, 2, 80, 48), 0 around objects hardly seen
    boxes: Tensor  # (B, 6, 80, 48)
    box_weight: Tensor  # (B, 80, 48)
    rasters: Tensor  # (B, 6, 160, 96)
    lamps: Tensor  # (B, 4, 64, 64)
    light: Tensor  # (B,) int64; UNKNOWN: not asked
    light_known: Tensor  # (B,) 1 where the light is known
    stop: Tensor  # (B, 60), sums to 1
    stop_weight: Tensor  # (B,)


def _heat(objects: Tensor, centres: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Heat and its weight (B, 2, rows, columns), and squared distances (B, N, rows, columns).

    Distances are in cells, from the cell that holds the object's centre; infinite where there is
    no object.
    """
    kind, xy, pixels = objects[..., 0], objects[..., 1:3], objects[..., 8]
    cell = OBJECT_GRID.cell
    home = torch.stack(
        [
            OBJECT_GRID.x_max - ((OBJECT_GRID.x_max - xy[..., 0]) / cell).floor() * cell - cell / 2,
            OBJECT_GRID.y_max - ((OBJECT_GRID.y_max - xy[..., 1]) / cell).floor() * cell - cell / 2,
        ],
        dim=-1,
    )
    ahead = ((centres[:, 0, 0] - home[..., :1]) / cell).square()
    aside = ((centres[0, :, 1] - home[..., 1:]) / cell).square()
    squared = (ahead[..., None] + aside[:, :, None]).nan_to_num_(nan=torch.inf)
    seen = pixels >= VISIBLE_PIXELS
    heats, weights = [], []
    for k in range(len(KINDS)):
        mine = (kind == k) & seen
        near = torch.where(mine[..., None, None], squared, torch.inf).amin(dim=1)
        hidden = torch.where(
            (kind == k)[..., None, None] & ~seen[..., None, None], squared, torch.inf
        )
        heat = torch.exp(-near / (2 * HEAT_SIGMA[k] ** 2))
        heats.append(heat)
        weights.append(((hidden.amin(dim=1) > 6.0) | (heat > 0.3)).float())
    squared = torch.where(seen[..., None, None], squared, torch.inf)
    return torch.stack(heats, 1), torch.stack(weights, 1), squared


def _boxes(objects: Tensor, centres: Tensor, squared: Tensor) -> tuple[Tensor, Tensor]:
    """Box of the nearest object (B, 6, rows, columns) and its weight (B, rows, columns)."""
    least, nearest = squared.min(dim=1)
    batch = torch.arange(len(objects))[:, None, None]
    mine = objects.nan_to_num()[batch, nearest]
    yaw = mine[..., 3]
    boxes = torch.stack(
        [
            mine[..., 1] - centres[..., 0],
            mine[..., 2] - centres[..., 1],
            mine[..., 4].clamp(min=0.1).log(),
            mine[..., 5].clamp(min=0.1).log(),
            yaw.sin(),
            yaw.cos(),
        ],
        dim=1,
    )
    weight = torch.where(least <= BOX_RADIUS**2, torch.exp(-least / 2), torch.zeros(()))
    return boxes, weight


def _lamps(lamps: Tensor, light: Tensor) -> Tensor:
    """Maps (B, 4, 64, 64): near 1 at the lit lenses of the governing light."""
    rows, columns = LAMP_SHAPE
    v = (torch.arange(rows) + 0.5)[:, None] * LAMP_STRIDE
    u = (torch.arange(columns) + 0.5)[None, :] * LAMP_STRIDE
    du = (lamps[..., 0, None, None] - u) / LAMP_STRIDE
    dv = (lamps[..., 1, None, None] - v) / LAMP_STRIDE
    glow = torch.exp(-(du.square() + dv.square())).nan_to_num().amax(dim=2)
    glow = glow.flatten(1, 2)  # front above narrow
    out = torch.zeros(len(light), len(LIGHTS), *glow.shape[1:])
    out[torch.arange(len(light)), light] = glow
    return out[:, 1:]


def make_targets(labels: Labels) -> Targets:
    """Targets of a batch."""
    centres = torch.from_numpy(OBJECT_GRID.centres()).float()
    most = int((~labels.objects[..., 0].isnan()).sum(dim=1).max())
    objects = labels.objects[:, : max(1, most)]  # rows without an object come last
    heat, heat_weight, squared = _heat(objects, centres)
    boxes, box_weight = _boxes(objects, centres, squared)
    bits = torch.arange(len(RASTERS), dtype=torch.uint8)[None, :, None, None]
    rasters = (labels.rasters[:, None] >> bits) & 1
    distance = labels.stop_distance
    bins = torch.arange(STOP_BINS) + 0.5
    stop = torch.exp(-((bins - distance[:, None]).square()) / (2 * STOP_SIGMA**2)).nan_to_num()
    return Targets(
        heat=heat,
        heat_weight=heat_weight,
        boxes=boxes,
        box_weight=box_weight,
        rasters=rasters.float(),
        lamps=_lamps(labels.lamps, labels.light),
        light=labels.light,
        light_known=(labels.light != UNKNOWN).float(),
        stop=stop / stop.sum(dim=1, keepdim=True).clamp(min=1e-6),
        stop_weight=((distance >= 0) & (distance < STOP_BINS) & (labels.light != 0)).float(),
    )
