"""What governs a junction: lights, signs, crossings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from common.frames import wrap_angle
from sim.maps.opendrive import Controller, Crosswalk, Road, RoadSignal
from sim.maps.plan import Arm, Node

CROSSING_WIDTH = 3.0  # m (RASt 06, section 6.1.8: at least 3)
FIRST_JUNCTION = 500
FIRST_SIGNAL, FIRST_CONTROLLER, FIRST_CROSSWALK = 2000, 3000, 4000
SHORTEST = 30.0  # m of road that is worth a speed sign


def control(
    node: Node, arms: Sequence[Arm], roads: list[Road], junction: int
) -> tuple[Controller, ...]:
    """Put lights, signs and crossings on the arms' roads; give the lights' controllers."""
    base = 10 * (junction - FIRST_JUNCTION)
    minor = _minor(arms)
    for i, arm in enumerate(arms):
        road = roads[arm.street]
        signals = [*road.signals]
        if arm.lanes_out and road.length >= SHORTEST:
            signals.append(limit_sign(FIRST_SIGNAL + base + i + 5, arm, road))
        if node.control == "signals" and arm.lanes_in:
            signals.append(_end_signal(FIRST_SIGNAL + base + i, arm, road, "light"))
        elif node.control in ("stop", "yield") and arm.lanes_in and arm in minor:
            signals.append(_end_signal(FIRST_SIGNAL + base + i, arm, road, node.control))
        crosswalks = list(road.crosswalks)
        if node.crossings and arm.profile.paved and not arm.profile.oneway:
            crosswalks.append(_crosswalk(FIRST_CROSSWALK + base + i, arm, road))
        roads[arm.street] = replace(road, signals=tuple(signals), crosswalks=tuple(crosswalks))
    if node.control != "signals":
        return ()
    phases = _phases(arms)
    return tuple(
        Controller(FIRST_CONTROLLER + base + k, k, tuple(FIRST_SIGNAL + base + i for i in phase))
        for k, phase in enumerate(phases)
    )


def _phases(arms: Sequence[Arm]) -> list[tuple[int, ...]]:
    """Arms that face each other are green together."""
    phases: list[tuple[int, ...]] = []
    for i, arm in enumerate(arms):
        if not arm.lanes_in or any(i in phase for phase in phases):
            continue
        facing = [
            k
            for k in range(i + 1, len(arms))
            if arms[k].lanes_in
            and abs(wrap_angle(arms[k].outward - arm.outward)) > 2.4
            and not any(k in phase for phase in phases)
        ]
        phases.append((i, *facing[:1]))
    return phases


def _minor(arms: Sequence[Arm]) -> tuple[Arm, ...]:
    """The arms that give way: all but the straightest pair."""
    pairs = [(a, b) for i, a in enumerate(arms) for b in arms[i + 1 :]]
    main = max(
        pairs,
        key=lambda pair: (
            sum(arm.profile.rank for arm in pair),
            sum(arm.lanes_in + arm.lanes_out for arm in pair),
            abs(wrap_angle(pair[0].outward - pair[1].outward)),
        ),
    )
    return tuple(arm for arm in arms if arm not in main)


def _beside(arm: Arm, extra: float) -> float:
    """Where (t, m) a thing stands on the pavement to the right of incoming traffic."""
    return (1.0 if arm.begins else -1.0) * (arm.profile.edge + extra)


def _end_signal(identity: int, arm: Arm, road: Road, kind: str) -> RoadSignal:
    """The light or sign that governs incoming traffic, at the road's end."""
    name, code = {
        "light": ("Signal_3Light_Post01", "1000001"),
        "stop": ("Sign_Stop", "206"),
        "yield": ("Sign_Yield", "205"),
    }[kind]
    s = 0.3 if arm.begins else road.length - 0.3
    lanes = (arm.lane_in(0), arm.lane_in(arm.profile.lanes - 1))
    return RoadSignal(
        identity, name, s, _beside(arm, 0.8), not arm.begins, code, -1.0, lanes,
        dynamic=kind == "light",
    )  # fmt: skip


def limit_sign(identity: int, arm: Arm, road: Road) -> RoadSignal:
    """The speed limit that outgoing traffic meets behind the junction."""
    s = 6.0 if arm.begins else road.length - 6.0
    lanes = (arm.lane_out(0), arm.lane_out(arm.profile.lanes - 1))
    speed = arm.profile.speed
    return RoadSignal(
        identity, f"Speed_{speed:.0f}", s, -_beside(arm, 0.8), arm.begins, "274", speed, lanes,
        z=2.0,
    )  # fmt: skip


def _crosswalk(identity: int, arm: Arm, road: Road) -> Crosswalk:
    """A crossing just inside the junction, from kerb to kerb."""
    half = arm.profile.half
    near, far = 1.0, 1.0 + CROSSING_WIDTH
    if arm.begins:
        near, far = -near, -far
    outline = ((near, -half), (far, -half), (far, half), (near, half))
    return Crosswalk(identity, 0.01 if arm.begins else road.length - 0.01, outline)
