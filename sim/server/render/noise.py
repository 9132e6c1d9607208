"""Smooth random texture: one tile, made once, sampled by the kernels."""

from __future__ import annotations

import numpy as np

from common.jit import inline
from sim.server.scene import F32

TILE = 256  # texels, a power of two


def noise_tile(seed: int = 9) -> F32:
    """A tile (TILE, TILE) that repeats, four octaves, mean 0.5, mostly within 0..1."""
    rng = np.random.default_rng(seed)
    out = np.zeros((TILE, TILE))
    for octave, weight in enumerate((1.0, 0.6, 0.36, 0.22)):
        cells = 32 << octave
        grid = rng.standard_normal((cells, cells))
        at = np.arange(TILE) * cells / TILE
        low = np.floor(at).astype(int)
        s = at - low
        s = s * s * (3.0 - 2.0 * s)
        rows = grid[low] * (1 - s[:, None]) + grid[(low + 1) % cells] * s[:, None]
        out += weight * (rows[:, low] * (1 - s) + rows[:, (low + 1) % cells] * s)
    out = 0.5 + 0.25 * out / out.std()
    tile: F32 = np.clip(out, 0.0, 1.0).astype(np.float32)
    return tile


@inline
def noise(tile: F32, u: float, v: float) -> float:
    """The tile at (u, v) in texels, bilinear, repeating."""
    fu, fv = np.floor(u), np.floor(v)
    i, j = np.int64(fu), np.int64(fv)
    du, dv = np.float32(u - fu), np.float32(v - fv)
    i0, i1, j0, j1 = i & (TILE - 1), (i + 1) & (TILE - 1), j & (TILE - 1), (j + 1) & (TILE - 1)
    a = tile[j0, i0] + (tile[j0, i1] - tile[j0, i0]) * du
    b = tile[j1, i0] + (tile[j1, i1] - tile[j1, i0]) * du
    return float(a + (b - a) * dv)


@inline
def hash01(i: int, j: int) -> float:
    """A number 0..1 that belongs to the integers i, j."""
    h = np.uint32(i * 374761393 + j * 668265263)
    h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(1274126177))
    return np.float64((h >> np.uint32(8)) & np.uint32(0xFFFF)) / 65536.0
