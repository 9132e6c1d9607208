"""Background traffic through the client API alone: the same on the embedded server and on CARLA.

The drivers are `sim.fleet`'s; vehicles are driven by throttle, brake and steer, so that speeds,
wheels and collisions are the simulator's own. Deterministic from its dice.
"""

from __future__ import annotations

import carla
import numpy as np
from numpy.typing import NDArray

from common.errors import RigError
from common.frames import FloatArray, Pose2
from common.messages import LightState
from sim import iso
from sim.crowd import Crowd
from sim.fleet import GREEN, OFF, RED, YELLOW, Fleet, Others, decide
from sim.fleet import make_fleet as fleet_at_rest
from sim.kinds import CAR, KINDS, Bodies, Way, draw_kinds
from sim.lamps import WEATHER_EVERY, lamps_of, seen_lamps
from sim.lanes import LaneTable, lane_table, settle
from sim.readings import Lights, RoadUsers
from sim.roads import IntArray, Roads
from sim.vehicle import PedalConfig
from sim.world import DROP, DT, World

SPACING = 14.0  # m between places to spawn along a lane
LANE_ENDS = 8.0  # m from a lane's ends where nothing is spawned
CLEAR = 20.0  # m kept free around the ego's start
NEARBY = 250.0  # m from the ego's start where places are taken first
HALF_SIZE = (2.4, 1.0)  # m; taken for every vehicle until its box is known
PEDALS = PedalConfig()
SIGNAL = {
    LightState.RED: RED,
    LightState.YELLOW: YELLOW,
    LightState.GREEN: GREEN,
    LightState.OFF: OFF,
}
FASTEST = 250  # km/h
TRIM_SPEED = 5.0  # m/s; slower, tyres hardly slip
TRIM_TIME, MOST_TRIM = 1.0, 0.05  # s, rad
FORESEE = np.array([0.0, 0.5, 1.0, 1.5, 2.0])  # s; where a stranger will be


class Traffic:
    """Background vehicles and walkers; remembers the drivers, their pedals and the crowd."""

    def __init__(
        self,
        world: World,
        roads: Roads,
        rng: np.random.Generator,
        vehicles: int = 20,
        walkers: int = 12,
        keep_clear: Pose2 | None = None,
    ) -> None:
        """Spawns everybody, some fewer where the simulator refuses places.

        Args:
            world: a loaded world; commands join its next batch.
            roads: the lane graph of its map.
            rng: the dice; the same dice make the same traffic.
            vehicles: how many.
            walkers: how many; none on a map without pavements.
            keep_clear: the ego's start, ``world_from_ego``; traffic begins around it.
        """
        self._world, self._roads, self._rng = world, roads, rng
        ids = {int(one.id): str(one.get_opendrive_id()) for one in world.lights}
        self._lights = tuple(ids)
        self._table: LaneTable = lane_table(roads, tuple(ids.values()))
        self.ids, at, kind = self._spawn(_places(roads, self._table, rng, keep_clear), vehicles)
        self._max_steer, wheelbase = self._wheels()
        half_length, half_width = np.tile(HALF_SIZE, (len(at), 1)).T
        bodies = Bodies(kind, half_length, half_width, wheelbase)
        self.fleet: Fleet = fleet_at_rest(self._table, roads.lane[at], roads.s[at], bodies, rng)
        self._crowd = Crowd(world, roads, rng, walkers, keep_clear)
        self._wanted = np.zeros(len(at))  # m/s, the speed reached by now as commanded
        self._trim, self._meant = np.zeros(len(at)), np.zeros(len(at))  # rad
        self._lamps, self._seen, self._ticks = np.zeros(len(at), np.int32), 0, 0
        self._controls = np.zeros((len(at), 3))  # throttle, steer, brake as sent last
        still, command = carla.VehicleControl(), carla.command.ApplyVehicleControl
        self._commands = [command(one, still) for one in self.ids.tolist()]  # filled in when sent

    def step(self, users: RoadUsers, lights: Lights) -> None:
        """Queues everybody's controls for the next tick, from where everybody is now."""
        self._world.send(self._crowd.step(users, lights))
        if len(self.ids):
            self._world.send(self._drive(users, lights))

    def _drive(self, users: RoadUsers, lights: Lights) -> list[carla.command.ApplyVehicleControl]:
        rows = np.searchsorted(users.ids, self.ids)
        if rows[-1] >= len(users.ids) or not np.array_equal(users.ids[rows], self.ids):
            raise RigError("a background vehicle was removed by someone else")
        self._see(users, rows)
        state = dict(lights)
        signals = np.array([SIGNAL[state[one]] for one in self._lights], dtype=np.uint8)
        others = _others(users, rows, self._roads)
        accel, steer = decide(self._table, self.fleet, others, signals, DT, self._rng)
        pedal, held = self._pedal(accel)
        wheel = np.where(held, self._controls[:, 1], self._wheel(steer, users.spin[rows, 2]))
        controls = np.stack([np.maximum(pedal, 0.0), wheel, np.maximum(-pedal, 0.0)], axis=-1)
        self._world.send(self._light(controls[:, 2]))
        new = np.flatnonzero((controls != self._controls).any(axis=1))
        self._controls = controls
        commands = [self._commands[i] for i in new.tolist()]
        for command, values in zip(commands, controls[new].tolist(), strict=True):
            control = command.control
            control.throttle, control.steer, control.brake = values
        return commands

    def _wheel(self, steer: FloatArray, spin: FloatArray) -> FloatArray:
        """CARLA's steer (N,) that makes vehicles turn as their drivers mean to (rad): tyres slip.

        What a vehicle's yaw rate (rad/s) falls short of the angle last meant is added in time.
        """
        speed = self.fleet.speed
        turns = np.arctan(self.fleet.wheelbase * spin / np.maximum(speed, TRIM_SPEED))
        trim = self._trim + DT / TRIM_TIME * (self._meant - turns)
        self._trim = np.where(speed > TRIM_SPEED, np.clip(trim, -MOST_TRIM, MOST_TRIM), 0.0)
        self._meant = steer
        kmh = np.minimum(3.6 * speed, FASTEST - 1).astype(np.intp)
        full = self._max_steer[np.arange(len(kmh)), kmh]
        return np.clip(-(steer + self._trim) / full, -1.0, 1.0)

    def _light(self, brake: FloatArray) -> list[carla.command.SetVehicleLightState]:
        """Switches the lamps that are to change."""
        if self._ticks % WEATHER_EVERY == 0:
            self._seen = int(seen_lamps(self._world.world.get_weather()))
        self._ticks += 1
        lamps = lamps_of(self._table, self.fleet, brake, self._lamps, self._seen)
        new = np.flatnonzero(lamps != self._lamps)
        self._lamps = lamps
        return [
            carla.command.SetVehicleLightState(one, carla.VehicleLightState(state))
            for one, state in zip(self.ids[new].tolist(), lamps[new].tolist(), strict=True)
        ]

    def destroy(self) -> None:
        """Removes everybody."""
        everybody = [*self.ids.tolist(), *self._crowd.ids.tolist()]
        commands = [carla.command.DestroyActor(one) for one in everybody]
        self._world.client.apply_batch_sync(commands, False)

    def _spawn(
        self, places: NDArray[np.int64], count: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], IntArray]:
        """Actor ids, ascending, the samples they stand at, and their kinds."""
        blueprints = _blueprints(self._world.world)
        known = np.array([len(one) > 0 for one in blueprints])
        wanted = draw_kinds(count, self._rng)
        wanted = np.where(known[wanted], wanted, CAR).astype(np.int32)
        born: list[tuple[int, int, int]] = []
        while len(wanted) and len(places):
            rows, kinds = settle(self._table, self._roads.lane[places], wanted)
            now, places = places[rows].tolist(), np.delete(places, rows)
            pairs = list(zip(kinds.tolist(), now, strict=True))
            commands = [self._birth(blueprints[kind], at) for kind, at in pairs]
            answers = self._world.client.apply_batch_sync(commands, False)
            both = list(zip(answers, pairs, strict=True))
            born += [(int(one.actor_id), at, kind) for one, (kind, at) in both if not one.error]
            wanted = np.array([kind for one, (kind, _) in both if one.error], dtype=np.int32)
        ids, at, kind = np.array(sorted(born), dtype=np.int64).reshape(-1, 3).T
        return ids, at, kind.astype(np.int32)

    def _birth(self, blueprints: list[carla.ActorBlueprint], at: int) -> carla.command.SpawnActor:
        blueprint = blueprints[self._rng.integers(len(blueprints))]
        if blueprint.has_attribute("color"):
            colours = blueprint.get_attribute("color").recommended_values
            blueprint.set_attribute("color", colours[self._rng.integers(len(colours))])
        blueprint.set_attribute("role_name", "traffic")
        x, y = self._roads.xy[at]
        place = [x, y, self._roads.z[at] + DROP, 0.0, 0.0, self._roads.yaw[at]]
        return carla.command.SpawnActor(blueprint, iso.carla_transform(place))

    def _wheels(self) -> tuple[FloatArray, FloatArray]:
        """The largest wheel angle (rad) by the speed in km/h (N, `FASTEST`); wheelbases (N,) m."""
        known: dict[str, tuple[FloatArray, float]] = {}
        out = []
        for actor in self._world.world.get_actors([int(one) for one in self.ids]):
            if actor.type_id not in known:
                physics = actor.get_physics_control()
                known[actor.type_id] = _wheel_angles(physics), _wheelbase(physics)
            out.append((int(actor.id), *known[actor.type_id]))
        out.sort(key=lambda one: one[0])
        return np.array([angles for _, angles, _ in out]), np.array([base for *_, base in out])

    def _see(self, users: RoadUsers, rows: NDArray[np.intp]) -> None:
        """Puts the fleet where the simulator says it is."""
        fleet = self.fleet
        fleet.yaw[:] = users.pose[rows, 5]
        fleet.x[:], fleet.y[:] = _box_centres(users, rows)
        ahead = np.stack([np.cos(fleet.yaw), np.sin(fleet.yaw)])
        fleet.speed[:] = np.maximum((users.velocity[rows, :2].T * ahead).sum(axis=0), 0.0)
        fleet.half_length[:], fleet.half_width[:] = users.half_extent[rows, :2].T

    def _pedal(self, accel: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """`sim.vehicle.Pedals` for all: throttle where positive, brake where negative; who stands.

        Who is held at a standstill does not turn the wheels either: nothing new is sent.
        """
        speed = self.fleet.speed
        error = np.clip(self._wanted - speed, -PEDALS.max_error, PEDALS.max_error)
        full = np.where(accel > 0.0, PEDALS.full_throttle_accel, PEDALS.full_brake_accel)
        pedal = accel / full + PEDALS.gain * error
        held = (speed < PEDALS.standstill) & (accel <= 0.0)
        self._wanted = np.where(held, speed, speed + error + accel * DT)
        return np.clip(np.where(held, -PEDALS.hold_brake, pedal), -1.0, 1.0), held


def _wheel_angles(physics: carla.VehiclePhysicsControl) -> FloatArray:
    """What full steering turns the front wheels by (rad), at 0, 1, 2 ... km/h."""
    full = float(iso.radians(max(wheel.max_steer_angle for wheel in physics.wheels)))
    curve = sorted((point.x, point.y) for point in physics.steering_curve) or [(0.0, 1.0)]
    speeds, shares = np.array(curve).T
    angles: FloatArray = full * np.interp(np.arange(FASTEST), speeds, shares)
    return angles


def _wheelbase(physics: carla.VehiclePhysicsControl) -> float:
    """From the two front wheels, CARLA's first, to the middle of the others (m)."""
    at = 0.01 * np.array([(one.position.x, one.position.y) for one in physics.wheels])  # from cm
    return float(np.hypot(*(at[:2].mean(axis=0) - at[2:].mean(axis=0))))


def _blueprints(world: carla.World) -> list[list[carla.ActorBlueprint]]:
    """Those of each of `KINDS`, in the order of their ids."""
    found: dict[str, list[carla.ActorBlueprint]] = {one.name: [] for one in KINDS}
    library = world.get_blueprint_library().filter("vehicle.*")
    for one in sorted(library, key=lambda one: str(one.id)):
        if one.has_attribute("base_type"):
            found.get(one.get_attribute("base_type").as_str(), []).append(one)
    return list(found.values())


def _places(
    roads: Roads, table: LaneTable, rng: np.random.Generator, keep_clear: Pose2 | None
) -> NDArray[np.int64]:
    """Samples to spawn at: in a drawn order, those near the ego's start first."""
    lives = np.diff(table.after_first[Way.ANY]) > 0
    usable = lives & (roads.junction < 0) & ~table.held
    samples = np.concatenate(
        [
            [
                roads.sample(int(one), float(s))
                for s in np.arange(LANE_ENDS, roads.length[one] - LANE_ENDS, SPACING)
            ]
            for one in np.flatnonzero(usable)
        ]
    ).astype(np.int64)
    samples = samples[rng.permutation(len(samples))]
    if keep_clear is not None:
        away = np.hypot(*(roads.xy[samples] - (keep_clear.x, keep_clear.y)).T)
        near_first = np.argsort(away > NEARBY, kind="stable")
        samples = samples[near_first][away[near_first] > CLEAR]
    return samples


def _box_centres(users: RoadUsers, rows: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
    cos, sin = np.cos(users.pose[rows, 5]), np.sin(users.pose[rows, 5])
    bx, by = users.box_centre[rows, 0], users.box_centre[rows, 1]
    return users.pose[rows, 0] + cos * bx - sin * by, users.pose[rows, 1] + sin * bx + cos * by


def _others(users: RoadUsers, rows: NDArray[np.intp], roads: Roads) -> Others:
    """Everybody who is not of the fleet, and the junction lanes that strange vehicles use."""
    strange = np.ones(len(users.ids), dtype=np.bool_)
    strange[rows] = False
    rest = np.flatnonzero(strange)
    x, y = _box_centres(users, rest)
    used_lane, used_rear = _used(users, rest[~users.walker[rest]], roads)
    return Others(
        x=x,
        y=y,
        z=users.pose[rest, 2],
        yaw=users.pose[rest, 5],
        half_length=users.half_extent[rest, 0],
        half_width=users.half_extent[rest, 1],
        vx=users.velocity[rest, 0],
        vy=users.velocity[rest, 1],
        used_lane=used_lane,
        used_rear=used_rear,
    )


def _used(
    users: RoadUsers, rows: NDArray[np.intp], roads: Roads
) -> tuple[NDArray[np.int32], FloatArray]:
    """Lanes that vehicles are on, or will be on soon if they go straight on; and their rears."""
    ways = users.velocity[rows, None, :2] * FORESEE[:, None]
    xy = (users.pose[rows, None, :2] + ways).reshape(-1, 2)
    if not len(xy):
        return np.zeros(0, dtype=np.int32), np.zeros(0)
    found = roads.nearest(xy, np.repeat(users.pose[rows, 5], len(FORESEE)))
    gone = np.hypot(*ways.reshape(-1, 2).T) + np.repeat(users.half_extent[rows, 0], len(FORESEE))
    on = found.lane >= 0
    return found.lane[on], found.s[on] - gone[on]
