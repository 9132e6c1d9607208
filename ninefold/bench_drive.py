"""How fast the whole stack drives with its cameras."""

from __future__ import annotations

from common.messages import EpisodeSpec


def measure() -> dict[str, tuple[float, str]]:
    """Simulated over wall seconds of one camera-driven route of the city with traffic."""
    from drive.run import Simulator, drive

    spec = EpisodeSpec(town="city", route=0, seed=0, driver="camera")
    with Simulator() as simulator:
        result = drive(simulator, spec)
    return {
        "real_time_factor": (result.duration / result.wall, "s/s"),
        "drive_wall": (result.wall, "s"),
    }
