"""The moving things of a frame, put into the arrays that the kernels draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from common.jit import kernel
from sim.server.render.materials import base_table
from sim.server.render.parts import Model
from sim.server.scene import F32, I32, U8, U32, Instances, Material

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)

WALK = 1.4  # m/s, the pace at which limbs swing fully

LOW_BEAM, HIGH_BEAM, POSITION, BRAKE = 2, 4, 1, 8  # CARLA's VehicleLightState
RIGHT_BLINKER, LEFT_BLINKER, SPECIAL = 16, 32, 512 | 1024
FLASH = 2.0  # Hz, the least of UNECE regulation 65
BLINK = 1.5  # Hz, within the 1-2 Hz of UNECE regulation 48


class Bodies(NamedTuple):
    """The faces of all moving things at rest."""

    corners: I32  # (F, 3) into the fleet's points
    part: I32  # (F,)
    owner: I32  # (F,) instance
    normals: F32  # (F, 3)
    material: U8  # (F,)
    colour: F32  # (F, 3) with the material's own
    tinted: Mask  # (F,) takes the instance's colour


@dataclass(frozen=True, slots=True)
class Fleet:
    """What stays the same while the same models are on stage; index bases as in the frame."""

    models: tuple[str, ...]
    points: F32  # (V, 3) m, at rest
    point_part: I32  # (V,)
    faces: I32  # (F, 3) counted from the model's first vertex
    bodies: Bodies
    label: U8  # (F,)
    owner: I32  # (P,) instance of each part
    joints: F64  # (P, 8) pivot 3, turn, steer, swing, stride, phase
    names: tuple[str, ...]  # (P,)
    hidden: Mask  # (P,) shown only while moved by name
    first: I32  # (N, 2) first vertex, first face
    count: I32  # (N, 2)
    radius: F64  # (N,) m


def gather(names: tuple[str, ...], models: list[Model]) -> Fleet:
    """One fleet of the models, in order."""
    parts = np.array([len(m.joints) for m in models], np.int64)
    sizes = np.array([(len(m.vertices), len(m.faces)) for m in models], np.int32).reshape(-1, 2)
    first = np.cumsum(sizes, axis=0, dtype=np.int64) - sizes
    first_part = np.cumsum(parts) - parts
    index = np.arange(len(models))
    material = stack([m.material for m in models], np.uint8, ())
    colour = stack([m.colour for m in models], np.float32, (3,))
    faces = stack([m.faces for m in models], np.int32, (3,))
    base = np.repeat(first[:, 0], sizes[:, 1])
    return Fleet(
        models=names,
        points=stack([m.vertices for m in models], np.float32, (3,)),
        point_part=stack([m.vertex_part for m in models], np.int32, ())
        + np.repeat(first_part, sizes[:, 0]).astype(np.int32),
        faces=faces,
        bodies=Bodies(
            corners=(faces + base[:, None]).astype(np.int32),
            part=stack([m.face_part for m in models], np.int32, ())
            + np.repeat(first_part, sizes[:, 1]).astype(np.int32),
            owner=np.repeat(index, sizes[:, 1]).astype(np.int32),
            normals=stack([m.normals for m in models], np.float32, (3,)),
            material=material,
            colour=(colour * base_table()[material]).astype(np.float32),
            tinted=(material == Material.PAINT) | (material == Material.CLOTH),
        ),
        label=stack([m.label for m in models], np.uint8, ()),
        owner=np.repeat(index, parts).astype(np.int32),
        joints=np.array(
            [
                (*j.pivot, j.turn, j.steer, j.swing, j.stride, j.phase)
                for m in models
                for j in m.joints
            ],
            np.float64,
        ).reshape(-1, 8),
        names=tuple(j.name for m in models for j in m.joints),
        hidden=np.array([j.hidden for m in models for j in m.joints], np.bool_),
        first=first.astype(np.int32),
        count=sizes,
        radius=np.array([m.radius for m in models], np.float64),
    )


def stack(arrays: list[NDArray[T]], dtype: type[T], tail: tuple[int, ...]) -> NDArray[T]:
    """The arrays end to end; none at all give an empty one."""
    out: NDArray[T] = np.concatenate([np.zeros((0, *tail), dtype), *arrays]).astype(dtype)
    return out


def part_poses(fleet: Fleet, instances: Instances) -> F32:
    """``world_from_part`` (P, 3, 4): joints moved by steering, way and pace, or by name."""
    o, j = fleet.owner, fleet.joints
    travel, pace = instances.travel[o], np.minimum(np.abs(instances.speed[o]) / WALK, 1.5)
    about_y = j[:, 3] * travel + j[:, 5] * pace * np.sin(j[:, 6] * travel + j[:, 7])
    about_z = j[:, 4] * instances.steer[o]
    cy, sy, cz, sz = np.cos(about_y), np.sin(about_y), np.cos(about_z), np.sin(about_z)
    zero = np.zeros_like(cy)
    turn = np.stack([cz * cy, -sz, cz * sy, sz * cy, cz, sz * sy, -sy, zero, cy], axis=1).reshape(
        -1, 3, 3
    )
    turn[fleet.hidden] = 0.0  # all in one point: nothing to see
    shift = j[:, :3] - np.einsum("pij,pj->pi", turn, j[:, :3])
    for actor, moves in instances.moved.items():
        for part in np.flatnonzero(instances.actor_id[o] == actor).tolist():
            motion = moves.get(fleet.names[part])
            if motion is not None:
                turn[part], shift[part] = motion[:3, :3], motion[:3, 3]
    body = instances.world_from_model[o].astype(np.float64)
    out = np.empty((len(o), 3, 4), np.float32)
    out[:, :, :3] = body[:, :3, :3] @ turn
    out[:, :, 3] = np.einsum("pij,pj->pi", body[:, :3, :3], shift) + body[:, :3, 3]
    return out


def emission(lights: U32, t: float) -> F32:
    """Light (M, N) that lamps give off, by Material and instance, by CARLA's light states."""
    blink = (t * BLINK) % 1.0 < 0.5

    def on(flag: int) -> F64:
        lit: F64 = ((lights & np.uint32(flag)) != 0).astype(np.float64)
        return lit

    driving = np.maximum(on(LOW_BEAM), on(HIGH_BEAM))
    table = np.zeros((len(Material), len(lights)), np.float32)
    table[Material.HEADLIGHT] = np.maximum(6.0 * driving, 1.5 * on(POSITION))
    table[Material.TAILLIGHT] = np.maximum(8.0 * on(BRAKE), 1.6 * np.maximum(driving, on(POSITION)))
    table[Material.INDICATOR_LEFT] = 5.0 * on(LEFT_BLINKER) * blink
    table[Material.INDICATOR_RIGHT] = 5.0 * on(RIGHT_BLINKER) * blink
    table[Material.BEACON] = 6.0 * on(SPECIAL) * ((t * FLASH) % 1.0 < 0.5)
    return table


class Dress(NamedTuple):
    """What the moving things of a frame look like."""

    tint: F32  # (N, 3) linear RGB
    emission: F32  # (M, N)
    ids: U32  # (N,)


class Stage(NamedTuple):
    """The part of a frame's arrays where the moving things are."""

    points: F32  # (V, 3) m, world
    look: F32  # (F, 16) as `shade.Surface`
    tag: U32  # (F, 3)


@kernel
def pose(
    points: F32,
    point_part: I32,
    poses: F32,
    bodies: Bodies,
    dress: Dress,
    out: Stage,
    lane: int,
    lanes: int,
) -> None:
    """Points into the world; normals, plane offsets, colours, lamps and ids onto the faces."""
    for i in range(lane, len(points), lanes):
        q = point_part[i]
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        for k in range(3):
            out.points[i, k] = (
                poses[q, k, 0] * x + poses[q, k, 1] * y + poses[q, k, 2] * z + poses[q, k, 3]
            )
    for f in range(lane, len(bodies.normals), lanes):
        q, i, n = bodies.part[f], bodies.corners[f, 0], bodies.owner[f]
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        x, y, z = bodies.normals[f, 0], bodies.normals[f, 1], bodies.normals[f, 2]
        offset = 0.0
        for k in range(3):
            a, b, c, d = poses[q, k, 0], poses[q, k, 1], poses[q, k, 2], poses[q, k, 3]
            normal = a * x + b * y + c * z
            out.look[f, k] = normal
            offset += normal * (a * px + b * py + c * pz + d)
            tint = dress.tint[n, k] if bodies.tinted[f] else np.float32(1.0)
            out.look[f, 4 + k] = bodies.colour[f, k] * tint
        out.look[f, 3] = offset
        out.look[f, 7] = dress.emission[bodies.material[f], n]
        out.tag[f, 2] = dress.ids[n]
