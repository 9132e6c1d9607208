"""A drive's first seconds in a process of its own: prints the state hash after each second.

usage: python -m tests.drive.short_drive DRIVER SEED TICKS
"""

import sys

from common.messages import EpisodeSpec
from drive.episode import episode
from drive.run import Simulator, driver_of, localiser_of


def main(driver: str, seed: int, ticks: int) -> None:
    """Drive route 1 of the city."""
    spec = EpisodeSpec(town="city", route=1, seed=seed, driver=driver, vehicles=15, walkers=10)
    with Simulator() as simulator:
        stage = simulator.stage(spec)
        steps = episode(stage, driver_of(spec), localiser_of(spec, stage))
        for tick, step in zip(range(1, ticks + 1), steps, strict=False):
            if tick % 20 == 0:
                sys.stdout.write(f"{tick} {step.state_hash.hex()}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
