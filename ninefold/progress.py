"""A progress bar with a live line: what the car does and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from drive.episode import Step


class Progress:
    """On the terminal while an episode runs."""

    def __init__(self) -> None:
        self._bar = Bar(
            TextColumn("{task.percentage:>3.0f} %"),
            BarColumn(24),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            transient=True,
            refresh_per_second=4,
        )
        self._task = self._bar.add_task("starting the simulator", total=100.0)

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, step: Step) -> None:
        """Take one step in."""
        self._bar.update(self._task, completed=step.route_completion, description=live_line(step))


def live_line(step: Step) -> str:
    """What the car does and why, in one line."""
    plan = step.decision.plan
    speed = step.observation.ego.speed
    reason = "waiting for the first plan" if plan is None else plan.reason
    return f"{step.readings.t:5.1f} s  {speed:4.1f} m/s  {reason}"
