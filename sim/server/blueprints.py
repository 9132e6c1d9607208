"""CARLA 0.9.16's blueprint catalogue: ids, attributes, boxes, labels, masses, physics.

The data lie in `sim.server.catalogue`. Attributes speak CARLA's language (text, degrees,
left-handed); everything else is SI in the actor's ISO frame.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.server.catalogue.kinds import Attribute, Type, Vector, choice, constant, role
from sim.server.catalogue.props import PROPS, VEGETATION, size_class
from sim.server.catalogue.sensors import SENSORS
from sim.server.catalogue.vehicles import VEHICLES, VehicleKind
from sim.server.catalogue.walkers import WALKERS, WalkerKind
from sim.server.scene import Label
from sim.server.vehicle_physics import Chassis, VehiclePhysics, physics_of

__all__ = ["CATALOGUE", "Attribute", "Blueprint", "Type", "find"]


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Something that can be spawned."""

    id: str
    tags: str
    attributes: tuple[Attribute, ...]
    half_extent: Vector = (0.0, 0.0, 0.0)  # m
    box_centre: Vector = (0.0, 0.0, 0.0)  # m, actor frame
    label: Label = Label.NONE
    mass: float = 0.0  # kg
    physics: VehiclePhysics | None = None  # vehicles only
    chassis: Chassis | None = None


_LABELS = {
    "car": Label.CAR,
    "van": Label.CAR,
    "truck": Label.TRUCK,
    "bus": Label.BUS,
    "motorcycle": Label.MOTORCYCLE,
    "bicycle": Label.BICYCLE,
}

_PAINTS = (
    "17,37,103",
    "180,44,44",
    "243,243,243",
    "20,20,22",
    "97,99,102",
    "158,161,164",
    "33,75,49",
    "191,125,30",
)
"""Colours users are offered; a vehicle's own default rotates through them."""

_OWN_PAINT = {
    "dodge.charger_police": ("255,255,255",),
    "dodge.charger_police_2020": ("255,255,255",),
    "carlamotors.firetruck": ("180,20,20",),
    "ford.ambulance": ("245,245,240",),
    "ford.crown": ("235,180,20",),
    "carlamotors.carlacola": ("200,20,30",),
}


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _vehicle(index: int, kind: VehicleKind) -> Blueprint:
    turn = index % len(_PAINTS)
    paints = _OWN_PAINT.get(kind.name, _PAINTS[turn:] + _PAINTS[:turn])
    physics, chassis = physics_of(kind.design, kind.centre[0])
    length, width, height = kind.design.size
    return Blueprint(
        id=f"vehicle.{kind.name}",
        tags="vehicle," + kind.name.replace(".", ","),
        attributes=(
            role("autopilot", "scenario", "ego_vehicle"),
            choice("color", Type.COLOUR, *paints),
            choice("sticky_control", Type.BOOL, "true"),
            choice("terramechanics", Type.BOOL, "false"),
            constant("object_type", Type.STRING, ""),
            constant("base_type", Type.STRING, kind.base_type),
            constant("special_type", Type.STRING, kind.special_type),
            constant("number_of_wheels", Type.INT, str(kind.design.wheels)),
            constant("generation", Type.INT, str(kind.generation)),
            constant("has_dynamic_doors", Type.BOOL, _flag(kind.doors)),
            constant("has_lights", Type.BOOL, _flag(kind.lights)),
        ),
        half_extent=(length / 2.0, width / 2.0, height / 2.0),
        box_centre=(kind.centre[0], 0.0, kind.centre[1]),
        label=_LABELS[kind.base_type],
        mass=kind.design.mass,
        physics=physics,
        chassis=chassis,
    )


def _walker(kind: WalkerKind) -> Blueprint:
    name = f"{kind.number:04d}"
    wheelchair = kind.generation == 2 and kind.age == "adult"
    return Blueprint(
        id=f"walker.pedestrian.{name}",
        tags=f"walker,pedestrian,{name}",
        attributes=(
            role("pedestrian"),
            choice("speed", Type.FLOAT, *kind.speeds),
            choice("is_invincible", Type.BOOL, "true"),
            constant("gender", Type.STRING, kind.gender),
            constant("age", Type.STRING, kind.age),
            constant("generation", Type.INT, str(kind.generation)),
            *(
                (
                    constant("can_use_wheelchair", Type.BOOL, "true"),
                    choice("use_wheelchair", Type.BOOL, "false"),
                )
                if wheelchair
                else ()
            ),
        ),
        half_extent=kind.half_extent,
        label=Label.PEDESTRIAN,
        mass=kind.mass,
    )


def _prop(name: str, length: float, width: float, height: float) -> Blueprint:
    return Blueprint(
        id=f"static.prop.{name}",
        tags=f"static,prop,{name}",
        attributes=(
            role("prop"),
            constant("size", Type.STRING, size_class(max(length, width, height))),
        ),
        half_extent=(length / 2.0, width / 2.0, height / 2.0),
        box_centre=(0.0, 0.0, height / 2.0),
        label=Label.VEGETATION if name in VEGETATION else Label.STATIC,
        mass=min(40.0 * length * width * height + 1.0, 5000.0),
    )


def _others() -> tuple[Blueprint, ...]:
    trigger = (
        role("default"),
        choice("friction", Type.FLOAT, "3.5"),
        *(choice(f"extent_{axis}", Type.FLOAT, "100.0") for axis in "xyz"),
    )
    return (
        Blueprint("controller.ai.walker", "controller,ai,walker", (role("default"),)),
        Blueprint("static.trigger.friction", "static,trigger,friction", trigger),
        Blueprint("util.actor.empty", "util,actor,empty", (role("default"),)),
    )


CATALOGUE: tuple[Blueprint, ...] = (
    *(_vehicle(index, kind) for index, kind in enumerate(VEHICLES)),
    *(_walker(kind) for kind in WALKERS),
    *(
        Blueprint(name, name.replace(".", ","), attributes, label=Label.NONE)
        for name, attributes in SENSORS
    ),
    *(_prop(*row) for row in PROPS),
    *_others(),
)

_BY_ID = {blueprint.id: blueprint for blueprint in CATALOGUE}


def find(blueprint_id: str) -> Blueprint | None:
    """The blueprint of that id; None where there is none."""
    return _BY_ID.get(blueprint_id)
