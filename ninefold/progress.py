"""What the car does and why, live: a bar on a terminal, elsewhere lines.

One comes every tenth of the way, and after 10 s without one: a car that stands says for what.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from drive.episode import Step

STARTING = "starting the simulator"
TENTH = 10.0  # per cent of the route between two lines
SILENCE = 10.0  # s of the drive after which a line comes anyway


class Progress:
    """Shown while an episode runs; remembers how much of the way was told, and when."""

    def __init__(self) -> None:
        self._bar = Bar(
            TextColumn("{task.percentage:>3.0f} %"),
            BarColumn(24),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            transient=True,
            refresh_per_second=4,
        )
        self._live = self._bar.console.is_terminal
        self._task = self._bar.add_task(STARTING, total=100.0)
        self._told, self._told_at = -TENTH, 0.0

    def __enter__(self) -> Progress:
        if self._live:
            self._bar.start()
        else:
            print(STARTING, flush=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._bar.stop()

    def show(self, step: Step) -> None:
        """Take one step in."""
        done = step.route_completion
        if self._live:
            self._bar.update(self._task, completed=done, description=live_line(step))
        elif done >= self._told + TENTH or step.readings.t >= self._told_at + SILENCE:
            self._told, self._told_at = done - done % TENTH, step.readings.t
            print(f"{done:3.0f} %  {live_line(step)}", flush=True)


def live_line(step: Step) -> str:
    """What the car does and why, in one line."""
    plan = step.decision.plan
    speed = step.observation.ego.speed
    reason = "waiting for the first plan" if plan is None else plan.reason
    return f"{step.readings.t:5.1f} s  {speed:4.1f} m/s  {reason}"
