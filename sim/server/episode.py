"""The world from one load of a map to the next: who is in it, and one step of time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.server import snapshot
from sim.server.actors import SPECTATOR, Actor, Actors, Kind
from sim.server.provisional import LightController, Town, Vehicles
from sim.server.scene import Weather
from sim.server.wire import Description

FIRST_VIEW = (0.0, 0.0, 50.0, 0.0, np.pi / 2, 0.0)  # the spectator begins high, looking down


class Episode:
    """Memory: the clock, the weather, the actors and their bodies."""

    def __init__(self, number: int, town: Town, frame: int, first_id: int) -> None:
        self.id, self.town, self.frame = number, town, frame
        self.elapsed = 0.0  # s since the map was loaded
        self.delta = 0.0  # s of the last step
        self.weather = Weather()
        self.actors = Actors(first_id)
        self.vehicles = Vehicles()
        self.lights = LightController(town.signals)
        self.spectator = self._furniture(SPECTATOR, np.array(FIRST_VIEW))
        self.signals = [self._signal(i) for i in range(len(town.signals))]
        for sign in town.signs:
            pose = np.array([sign.x, sign.y, sign.z, 0.0, 0.0, sign.yaw])
            actor = self._furniture(sign.kind, pose, sign.trigger_centre, sign.trigger_extent)
            actor.opendrive_id = sign.opendrive_id
        self._layout = snapshot.layout_of(self.actors)

    def _furniture(
        self,
        type_id: str,
        pose: NDArray[np.float64],
        centre: tuple[float, float, float] = (0.0, 0.0, 0.0),
        extent: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> Actor:
        return self.actors.add(Description(0, type_id, {}), pose, np.array(centre), extent)

    def _signal(self, index: int) -> Actor:
        signal = self.town.signals[index]
        pose = np.array([signal.x, signal.y, signal.z, 0.0, 0.0, signal.yaw])
        actor = self._furniture(
            "traffic.traffic_light", pose, signal.trigger_centre, signal.trigger_extent
        )
        actor.opendrive_id, actor.slot, actor.box_yaw = (
            signal.opendrive_id,
            index,
            signal.trigger_yaw,
        )
        return actor

    @property
    def layout(self) -> snapshot.Layout:
        """Who stands in which row of the snapshot."""
        if self._layout.version != self.actors.version:
            self._layout = snapshot.layout_of(self.actors)
        return self._layout

    def step(self, dt: float) -> None:
        """Advance the world by dt (s): lights, bodies, contacts, then what is attached."""
        self.frame += 1
        self.elapsed += dt
        self.delta = dt
        self.lights.step(dt)
        self.vehicles.step(dt)
        self.gather()

    def gather(self) -> None:
        """Copy the bodies' poses into the register and move what is attached to them."""
        actors, layout = self.actors, self.layout
        group = layout.vehicles
        if len(group.rows):
            actors.pose[group.rows] = self.vehicles.pose[group.slots]
            actors.velocity[group.rows] = self.vehicles.velocity[group.slots]
            actors.rates[group.rows] = self.vehicles.rates[group.slots]
            actors.acceleration[group.rows] = self.vehicles.acceleration[group.slots]
        snapshot.follow_parents(actors, layout)

    def rows(self) -> NDArray[np.void]:
        """The snapshot's rows (N,) `snapshot.ROW`."""
        out = snapshot.fill(self.actors, self.layout)
        if len(self.layout.vehicles.at):
            out["vehicle"][self.layout.vehicles.at] = self._vehicle_part()
        if len(self.layout.lights.at):
            out["light"][self.layout.lights.at] = self._light_part()
        return out

    def _vehicle_part(self) -> NDArray[np.void]:
        slots, rows = self.layout.vehicles.slots, self.layout.vehicles.rows
        part = np.zeros(len(slots), snapshot.VEHICLE)
        for name in ("throttle", "steer", "brake", "hand_brake", "reverse"):
            part[name] = getattr(self.vehicles, name)[slots]
        governing = self.lights.governing(self.actors.pose[rows, :2], self.actors.pose[rows, 5])
        held = governing >= 0
        part["light_state"] = 2  # green where there is none
        if held.any():
            part["has_light"] = held
            part["light_state"][held] = self.lights.states[governing[held]]
            part["light_id"][held] = [self.signals[i].id for i in governing[held]]
        return part

    def _light_part(self) -> NDArray[np.void]:
        lights = self.lights
        part = np.zeros(len(lights.states), snapshot.LIGHT)
        part["sign"] = self.layout.template["sign"][self.layout.lights.at]
        part["green"], part["yellow"], part["red"] = lights.green, lights.yellow, lights.red
        part["elapsed"], part["frozen"], part["state"] = (
            lights.elapsed,
            lights.frozen,
            lights.states,
        )
        return part

    def destroy(self, actor: Actor) -> None:
        """Take an actor out of the world."""
        if actor.kind is Kind.VEHICLE:
            self.vehicles.remove(actor.slot)
        self.actors.remove(actor)
