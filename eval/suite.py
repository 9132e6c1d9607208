"""Named suites: what to drive, as seeded episode specs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count, islice

from common.errors import UserError
from common.messages import EpisodeSpec


@dataclass(frozen=True, slots=True)
class Suite:
    """A cycle of base episodes; every round through it takes the next seed."""

    name: str
    about: str
    towns: tuple[str, ...]
    routes: range
    weathers: tuple[str, ...]
    episodes: int  # how many a run has unless asked otherwise

    def specs(self, episodes: int, seed: int, base: EpisodeSpec) -> tuple[EpisodeSpec, ...]:
        """The first `episodes` specs; the rest of `base` (driver, weights, ...) stays."""
        cycle = [
            (town, weather, route)
            for weather in self.weathers
            for town in self.towns
            for route in self.routes
        ]
        endless = (
            replace(base, town=town, weather=weather, route=route, seed=seed + round_)
            for round_ in count()
            for town, weather, route in cycle
        )
        return tuple(islice(endless, episodes))


SUITES = (
    Suite("smoke", "ten routes of the city at noon", ("city",), range(10), ("ClearNoon",), 10),
    Suite(
        "weather",
        "ten routes of the city in sun, rain, dusk and night",
        ("city",),
        range(10),
        ("ClearNoon", "WetCloudyNoon", "HardRainNoon", "ClearSunset", "ClearNight"),
        50,
    ),
)


def suite_named(name: str) -> Suite:
    """The suite, or a UserError that lists them all."""
    for suite in SUITES:
        if suite.name == name:
            return suite
    known = ", ".join(suite.name for suite in SUITES)
    raise UserError(f"expected a suite's name, got {name!r}; known suites: {known}")
