"""The lights of vehicles, the ego's and the background's: braking, turning, and seen in the dark.

When which lamp is on follows CARLA's Traffic Manager with `auto_update_lights`, but brake lamps
come on at gentle braking as well.
"""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

import carla
import numpy as np

from common.jit import helper, kernel
from common.messages import ControlCommand, Route, RouteCommand
from sim.line import RouteLine, line_of
from sim.readings import Readings
from sim.steering import lane_offset
from sim.vehicle import PedalConfig

if TYPE_CHECKING:
    from common.frames import FloatArray, Pose2
    from sim.fleet import Fleet
    from sim.lanes import LaneTable
    from sim.roads import IntArray
    from sim.world import World


class Lamp(IntFlag):
    """CARLA's VehicleLightState."""

    POSITION = 1
    LOW_BEAM = 2
    BRAKE = 8
    RIGHT = 16
    LEFT = 32
    REVERSE = 64
    FOG = 128


LOW_SUN, DUSK_SUN = 15.0, 35.0  # degrees of altitude; the Traffic Manager's, as all that follow
HEAVY_RAIN = 80.0  # percent
FOG = 20.0  # percent
ON, STAYS_ON = 0.1, 0.02  # share of the brake pedal
BEFORE_TURN = 3.0  # s
NEAR_TURN = 15.0  # m
MOVES_OVER = 0.6  # m beside the lane's centre line: on the way from the lane beside
WEATHER_EVERY = 100  # ticks; so often drivers look at the sky
FULL_BRAKE = PedalConfig().full_brake_accel  # m/s2
SIDES = {RouteCommand.LEFT: Lamp.LEFT, RouteCommand.RIGHT: Lamp.RIGHT}
BRAKE, RIGHT, LEFT = int(Lamp.BRAKE), int(Lamp.RIGHT), int(Lamp.LEFT)


def seen_lamps(weather: carla.WeatherParameters) -> Lamp:
    """What every vehicle has switched on in this weather."""
    lamps = Lamp(0)
    if weather.sun_altitude_angle <= DUSK_SUN:
        lamps |= Lamp.POSITION
    if weather.sun_altitude_angle <= LOW_SUN or weather.precipitation > HEAVY_RAIN:
        lamps |= Lamp.POSITION | Lamp.LOW_BEAM
    if weather.fog_density > FOG:
        lamps |= Lamp.POSITION | Lamp.LOW_BEAM | Lamp.FOG
    return lamps


def lamps_of(
    table: LaneTable, fleet: Fleet, brake: FloatArray, before: IntArray, seen: int
) -> IntArray:
    """Every vehicle's lamps (N,): the brake pedals' share (N,), and the lamps so far (N,)."""
    lamps = np.empty(len(fleet.x), dtype=np.int32)
    _switch(table, fleet, brake, before, seen, lamps)
    return lamps


@kernel
def _switch(
    table: LaneTable,
    fleet: Fleet,
    brake: FloatArray,
    before: IntArray,
    seen: int,
    lamps: IntArray,
) -> None:
    for i in range(len(fleet.x)):
        lamps[i] = seen | _indicator(table, fleet, i)
        if brake[i] > ON or (brake[i] > STAYS_ON and before[i] & BRAKE):
            lamps[i] |= BRAKE


@helper
def _indicator(table: LaneTable, fleet: Fleet, i: int) -> int:
    """The side a vehicle moves over to, or turns to soon."""
    aside = lane_offset(table, fleet, i)
    if abs(aside) > MOVES_OVER and not table.inside[fleet.route[i, 0]]:
        return RIGHT if aside > 0.0 else LEFT
    at, reach = -fleet.s[i], max(NEAR_TURN, BEFORE_TURN * fleet.speed[i])
    for k in range(fleet.route.shape[1]):
        if at > reach:
            break
        lane = fleet.route[i, k]
        if table.turn[lane] != 0:
            return LEFT if table.turn[lane] > 0 else RIGHT
        if table.inside[lane]:
            break
        at += table.length[lane]
    return 0


class EgoLamps:
    """Switches the ego's lamps as the background's drivers do; remembers which are on."""

    def __init__(self, world: World, route: Route) -> None:
        self._world, self._route, self._line = world, route, line_of(route)
        self._on, self._seen, self._ticks = Lamp(0), Lamp(0), 0

    def step(self, readings: Readings, command: ControlCommand) -> None:
        """Queues the lamps that go with this command for the next tick, where they change."""
        if self._ticks % WEATHER_EVERY == 0:
            self._seen = seen_lamps(self._world.world.get_weather())
        self._ticks += 1
        on = self._seen | pedal_lamps(command, self._on)
        pose, speed = readings.world_from_ego, float(readings.ego_velocity[0])
        on |= turn_ahead(self._route, self._line, pose, speed)
        if on != self._on:
            lamps = carla.VehicleLightState(int(on))
            self._world.send([carla.command.SetVehicleLightState(readings.ego_id, lamps)])
        self._on = on


def pedal_lamps(command: ControlCommand, before: Lamp) -> Lamp:
    """The lamps of brake and gear; the brake's do not flicker: `before` were on so far."""
    brake = -command.accel / FULL_BRAKE
    braking = brake > ON or (brake > STAYS_ON and Lamp.BRAKE in before)
    return (Lamp.BRAKE if braking else Lamp(0)) | (Lamp.REVERSE if command.reverse else Lamp(0))


def turn_ahead(route: Route, line: RouteLine, world_from_ego: Pose2, speed: float) -> Lamp:
    """The side of the turn that a car on this route is in, or comes to soon at `speed` m/s."""
    s, _ = line.locate(world_from_ego.x, world_from_ego.y, world_from_ego.yaw)
    first, last = np.searchsorted(line.s, (s, s + max(NEAR_TURN, BEFORE_TURN * speed)))
    inside = (one for one in route.commands[first:last] if one is not RouteCommand.LANE_FOLLOW)
    return SIDES.get(next(inside, RouteCommand.LANE_FOLLOW), Lamp(0))
