"""Parked cars on the lanes for them: a part of the map, not actors, as in CARLA's towns."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from common.frames import FloatArray
from sim.server.blueprints import CATALOGUE, Blueprint
from sim.server.dress.builder import Builder, Look
from sim.server.dress.plots import Plots
from sim.server.opendrive import Network, Road, Section
from sim.server.render import models
from sim.server.scene import Label, Material

SLOT = 6.5  # m of kerb a car (RASt 06, section 6.1.5: 5.7 to 6.7)
FREE_END = 10.0  # m without cars before a lane's ends (StVO, section 12: 5 m before crossings)
TAKEN = 0.55  # share of the slots
KERB_GAP = 0.12  # m between box and kerb
LINE_GAP = 0.1  # m between box and driving lane, at least: a car in a bend stays straight
SWAY = 0.4  # m along the kerb, each way
PAINTS = (
    (0.30, 0.31, 0.33), (0.11, 0.12, 0.13), (0.02, 0.02, 0.022), (0.75, 0.75, 0.73),
    (0.55, 0.56, 0.57), (0.03, 0.07, 0.22), (0.38, 0.02, 0.02), (0.05, 0.12, 0.08),
)  # fmt: skip
"""Linear RGB; mostly greys, as on the road."""


def park(network: Network, plots: Plots, rng: np.random.Generator, builder: Builder) -> None:
    """A car on about every second slot, as far as one is narrow enough for the lane."""
    for road, section, lane in _lanes(network):
        first, last = section.start + FREE_END, section.end - FREE_END
        slots = np.arange(first + SLOT / 2.0, last - SLOT / 2.0, SLOT)
        for s in slots[rng.random(len(slots)) < TAKEN]:
            s = s + rng.uniform(-SWAY, SWAY) + np.array([0.0, -SLOT / 2.0, SLOT / 2.0])
            inner, outer = section.borders(s)[lane]
            room = float(np.abs(outer - inner).min()) - KERB_GAP - LINE_GAP
            fitting = [one for one in _cars() if _width(one) <= room]
            if fitting:
                car = fitting[int(rng.integers(len(fitting)))]
                line = road.along(s)
                t = outer - np.sign(lane) * (KERB_GAP + _width(car) / 2.0)
                ahead = float(line.heading[0]) + (np.pi if lane > 0 else 0.0)
                middle = line.at(t)[0]
                _stand(car, middle, ahead, PAINTS[int(rng.integers(len(PAINTS)))], plots, builder)


def _lanes(network: Network) -> Iterator[tuple[Road, Section, int]]:
    """Where one parks."""
    for road in network.roads.values():
        for section in road.sections:
            for number, lane in sorted(section.lanes.items()):
                if lane.kind == "parking" and road.junction < 0:
                    yield road, section, number


@cache
def _cars() -> tuple[Blueprint, ...]:
    """Ordinary cars: no police, ambulances or taxis."""
    return tuple(
        one
        for one in CATALOGUE
        if one.label == Label.CAR and one.id.removeprefix("vehicle.") not in models.SPECIAL
    )


def _width(car: Blueprint) -> float:
    return 2.0 * car.half_extent[1]


def _stand(
    car: Blueprint,
    middle: FloatArray,
    ahead: float,
    paint: tuple[float, float, float],
    plots: Plots,
    builder: Builder,
) -> None:
    """A car with the middle of its box above a place, heading ``ahead`` (rad), on its wheels."""
    world_from_car = _on_slope(middle, ahead, plots)
    centre = world_from_car @ [0.0, 0.0, car.box_centre[2], 1.0]
    world_from_car[:3, 3] -= world_from_car[:3, :2] @ car.box_centre[:2]
    x, y, z, _ = centre
    identity = plots.add(Label.CAR, (x, y, z), ahead, car.half_extent)
    model = models.model(car.id)
    points = model.vertices @ world_from_car[:3, :3].T + world_from_car[:3, 3]
    kinds = np.column_stack([model.material, model.colour]).astype(np.float64)
    shut = ~np.array([joint.hidden for joint in model.joints])[model.face_part]
    for kind in np.unique(kinds[shut], axis=0):
        material, own = Material(int(kind[0])), kind[1:]
        r, g, b = own * paint if material == Material.PAINT else own
        look = Look(material, Label.CAR, identity, (float(r), float(g), float(b)))
        builder.add(points, model.faces[shut & (kinds == kind).all(axis=1)], look)


def _on_slope(middle: FloatArray, ahead: float, plots: Plots) -> FloatArray:
    """`world_from_car` (4, 4) of a car that stands on the ground there."""
    above = np.array([[middle[0], middle[1], middle[2] + 0.5]])
    (z,), (up,) = plots.ground(above)
    forward = np.array([np.cos(ahead), np.sin(ahead), 0.0])
    forward -= (forward @ up) * up
    forward /= np.linalg.norm(forward)
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2] = forward, np.cross(up, forward), up
    pose[:3, 3] = middle[0], middle[1], z
    return pose
