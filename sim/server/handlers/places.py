"""RPCs that ask what stands where: objects of the map, boxes, rays."""

from __future__ import annotations

import logging
from itertools import chain

import numpy as np

from common.frames import FloatArray
from sim.server import wire
from sim.server.actors import Actor, Kind
from sim.server.poses import matrices
from sim.server.rays import MOST_HITS
from sim.server.rpc import RpcError, Table, value, void
from sim.server.scene import Label, StaticObject
from sim.server.simulation import Call
from sim.server.wire import Wire

log = logging.getLogger(__name__)

ANY = 255
MOST_OBJECTS = 1 << 20
DIFFUSE = 2  # CARLA's MaterialParameter
TEXTURE = "objects take the diffuse texture's mean colour; other textures have no effect"
SURFACES = "roads, pavements, lines and soil are one surface without boxes"


def objects_of(call: Call, label: Wire) -> list[StaticObject]:
    """The map's objects with a label, or all."""
    wanted = wire.whole(label)
    return [o for o in call.episode.town.objects if wanted in (ANY, o.label)]


def name_of(thing: StaticObject) -> str:
    """A name that tells the kind."""
    return f"{Label(thing.label).name.title()}_{thing.id}"


def world_box(thing: StaticObject) -> Wire:
    """An object's box in the world frame."""
    return wire.to_box((thing.x, thing.y, thing.z), thing.extent, thing.yaw, 0)


def get_names_of_all_objects(call: Call) -> list[str]:
    """The names of the map's objects."""
    return [name_of(thing) for thing in call.episode.town.objects]


def get_all_level_boxes(call: Call, label: int) -> Wire:
    """The boxes of the map's objects with a label, and of the vehicles and walkers there."""
    wanted = wire.whole(label)
    bodies = [a for a in call.episode.actors if a.kind in (Kind.VEHICLE, Kind.WALKER)]
    moving = [actor_box(call, a) for a in bodies if wanted in (ANY, a.label)]
    return [world_box(thing) for thing in objects_of(call, label)] + moving


def actor_box(call: Call, actor: Actor) -> Wire:
    """A body's box in the world frame."""
    pose = call.episode.actors.pose[actor.row]
    centre = pose[:3] + matrices(pose)[:3, :3] @ actor.centre
    return [wire.to_vector(centre), list(actor.extent), wire.to_transform(pose)[1], actor.id]


def get_environment_objects(call: Call, label: int) -> Wire:
    """The map's objects with a label."""
    return [
        [
            wire.to_transform([thing.x, thing.y, thing.z, 0.0, 0.0, thing.yaw]),
            world_box(thing),
            thing.id,
            name_of(thing),
            thing.label,
        ]
        for thing in objects_of(call, label)
    ]


def enable_environment_objects(call: Call, ids: Wire, shown: bool) -> None:
    """Let objects of the map appear or disappear: from pictures, rays and collisions."""
    some = frozenset(wire.whole(number) for number in wire.items(ids, MOST_OBJECTS))
    scenery = call.episode.scenery
    known = some & {thing.id for thing in call.episode.town.objects}
    scenery.hidden = scenery.hidden - known if shown else scenery.hidden | known
    call.episode.show_scenery()


def apply_colour_texture(call: Call, names: Wire, material: int, texture: Wire) -> None:
    """Repaint objects by their names; colours are sRGB, 0 to 255."""
    # IEC 61966-2-1, without its short linear toe
    repaint(call, names, material, (texels(texture) / 255.0).clip(0.0, 1.0) ** 2.2)


def apply_float_texture(call: Call, names: Wire, material: int, texture: Wire) -> None:
    """Repaint objects by their names; colours are linear, 0 to 1."""
    repaint(call, names, material, texels(texture).clip(0.0, 1.0))


def texels(texture: Wire) -> FloatArray:
    """The colours (N, 3) of a texture."""
    match texture:
        case [int(width), int(height), list(rows), *_] if width * height == len(rows) > 0:
            colours = np.fromiter(chain.from_iterable(row[:3] for row in rows), np.float64)
            if {len(row) for row in rows} <= {3, 4} and np.isfinite(colours).all():
                return colours.reshape(-1, 3)
    raise RpcError(f"expected a texture, got {texture!r:.80}")


def repaint(call: Call, names: Wire, material: int, colours: FloatArray) -> None:
    """Give objects the mean of linear colours (N, 3); a name that nothing has is told once."""
    if wire.whole(material) != DIFFUSE:
        log.warning("accepted without effect: a texture that is not diffuse")
        return
    scenery, known = call.episode.scenery, {name_of(o): o.id for o in call.episode.town.objects}
    red, green, blue = colours.mean(axis=0).tolist()
    wanted = [wire.text(name) for name in wire.items(names, MOST_OBJECTS)]
    scenery.paints |= {known[name]: (red, green, blue) for name in wanted if name in known}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        log.warning("nothing to repaint: no object is called %.80s", unknown[0])


def project_point(call: Call, location: Wire, direction: Wire, distance: float) -> Wire:
    """The first thing from a point in a direction within a distance (m)."""
    start, way = wire.vector(location), wire.vector(direction)
    length = float(np.linalg.norm(way))
    reach = start + (way / length if length else way) * wire.number(distance)
    hits = call.sim.sensing.rays.cast(call.episode, start, reach, 1)
    if not hits:
        return [False, [[0.0, 0.0, 0.0], int(Label.NONE)]]
    return [True, [wire.to_vector(hits[0][0]), hits[0][1]]]


def cast_ray(call: Call, start: Wire, end: Wire) -> Wire:
    """Everything between two points, nearest first."""
    rays = call.sim.sensing.rays
    hits = rays.cast(call.episode, wire.vector(start), wire.vector(end), MOST_HITS)
    return [[wire.to_vector(point), label] for point, label in hits]


TABLE: Table = {
    "get_names_of_all_objects": value(get_names_of_all_objects),
    "apply_color_texture_to_objects": void(apply_colour_texture, TEXTURE),
    "apply_float_color_texture_to_objects": void(apply_float_texture, TEXTURE),
    "get_all_level_BBs": value(get_all_level_boxes, SURFACES),
    "get_environment_objects": value(get_environment_objects, SURFACES),
    "enable_environment_objects": void(enable_environment_objects),
    "project_point": value(project_point),
    "cast_ray": value(cast_ray),
}
