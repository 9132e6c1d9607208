"""Seeded faults between the sensors and the driver: how much of them can it take?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from common.errors import UserError
from common.messages import (
    CameraFrame,
    Decision,
    Driver,
    EgoState,
    EpisodeSpec,
    Observation,
    Route,
)
from sim.readings import Readings

Frames = tuple[CameraFrame, ...]
DROPPED = 0.2  # share of camera ticks lost
NOISE = 20.0  # grey levels, one sigma
GNSS_LOST_AT = 5.0  # s
FAULT_STREAM = 0xFA017  # tells these dice from others of the same seed


def drop_frames(frames: Frames, rng: np.random.Generator) -> Frames:
    """Now and then no image comes at all."""
    return () if rng.random() < DROPPED else frames


def black_out_front(frames: Frames, rng: np.random.Generator) -> Frames:
    """The wide front camera shows nothing."""
    return tuple(
        replace(one, image=np.zeros_like(one.image)) if one.camera.name == "front" else one
        for one in frames
    )


def add_noise(frames: Frames, rng: np.random.Generator) -> Frames:
    """Strong sensor noise in every camera."""

    def noisy(image: np.ndarray) -> np.ndarray:
        noise = rng.normal(0.0, NOISE, image.shape)
        return np.clip(image + noise, 0, 255).astype(np.uint8)

    return tuple(replace(one, image=noisy(one.image)) for one in frames)


def untouched(frames: Frames, rng: np.random.Generator) -> Frames:
    """The cameras work."""
    return frames


FAULTS: Mapping[str, Callable[[Frames, np.random.Generator], Frames]] = {
    "frame_drop": drop_frames,
    "front_blackout": black_out_front,
    "camera_noise": add_noise,
    "gnss_loss": untouched,  # the localiser's: `faulty_localiser`
}


def check_fault(name: str | None) -> None:
    """Raise UserError for a fault that is not there."""
    if name is not None and name not in FAULTS:
        raise UserError(f"expected a fault, got {name!r}; there are: {', '.join(FAULTS)}")


class FaultyDriver:
    """A driver behind faulty cameras; remembers the dice."""

    def __init__(self, driver: Driver, spec: EpisodeSpec) -> None:
        assert spec.fault is not None
        self._driver = driver
        self._fault = FAULTS[spec.fault]
        self._rng = np.random.default_rng([spec.seed, FAULT_STREAM])

    def reset(self, route: Route) -> None:
        """A new route; the fault stays."""
        self._driver.reset(route)

    def act(self, observation: Observation) -> Decision:
        """What the driver decides from what the fault leaves it."""
        if not observation.frames:
            return self._driver.act(observation)
        frames = self._fault(observation.frames, self._rng)
        return self._driver.act(replace(observation, frames=frames))


def faulty_localiser(
    localise: Callable[[Readings], EgoState], spec: EpisodeSpec
) -> Callable[[Readings], EgoState]:
    """The localiser, without fixes from `GNSS_LOST_AT` on where that is the fault."""
    if spec.fault != "gnss_loss":
        return localise

    def without_fixes(readings: Readings) -> EgoState:
        if readings.t < GNSS_LOST_AT:
            return localise(readings)
        return localise(
            replace(readings, proprioception=replace(readings.proprioception, gnss=None))
        )

    return without_fixes
