"""Bringing actors into the world: blueprints, free places, attachments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from sim.server import blueprints
from sim.server.actors import Actor, Kind, kind_of
from sim.server.blueprints import Blueprint
from sim.server.episode import Episode
from sim.server.poses import matrices, poses_of
from sim.server.rpc import RpcError
from sim.server.simulation import Simulation
from sim.server.wire import Description

BODY = (1.0, 0.85, 1.0)
"""Share of the box that is body: the width counts the mirrors, and buses stand lane by lane."""
REACH = 15.0  # m from an actor's origin, beyond which no body reaches


def spawn(sim: Simulation, wanted: Description, pose: FloatArray, parent: Actor | None) -> Actor:
    """A new actor at a pose (6,), in the parent's frame where there is one.

    Raises:
        RpcError: no such blueprint, a broken attribute, a taken place, or a full world.
    """
    blueprint = blueprints.find(wanted.id)
    if blueprint is None:
        raise RpcError(f"unable to spawn actor: no blueprint '{wanted.id}'")
    episode = sim.episode
    episode.actors.check_room()
    world_pose = pose
    if parent is not None:
        world_pose = poses_of(matrices(episode.actors.pose[parent.row]) @ matrices(pose))
    kind = kind_of(wanted.id)
    if kind in (Kind.VEHICLE, Kind.WALKER) and occupied(episode, blueprint, world_pose):
        raise RpcError("Spawn failed because of collision at spawn position")
    centre = np.array(blueprint.box_centre, np.float64)
    actor = episode.actors.add(wanted, world_pose, centre, blueprint.half_extent)
    actor.label = int(blueprint.label)
    try:
        episode.embody(actor, blueprint)
    except ValueError as error:
        episode.destroy(actor)
        raise RpcError(f"unable to spawn actor: {error}") from error
    if kind is Kind.SENSOR:
        sim.admit(actor)
    if parent is not None:
        episode.actors.attach(actor, parent, pose)
    return actor


def occupied(episode: Episode, blueprint: Blueprint, pose: FloatArray) -> bool:
    """Whether a blueprint's box at a pose meets a vehicle, a walker or a solid object."""
    centre = middle(pose, np.array(blueprint.box_centre))
    extent = np.array(blueprint.half_extent) * BODY
    actors = episode.actors
    rows = np.flatnonzero(actors.solid)
    gaps = actors.pose[rows, :2] - pose[:2]
    rows = rows[np.hypot(gaps[:, 0], gaps[:, 1]) < 2.0 * REACH]
    centres = middle(actors.pose[rows], actors.boxes[rows, :3])
    extents = actors.boxes[rows, 3:] * BODY
    return meets(centre, extent, centres, extents) or meets(centre, extent, *episode.solid)


def middle(poses: FloatArray, centres: FloatArray) -> FloatArray:
    """Box middles x, y, z and headings (..., 4) of actors at poses (..., 6)."""
    world = np.einsum("...ij,...j->...i", matrices(poses)[..., :3, :3], centres)
    return np.concatenate([poses[..., :3] + world, poses[..., 5:]], axis=-1)


def meets(centre: FloatArray, extent: FloatArray, centres: FloatArray, extents: FloatArray) -> bool:
    """Whether an upright box (4,) + (3,) overlaps one of others (N, 4) + (N, 3)."""
    gap = np.hypot(centres[:, 0] - centre[0], centres[:, 1] - centre[1])
    near = gap <= np.hypot(extents[:, 0], extents[:, 1]) + np.hypot(extent[0], extent[1])
    return bool(near.any() and overlap(centre, extent, centres[near], extents[near]).any())


def overlap(
    centre: FloatArray, extent: FloatArray, centres: FloatArray, extents: FloatArray
) -> NDArray[np.bool_]:
    """Which upright boxes (N, 4) + (N, 3) overlap one box (4,) + (3,): separating axes."""
    offset = centres[:, :3] - centre[:3]
    apart: NDArray[np.bool_] = np.abs(offset[:, 2]) > extents[:, 2] + extent[2]
    for quarter in (0.0, np.pi / 2):
        for heading in (np.full(len(centres), centre[3]), centres[:, 3]):
            axis = heading + quarter
            reach = sum(
                np.abs(np.cos(yaw - axis)) * half[..., 0]
                + np.abs(np.sin(yaw - axis)) * half[..., 1]
                for yaw, half in ((centre[3], extent), (centres[:, 3], extents))
            )
            along = offset[:, 0] * np.cos(axis) + offset[:, 1] * np.sin(axis)
            apart |= np.abs(along) > reach
    return ~apart
