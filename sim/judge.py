"""The referee: what rules the ego broke, and how the episode ends.

Rules and thresholds after scenario_runner's atomic criteria (branch leaderboard-2.1) with what
leaderboard 2.0 and 2.1 set in them (route_scenario.py), on ground truth: 4 checkpoints of speed per
route however long it is, blocked after 180 s. It watches; the driver never hears of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import carla
import numpy as np

from common.messages import Infraction, LightState, Outcome, Route
from sim.line import RouteLine, line_of, signals_on, stops_on
from sim.readings import Contact, Readings
from sim.roads import Roads, StopKind

DONE_SHARE, DONE_DISTANCE = 0.99, 10.0  # of the route; m to its end (RouteCompletionTest)
MAX_LATERAL = 30.0  # m off the route ends the episode (InRouteTest)
FAR_LATERAL, FAR_SHARE = 15.0, 0.3  # m; of the route's length (InRouteTest)
STUCK_SPEED, STUCK_TIME = 0.1, 180.0  # m/s, s (ActorBlockedTest; 90 s in leaderboard 1.0)
TIMEOUT_BASE, TIMEOUT_SPEED = 300.0, 0.1  # s; share of the limit (leaderboard 2.x)
SAME_ACTOR_TIME, SAME_PLACE = 5.0, 5.0  # s, m: one collision, not two (CollisionTest)
STANDING = 0.1  # m/s; who stands is not to blame (CollisionTest)
LANE_MARGIN = 0.5  # m beyond the lane's edge (OutsideRouteLanesTest)
WRONG_WAY = 2.0944  # rad, 120 degrees (OutsideRouteLanesTest)
STOP_REACH = 6.0  # m before a stop sign's line in which the front must come to rest
TAIL = (0.8, 1.0)  # of the half length; plus TAIL_REACH: the part that runs a red light
TAIL_REACH = 1.0  # m (RunningRedLightTest)
CHECKPOINTS = 4  # per route (MinimumSpeedRouteTest)
LAST_CHECKPOINT = 0.95  # of the route, from where the last one counts (MinimumSpeedRouteTest)
FRONT_SHARE = 0.8  # of the half length: farther back, the other one hit our rear

SEVERITY = (
    ("collision", Outcome.COLLISION),
    ("red_light", Outcome.RED_LIGHT),
    ("stop_sign", Outcome.STOP_SIGN),
    ("off_road", Outcome.OFF_ROAD),
    ("wrong_lane", Outcome.ROUTE_DEVIATION),
)
"""The kinds of infraction that make an episode fail, the worst first."""


class Judge:
    """Watches one episode; remembers progress, open questions and what was broken."""

    def __init__(
        self,
        carla_map: carla.Map,
        roads: Roads,
        route: Route,
        signals: Sequence[tuple[int, str]],
    ) -> None:
        """`signals`: each traffic light's actor id and OpenDRIVE id."""
        self._map = carla_map
        self._line = line_of(route)
        self._limit = _time_limit(self._line, route)
        self.infractions: list[Infraction] = []
        self.progress = 0.0  # m along the route
        self.distance = 0.0  # m driven
        self.ending: Outcome | None = None  # None while the episode runs
        self.detail = ""
        self._lights = signals_on(roads, route, self._line, signals)
        self._stops = [s for s, _ in stops_on(roads, route, self._line, StopKind.STOP)]
        self._ran: set[int] = set()
        self._slowest: dict[float, float] = {}
        self._last: Readings | None = None
        self._moved_at = 0.0
        self._speeds: deque[float] = deque(maxlen=5)
        self._hits: dict[int, tuple[float, float, float]] = {}
        self._off = {"off_road": 0.0, "wrong_lane": 0.0, "far": 0.0}
        self._pace = np.zeros((CHECKPOINTS, 3))  # ticks, sum of ego speed, sum of the others'

    @property
    def route_completion(self) -> float:
        """Per cent, 100 once the end counts as reached."""
        if self.ending is Outcome.SUCCESS:
            return 100.0
        return 100.0 * min(1.0, self.progress / self._line.length)

    def step(self, readings: Readings) -> None:
        """Look at one tick."""
        pose = readings.world_from_ego
        speed = float(np.hypot(*readings.ego_velocity))
        self._speeds.append(speed)
        s, lateral = self._line.locate(pose.x, pose.y, pose.yaw)
        moved = 0.0
        if self._last is not None:
            before = self._last.world_from_ego
            moved = float(np.hypot(pose.x - before.x, pose.y - before.y))
        self.distance += moved
        if abs(lateral) < FAR_LATERAL and -2.0 <= s - self.progress < 10.0:
            self.progress = max(self.progress, s)
        self._collisions(readings)
        self._red_lights(readings, s)
        self._stop_signs(readings, s, speed)
        self._lanes(readings, moved, abs(lateral))
        self._tempo(readings, speed)
        self._last = readings
        self._end(readings, abs(lateral), speed)

    def _report(self, readings: Readings, kind: str, detail: str, fault: bool = True) -> None:
        pose = readings.world_from_ego
        self.infractions.append(Infraction(kind, readings.t, pose.x, pose.y, detail, fault))

    def _collisions(self, readings: Readings) -> None:
        for contact in readings.contacts:
            pose = readings.world_from_ego
            at = self._hits.get(contact.other_id)
            self._hits[contact.other_id] = (readings.t, pose.x, pose.y)
            if at is not None and (
                readings.t - at[0] < SAME_ACTOR_TIME
                or np.hypot(pose.x - at[1], pose.y - at[2]) < SAME_PLACE
            ):
                continue
            kind = _struck(contact)
            if kind is None:
                continue
            speed = max(self._speeds)
            name = f"{contact.other_type} at {speed:.1f} m/s"
            if speed < STANDING:
                self._report(readings, "hit_while_standing", name, fault=False)
            else:
                self._report(readings, kind, name, fault=not _from_behind(readings, contact))

    def _red_lights(self, readings: Readings, s: float) -> None:
        half = float(readings.users.half_extent[readings.ego_row, 0])
        shown = dict(readings.lights)
        for line, light in self._lights:
            tail = s - TAIL[1] * half - TAIL_REACH <= line <= s - TAIL[0] * half
            if tail and shown.get(light) is LightState.RED and light not in self._ran:
                self._ran.add(light)
                self._report(readings, "red_light", f"over the line {line:.0f} m along the route")

    def _stop_signs(self, readings: Readings, s: float, speed: float) -> None:
        half = float(readings.users.half_extent[readings.ego_row, 0])
        for line in self._stops:
            if s <= line <= s + half + STOP_REACH:
                self._slowest[line] = min(speed, self._slowest.get(line, np.inf))
            elif s > line and self._slowest.pop(line, 0.0) > STUCK_SPEED:
                detail = f"not stopped at the sign {line:.0f} m along the route"
                self._report(readings, "stop_sign", detail)

    def _lanes(self, readings: Readings, moved: float, lateral: float) -> None:
        if moved < 1e-3:
            return
        pose = readings.world_from_ego
        kinds = carla.LaneType.Driving | carla.LaneType.Parking
        height = float(readings.users.pose[readings.ego_row, 2])
        near = self._map.get_waypoint(carla.Location(pose.x, -pose.y, height), True, kinds)
        at = near.transform.location
        if np.hypot(at.x - pose.x, at.y + pose.y) > 0.5 * near.lane_width + LANE_MARGIN:
            self._off["off_road"] += moved
        elif not near.is_junction and near.lane_type == carla.LaneType.Driving:
            ahead = near.transform.get_forward_vector()
            if ahead.x * np.cos(pose.yaw) - ahead.y * np.sin(pose.yaw) < np.cos(WRONG_WAY):
                self._off["wrong_lane"] += moved
        if lateral > FAR_LATERAL:
            self._off["far"] += moved

    def _tempo(self, readings: Readings, speed: float) -> None:
        """The ego's mean speed and the others', checkpoint by checkpoint."""
        users = readings.users
        others = ~users.walker & (users.ids != readings.ego_id)
        if others.any():
            row = min(int(CHECKPOINTS * self.progress / self._line.length), CHECKPOINTS - 1)
            around = float(np.hypot(users.velocity[others, 0], users.velocity[others, 1]).mean())
            self._pace[row] += 1.0, speed, around

    def _end(self, readings: Readings, lateral: float, speed: float) -> None:
        if speed > STUCK_SPEED:
            self._moved_at = readings.t
        left = self._line.length - self.progress
        far = self._off["far"] > FAR_SHARE * self._line.length
        if self.progress >= DONE_SHARE * self._line.length and left < DONE_DISTANCE:
            self.ending, self.detail = Outcome.SUCCESS, "route driven to its end"
        elif lateral > MAX_LATERAL or far:
            self.ending, self.detail = Outcome.ROUTE_DEVIATION, f"{lateral:.0f} m off the route"
        elif readings.t - self._moved_at > STUCK_TIME:
            self.ending = Outcome.STUCK
            self.detail = f"stood for {STUCK_TIME:.0f} s, {self.progress:.0f} m along the route"
        elif readings.t > self._limit:
            self.ending, self.detail = Outcome.TIMEOUT, f"{self._limit:.0f} s were not enough"

    def verdict(self) -> tuple[Outcome, str, tuple[Infraction, ...]]:
        """Outcome, one line why, and all infractions, the graded ones last.

        Any collision, red light, missed stop sign or metre off the lanes makes the episode fail;
        the end of the route is SUCCESS only without them.
        """
        assert self._last is not None, "no tick was judged"
        found = (*self.infractions, *self._graded(self._last))
        for prefix, outcome in SEVERITY:
            for one in found:
                if one.kind.startswith(prefix):
                    return outcome, f"{one.kind}: {one.detail}", found
        return self.ending or Outcome.TIMEOUT, self.detail or "stopped from outside", found

    def _graded(self, readings: Readings) -> Iterator[Infraction]:
        pose = readings.world_from_ego
        for kind in ("off_road", "wrong_lane"):
            metres = self._off[kind]
            if metres > 0.0:
                share = min(1.0, metres / max(self.progress, metres))
                detail = f"{metres:.1f} m of {self.progress:.0f} m"
                yield Infraction(kind, readings.t, pose.x, pose.y, detail, True, share)
        passed = self.route_completion / 100.0
        for row, (ticks, own, around) in enumerate(self._pace):
            end = (row + 1) / CHECKPOINTS if row + 1 < CHECKPOINTS else LAST_CHECKPOINT
            if passed > end and ticks > 0 and own < around:
                detail = f"{own / ticks:.1f} m/s where the others drove {around / ticks:.1f} m/s"
                share = float(own / around)
                yield Infraction("min_speed", readings.t, pose.x, pose.y, detail, True, share)


def _time_limit(line: RouteLine, route: Route) -> float:
    slow = TIMEOUT_SPEED * np.maximum(route.speed_limit[1:], 1.0)
    return TIMEOUT_BASE + float((np.diff(line.s) / slow).sum())


def _struck(contact: Contact) -> str | None:
    """The kind of infraction by what was hit; None for what cannot be (the pavement)."""
    kind = contact.other_type
    if kind.startswith("vehicle"):
        return "collision_vehicle"
    if kind.startswith("walker"):
        return "collision_walker"
    if ("static" in kind or "traffic" in kind) and "sidewalk" not in kind:
        return "collision_static"
    return None


def _from_behind(readings: Readings, contact: Contact) -> bool:
    """Whether the other one ran into the ego's rear."""
    row = readings.users.row(contact.other_id)
    if row is None:
        return False
    seen = readings.world_from_ego.inverse().apply(readings.users.pose[row, :2])
    half = float(readings.users.half_extent[readings.ego_row, 0])
    return bool(seen[0] < -FRONT_SHARE * half)
