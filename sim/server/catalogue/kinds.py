"""What a blueprint is made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

Vector = tuple[float, float, float]


class Type(IntEnum):
    """CARLA's ActorAttributeType."""

    BOOL = 1
    INT = 2
    FLOAT = 3
    STRING = 4
    COLOUR = 5  # "r,g,b"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a blueprint, in CARLA's text and units."""

    id: str
    type: Type
    value: str
    recommended: tuple[str, ...]
    modifiable: bool
    restrict: bool  # only recommended values are allowed


def constant(key: str, kind: Type, value: str) -> Attribute:
    """An attribute that users can read but not set."""
    return Attribute(key, kind, value, (), modifiable=False, restrict=False)


def choice(key: str, kind: Type, *values: str, restrict: bool = False) -> Attribute:
    """An attribute that users can set; the first value is the default."""
    return Attribute(key, kind, values[0], values, modifiable=True, restrict=restrict)


def role(*names: str) -> Attribute:
    """The attribute every actor has."""
    return choice("role_name", Type.STRING, *names)
