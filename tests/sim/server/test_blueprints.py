import re

import pytest

from sim.server.blueprints import CATALOGUE, Type, find
from sim.server.scene import Label


def test_ids_are_unique_and_the_families_complete():
    ids = [blueprint.id for blueprint in CATALOGUE]
    assert len(set(ids)) == len(ids)
    assert sum(name.startswith("vehicle.") for name in ids) == 41
    assert sum(name.startswith("walker.pedestrian.") for name in ids) == 52
    assert sum(name.startswith("static.prop.") for name in ids) >= 95


@pytest.mark.parametrize("blueprint", CATALOGUE, ids=lambda blueprint: blueprint.id)
def test_attribute_values_have_the_form_of_their_type(blueprint):
    assert any(a.id == "role_name" for a in blueprint.attributes)
    forms = {
        Type.BOOL: "true|false",
        Type.INT: r"-?\d+",
        Type.FLOAT: r"-?\d+\.\d+",
        Type.COLOUR: r"\d+,\d+,\d+",
        Type.STRING: r".*",
    }
    for attribute in blueprint.attributes:
        for text in (attribute.value, *attribute.recommended):
            assert re.fullmatch(forms[attribute.type], text), attribute


def test_bodies_have_boxes_masses_and_labels():
    for blueprint in CATALOGUE:
        if blueprint.id.startswith(("vehicle.", "walker.", "static.prop.")):
            assert min(blueprint.half_extent) > 0.0
            assert blueprint.mass > 0.0
            assert blueprint.label is not Label.NONE


def test_boxes_and_kinds_are_those_of_carla():
    truck = find("vehicle.carlamotors.firetruck")
    assert truck.half_extent == pytest.approx((4.234, 1.4455, 1.9135))
    values = {a.id: a.value for a in truck.attributes}
    assert values["base_type"] == "truck"
    assert values["special_type"] == "emergency"
    assert values["number_of_wheels"] == "4"
    assert find("vehicle.diamondback.century").label is Label.BICYCLE
    assert find("vehicle.of.dreams") is None
