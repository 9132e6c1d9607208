"""What actors are made of: bones, components and sockets by name, and where they are."""

from __future__ import annotations

import math

import numpy as np

from common.frames import FloatArray
from sim.server import skeleton
from sim.server.actors import Actor, Kind
from sim.server.episode import Episode
from sim.server.poses import matrices
from sim.server.postures import Posture
from sim.server.render import models
from sim.server.scene import Material

ROOT = "RootComponent"
WHEELS = ("Wheel_Front_Left", "Wheel_Front_Right", "Wheel_Rear_Left", "Wheel_Rear_Right")
CYCLE_WHEELS = ("Wheel_Front", "Wheel_Rear")
LAMPS = {
    "front-blinker-l-1": (Material.INDICATOR_LEFT, 1.0),
    "front-blinker-r-1": (Material.INDICATOR_RIGHT, 1.0),
    "back-blinker-l-1": (Material.INDICATOR_LEFT, -1.0),
    "back-blinker-r-1": (Material.INDICATOR_RIGHT, -1.0),
}
"""Names of CARLA's lamps; material, and 1 for the front or -1 for the rear."""

Parts = dict[str, FloatArray]
"""Transforms (4, 4) in the actor's frame, by name."""


def bones(episode: Episode, actor: Actor) -> tuple[Parts, Parts]:
    """An actor's bones in its own frame, and in their parent bones.

    Walkers have a skeleton, vehicles a base with wheels, others one bone at their origin.
    """
    if actor.kind is Kind.WALKER:
        own = walker_bones(episode, actor)
        return own, skeleton.relative(own)
    own = {"Vehicle_Base": np.eye(4)} | wheels(episode, actor) if is_vehicle(actor) else {}
    own = own or {"root": np.eye(4)}
    return own, own


def is_vehicle(actor: Actor) -> bool:
    """Whether it has wheels."""
    return actor.kind is Kind.VEHICLE


def walker_bones(episode: Episode, walker: Actor) -> Parts:
    """A walker's bones in its own frame."""
    travel = float(episode.walkers.state["travel"][walker.slot])
    speed = float(np.linalg.norm(episode.actors.velocity[walker.row]))
    pose = episode.postures.get(walker.id, Posture()).pose
    return skeleton.posed(walker.extent[2], travel, speed, pose)


def wheels(episode: Episode, vehicle: Actor) -> Parts:
    """A vehicle's wheels: their middles, turned as they are."""
    own = episode.vehicles.physics(vehicle.slot).wheels
    steers, rolls = steer_angles(episode, vehicle), roll_angles(episode, vehicle)
    names = WHEELS if len(own) > 2 else CYCLE_WHEELS
    out = {}
    for i, name in enumerate(names[: len(own)]):
        x, y, _ = own[i].position
        out[name] = matrices(np.array([x, y, own[i].radius, 0.0, rolls[i], steers[i]]))
    return out


def steer_angles(episode: Episode, vehicle: Actor) -> list[float]:
    """The angles (rad) of a vehicle's wheels; the inner one turns more (Ackermann)."""
    own = episode.vehicles.physics(vehicle.slot).wheels
    told = shown(episode, vehicle).steers
    middle = float(episode.vehicles.state["wheel_angle"][vehicle.slot])
    base = max(w.position[0] for w in own) - min(w.position[0] for w in own)
    out = []
    for i, wheel in enumerate(own):
        turns = wheel.max_steer > 0.0 and abs(middle) > 1e-6
        angle = math.atan(base / (base / math.tan(middle) - wheel.position[1])) if turns else 0.0
        out.append(told.get(i, angle))
    return out


def roll_angles(episode: Episode, vehicle: Actor) -> list[float]:
    """The angles (rad) that a vehicle's wheels have rolled through."""
    told = shown(episode, vehicle).rolls
    travel = float(episode.vehicles.state["travel"][vehicle.slot])
    own = episode.vehicles.physics(vehicle.slot).wheels
    return [told.get(i, travel / wheel.radius) for i, wheel in enumerate(own)]


def shown(episode: Episode, vehicle: Actor) -> Posture:
    """What clients make a vehicle look like; its wheels are theirs only without physics."""
    moving = bool(episode.vehicles.state["simulate"][vehicle.slot])
    return Posture() if moving else episode.postures.get(vehicle.id, Posture())


def components(actor: Actor) -> Parts:
    """An actor's components in its own frame: the root, and a vehicle's blinkers."""
    out = {ROOT: np.eye(4)}
    if is_vehicle(actor):
        model = models.model(actor.type_id)
        middles = model.vertices[model.faces].mean(axis=1).astype(np.float64)
        for name, (material, end) in LAMPS.items():
            lamp = middles[(model.material == material) & (middles[:, 0] * end > 0.0)]
            if len(lamp):
                yaw = 0.0 if end > 0.0 else math.pi
                out[name] = matrices(np.array([*lamp.mean(axis=0), 0.0, 0.0, yaw]))
    return out
