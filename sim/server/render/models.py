"""The library of moving things: a model for every blueprint that has a body."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from sim.server.blueprints import Blueprint, find
from sim.server.render import trucks, vehicles
from sim.server.render.cycles import cycle
from sim.server.render.parts import Model
from sim.server.render.props import prop
from sim.server.render.walkers import walker
from sim.server.scene import Label
from sim.server.vehicle_physics import Wheel

FORMS: dict[str, vehicles.Sections] = {
    "audi.a2": vehicles.HATCH,
    "audi.etron": vehicles.SUV,
    "bmw.grandtourer": vehicles.HATCH,
    "citroen.c3": vehicles.HATCH,
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
    "tesla.cybertruck": vehicles.WEDGE,
    "toyota.prius": vehicles.HATCH,
    "volkswagen.t2": vehicles.CAMPER,
    "volkswagen.t2_2021": vehicles.CAMPER,
}
"""Body forms; what is not named is a saloon."""

Maker = Callable[[vehicles.Body, tuple[Wheel, ...], Label], Model]
SPECIAL: dict[str, Maker] = {
    "carlamotors.carlacola": trucks.lorry,
    "carlamotors.european_hgv": trucks.lorry,
    "carlamotors.firetruck": trucks.fire_engine,
    "dodge.charger_police": trucks.police_car,
    "dodge.charger_police_2020": trucks.police_car,
    "ford.ambulance": trucks.ambulance,
    "ford.crown": trucks.taxi,
}


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
    name = blueprint.id.removeprefix("static.prop.")
    return prop(name, blueprint.label, blueprint.half_extent, blueprint.box_centre)


def vehicle(blueprint: Blueprint) -> Model:
    """A vehicle on its wheels."""
    assert blueprint.physics is not None
    length, width, height = (2.0 * e for e in blueprint.half_extent)
    size, ahead = (length, width, height), blueprint.box_centre[0]
    wheels = blueprint.physics.wheels
    name = blueprint.id.removeprefix("vehicle.")
    if blueprint.label in (Label.MOTORCYCLE, Label.BICYCLE):
        return cycle(blueprint.label, size, ahead, wheels, sum(name.encode()))
    doors = any(a.id == "has_dynamic_doors" and a.value == "true" for a in blueprint.attributes)
    body = vehicles.Body(size, ahead, doors)
    if name in SPECIAL:
        return SPECIAL[name](body, wheels, blueprint.label)
    return vehicles.car(body, wheels, blueprint.label, FORMS.get(name, vehicles.SEDAN))
