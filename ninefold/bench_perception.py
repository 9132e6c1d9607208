"""How long the network takes: `ninefold bench perception`."""

from __future__ import annotations

import statistics
import time

RUNS = 60


def measure() -> dict[str, tuple[float, str]]:
    """Frames of noise through the shipped network on one thread, tracker and decoding included."""
    import numpy as np

    from common.frames import Pose2
    from common.messages import CameraFrame, EgoState
    from common.rig import RIG
    from perception.perceive import OnnxPerception

    rng = np.random.default_rng(0)
    perception = OnnxPerception(threads=1)
    times = []
    for i in range(RUNS + 10):
        t = 0.1 * i
        frames = tuple(
            CameraFrame(t, c, rng.integers(0, 256, (c.height_px, c.width_px, 3), dtype=np.uint8))
            for c in RIG
        )
        ego = EgoState(t, Pose2(0.0, 0.0, 0.0), 0.0, 0.0, 0.0, 0.0)
        started = time.perf_counter()
        perception.perceive(frames, ego)
        times.append((time.perf_counter() - started) * 1e3)
    times = sorted(times[10:])
    return {
        "perceive_one_core_ms": (statistics.median(times), "ms"),
        "perceive_one_core_p95_ms": (times[int(0.95 * len(times))], "ms"),
    }
