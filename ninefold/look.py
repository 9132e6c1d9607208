"""`ninefold look`: a town in pictures, a contact sheet and a view from above."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from common.files import write_atomically
from common.messages import ImageArray
from ninefold import arguments

if TYPE_CHECKING:
    from sim.photos import Album

WEATHERS = ("ClearNoon", "HardRainNoon", "ClearSunset", "ClearNight")
GAP, TITLE = 4, 22  # px between pictures, px of a title
PAPER, INK = 245, (30, 30, 30)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `ninefold look`."""
    parser.add_argument("town", metavar="NAME|FILE.xodr|FILE.osm", help="what to look at")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", default=Path("runs/look"), help="for the pictures"
    )
    parser.add_argument(
        "--places",
        type=arguments.whole(1, 100),
        default=4,
        metavar="N",
        help="places to look from",
    )
    parser.add_argument(
        "--size",
        type=arguments.whole(32, 2048),
        nargs=2,
        metavar=("WIDTH", "HEIGHT"),
        default=(384, 216),
        help="px of one picture",
    )
    parser.add_argument(
        "--weather", nargs="+", default=WEATHERS, metavar="NAME", help="CARLA's presets"
    )


def run(options: argparse.Namespace) -> int:
    """Write TOWN-sheet.png and TOWN-map.png."""
    folder = options.out
    arguments.writable_folder(folder)
    from sim import chart, photos
    from sim.launch import embedded_server
    from sim.world import DT, World, weather_named

    for name in options.weather:
        weather_named(name)
    stem = Path(options.town).stem
    with embedded_server(options.town, step=DT) as port, World("127.0.0.1", port) as world:
        world.load(options.town)
        above = chart.draw(world.world)
        album = photos.take(world, options.weather, options.places, tuple(options.size))
    for name, picture in (("map", above), ("sheet", contact_sheet(album))):
        path = folder / f"{stem}-{name}.png"
        save(path, picture)
        print(path)
    return 0


def save(path: Path, picture: ImageArray) -> None:
    """Write an RGB picture; on a full disk what was there stays."""
    _, png = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    write_atomically(path, png.tobytes())


def contact_sheet(album: Album) -> ImageArray:
    """All pictures of an album, titles above the columns and before the rows."""
    height, width = album.pictures[0][0].shape[:2]
    left, top = 5 * TITLE, TITLE + GAP
    size = (
        top + len(album.rows) * (height + GAP),
        left + len(album.columns) * (width + GAP),
        3,
    )
    sheet = np.full(size, PAPER, np.uint8)
    for j, column in enumerate(album.columns):
        _write(sheet, (left + j * (width + GAP), TITLE - 6), column)
    for i, (row, pictures) in enumerate(zip(album.rows, album.pictures, strict=True)):
        y = top + i * (height + GAP)
        _write(sheet, (GAP, y + height // 2), row)
        for j, picture in enumerate(pictures):
            x = left + j * (width + GAP)
            sheet[y : y + height, x : x + width] = picture
    return sheet


def _write(sheet: ImageArray, at: tuple[int, int], words: str) -> None:
    cv2.putText(sheet, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, INK, 1, cv2.LINE_AA)
