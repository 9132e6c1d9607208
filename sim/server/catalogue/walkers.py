"""CARLA 0.9.16's pedestrians.

Boxes: BerkeleyLearnVerify/Scenic, blueprint snapshot 0.9.16. The actor's origin is the middle of
the body, as in CARLA, so the box has no offset.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.server.catalogue.kinds import Vector

_ADULT: Vector = (0.1877, 0.1877, 0.93)
_CHILD: Vector = (0.25, 0.25, 0.55)
_TEEN: Vector = (0.1877, 0.1877, 0.65)
_CHILDREN = frozenset((9, 10, 11, 48, 49))
_TEENS = frozenset((12, 13, 14))
_FEMALE = frozenset(
    (1, 5, 6, 7, 8, 9, 10, 11, 15, 19, 20, 21, 22, 23, 25, 31, 33, 36, 37, 41, 42, 43, 46, 48, 50)
)


@dataclass(frozen=True, slots=True)
class WalkerKind:
    """One pedestrian model."""

    number: int
    gender: str
    age: str
    generation: int
    half_extent: Vector  # m
    mass: float  # kg
    speeds: tuple[str, str, str]  # m/s: standing, walking, running


def _walker(number: int) -> WalkerKind:
    child, teen = number in _CHILDREN, number in _TEENS
    return WalkerKind(
        number=number,
        gender="female" if number in _FEMALE else "male",
        age="child" if child or teen else "adult",
        generation=1 if number <= 14 else 2,
        half_extent=_CHILD if child else _TEEN if teen else _ADULT,
        mass=25.0 if child else 40.0 if teen else 75.0,
        speeds=("0.0", "1.0", "1.8") if child or teen else ("0.0", "1.3", "2.4"),
    )


WALKERS: tuple[WalkerKind, ...] = tuple(_walker(number) for number in range(1, 53))
