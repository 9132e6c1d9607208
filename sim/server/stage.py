"""What moves, as the renderer wants it."""

from __future__ import annotations

import numpy as np

from sim.server import postures
from sim.server.actors import Actor, Kind
from sim.server.episode import Episode
from sim.server.poses import matrices
from sim.server.render import models
from sim.server.scene import F32, Instances, Moves

CLOTHES = (
    (0.55, 0.10, 0.10), (0.10, 0.18, 0.45), (0.08, 0.25, 0.12), (0.65, 0.55, 0.15),
    (0.45, 0.45, 0.47), (0.05, 0.05, 0.06), (0.60, 0.30, 0.12), (0.25, 0.10, 0.35),
)  # fmt: skip
"""Linear RGB; a walker's id picks one."""


def linear(colour: str) -> tuple[float, float, float]:
    """A blueprint's colour "r,g,b" (sRGB, 0..255) as linear RGB; white where it is no colour."""
    try:
        r, g, b = (min(max(int(word), 0), 255) / 255.0 for word in colour.split(","))
    except ValueError:
        return 1.0, 1.0, 1.0
    # IEC 61966-2-1, without its short linear toe
    return r**2.2, g**2.2, b**2.2


def colour_of(actor: Actor) -> tuple[float, float, float]:
    """A vehicle's paint or a walker's clothes."""
    if actor.kind is Kind.WALKER:
        return CLOTHES[actor.nth % len(CLOTHES)]
    return linear(actor.attribute("color"))


def instances(episode: Episode) -> Instances:
    """Everybody with a body, by id."""
    actors = episode.actors
    shown = [actor for actor in actors if models.known(actor.type_id)]
    rows = np.array([actor.row for actor in shown], np.intp)
    count = len(shown)
    steer, travel = np.zeros(count, np.float32), np.zeros(count, np.float32)
    for i, actor in enumerate(shown):
        if actor.kind is Kind.VEHICLE:
            steer[i] = episode.vehicles.state["wheel_angle"][actor.slot]
            travel[i] = episode.vehicles.state["travel"][actor.slot]
        elif actor.kind is Kind.WALKER:
            travel[i] = episode.walkers.state["travel"][actor.slot]
    colours: F32 = np.array([colour_of(a) for a in shown], np.float32).reshape(-1, 3)
    return Instances(
        model=tuple(actor.type_id for actor in shown),
        world_from_model=matrices(actors.pose[rows]).astype(np.float32),
        colour=colours,
        actor_id=np.array([actor.id for actor in shown], np.uint32),
        steer=steer,
        travel=travel,
        lights=actors.lights[rows],
        speed=np.linalg.norm(actors.velocity[rows], axis=1).astype(np.float32),
        moved={number: moves(episode, number) for number in episode.postures},
    )


def moves(episode: Episode, number: int) -> Moves:
    """How clients have moved an actor's parts."""
    actor, posture = episode.actors.get(number), episode.postures[number]
    if actor.kind is Kind.VEHICLE:
        still = not episode.vehicles.state["simulate"][actor.slot]
        return postures.parts(actor.type_id, posture, still=still)
    if posture.pose.blend == 0.0:
        return {}
    travel = float(episode.walkers.state["travel"][actor.slot])
    speed = float(np.linalg.norm(episode.actors.velocity[actor.row]))
    return postures.limbs(actor.extent[2], travel, speed, posture.pose)
