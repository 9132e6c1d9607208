"""The world from one load of a map to the next: who is in it, and one step of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray
from sim import iso
from sim.server import snapshot
from sim.server.ackermann import Ackermann, Gains
from sim.server.actors import SPECTATOR, Actor, Actors, Kind
from sim.server.blueprints import Blueprint, find
from sim.server.collisions import Collisions, Contact
from sim.server.dynamics import Vehicles
from sim.server.friction import Zone
from sim.server.lights import LightController
from sim.server.limits import limits_of
from sim.server.poses import matrices
from sim.server.postures import Posture
from sim.server.scene import Sign, Signal, StaticObject, Weather
from sim.server.scenery import Scenery
from sim.server.sketches import Sketch, after
from sim.server.town import Town
from sim.server.vehicle_arrays import motions
from sim.server.walkers import Walkers
from sim.server.wire import Description, Settings

PROP = "static.prop."
FRICTION = "static.trigger.friction"
MOURNING = 10.0  # s that a dead walker stays, CARLA's
DUSK = 0.02  # rad of the sun's altitude, the middle of what `render.sky` takes for dusk
MOST_SUBSTEPS = 50  # of one step
FIRST_VIEW = (0.0, 0.0, 50.0, 0.0, np.pi / 2, 0.0)  # the spectator begins high, looking down


def boxes_of(things: Sequence[StaticObject]) -> tuple[FloatArray, FloatArray]:
    """Centres with headings (K, 4) and half sizes (K, 3), m and rad."""
    return (
        np.array([(o.x, o.y, o.z, o.yaw) for o in things]).reshape(-1, 4),
        np.array([o.extent for o in things]).reshape(-1, 3),
    )


@dataclass(frozen=True, slots=True)
class Message:
    """What a V2X sensor has put on the air in a tick."""

    sender: Actor
    channel: str  # those on another one do not hear it
    power: float  # dBm
    record: bytes  # as the client gets it, its power (f32) left empty


class Episode:
    """Memory: the clock, the weather, the actors and their bodies."""

    def __init__(self, number: int, town: Town, frame: int, first_id: int) -> None:
        self.id, self.town, self.frame = number, town, frame
        self.elapsed = 0.0  # s since the map was loaded
        self.delta = 0.0  # s of the last step
        self.weather = Weather()
        self.imu_gravity = 9.81  # m/s2, what the IMUs take for gravity
        self.actors = Actors(first_id)
        self.vehicles, self.walkers = Vehicles(), Walkers()
        self.collisions = Collisions(town.objects)
        self.contacts: list[Contact] = []  # of the last step
        self.scenery = Scenery(town)
        self.sketches: list[Sketch] = []  # debug drawings
        self.postures: dict[int, Posture] = {}  # by actor id, where clients have changed looks
        self.air: list[Message] = []  # of the last step
        self.dying: dict[int, float] = {}  # id of a dead walker: s, when it disappears
        self.reports_contacts = False  # also where nobody senses them
        self.lights = LightController(town.signals)
        self.limits = limits_of(town.signs)
        self.ackermann: dict[int, Ackermann] = {}  # by vehicle slot, like the next
        self.gains: dict[int, Gains] = {}  # where a client has set them
        self.spectator = self.actors.add(
            Description(0, SPECTATOR, {}), np.array(FIRST_VIEW), np.zeros(3), (0.0, 0.0, 0.0)
        )
        self.signals = [self._post("traffic.traffic_light", signal) for signal in town.signals]
        for index, actor in enumerate(self.signals):
            actor.slot, actor.box_yaw = index, town.signals[index].trigger_yaw
        self.signs = [self._post(sign.kind, sign) for sign in town.signs]
        self._layout = snapshot.layout_of(self.actors)
        self.solid = boxes_of([o for o in town.objects if o.solid])  # nobody can stand in them

    def _post(self, type_id: str, post: Sign | Signal) -> Actor:
        pose = np.array([post.x, post.y, post.z, 0.0, 0.0, post.yaw])
        centre = np.array(post.trigger_centre)
        actor = self.actors.add(Description(0, type_id, {}), pose, centre, post.trigger_extent)
        actor.opendrive_id = post.opendrive_id
        return actor

    @property
    def layout(self) -> snapshot.Layout:
        """Who stands in which row of the snapshot."""
        if self._layout.version != self.actors.version:
            self._layout = snapshot.layout_of(self.actors)
        return self._layout

    @property
    def dark(self) -> bool:
        """Whether street lamps are lit."""
        return self.weather.sun_altitude < DUSK

    def show_scenery(self) -> None:
        """Let vehicles pass where things have disappeared, and nowhere else."""
        absent = self.scenery.absent()
        for index, thing in enumerate(self.town.objects):
            if thing.solid:
                self.collisions.show(index, thing.id not in absent)
        things = [o for o in self.town.objects if o.solid and o.id not in absent]
        self.solid = boxes_of(things)

    def bodies(self, actor: Actor) -> Vehicles | Walkers | None:
        """The arrays in which an actor's slot lies; None for what physics does not move."""
        if actor.kind is Kind.VEHICLE:
            return self.vehicles
        return self.walkers if actor.kind is Kind.WALKER else None

    def step(self, dt: float, settings: Settings) -> None:
        """Advance the world by dt (s): lights, bodies, contacts, then what is attached."""
        self.frame += 1
        self.elapsed += dt
        self.delta = dt
        self.sketches = after(self.sketches, self.elapsed) if self.sketches else self.sketches
        self.lights.step(dt)
        self.contacts = []
        if len(self.layout.vehicles.rows) or len(self.layout.walkers.rows):
            self._move(dt, settings.max_substep_delta if settings.substepping else dt)
        self.gather()
        if len(self.layout.vehicles.rows):
            self._pass_signs()

    def _move(self, dt: float, substep: float) -> None:
        vehicles, walkers, ground = self.vehicles, self.walkers, self.town.ground
        for slot, controller in self.ackermann.items():
            controller.step(vehicles, slot, dt)
        self.collisions.before(vehicles, walkers)
        vehicles.step(dt, ground, self.weather, max(substep, dt / MOST_SUBSTEPS))
        walkers.step(dt, ground)
        report = self.layout.contacts or self.reports_contacts
        self.contacts = self.collisions.resolve(vehicles, walkers, report=report)

    def gather(self) -> None:
        """Copy the bodies' poses into the register and move what is attached to them."""
        actors, layout = self.actors, self.layout
        for group, bodies in ((layout.vehicles, self.vehicles), (layout.walkers, self.walkers)):
            if len(group.rows):
                actors.motion[group.rows] = motions(bodies.state)[group.slots]
        snapshot.follow_parents(actors, layout)

    def _pass_signs(self) -> None:
        rows = self.layout.vehicles.rows
        passed, limit = self.limits.passed(self.actors.pose[rows, :2])
        self.actors.speed_limit[rows[passed]] = limit

    def rows(self) -> NDArray[np.void]:
        """The snapshot's rows (N,) `snapshot.ROW`."""
        layout = self.layout
        out = snapshot.fill(self.actors, layout)
        if len(layout.vehicles.at):
            self._fill_vehicles(out["vehicle"])
        if len(layout.walkers.at):
            snapshot.put(out["walker"], layout.walkers.at, self._walker_part())
        if len(layout.lights.at):
            snapshot.put(out["light"], layout.lights.at, self._light_part())
        return out

    def _fill_vehicles(self, column: NDArray[np.void]) -> None:
        cars, lights = self.layout.vehicles, self.layout.lights
        pose, limit = self.actors.pose[cars.rows], self.actors.speed_limit[cars.rows]
        half_length = self.vehicles.model["half_extent"][cars.slots, 0]
        governing = self.lights.governing(pose[:, :2], pose[:, 5], half_length)
        state, colours = self.vehicles.state, self.lights.states
        snapshot.fill_vehicles(
            column, cars.at, state, cars.slots, limit, governing, colours, lights.ids
        )

    def _walker_part(self) -> NDArray[np.void]:
        state, slots = self.walkers.state, self.layout.walkers.slots
        part = np.zeros(len(slots), snapshot.WALKER)
        part["direction"] = iso.mirror(state["direction"][slots])
        part["speed"], part["jump"] = state["speed"][slots], state["jump"][slots]
        return part

    def _light_part(self) -> NDArray[np.void]:
        lights = self.lights
        part = self.layout.lamps.copy()
        part["green"], part["yellow"], part["red"] = lights.green, lights.yellow, lights.red
        part["elapsed"], part["frozen"], part["state"] = (
            lights.elapsed,
            lights.frozen,
            lights.states,
        )
        return part

    def embody(self, actor: Actor, blueprint: Blueprint) -> None:
        """Give a new actor its body: one that moves, or for a prop one that stands still."""
        bodies, pose = self.bodies(actor), self.actors.pose[actor.row]
        if bodies is not None:
            actor.slot = bodies.add(blueprint, pose)
            if actor.attribute("sticky_control").lower() == "false":
                bodies.state["fleeting"][actor.slot] = True
        elif actor.type_id.startswith(PROP) and blueprint.half_extent[2] > 0.0:
            x, y, z = (pose[:3] + matrices(pose)[:3, :3] @ actor.centre).tolist()
            actor.slot = self.collisions.add_obstacle(x, y, z, float(pose[5]), actor.extent)
        elif actor.type_id == FRICTION:
            self.vehicles.zones[actor.id] = Zone.read(pose, actor.attribute)

    def posture(self, actor: Actor) -> Posture:
        """What clients make an actor look like."""
        return self.postures.setdefault(actor.id, Posture())

    def disembody(self, actor: Actor) -> None:
        """Take away an actor's body."""
        bodies = self.bodies(actor)
        if bodies is not None:
            bodies.remove(actor.slot)
            if actor.kind is Kind.VEHICLE:
                self.ackermann.pop(actor.slot, None)
                self.gains.pop(actor.slot, None)
        elif actor.type_id.startswith(PROP) and actor.slot >= 0:
            self.collisions.remove_obstacle(actor.slot)
        self.vehicles.zones.pop(actor.id, None)

    def place(self, actor: Actor, pose: NDArray[np.float64]) -> None:
        """Put an actor at a pose (6,), relative to its parent where it has one."""
        if actor.parent is not None:
            self.actors.attach(actor, actor.parent, pose)
            return
        self.actors.pose[actor.row] = pose
        bodies = self.bodies(actor)
        if bodies is not None:
            bodies.teleport(actor.slot, pose)
        elif actor.type_id.startswith(PROP) and actor.slot >= 0:
            blueprint = find(actor.type_id)
            assert blueprint is not None
            self.disembody(actor)
            self.embody(actor, blueprint)

    def destroy(self, actor: Actor) -> None:
        """Take an actor out of the world."""
        self.disembody(actor)
        self.postures.pop(actor.id, None)
        self.dying.pop(actor.id, None)
        self.actors.remove(actor)

    def kill(self, walker: Actor) -> None:
        """A walker falls, and is gone after a while."""
        self.walkers.lie(walker.slot)
        self.dying[walker.id] = self.elapsed + MOURNING

    def bury(self) -> None:
        """Take away the walkers that have been dead long enough."""
        for number in [n for n, until in self.dying.items() if until <= self.elapsed]:
            self.destroy(self.actors.get(number))
