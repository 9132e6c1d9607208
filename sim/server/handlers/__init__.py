"""The RPC table: every call of the protocol, by name."""

from __future__ import annotations

from sim.server.handlers import actors, batch, episode, managers, sensors, vehicles
from sim.server.rpc import Table

GROUPS = (episode, actors, vehicles, sensors, managers, batch)
TABLE: Table = {name: row for group in GROUPS for name, row in group.TABLE.items()}
