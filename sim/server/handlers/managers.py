"""RPCs of the register of Traffic Managers."""

from __future__ import annotations

from sim.server import wire
from sim.server.rpc import RpcError, Table, value
from sim.server.simulation import Call
from sim.server.wire import Wire

LONGEST_ADDRESS = 255  # characters, as a host's name


def is_traffic_manager_running(call: Call, port: int) -> bool:
    """Whether a port has a Traffic Manager."""
    return call.sim.traffic_managers.address(port) is not None


def get_traffic_manager_running(call: Call, port: int) -> Wire:
    """Address and port of a Traffic Manager; empty and 0 where there is none."""
    address = call.sim.traffic_managers.address(port)
    return ["", 0] if address is None else [address, port]


def add_traffic_manager_running(call: Call, info: Wire) -> bool:
    """Register one; False where the port is taken, or the client has too many."""
    match info:
        case [str(address), int(port), *_] if len(address) <= LONGEST_ADDRESS:
            return call.sim.traffic_managers.add(wire.unsigned(port, 16), address, call.peer)
    raise RpcError(f"expected [address, port], got {info!r:.80}")


def destroy_traffic_manager(call: Call, port: int) -> bool:
    """Forget one."""
    return call.sim.traffic_managers.remove(wire.whole(port))


TABLE: Table = {
    "is_traffic_manager_running": value(is_traffic_manager_running),
    "get_traffic_manager_running": value(get_traffic_manager_running),
    "add_traffic_manager_running": value(add_traffic_manager_running),
    "destroy_traffic_manager": value(destroy_traffic_manager),
}
