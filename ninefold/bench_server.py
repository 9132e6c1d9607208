"""`ninefold bench server`: the embedded server's speed."""

from __future__ import annotations


def measure() -> dict[str, tuple[float, str]]:
    """The figures of `sim.bench`."""
    from sim import bench

    return bench.measure()
