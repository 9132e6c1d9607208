"""What goes into the network and what comes out of it: checked at export and at load.

A network file carries its contract in its metadata: the rig's digest, the grids and the names of
its channels. A file that does not match is refused in one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from common.frames import OBJECT_GRID, SEG_GRID, BevGrid
from common.messages import LightState, ObjectKind
from common.rig import HEIGHT_PX, RIG, WIDTH_PX, digest

Tensor = NDArray[np.float32]

VERSION = "1"
KINDS: tuple[ObjectKind, ...] = (ObjectKind.VEHICLE, ObjectKind.WALKER)
BOX_FIELDS = ("dx", "dy", "log_length", "log_width", "sin_yaw", "cos_yaw")
RASTERS = ("drivable", "marking", "stop_line", "lane_own", "lane_left", "lane_right")
LIGHTS: tuple[LightState | None, ...] = (
    None,
    LightState.RED,
    LightState.YELLOW,
    LightState.GREEN,
    LightState.OFF,
)
STOP_BINS = 60
"""Distance to the stop line, 1 m a bin from the ego origin on."""

INPUT = "images"
INPUT_SHAPE = (len(RIG), HEIGHT_PX, WIDTH_PX, 3)
OUTPUT_SHAPES: dict[str, tuple[int, ...]] = {
    "heat": (len(KINDS), *OBJECT_GRID.shape),
    "boxes": (len(BOX_FIELDS), *OBJECT_GRID.shape),
    "rasters": (len(RASTERS), *SEG_GRID.shape),
    "light": (len(LIGHTS),),
    "stop": (STOP_BINS,),
}


@dataclass(frozen=True, slots=True)
class RawOutputs:
    """The network's outputs for one set of images; all float32."""

    heat: Tensor  # (2, 80, 48) probability of a box centre in the cell, per kind
    boxes: Tensor  # (6, 80, 48): offset from the cell's centre m, log m, sine and cosine of yaw
    rasters: Tensor  # (6, 160, 96) probability, per name in RASTERS
    light: Tensor  # (5,) probability, per state in LIGHTS
    stop: Tensor  # (60,) probability that the stop line lies in the bin, given a light


def _grid(grid: BevGrid) -> str:
    return f"{grid.x_min:g} {grid.x_max:g} {grid.y_min:g} {grid.y_max:g} {grid.cell:g}"


def metadata() -> dict[str, str]:
    """What every network file of this version says about itself."""
    return {
        "ninefold.contract": VERSION,
        "ninefold.rig": digest(),
        "ninefold.object_grid": _grid(OBJECT_GRID),
        "ninefold.raster_grid": _grid(SEG_GRID),
        "ninefold.rasters": " ".join(RASTERS),
        "ninefold.kinds": " ".join(kind.value for kind in KINDS),
        "ninefold.lights": " ".join("none" if s is None else s.value for s in LIGHTS),
    }


def check(
    path: str,
    found_metadata: Mapping[str, str],
    inputs: Mapping[str, tuple[tuple[int, ...], str]],
    outputs: Mapping[str, tuple[tuple[int, ...], str]],
) -> None:
    """Refuse a network whose metadata, inputs or outputs ({name: (shape, type)}) are not ours.

    Raises:
        UserError: names the first thing that differs.
    """
    if "ninefold.contract" not in found_metadata:
        raise UserError(
            f"expected a Ninefold perception network, got {path}, which carries no"
            " ninefold.contract in its metadata; make one with `ninefold export`"
        )
    for key, wanted in metadata().items():
        found = found_metadata.get(key)
        if found != wanted:
            raise UserError(
                f"expected {key} = {wanted!r} in {path}, got {found!r};"
                " train and export it again for this rig and version"
            )
    wanted_inputs = {INPUT: (INPUT_SHAPE, "tensor(uint8)")}
    wanted_outputs = {name: (shape, "tensor(float)") for name, shape in OUTPUT_SHAPES.items()}
    for what, wanted_ports, ports in (
        ("input", wanted_inputs, inputs),
        ("output", wanted_outputs, outputs),
    ):
        for name, port in wanted_ports.items():
            if ports.get(name) != port:
                raise UserError(
                    f"expected {what} {name} {port} in {path}, got {ports.get(name)};"
                    " make the file with `ninefold export`"
                )
