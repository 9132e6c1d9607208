"""Where the autonomy would have been taken off: what an episode counts as disengagements.

Nobody sits beside the wheel in a simulation, so the referee stands in: whatever a safety driver
is there to prevent counts once, by its cause (docs/evaluation.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from common.messages import Disengagement, Infraction, Outcome
from sim.judge import SEVERITY

HELPLESS = (Outcome.STUCK, Outcome.TIMEOUT, Outcome.DRIVER_ERROR, Outcome.ROUTE_DEVIATION)
"""Outcomes in which somebody must come and help, whatever rule was broken before."""


def disengagements(
    outcome: Outcome,
    t: float,
    infractions: Sequence[Infraction],
    stop: tuple[float, str] | None,
) -> tuple[Disengagement, ...]:
    """All of an episode, in order of time.

    Args:
        outcome: how it ended.
        t: when it ended, s.
        infractions: those of the episode; the ones that were not the ego's fault do not count.
        stop: when (s) and why the safety gate brought the car to rest for good, if it did.
    """
    kinds = tuple(kind for kind, _ in SEVERITY)
    found = [
        Disengagement("takeover", "referee", one.t, one.kind)
        for one in infractions
        if one.at_fault and one.kind.startswith(kinds)
    ]
    if stop is not None:
        found.append(Disengagement("minimum_risk", "system", *stop))
    elif outcome in HELPLESS and not any(one.cause == "wrong_lane" for one in found):
        found.append(Disengagement("takeover", "referee", t, outcome.value.lower()))
    return tuple(sorted(found, key=lambda one: one.t))
