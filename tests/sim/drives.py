"""A made-up drive along a route: the readings a perfect ego would have had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from common.messages import LightState, Proprioception, Route
from sim.line import RouteLine, line_of
from sim.readings import Contact, Readings, RoadUsers

EGO, OTHER = 5, 9
DT = 0.05


@dataclass(frozen=True)
class Drive:
    """Speeds by arc length; what lights show; contacts by tick; sideways shifts by arc length."""

    route: Route
    speed: float = 10.0  # m/s
    lights: tuple[tuple[int, LightState], ...] = ()
    contacts: dict[int, Contact] = field(default_factory=dict)
    halts: tuple[float, ...] = ()  # m, where it stops for a second
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)  # from m, to m, by m to the left
    until: float = np.inf  # m; then it stands for ever
    outpaced: tuple[float, float, float] = (
        0.0,
        0.0,
        1.0,
    )  # from m, to m, the other is so much faster

    def readings(self) -> Iterator[Readings]:
        line, s, tick, halts = line_of(self.route), 0.0, 0, list(self.halts)
        while s < line.length - 2.0:
            speed = self.speed if s < self.until else 0.0
            if halts and s >= halts[0]:
                halts.pop(0)
                for _ in range(20):
                    yield self._at(line, s, 0.0, tick)
                    tick += 1
            yield self._at(line, s, speed, tick)
            s, tick = s + speed * DT, tick + 1

    def _at(self, line: RouteLine, s: float, speed: float, tick: int) -> Readings:
        i = min(int(s), len(line.s) - 2)
        along = s - line.s[i]
        side = self.shift[2] if self.shift[0] <= s <= self.shift[1] else 0.0
        c, n = np.cos(line.yaw[i]), np.sin(line.yaw[i])
        x, y = line.xy[i] + along * np.array([c, n]) + side * np.array([-n, c])
        pose = np.array([[x, y, 0.0, 0.0, 0.0, line.yaw[i]]])
        other = pose + np.array([[12.0 * c, 12.0 * n, 0.0, 0.0, 0.0, 0.0]])
        velocity = np.array([[speed * c, speed * n, 0.0]])
        faster = self.outpaced[2] if self.outpaced[0] <= s <= self.outpaced[1] else 1.0
        users = RoadUsers(
            ids=np.array([EGO, OTHER]),
            walker=np.array([False, False]),
            pose=np.concatenate([pose, other]),
            velocity=np.concatenate([velocity, faster * velocity]),
            spin=np.zeros((2, 3)),
            half_extent=np.array([[2.4, 1.0, 0.7]] * 2),
            box_centre=np.zeros((2, 3)),
        )
        own = Proprioception(tick * DT, speed, 0.0, np.zeros(3), np.zeros(3), None)
        hit = self.contacts.get(tick)
        contacts = () if hit is None else (replace(hit, frame=tick),)
        return Readings(tick, tick * DT, users, EGO, self.lights, (), own, contacts)
