"""The RPC table: every call of the protocol and our own, by name."""

from __future__ import annotations

from sim.server.handlers import (
    actors,
    batch,
    episode,
    extension,
    lights,
    managers,
    parts,
    places,
    recorder,
    scenery,
    sensors,
    vehicles,
    walkers,
)
from sim.server.rpc import Table

GROUPS = (
    episode, places, actors, parts, vehicles, walkers, lights, sensors, managers, recorder, scenery,
    batch, extension,
)  # fmt: skip
TABLE: Table = {name: row for group in GROUPS for name, row in group.TABLE.items()}
