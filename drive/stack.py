"""The drivers: perception or truth, one planner, one safety gate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from common.messages import ControlCommand, Decision, Observation, Plan, Route, Scene, Source
from planning.follow import Follower
from planning.planner import CAMERA, Planner, PlannerConfig
from planning.safety import SafetyGate

Perceive = Callable[[Observation], Scene | None]
"""A new Scene, or None in a tick without one."""


FIRST_SCENE = 0.5
"""s the car stands and waits for a first Scene; the cameras need not fire in the first tick."""


class Stack:
    """Scene -> plan -> command -> gate; remembers the last Scene and plan, and when it began."""

    def __init__(
        self,
        perceive: Perceive,
        forget: Callable[[], None] = lambda: None,
        config: PlannerConfig | None = None,
    ) -> None:
        """`forget` drops what `perceive` remembers of an episode."""
        self._perceive, self._forget = perceive, forget
        self._planner = Planner(config or PlannerConfig())
        self._follower = Follower()
        self._gate = SafetyGate()
        self._scene: Scene | None = None
        self._plan: Plan | None = None
        self._begun: float | None = None

    def reset(self, route: Route) -> None:
        """Forget everything; a new route begins."""
        self._forget()
        self._planner.reset(route)
        self._follower.reset()
        self._gate.reset()
        self._scene, self._plan, self._begun = None, None, None

    def act(self, observation: Observation) -> Decision:
        """The decision for this tick; a plan is made whenever a new Scene came."""
        ego = observation.ego
        scene = self._perceive(observation)
        if scene is not None:
            self._scene, self._plan = scene, self._planner.plan(scene, ego)
        if self._begun is None:
            self._begun = observation.t
        if self._plan is None and observation.t - self._begun <= FIRST_SCENE:
            waiting = ControlCommand(observation.t, ego.steer, -1.0, False, Source.SAFETY)
            return Decision(waiting, None, None)
        command = None if self._plan is None else self._follower.command(self._plan, ego)
        command = self._gate.check(command, ego, self._scene, observation.t)
        return Decision(command, self._plan, self._scene, self._gate.stopping)


def truth_driver() -> Stack:
    """The oracle: the same planner on the Scene as it truly is."""
    return Stack(lambda observation: observation.truth)


def camera_driver(weights: Path | None = None, threads: int = 2) -> Stack:
    """The network's Scene; `weights` None takes the ones that come with Ninefold.

    Raises:
        UserError: the file is missing or no network of ours.
    """
    from perception.perceive import WEIGHTS, OnnxPerception

    perception = OnnxPerception(WEIGHTS if weights is None else weights, threads)

    def perceive(observation: Observation) -> Scene | None:
        if not observation.frames:
            return None
        return perception.perceive(observation.frames, observation.ego)

    return Stack(perceive, perception.reset, CAMERA)
