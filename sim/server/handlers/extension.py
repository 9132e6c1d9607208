"""RPCs of our own, which CARLA does not have; the genuine client never calls them."""

from __future__ import annotations

from sim.server import state
from sim.server.rpc import RpcError, Table, value, void
from sim.server.simulation import Call
from sim.server.wire import Wire


def ninefold_save_state(call: Call) -> bytes:
    """The whole simulation as bytes."""
    return state.save(call.sim)


def ninefold_restore_state(call: Call, data: Wire) -> None:
    """Make the simulation what it was when these bytes were saved."""
    if not isinstance(data, bytes):
        raise RpcError(f"expected a saved state as bytes, got {data!r:.80}")
    state.restore(call.sim, data)


TABLE: Table = {
    "ninefold_save_state": value(ninefold_save_state),
    "ninefold_restore_state": void(ninefold_restore_state),
}
