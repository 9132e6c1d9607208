"""Batches from shards: drawn by weight, augmented, ready for the network."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from perception.contract import RASTERS
from perception.dataset import SAMPLE, VISIBLE_PIXELS, Samples
from perception.train.targets import Labels

LEFT, RIGHT = 1, 2
FLIP_SHARE = 0.25
"""Of samples drawn mirrored; fewer than half, since real traffic keeps to one side."""
BLUR_SHARE, NOISE_SHARE = 0.15, 0.3
"""Of samples drawn a little blurred, and with noise."""
RARE_LIGHT, RARE_WALKER = 1.0, 0.5
"""Added to a sample's weight of 1 for a red or yellow light, and for walkers nearby."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Images (B, 5, 128, 256, 3) uint8 with labels."""

    images: Tensor
    labels: Labels


class Pool:
    """All rows of some shards under one index."""

    def __init__(self, shards: list[Samples]) -> None:
        self._shards = shards
        self._starts = np.cumsum([0] + [len(s) for s in shards])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def read(self, indices: NDArray[np.int64]) -> Samples:
        """Copies of the rows."""
        out = np.empty(len(indices), dtype=SAMPLE)
        shard = np.searchsorted(self._starts, indices, side="right") - 1
        for i, (s, index) in enumerate(zip(shard, indices, strict=True)):
            out[i] = self._shards[s][index - self._starts[s]]
        return out

    def weights(self) -> NDArray[np.float64]:
        """How likely each row is to be drawn: what is rare, more often. Sums to 1."""
        parts = []
        for shard in self._shards:
            light = np.asarray(shard["light"])
            objects = np.asarray(shard["objects"])
            walker = (
                (objects[..., 0] == 1)
                & (objects[..., 8] >= VISIBLE_PIXELS)
                & (np.hypot(objects[..., 1], objects[..., 2]) < 30.0)
            ).any(axis=1)
            parts.append(1.0 + RARE_LIGHT * ((light == 1) | (light == 2)) + RARE_WALKER * walker)
        weights = np.concatenate(parts)
        return np.asarray(weights / weights.sum())


def mirror(rows: Samples) -> None:
    """Swap left and right, in place."""
    images = rows["images"][:, :, :, ::-1].copy()
    images[:, [LEFT, RIGHT]] = images[:, [RIGHT, LEFT]]
    rows["images"] = images
    bits = rows["rasters"][:, :, ::-1]
    left, right = RASTERS.index("lane_left"), RASTERS.index("lane_right")
    kept = bits & ~np.uint8((1 << left) | (1 << right))
    rows["rasters"] = kept | (((bits >> left) & 1) << right) | (((bits >> right) & 1) << left)
    for field in (2, 3, 7):  # y, yaw, vy
        rows["objects"][:, :, field] *= -1
    rows["lanes"][:, :, :, 1] *= -1
    rows["lanes"] = rows["lanes"][:, [0, 2, 1]]
    rows["lamps"][..., 0] = images.shape[3] - rows["lamps"][..., 0]


def jitter(images: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Change brightness, contrast, colour balance, noise and sharpness of one row's images.

    Images (5, 128, 256, 3), in place.
    """
    level = np.arange(256.0)[:, None]
    for image in images:
        curve = level * rng.uniform(0.7, 1.35) * rng.uniform(0.93, 1.07, 3) + rng.uniform(-18, 18)
        cv2.LUT(image, curve.clip(0, 255).astype(np.uint8)[None], dst=image)
    if rng.random() < BLUR_SHARE:
        images[:, :, 1:] = cv2.addWeighted(images[:, :, 1:], 0.6, images[:, :, :-1], 0.4, 0.0)
    if rng.random() < NOISE_SHARE:
        noise = rng.standard_normal(images.shape[1:], dtype=np.float32) * rng.uniform(2.0, 8.0)
        for image in images:
            noise = np.roll(noise, 37, axis=1)  # px: no two cameras alike
            image[:] = (image + noise).clip(0, 255)


def to_batch(rows: Samples) -> Batch:
    """Rows as tensors."""
    return Batch(
        images=torch.from_numpy(rows["images"].copy()),
        labels=Labels(
            rasters=torch.from_numpy(rows["rasters"].copy()),
            objects=torch.from_numpy(rows["objects"].copy()),
            light=torch.from_numpy(rows["light"].astype(np.int64)),
            lamps=torch.from_numpy(rows["lamps"].copy()),
            stop_distance=torch.from_numpy(rows["stop_distance"].copy()),
        ),
    )


def _draw(pool: Pool, weights: NDArray[np.float64], batch: int, seed: tuple[int, int]) -> Batch:
    rng = np.random.default_rng(seed)
    rows = pool.read(rng.choice(len(pool), batch, p=weights))
    flipped = np.flatnonzero(rng.random(batch) < FLIP_SHARE)
    mirrored = rows[flipped]
    mirror(mirrored)
    rows[flipped] = mirrored
    for images in rows["images"]:
        jitter(images, rng)
    return to_batch(rows)


def batches(pool: Pool, batch: int, start: int, stop: int, seed: int) -> Iterator[Batch]:
    """The batches of steps start..stop - 1; the same step gives the same batch in any run."""
    weights = pool.weights()
    with ThreadPoolExecutor(1) as executor:
        following = executor.submit(_draw, pool, weights, batch, (seed, start))
        for step in range(start, stop):
            made = following.result()
            if step + 1 < stop:
                following = executor.submit(_draw, pool, weights, batch, (seed, step + 1))
            yield made


def normalised(images: Tensor) -> Tensor:
    """(B, 5, 128, 256, 3) uint8 -> (B, 5, 3, 128, 256) float, as the deployed network does."""
    return (images.permute(0, 1, 4, 2, 3).float() - 128.0) / 64.0
