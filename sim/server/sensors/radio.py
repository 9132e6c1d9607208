"""How much of a V2X message's power arrives: CARLA's two models of the way between antennas.

Sources: ETSI TR 103 257-1 (path loss and shadow fading, from WINNER+ D5.3), ITU-R P.526 (knife
edge), and the two-ray model over ground of relative permittivity 1.02, CARLA's figure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from sim.server.sensors.attributes import Attributes, flag, number

LIGHT = 299_792_458.0  # m/s
PERMITTIVITY = 1.02
NEAREST = 1.0  # m; the formulas do not hold below
LOWEST = 0.1  # m of an antenna above the ground


class Way(Enum):
    """What lies between two antennas."""

    CLEAR = "clear"
    VEHICLES = "vehicles"
    BLOCKED = "blocked"  # by a building or another solid thing


FADING = {
    "highway": {Way.CLEAR: 3.3, Way.VEHICLES: 3.8, Way.BLOCKED: 6.8},
    "urban": {Way.CLEAR: 5.2, Way.VEHICLES: 5.3, Way.BLOCKED: 6.8},
    "rural": {Way.CLEAR: 4.25, Way.VEHICLES: 4.55, Way.BLOCKED: 6.8},
}
"""Standard deviations (dB) of shadow fading; rural is the mean of the others."""

Screen = tuple[float, float, float]
"""A vehicle in the way: m from either antenna, m that it stands above the line between them."""


@dataclass(frozen=True, slots=True)
class Radio:
    """A V2X sensor's attributes."""

    power: float  # dBm it sends with
    sensitivity: float  # dBm it needs to hear
    frequency: float  # Hz
    gain: float  # dBi, of both antennas
    scenario: str  # highway, rural, urban
    geometric: bool  # rather than WINNER's
    exponent: float  # of the loss behind buildings
    reference: float  # m, where that begins
    reach: float  # m, nobody farther is heard
    fading: float | None  # dB standard deviation; None: ETSI's

    @staticmethod
    def read(get: Attributes) -> Radio:
        """From the blueprint's attributes."""
        scenario = get("scenario") or "highway"
        if scenario not in FADING:
            raise ValueError(f"expected a scenario of {', '.join(FADING)}, got {scenario}")
        frequency = 1e9 * number(get, "frequency_ghz", 5.9)
        reference = number(get, "d_ref", 1.0)
        if frequency <= 0.0 or reference <= 0.0:
            raise ValueError("expected frequency_ghz and d_ref above 0")
        etsi = flag(get, "use_etsi_fading")
        return Radio(
            power=number(get, "transmit_power", 21.5),
            sensitivity=number(get, "receiver_sensitivity", -99.0),
            frequency=frequency,
            gain=number(get, "combined_antenna_gain", 10.0),
            scenario=scenario,
            geometric=get("path_loss_model") == "geometric",
            exponent=number(get, "path_loss_exponent", 2.7),
            reference=reference,
            reach=number(get, "filter_distance", 500.0),
            fading=None if etsi else abs(number(get, "custom_fading_stddev")),
        )

    def received(
        self,
        sent: float,
        way: Way,
        distance: float,
        heights: tuple[float, float],
        screens: Sequence[Screen],
        dice: np.random.Generator,
    ) -> float | None:
        """What arrives (dBm) of `sent` (dBm) over `distance` (m); None where it is too faint.

        The antennas' heights (m) are above the ground.
        """
        spread = FADING[self.scenario][way] if self.fading is None else self.fading
        faded = float(dice.normal()) * spread
        loss = self._loss(way, max(distance, NEAREST), heights, screens)
        power = sent + self.gain - loss - faded
        return power if power >= self.sensitivity else None

    def _loss(
        self, way: Way, distance: float, heights: tuple[float, float], screens: Sequence[Screen]
    ) -> float:
        """Path loss, dB."""
        edge = max((self._knife_edge(screen) for screen in screens), default=0.0)
        if not self.geometric:
            return self._winner(way, distance) + edge
        free = 20.0 * math.log10(4.0 * math.pi * self.frequency / LIGHT)
        if way is Way.CLEAR:
            return self._two_rays(distance, *(max(height, LOWEST) for height in heights))
        if way is Way.VEHICLES:
            return free + 20.0 * math.log10(distance) + edge
        start = free + 20.0 * math.log10(self.reference)
        return start + 10.0 * self.exponent * math.log10(distance / self.reference)

    def _winner(self, way: Way, distance: float) -> float:
        far, high = math.log10(distance), math.log10(self.frequency / 1e9)
        if way is Way.BLOCKED:
            return 36.85 + 30.0 * far + 18.9 * high
        if self.scenario == "highway":
            return 32.4 + 20.0 * far + 20.0 * high
        return 38.77 + 16.7 * far + 18.2 * high

    def _two_rays(self, distance: float, sender: float, receiver: float) -> float:
        """The straight ray and the one that the ground throws back."""
        level = math.sqrt(max(distance**2 - (sender - receiver) ** 2, NEAREST))
        bounced = math.sqrt(distance**2 + 4.0 * sender * receiver)
        sine, cosine = (sender + receiver) / bounced, level / bounced
        root = math.sqrt(PERMITTIVITY - cosine**2)
        mirror = (sine - root) / (sine + root)
        turn = 2.0 * math.pi * self.frequency / LIGHT * (distance - bounced)
        both = math.hypot(1.0 + mirror * math.cos(turn), mirror * math.sin(turn))
        wave = LIGHT / self.frequency
        return 20.0 * math.log10(4.0 * math.pi * level / wave / max(both, 1e-9))

    def _knife_edge(self, screen: Screen) -> float:
        near, far, above = screen
        wave = LIGHT / self.frequency
        near, far = max(near, NEAREST), max(far, NEAREST)
        v = above * math.sqrt(2.0 * (near + far) / (wave * near * far))
        if v < -0.78:
            return 0.0
        return 6.9 + 20.0 * math.log10(math.sqrt((v - 0.1) ** 2 + 1.0) + v - 0.1)
