"""The plates of traffic signs, drawn once at start."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sim.server.scene import F32, U8

CELL = 128  # pixels, a plate's square in the atlas
COLUMNS = 8
LIMITS = tuple(range(5, 135, 5))
KINDS = (
    "traffic.stop",
    "traffic.yield",
    "traffic.crossing",
    "traffic.blank",
    *(f"traffic.speed_limit.{limit}" for limit in LIMITS),
)
ROWS = -(-len(KINDS) // COLUMNS)

Colour = tuple[int, int, int]  # sRGB

RED, WHITE, BLACK, BLUE = (196, 22, 28), (246, 246, 246), (16, 16, 16), (20, 75, 170)
GREY = (120, 122, 124)
LINEAR: F32 = (np.arange(256, dtype=np.float32) / 255.0) ** 2.2  # of each sRGB value


def plate_uv(kind: str) -> tuple[float, float, float, float]:
    """The plate's place in the atlas: left u, top v, right u, bottom v; unknown kinds are blank."""
    index = KINDS.index(kind) if kind in KINDS else KINDS.index("traffic.blank")
    row, column = divmod(index, COLUMNS)
    return column / COLUMNS, row / ROWS, (column + 1) / COLUMNS, (row + 1) / ROWS


@cache
def sign_atlas() -> F32:
    """All plates (ROWS * CELL, COLUMNS * CELL, 3), linear RGB."""
    atlas = np.zeros((ROWS * CELL, COLUMNS * CELL, 3), np.float32)
    for index, kind in enumerate(KINDS):
        row, column = divmod(index, COLUMNS)
        atlas[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = plate(kind)
    return atlas


def plate(kind: str) -> F32:
    """One plate (CELL, CELL, 3), drawn large and shrunk."""
    size = 4 * CELL
    canvas = np.empty((size, size, 3), np.uint8)
    canvas[:] = GREY
    middle = (size // 2, size // 2)
    if kind == "traffic.stop":
        angle = (np.arange(8) + 0.5) * np.pi / 4.0
        for radius, colour in ((0.54, WHITE), (0.50, RED)):
            ring = size / 2 + radius * size * np.stack([np.cos(angle), np.sin(angle)], axis=1)
            fill(canvas, ring, colour)
        write(canvas, "STOP", 0.36, WHITE)
    elif kind == "traffic.yield":
        for inset, colour in ((0.0, RED), (0.15, WHITE)):
            top, side = size * (0.06 + 0.6 * inset), size * (0.03 + inset)
            fill(
                canvas,
                [(side, top), (size - side, top), (size / 2, size * (0.94 - 1.1 * inset))],
                colour,
            )
    elif kind == "traffic.crossing":
        canvas[:] = BLUE
        fill(
            canvas,
            [(size * 0.12, size * 0.86), (size * 0.88, size * 0.86), (size / 2, size * 0.14)],
            WHITE,
        )
        cv2.circle(canvas, (size // 2, int(size * 0.42)), size // 22, BLACK, -1, cv2.LINE_AA)
        cv2.line(
            canvas, (size // 2, int(size * 0.48)), (size // 2, int(size * 0.64)), BLACK, size // 20
        )
        for dx in (-0.09, 0.09):
            cv2.line(
                canvas,
                (size // 2, int(size * 0.63)),
                (int(size * (0.5 + dx)), int(size * 0.80)),
                BLACK,
                size // 26,
            )
    elif kind.startswith("traffic.speed_limit"):
        cv2.circle(canvas, middle, int(0.49 * size), RED, -1, cv2.LINE_AA)
        cv2.circle(canvas, middle, int(0.38 * size), WHITE, -1, cv2.LINE_AA)
        figures = kind.rsplit(".", 1)[1]
        write(canvas, figures, 0.42 if len(figures) < 3 else 0.34, BLACK)
    shrunk: F32 = cv2.resize(LINEAR[canvas], (CELL, CELL), interpolation=cv2.INTER_AREA)
    return shrunk


def fill(
    canvas: U8, corners: NDArray[np.float64] | list[tuple[float, float]], colour: Colour
) -> None:
    """A polygon of one colour."""
    cv2.fillPoly(canvas, [np.round(np.asarray(corners)).astype(np.int32)], colour, cv2.LINE_AA)


def write(canvas: U8, text: str, high: float, colour: Colour) -> None:
    """Text in the middle, ``high`` of the plate's height."""
    size = canvas.shape[0]
    face, thick = cv2.FONT_HERSHEY_DUPLEX, size // 26
    scale = 1.0
    for _ in range(2):
        (wide, tall), _ = cv2.getTextSize(text, face, scale, thick)
        scale *= min(high * size / tall, 0.68 * size / wide)
    (wide, tall), _ = cv2.getTextSize(text, face, scale, thick)
    at = (int((size - wide) / 2), int((size + tall) / 2))
    cv2.putText(canvas, text, at, face, scale, colour, thick, cv2.LINE_AA)
