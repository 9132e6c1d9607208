"""What clients change about the town: things and layers that disappear, street lights."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sim.server.scene import Label, Material, Mesh
from sim.server.sensors.memory import Plain
from sim.server.town import Town

ALL_LAYERS = 0xFFFF
LAYERS = {
    Label.BUILDING: 0x1,
    Label.VEGETATION: 0x4,
    Label.CAR: 0x10,
    Label.STATIC: 0x40,
    Label.DYNAMIC: 0x40,
    Label.OTHER: 0x40,
    Label.WALL: 0x100,
    Label.FENCE: 0x100,
    Label.GUARD_RAIL: 0x100,
}
"""CARLA's MapLayer of a label; ground, signs and traffic lights are in none."""

STREET_LIGHTS = 0x80  # the layer of lamp posts
STREET = 2  # CARLA's LightGroup
FULL = 7000.0  # lm: a lamp as the town has it; LED street lanterns have 3000 to 12000
BRIGHTEST = 3.0  # times that
WHITE = (255, 255, 255)
Paint = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Lamp:
    """A street light as clients see it."""

    intensity: float = FULL  # lm
    group: int = STREET
    colour: tuple[int, int, int] = WHITE  # sRGB
    on: bool = True


class Scenery:
    """Memory: hidden things, loaded layers, changed lamps. `key` tells looks apart."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.hidden: frozenset[int] = frozenset()  # ids of objects
        self.layers = ALL_LAYERS
        self.lamps: dict[int, Lamp] = {}  # changed ones, by their posts' ids
        self.cycle = True  # lamps go on at dusk by themselves
        self.paints: dict[int, Paint] = {}  # linear RGB of repainted objects, by their ids
        self._mesh: tuple[object, Mesh] | None = None

    @property
    def key(self) -> object:
        """Equal for equal looks; None where nothing is changed."""
        plain = not self.hidden and not self.lamps and not self.paints
        if plain and self.layers == ALL_LAYERS:
            return None
        changes = (tuple(sorted(some.items())) for some in (self.lamps, self.paints))
        return self.hidden, self.layers, *changes

    @property
    def shape(self) -> object:
        """Equal where the same things are there, whatever their colours."""
        return self.hidden, self.layers

    def absent(self) -> frozenset[int]:
        """The ids of the objects that are not there."""
        missing = {
            thing.id
            for thing in self.town.objects
            if not self.layers & self._layer(thing.id, thing.label)
        }
        return self.hidden | missing

    def _layer(self, number: int, label: int) -> int:
        if label == Label.POLE:
            return STREET_LIGHTS if number in self.town.lamps else ALL_LAYERS
        return LAYERS.get(Label(label), ALL_LAYERS)

    def lamp(self, number: int) -> Lamp:
        """The street light of a post."""
        return self.lamps.get(number, Lamp())

    def set_lamp(self, number: int, lamp: Lamp) -> None:
        """Change a street light."""
        if number in self.town.lamps:
            self.lamps[number] = lamp
            if lamp == Lamp():
                del self.lamps[number]

    def mesh(self) -> Mesh:
        """The town's triangles as they are now; the town's own where nothing is changed."""
        key = self.key
        if key is None:
            return self.town.mesh()
        if self._mesh is None or self._mesh[0] != key:
            self._mesh = (key, self._changed(self.town.mesh()))
        return self._mesh[1]

    def _changed(self, mesh: Mesh) -> Mesh:
        material, colour = mesh.material.copy(), mesh.colour.copy()
        glowing = np.flatnonzero(mesh.material == Material.STREET_LAMP)
        for number, lamp in self.lamps.items():
            faces = glowing[mesh.instance[glowing] == number]
            if not lamp.on:
                material[faces] = Material.METAL
            shine = min(max(lamp.intensity / FULL, 0.0), BRIGHTEST)
            # IEC 61966-2-1, without its short linear toe
            colour[faces] *= shine * (np.array(lamp.colour, np.float32) / 255.0) ** 2.2
        lens = mesh.material == Material.LAMP
        if self.paints:
            numbers = np.array(sorted(self.paints))
            own = np.array([self.paints[number] for number in numbers.tolist()])
            at = np.searchsorted(numbers[:-1], mesh.instance)
            own_light = lens | (mesh.material == Material.STREET_LAMP)
            faces = np.flatnonzero(~own_light & (numbers[at] == mesh.instance))
            material[faces], colour[faces] = Material.PLAIN, own[at[faces]]
        changed = replace(mesh, material=material, colour=colour)
        return self._without(changed, lens) if self.absent() else changed

    def _without(self, mesh: Mesh, lens: NDArray[np.bool_]) -> Mesh:
        """The triangles of a mesh without those of absent things; `lens` (F,) tells lights'."""
        gone = np.array(sorted(self.absent()), np.uint32)
        owner = mesh.instance.copy()
        owner[lens] = self.town.lens_heads
        kept = ~np.isin(owner, gone)
        return replace(
            mesh,
            faces=mesh.faces[kept],
            material=mesh.material[kept],
            label=mesh.label[kept],
            instance=mesh.instance[kept],
            colour=mesh.colour[kept],
        )

    def save(self) -> Plain:
        """All that changes."""
        lamps = [
            [i, lamp.intensity, lamp.group, list(lamp.colour), lamp.on]
            for i, lamp in sorted(self.lamps.items())
        ]
        paints = [[i, list(paint)] for i, paint in sorted(self.paints.items())]
        return [sorted(self.hidden), self.layers, lamps, self.cycle, paints]

    def restore(self, saved: Plain) -> None:
        """The inverse of `save`, for the same town."""
        hidden, self.layers, lamps, self.cycle, paints = saved
        self.paints = {i: (c[0], c[1], c[2]) for i, c in paints}
        self.hidden = frozenset(hidden)
        self.lamps = {
            i: Lamp(intensity, group, (c[0], c[1], c[2]), on)
            for i, intensity, group, c, on in lamps
        }
