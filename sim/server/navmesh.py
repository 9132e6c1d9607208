"""Where walkers may go: a navigation mesh in the file format of CARLA's client (Detour).

The client's crowd finds its ways on it. It is made of square cells of pavement and of crossings,
tile by tile. Detour's axes are CARLA's x, z, y. Format: recastnavigation, DetourNavMesh.h
(version 7, 32-bit references); flags and areas: LibCarla/source/carla/nav/Navigation.h.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from common.frames import FloatArray
from sim.server.dress.markings import crossings
from sim.server.ground import PAVEMENT
from sim.server.town import Town

Mask = NDArray[np.bool_]

CELL = 1.0  # m
SIDE = 32  # cells of a tile's side
CLEARANCE = 0.3  # m from solid things: the client's walkers have this radius
REACH = 0.6  # m that a crossing reaches onto the pavements
FEWEST = 40  # cells of a place worth walking on
EDITION = 1  # grows when the same town gives another mesh
MOST_TILES = 4096  # with 1024 polygons a tile, all that 22 bits can name

AREA_PAVEMENT, AREA_CROSSING = 1, 2
FLAG_PAVEMENT, FLAG_CROSSING = 0x02, 0x04
EXTERNAL = 0x8000  # a link to another tile
SALT = 1

SET_HEAD = struct.Struct("<4sii3f2f2i")
TILE_HEAD = struct.Struct("<4s14i3f3f3ff")
POLYGON = np.dtype(
    [
        ("first_link", "<u4"),
        ("vertices", "<u2", 6),
        ("neighbours", "<u2", 6),
        ("flags", "<u2"),
        ("count", "u1"),
        ("area", "u1"),
    ]
)
DETAIL = np.dtype([("base", "<u4"), ("triangles", "<u4"), ("counts", "u1", 2), ("pad", "u1", 2)])
LINK_SIZE = 12  # bytes; Detour fills the links in when it loads a tile
CORNERS = ((0, 0), (1, 0), (1, 1), (0, 1))  # rows, columns: clockwise for Detour
STEPS = ((0, -1, 4), (1, 0, 2), (0, 1, 0), (-1, 0, 6))  # behind each edge: row, column, side
TRIANGLES = np.array([[0, 1, 2, 0x05], [0, 2, 3, 0x14]], np.uint8)  # corners, edges on the rim


@dataclass(frozen=True, slots=True)
class Floor:
    """Cells one may walk on; rows along Detour's z (CARLA's y), columns along x."""

    x: float  # m, of column 0's near edge
    z: float  # m, of row 0's
    area: NDArray[np.uint8]  # (rows, columns) whole tiles of them; 0 where nobody walks
    height: NDArray[np.float32]  # (rows + 1, columns + 1) m at the corners


def has_pavements(town: Town) -> bool:
    """Whether the town has pavements at all."""
    return bool((town.ground.kind == PAVEMENT).any())


def navmesh(town: Town) -> bytes:
    """The file; empty where the town has nothing to walk on."""
    floor = floor_of(town)
    rows, columns = (n // SIDE for n in floor.area.shape)
    places = [(row, column) for row in range(rows) for column in range(columns)]
    tiles = [(place, tile) for place in places if (tile := tile_of(floor, *place))][:MOST_TILES]
    if not tiles:
        return b""
    width = CELL * SIDE
    out = [
        SET_HEAD.pack(
            b"TESM", 1, len(tiles), floor.x, 0.0, floor.z, width, width, MOST_TILES, SIDE * SIDE
        )
    ]
    for number, (_, tile) in enumerate(tiles):
        reference = SALT << 22 | number << 10
        out += [struct.pack("<Ii", reference, len(tile)), tile]
    return b"".join(out)


def file_name(town: Town) -> str:
    """The file's name for clients, who keep it by this name: other content, other name."""
    return f"Carla/Maps/Nav/{town.name}-{town.sha256[:12]}-{EDITION}.bin"


def floor_of(town: Town) -> Floor:
    """The cells of a town."""
    ground = town.ground
    rows, columns = ground.kind.shape
    x, z = ground.x, -(ground.y + (rows - 1) * ground.cell)
    shape = [int(np.ceil(n * ground.cell / (CELL * SIDE))) * SIDE for n in (rows, columns)]
    i, j = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
    middles = np.stack([x + (j + 0.5) * CELL, -(z + (i + 0.5) * CELL)], axis=-1)
    pavement = ground.kind_at(middles) == PAVEMENT
    crossing = np.zeros(pavement.shape, bool)
    for outline in crossings(town.road_map):
        edge = grown(outline[:, :2], REACH)
        near = window(middles, edge.min(axis=0), edge.max(axis=0))
        crossing[near] |= inside(middles[near], edge)
    blocked = taken(town, middles)
    area = np.where(pavement, AREA_PAVEMENT, np.where(crossing, AREA_CROSSING, 0)).astype(np.uint8)
    area[blocked | lonely((area > 0) & ~blocked)] = 0
    i, j = np.meshgrid(np.arange(shape[0] + 1), np.arange(shape[1] + 1), indexing="ij")
    corners = np.stack([x + j * CELL, -(z + i * CELL)], axis=-1)
    height, _ = ground(corners.reshape(-1, 2))
    return Floor(x, z, area, height.reshape(i.shape).astype(np.float32))


def lonely(walkable: Mask) -> Mask:
    """Cells of places too small to walk on."""
    number, _ = ndimage.label(walkable)
    sizes = np.bincount(number.ravel())
    small: Mask = (sizes < FEWEST)[number] & walkable
    return small


def grown(outline: FloatArray, by: float) -> FloatArray:
    """A convex outline (N, 2) m moved outwards, about its middle."""
    middle = outline.mean(axis=0)
    away = outline - middle
    moved: FloatArray = (
        middle + away * (1.0 + by / np.maximum(np.linalg.norm(away, axis=1), 0.1))[:, None]
    )
    return moved


def window(middles: FloatArray, low: FloatArray, high: FloatArray) -> tuple[slice, slice]:
    """The rows and columns of cells (R, C, 2) m that may lie between two corners (2,) m."""
    x, y = middles[0, 0]
    top, bottom = int((y - high[1]) / CELL), int((y - low[1]) / CELL) + 2
    left, right = int((low[0] - x) / CELL), int((high[0] - x) / CELL) + 2
    return slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))


def inside(points: FloatArray, outline: FloatArray) -> Mask:
    """Which points (..., 2) lie in a polygon (N, 2): even-odd rule."""
    found = np.zeros(points.shape[:-1], bool)
    x, y = points[..., 0], points[..., 1]
    for (ax, ay), (bx, by) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if ay != by:
            found ^= ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return found


def taken(town: Town, middles: FloatArray) -> Mask:
    """Cells in which something solid stands."""
    found = np.zeros(middles.shape[:-1], bool)
    for thing in town.objects:
        if not thing.solid:
            continue
        reach = float(np.hypot(thing.extent[0], thing.extent[1])) + CLEARANCE
        place = np.array([thing.x, thing.y])
        near = window(middles, place - reach, place + reach)
        d = middles[near] - (thing.x, thing.y)
        c, s = np.cos(thing.yaw), np.sin(thing.yaw)
        along, across = d[..., 0] * c + d[..., 1] * s, -d[..., 0] * s + d[..., 1] * c
        grow = CLEARANCE
        found[near] |= (np.abs(along) < thing.extent[0] + grow) & (
            np.abs(across) < thing.extent[1] + grow
        )
    return found


def tile_of(floor: Floor, row: int, column: int) -> bytes:
    """One tile; empty where it has no cells."""
    first_row, first_column = row * SIDE, column * SIDE
    area = floor.area[first_row : first_row + SIDE, first_column : first_column + SIDE]
    i, j = np.nonzero(area)
    if not len(i):
        return b""
    vertices, corners = corners_of(floor, first_row, first_column, i, j)
    polygons = np.zeros(len(i), POLYGON)
    polygons["first_link"] = 0xFFFFFFFF
    polygons["vertices"][:, :4] = corners
    number = np.zeros((SIDE, SIDE), np.uint16)
    number[i, j] = np.arange(1, len(i) + 1)
    links = 4 * len(i)
    for edge, (down, right, side) in enumerate(STEPS):
        k, m = i + down, j + right
        within = (k >= 0) & (k < SIDE) & (m >= 0) & (m < SIDE)
        beyond = walkable(floor, first_row + k, first_column + m) & ~within
        near = number[np.clip(k, 0, SIDE - 1), np.clip(m, 0, SIDE - 1)]
        polygons["neighbours"][:, edge] = np.where(
            within, near, np.where(beyond, EXTERNAL | side, 0)
        )
        links += 2 * int(beyond.sum())
    polygons["flags"] = np.where(area[i, j] == AREA_PAVEMENT, FLAG_PAVEMENT, FLAG_CROSSING)
    polygons["count"] = 4
    polygons["area"] = area[i, j]
    details = np.zeros(len(i), DETAIL)
    details["triangles"] = 2 * np.arange(len(i))
    details["counts"][:, 1] = 2
    head = tile_head(floor, row, column, vertices, (len(i), links))
    triangles = np.tile(TRIANGLES, (len(i), 1))
    parts = (vertices.tobytes(), polygons.tobytes(), bytes(LINK_SIZE * links))
    return b"".join((head, *parts, details.tobytes(), triangles.tobytes()))


def corners_of(
    floor: Floor, row: int, column: int, i: NDArray[np.intp], j: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The corner points (V, 3) of cells, and each cell's four (N, 4), in Detour's axes."""
    wide = SIDE + 1
    keys = np.stack([(i + down) * wide + j + right for down, right in CORNERS], axis=-1)
    used, corners = np.unique(keys, return_inverse=True)
    k, m = np.divmod(used, wide)
    vertices = np.stack(
        [
            floor.x + (column + m) * CELL,
            floor.height[row + k, column + m],
            floor.z + (row + k) * CELL,
        ],
        axis=-1,
    )
    return vertices.astype("<f4"), corners.reshape(-1, 4)


def walkable(floor: Floor, row: NDArray[np.intp], column: NDArray[np.intp]) -> Mask:
    """Which cells of the whole floor one may walk on; none outside of it."""
    rows, columns = floor.area.shape
    there = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    found: Mask = floor.area[np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)] > 0
    found &= there
    return found


def tile_head(
    floor: Floor, row: int, column: int, vertices: NDArray[np.float32], counts: tuple[int, int]
) -> bytes:
    """Detour's dtMeshHeader."""
    polygons, links = counts
    low = (floor.x + column * SIDE * CELL, float(vertices[:, 1].min()), floor.z + row * SIDE * CELL)
    high = (low[0] + SIDE * CELL, float(vertices[:, 1].max()), low[2] + SIDE * CELL)
    return TILE_HEAD.pack(
        b"VAND", 7, column, row, 0, 0, polygons, len(vertices), links, polygons, 0, 2 * polygons,
        0, 0, polygons, 1.8, CLEARANCE, 0.5, *low, *high, 0.0,
    )  # fmt: skip
