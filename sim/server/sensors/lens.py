"""What a camera's lens does to its finished picture: CARLA's lens and aberration attributes.

CARLA's own formula is in a binary material. Here the cubic distortion of SynthEyes' lens white
paper (ssontech.com/content/lensalg.html): a pixel at the distance r from the middle, 1 in the
corners, shows what a pinhole has at r (1 + lens_k r^2 + lens_kcube r^3), each axis' change times
its lens_size. It grows from the middle to the rim with the circle: the share of it that counts is
lens_circle_multiplier r^lens_circle_falloff, at most 1. CARLA says of its shader that raising the
multiplier from its default of 0 shows the effect (pull request 2145), and that its default values
give a pinhole's picture (issue 3198).

Chromatic aberration follows Unreal's scheme: red and green come from nearer to the middle than
blue, in proportion to their wavelengths, red by one per cent (assumed) at intensity 1, past the
offset only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from sim.server.scene import F32, Planes
from sim.server.sensors.attributes import Attributes, flag, number

MOST = 1e6  # of an attribute, far beyond any lens
FRINGE = (0.01, 0.01 * (549.1 - 464.3) / (611.3 - 464.3), 0.0)
"""How much nearer to the middle red, green, blue come from: Unreal's primaries in nm."""


@dataclass(frozen=True, slots=True)
class Lens:
    """A lens that is no pinhole: numbers as in CARLA, without a unit."""

    k: float
    kcube: float
    size: tuple[float, float]  # x, y
    falloff: float
    multiplier: float
    fringe: float = 0.0  # chromatic aberration's intensity
    fringe_from: float = 0.0  # share of the half picture that stays without

    @property
    def bends(self) -> bool:
        """Whether straight lines come out bent."""
        return self.multiplier > 0.0 and any(self.size) and bool(self.k or self.kcube)


def read(get: Attributes) -> Lens | None:
    """The lens of a camera; None for a pinhole, as with all default values.

    Raises:
        ValueError: an attribute is no number, or one that must not be negative is.
    """
    lens = Lens(
        number(get, "lens_k"),
        number(get, "lens_kcube"),
        (number(get, "lens_x_size"), number(get, "lens_y_size")),
        _not_negative(get, "lens_circle_falloff"),
        _not_negative(get, "lens_circle_multiplier"),
        number(get, "chromatic_aberration_intensity"),
        number(get, "chromatic_aberration_offset"),
    )
    if max(map(abs, (lens.k, lens.kcube, *lens.size, lens.fringe, lens.fringe_from))) > MOST:
        raise ValueError(f"expected a lens's attributes within {MOST:g} of 0")
    if get("enable_postprocess_effects") and not flag(get, "enable_postprocess_effects"):
        return None
    return lens if lens.bends or lens.fringe else None


def _not_negative(get: Attributes, key: str) -> float:
    value = number(get, key)
    if value < 0.0:
        raise ValueError(f"expected a {key} of 0 or more, got {get(key)}")
    return value


class Bender:
    """A lens before pictures of one size; where it looks is worked out once."""

    def __init__(self, lens: Lens, width: int, height: int) -> None:
        at = bent(lens, width, height)
        columns, rows = (np.rint(one).astype(np.intp) for one in at)
        self._nearest = rows * width + columns
        scales = FRINGE if lens.fringe else (0.0,)
        self._maps = [
            cv2.convertMaps(*fringed(at, lens.fringe * scale, lens.fringe_from), cv2.CV_16SC2)
            for scale in scales
        ]

    def __call__(self, planes: Planes) -> Planes:
        """Colours between pixels are mixed; depth, labels and objects are the nearest pixel's."""
        channels = np.split(planes.rgb, len(self._maps), axis=2)
        rgb = [
            cv2.remap(np.ascontiguousarray(one), *maps, cv2.INTER_LINEAR)
            for one, maps in zip(channels, self._maps, strict=True)
        ]
        return replace(
            planes,
            rgb=np.dstack(rgb),
            depth=planes.depth.reshape(-1)[self._nearest],
            label=planes.label.reshape(-1)[self._nearest],
            instance=planes.instance.reshape(-1)[self._nearest],
        )


Places = tuple[F32, F32]
"""Column and row (height, width) px, 0 in the middle of the first pixel."""


def bent(lens: Lens, width: int, height: int) -> Places:
    """Where in a pinhole's picture each pixel looks; beyond the rim it sees the rim."""
    x, y = np.meshgrid(np.arange(width) - _middle(width), np.arange(height) - _middle(height))
    r = np.hypot(x, y) / np.hypot(width / 2.0, height / 2.0)
    share = np.minimum(lens.multiplier * r**lens.falloff, 1.0) * r**2 * (lens.k + lens.kcube * r)
    return _inside(x * (1.0 + lens.size[0] * share), y * (1.0 + lens.size[1] * share))


def fringed(at: Places, scale: float, start: float) -> Places:
    """Places nearer to the middle by ``scale`` of what they are past the share ``start``."""
    height, width = at[0].shape
    return _inside(_drawn(at[0], width, scale, start), _drawn(at[1], height, scale, start))


def _drawn(at: F32, size: int, scale: float, start: float) -> NDArray[np.float64]:
    offset = at - _middle(size)
    past = np.maximum(np.abs(offset) - start * size / 2.0, 0.0)
    drawn: NDArray[np.float64] = offset - np.sign(offset) * scale * past
    return drawn


def _middle(size: int) -> float:
    return (size - 1) / 2.0


def _inside(x: NDArray[np.float64], y: NDArray[np.float64]) -> Places:
    """Places from offsets to the middle, in the picture."""
    height, width = x.shape
    column = np.clip(x + _middle(width), 0.0, width - 1.0).astype(np.float32)
    row = np.clip(y + _middle(height), 0.0, height - 1.0).astype(np.float32)
    return column, row
