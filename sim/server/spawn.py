"""Bringing actors into the world: blueprints, free places, attachments."""

from __future__ import annotations

import numpy as np

from common.frames import FloatArray
from sim.server import blueprints
from sim.server.actors import Actor, Kind, kind_of
from sim.server.blueprints import Blueprint
from sim.server.cameras import ENCODERS, check
from sim.server.poses import matrices, poses_of
from sim.server.rpc import RpcError
from sim.server.sensing import sends
from sim.server.simulation import Simulation
from sim.server.wire import Description


def spawn(sim: Simulation, wanted: Description, pose: FloatArray, parent: Actor | None) -> Actor:
    """A new actor at a pose (6,), in the parent's frame where there is one.

    Raises:
        RpcError: no such blueprint, the place is taken, or the world is full.
    """
    blueprint = blueprints.find(wanted.id)
    if blueprint is None:
        raise RpcError(f"unable to spawn actor: no blueprint '{wanted.id}'")
    episode = sim.episode
    world_pose = pose
    if parent is not None:
        world_pose = poses_of(matrices(episode.actors.pose[parent.row]) @ matrices(pose))
    kind = kind_of(wanted.id)
    if wanted.id in ENCODERS:
        check(wanted)
    if kind in (Kind.VEHICLE, Kind.WALKER) and occupied(sim, blueprint, world_pose):
        raise RpcError("Spawn failed because of collision at spawn position")
    centre = np.array(blueprint.box_centre, np.float64)
    actor = episode.actors.add(wanted, world_pose, centre, blueprint.half_extent)
    actor.label = int(blueprint.label)
    bodies = episode.bodies(actor)
    if bodies is not None:
        actor.slot = bodies.add(blueprint, world_pose)
    if sends(wanted.id):
        actor.stream = sim.next_stream
        sim.next_stream += 1
    if parent is not None:
        episode.actors.attach(actor, parent, pose)
    return actor


def occupied(sim: Simulation, blueprint: Blueprint, pose: FloatArray) -> bool:
    """Whether the box of a blueprint at a pose meets a vehicle or walker."""
    actors = sim.episode.actors
    for other in actors:
        if other.kind not in (Kind.VEHICLE, Kind.WALKER):
            continue
        there = actors.pose[other.row]
        reach = np.hypot(*blueprint.half_extent[:2]) + np.hypot(*other.extent[:2])
        if (
            np.hypot(*(there[:2] - pose[:2])) < reach
            and abs(there[2] - pose[2]) < 3.0
            and meet(pose, blueprint.half_extent, there, other.extent)
        ):
            return True
    return False


def meet(
    pose: FloatArray,
    extent: tuple[float, float, float],
    other: FloatArray,
    other_extent: tuple[float, float, float],
) -> bool:
    """Whether two upright boxes overlap, seen from above (separating axes)."""
    offset = other[:2] - pose[:2]
    headings = (pose[5], other[5])
    for heading in (headings[0], headings[0] + np.pi / 2, headings[1], headings[1] + np.pi / 2):
        axis = np.array([np.cos(heading), np.sin(heading)])
        reach = sum(
            abs(np.cos(own - heading)) * half[0] + abs(np.sin(own - heading)) * half[1]
            for own, half in zip(headings, (extent, other_extent), strict=True)
        )
        if abs(float(offset @ axis)) > reach:
            return False
    return True
