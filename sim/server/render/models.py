"""The library of moving things: a model for every blueprint that has a body."""

from __future__ import annotations

from functools import cache

from sim.server.blueprints import Blueprint, find
from sim.server.render import vehicles
from sim.server.render.cycles import cycle
from sim.server.render.parts import Builder, Model
from sim.server.render.walkers import walker
from sim.server.scene import Label, Material

FORMS: dict[str, vehicles.Sections] = {
    "audi.a2": vehicles.HATCH,
    "audi.etron": vehicles.SUV,
    "bmw.grandtourer": vehicles.HATCH,
    "carlamotors.carlacola": vehicles.VAN,
    "carlamotors.european_hgv": vehicles.VAN,
    "carlamotors.firetruck": vehicles.VAN,
    "citroen.c3": vehicles.HATCH,
    "ford.ambulance": vehicles.VAN,
    "jeep.wrangler_rubicon": vehicles.SUV,
    "mercedes.sprinter": vehicles.VAN,
    "micro.microlino": vehicles.HATCH,
    "mini.cooper_s": vehicles.HATCH,
    "mini.cooper_s_2021": vehicles.HATCH,
    "mitsubishi.fusorosa": vehicles.BUS,
    "nissan.micra": vehicles.HATCH,
    "nissan.patrol": vehicles.SUV,
    "nissan.patrol_2021": vehicles.SUV,
    "seat.leon": vehicles.HATCH,
    "tesla.cybertruck": vehicles.SUV,
    "toyota.prius": vehicles.HATCH,
    "volkswagen.t2": vehicles.VAN,
    "volkswagen.t2_2021": vehicles.VAN,
}
"""Body forms; what is not named is a saloon."""


def known(blueprint_id: str) -> bool:
    """Whether the blueprint has a body to draw."""
    blueprint = find(blueprint_id)
    return blueprint is not None and blueprint.half_extent[2] > 0.0


@cache
def model(blueprint_id: str) -> Model:
    """The blueprint's model; an unknown blueprint is an error of the caller."""
    blueprint = find(blueprint_id)
    if blueprint is None:
        raise KeyError(blueprint_id)
    if blueprint.physics is not None:
        return vehicle(blueprint)
    if blueprint.label == Label.PEDESTRIAN:
        return walker(blueprint.half_extent, blueprint.box_centre[2])
    return prop(blueprint)


def vehicle(blueprint: Blueprint) -> Model:
    """A vehicle on its wheels."""
    assert blueprint.physics is not None
    length, width, height = (2.0 * e for e in blueprint.half_extent)
    size, ahead = (length, width, height), blueprint.box_centre[0]
    wheels = blueprint.physics.wheels
    name = blueprint.id.removeprefix("vehicle.")
    if blueprint.label in (Label.MOTORCYCLE, Label.BICYCLE):
        return cycle(blueprint.label, size, ahead, wheels, sum(name.encode()))
    sections = FORMS.get(name, vehicles.SEDAN)
    return vehicles.car(vehicles.Body(size, ahead), wheels, blueprint.label, sections)


def prop(blueprint: Blueprint) -> Model:
    """A box as large as the thing."""
    b = Builder(blueprint.label)
    half, centre = blueprint.half_extent, blueprint.box_centre
    low = [c - e for c, e in zip(centre, half, strict=True)]
    high = [c + e for c, e in zip(centre, half, strict=True)]
    b.box(low, high, Material.PLAIN, (0.45, 0.40, 0.33))
    return b.done()
