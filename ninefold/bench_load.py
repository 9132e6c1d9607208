"""`ninefold bench load`: the first start of the embedded server, and the loading of towns."""

from __future__ import annotations


def measure() -> dict[str, tuple[float, str]]:
    """The figures of `sim.bench_load`."""
    from sim import bench_load

    return bench_load.measure()
