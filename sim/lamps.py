"""The lights of the background's vehicles: braking, turning, and seen in the dark.

When which lamp is on follows CARLA's Traffic Manager with `auto_update_lights`, but brake lamps
come on at gentle braking as well.
"""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

import carla
import numpy as np

from common.jit import helper, kernel
from sim.steering import lane_offset

if TYPE_CHECKING:
    from common.frames import FloatArray
    from sim.fleet import Fleet
    from sim.lanes import LaneTable
    from sim.roads import IntArray


class Lamp(IntFlag):
    """CARLA's VehicleLightState."""

    POSITION = 1
    LOW_BEAM = 2
    BRAKE = 8
    RIGHT = 16
    LEFT = 32
    FOG = 128


LOW_SUN, DUSK_SUN = 15.0, 35.0  # degrees of altitude; the Traffic Manager's, as all that follow
HEAVY_RAIN = 80.0  # percent
FOG = 20.0  # percent
ON, STAYS_ON = 0.1, 0.02  # share of the brake pedal
BEFORE_TURN = 3.0  # s
NEAR_TURN = 15.0  # m
MOVES_OVER = 0.6  # m beside the lane's centre line: on the way from the lane beside
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
