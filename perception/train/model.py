"""The network: five images -> bird's-eye view, objects, rasters and the traffic light.

A shared residual backbone; a lift by fixed index tables, gated by predicted depth; a small
U-Net over the bird's-eye view; one head per question. Sizes and speeds: docs/perception.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.frames import OBJECT_GRID
from perception.contract import BOX_FIELDS, KINDS, LIGHTS, RASTERS, STOP_BINS
from perception.train.lift import DEPTH_BINS, HEIGHTS, make_table

FRONT, NARROW = 0, 4
STOP_HALF_WIDTH = 10
"""Columns of 1 m to each side of the ego in which its stop line is sought."""


@dataclass(frozen=True, slots=True)
class Size:
    """Channels; all multiples of 16, which convolutions on a CPU like best."""

    stem: int = 16
    s4: int = 32
    s8: int = 48
    s16: int = 64
    neck: int = 48
    bev: int = 32
    deep: int = 48


@dataclass(frozen=True, slots=True)
class Outputs:
    """Raw scores for a batch, before sigmoid or softmax."""

    heat: Tensor  # (B, 2, 80, 48)
    boxes: Tensor  # (B, 6, 80, 48)
    rasters: Tensor  # (B, 6, 160, 96)
    lamps: Tensor  # (B, 4, 2 * 32, 64): red, yellow, green, off in the front and narrow image
    light: Tensor  # (B, 5)
    stop: Tensor  # (B, 60)


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and, unless told otherwise, ReLU."""

    def __init__(
        self, channels: int, out: int, kernel: int = 3, stride: int = 1, *, relu: bool = True
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(out),
        ]
        super().__init__(*layers, *([nn.ReLU(inplace=True)] if relu else []))


class Residual(nn.Module):
    """Two 3x3 convolutions beside an identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvNorm(channels, channels), ConvNorm(channels, channels, relu=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return functional.relu(x + self.body(x))


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class Backbone(nn.Module):
    """Images (N, 3, 128, 256) -> features at strides 4 and 8."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.s4 = nn.Sequential(
            ConvNorm(3, size.stem, stride=2), ConvNorm(size.stem, size.s4, stride=2),
            Residual(size.s4),
        )  # fmt: skip
        self.s8 = nn.Sequential(ConvNorm(size.s4, size.s8, stride=2), Residual(size.s8))
        self.s16 = nn.Sequential(ConvNorm(size.s8, size.s16, stride=2), Residual(size.s16))
        self.lateral8 = nn.Conv2d(size.s8, size.neck, 1)
        self.lateral16 = nn.Conv2d(size.s16, size.neck, 1)
        self.merge = ConvNorm(size.neck, size.neck)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, s4, 32, 64) and (N, neck, 16, 32)."""
        s4 = self.s4(images)
        s8 = self.s8(s4)
        s16 = self.s16(s8)
        top = functional.relu(self.lateral8(s8) + _double(self.lateral16(s16)))
        return s4, self.merge(top)


class Lift(nn.Module):
    """Features (B, 5, neck, 16, 32) -> bird's-eye view (B, bev, 80, 48)."""

    token: Tensor
    depth_index: Tensor

    def __init__(self, size: Size) -> None:
        super().__init__()
        table = make_table()
        self.tokens = table.tokens
        self.bev = size.bev
        self.to_heights = nn.Linear(size.neck, len(HEIGHTS) * size.bev)
        self.to_depth = nn.Linear(size.neck, DEPTH_BINS)
        height = torch.from_numpy(table.height)[:, None]
        token = torch.from_numpy(table.token)
        unseen = token == table.tokens
        row = torch.where(unseen, table.tokens * len(HEIGHTS), token * len(HEIGHTS) + height)
        gate = torch.where(unseen, 0, token * DEPTH_BINS + torch.from_numpy(table.depth_bin))
        self.register_buffer("token", row, persistent=False)
        self.register_buffer("depth_index", gate, persistent=False)
        self.norm = nn.BatchNorm2d(size.bev)

    def forward(self, features: Tensor) -> Tensor:
        """Each plane's cells gather a token each, weighted by the token's belief in that depth."""
        batch = features.shape[0]
        tokens = features.permute(0, 1, 3, 4, 2).reshape(batch, self.tokens, -1)
        rows = self.to_heights(tokens).reshape(batch, -1, self.bev)
        rows = torch.cat([rows, rows.new_zeros(batch, 1, self.bev)], dim=1)
        gates = self.to_depth(tokens).softmax(dim=-1).reshape(batch, -1, 1)
        total = rows.index_select(1, self.token[0]) * gates.index_select(1, self.depth_index[0])
        for plane in range(1, self.token.shape[0]):
            total = total + rows.index_select(1, self.token[plane]) * gates.index_select(
                1, self.depth_index[plane]
            )
        grid = total.transpose(1, 2).reshape(batch, self.bev, *OBJECT_GRID.shape)
        return functional.relu(self.norm(grid))


class BevNet(nn.Module):
    """A U-Net of three scales over the bird's-eye view."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.fine = Residual(size.bev)
        self.middle = nn.Sequential(ConvNorm(size.bev, size.deep, stride=2), Residual(size.deep))
        self.quarter = nn.Sequential(
            ConvNorm(size.deep, size.deep, stride=2), Residual(size.deep), Residual(size.deep)
        )
        self.lateral_fine = nn.Conv2d(size.bev, size.deep, 1)
        self.lateral_middle = nn.Conv2d(size.deep, size.deep, 1)
        self.out = ConvNorm(size.deep, size.bev)

    def forward(self, bev: Tensor) -> Tensor:
        """The same shape."""
        fine = self.fine(bev)
        half = self.middle(fine)
        quarter = self.quarter(half)
        half = functional.relu(self.lateral_middle(half) + _double(quarter))
        result: Tensor = self.out(functional.relu(self.lateral_fine(fine) + _double(half)))
        return result


class LightHead(nn.Module):
    """Where a lamp shines in the front and the narrow image, and what it says.

    The likeliest pixels pool the features that the state is read from; the lamp maps are
    supervised too, so that the head looks at lamps and not at the scene around them.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.near = nn.Conv2d(size.s4, 32, 1)
        self.far = nn.Conv2d(size.neck, 32, 1)
        self.mix = ConvNorm(32, 32)
        self.lamps = nn.Conv2d(32, len(LIGHTS) - 1, 1)
        self.state = nn.Linear(2 * (32 + len(LIGHTS) - 1), len(LIGHTS))
        nn.init.constant_(_bias(self.lamps), -5.0)

    def forward(self, s4: Tensor, s8: Tensor) -> tuple[Tensor, Tensor]:
        """(2 B, s4, 32, 64), (2 B, neck, 16, 32) -> lamp maps (B, 4, 64, 64), states (B, 5)."""
        mixed = self.mix(functional.relu(self.near(s4) + _double(self.far(s8))))
        lamps = self.lamps(mixed)
        weight = lamps.amax(dim=1).flatten(1).softmax(dim=-1)
        pooled = (mixed.flatten(2) * weight[:, None]).sum(dim=-1)
        seen = torch.cat([pooled, lamps.flatten(2).amax(dim=-1)], dim=1)
        count = lamps.shape[0] // 2
        state = self.state(seen.reshape(count, -1))
        return lamps.reshape(count, 2, -1, 32, 64).transpose(1, 2).reshape(count, -1, 64, 64), state


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


class Network(nn.Module):
    """The whole; normalised images in, raw scores out."""

    def __init__(self, size: Size | None = None) -> None:
        super().__init__()
        self.size = size = size or Size()
        self.backbone = Backbone(size)
        self.lift = Lift(size)
        self.bev = BevNet(size)
        self.objects = ConvNorm(size.bev, size.bev)
        self.heat = nn.Conv2d(size.bev, len(KINDS), 1)
        self.boxes = nn.Conv2d(size.bev, len(BOX_FIELDS), 1)
        self.raster_in = ConvNorm(size.bev, 32, kernel=1)
        self.raster_mix = ConvNorm(32, 32)
        self.rasters = nn.Conv2d(32, len(RASTERS), 1)
        self.light = LightHead(size)
        self.stop_mix = ConvNorm(size.bev, 16)
        self.stop = nn.Conv1d(32, 1, 1)
        nn.init.constant_(_bias(self.heat), -4.0)

    def forward(self, images: Tensor) -> Outputs:
        """Images (B, 5, 3, 128, 256), (value - 128) / 64."""
        batch, cameras = images.shape[:2]
        flat = images.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        s4, s8 = self.backbone(flat)
        features = s8.reshape(batch, cameras, *s8.shape[1:])
        bev = self.bev(self.lift(features))
        objects = self.objects(bev)
        raster = functional.interpolate(
            self.raster_in(bev), scale_factor=2.0, mode="bilinear", align_corners=False
        )
        s4 = s4.reshape(batch, cameras, *s4.shape[1:])
        ahead = [FRONT, NARROW]
        lamps, light = self.light(
            torch.stack([s4[:, c] for c in ahead], 1).flatten(0, 1),
            torch.stack([features[:, c] for c in ahead], 1).flatten(0, 1),
        )
        return Outputs(
            heat=self.heat(objects),
            boxes=self.boxes(objects),
            rasters=self.rasters(self.raster_mix(raster)),
            lamps=lamps,
            light=light,
            stop=self._stop(bev),
        )

    def _stop(self, bev: Tensor) -> Tensor:
        """Scores (B, 60) of the rows ahead, nearest first."""
        middle = OBJECT_GRID.shape[1] // 2
        ahead = self.stop_mix(
            bev[:, :, :STOP_BINS, middle - STOP_HALF_WIDTH : middle + STOP_HALF_WIDTH]
        )
        rows = torch.cat([ahead.mean(dim=3), ahead.amax(dim=3)], dim=1)
        scores: Tensor = self.stop(rows)
        return scores[:, 0].flip(1)


class Deployed(nn.Module):
    """The exported form: uint8 images of one moment in, probabilities out."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(5, 128, 256, 3) uint8 -> the tensors of `contract.OUTPUT_SHAPES`."""
        scaled = (images.permute(0, 3, 1, 2).float() - 128.0) / 64.0
        out = self.network(scaled[None])
        return (
            out.heat.sigmoid()[0],
            out.boxes[0],
            out.rasters.sigmoid()[0],
            out.light.softmax(dim=-1)[0],
            out.stop.softmax(dim=-1)[0],
        )
