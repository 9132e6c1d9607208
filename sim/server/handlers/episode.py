"""RPCs of the server itself: map, settings, ticks, weather, blueprints."""

from __future__ import annotations

from sim.maps.files import named
from sim.server import blueprints, navmesh, wire
from sim.server.rpc import RpcError, Table, accepted, value, void
from sim.server.scenery import ALL_LAYERS
from sim.server.simulation import VERSION, Call
from sim.server.streams import snapshots_of
from sim.server.wire import Wire, to_actor

PREFIX = "Carla/Maps/"
LAYERED = (
    "buildings, foliage, parked cars, street lights, props, walls; "
    "the other layers are always there"
)


def version(call: Call) -> str:
    """The version of CARLA that this server speaks."""
    return VERSION


def get_available_maps(call: Call) -> list[str]:
    """The towns that go by a name, and the present map."""
    names = dict.fromkeys((*named(call.sim.maps), call.episode.town.name))
    return ["/Game/" + PREFIX + name for name in names]


def get_episode_info(call: Call) -> Wire:
    """The episode's id and the token of its snapshots.

    Who has just loaded an episode hears the old id once more, as from CARLA, where loading takes
    longer than the call: the client resets its Traffic Managers when a snapshot brings a new one.
    """
    known = call.sim.loaders.pop(call.peer, call.episode.id)
    return [known, [call.sim.streams.token(snapshots_of(call.episode.id))]]


def get_episode_settings(call: Call) -> Wire:
    """The settings in force."""
    return wire.to_settings(call.sim.settings)


def set_episode_settings(call: Call, value: Wire) -> int:
    """Take new settings; the answer is a frame that has been sent already."""
    call.sim.settings = wire.settings(value)
    return call.episode.frame


def tick_cue(call: Call) -> int:
    """One synchronous step; in asynchronous mode only the next frame's number."""
    if call.sim.settings.synchronous:
        return call.sim.synchronous_tick()
    return call.episode.frame + 1


def load_new_episode(call: Call, name: str, reset: bool, layers: int = 0xFFFF) -> None:
    """Load a built-in town, the present map again, or the client's own OpenDRIVE."""
    town = call.sim.town_called(wire.text(name))
    call.sim.loaders[call.peer] = call.episode.id
    call.sim.load(town, bool(reset))
    set_layers(call, wire.whole(layers) & ALL_LAYERS)


def set_layers(call: Call, layers: int) -> None:
    """Let only these layers of the map be there."""
    if call.episode.scenery.layers != layers:
        call.episode.scenery.layers = layers
        call.episode.show_scenery()


def load_map_layer(call: Call, layers: int) -> None:
    """Let layers of the map appear."""
    set_layers(call, call.episode.scenery.layers | wire.whole(layers) & ALL_LAYERS)


def unload_map_layer(call: Call, layers: int) -> None:
    """Let layers of the map disappear."""
    set_layers(call, call.episode.scenery.layers & ~wire.whole(layers))


def copy_opendrive_to_file(call: Call, xodr: str, parameters: Wire) -> None:
    """Keep a client's OpenDRIVE text for the next load of OpenDriveMap."""
    call.sim.opendrive = wire.text(xodr)


def get_map_info(call: Call) -> Wire:
    """The map's name and its spawn points."""
    town = call.episode.town
    points = [[x, y, z, 0.0, 0.0, yaw] for x, y, z, yaw in town.spawn_points.tolist()]
    return [PREFIX + town.name, [wire.to_transform(point) for point in points]]


def get_map_data(call: Call) -> str:
    """The map's OpenDRIVE text."""
    return call.episode.town.xodr


def get_required_files(call: Call, folder: str = "") -> list[str]:
    """The files a client should fetch: the navigation mesh of its walkers."""
    town = call.episode.town
    return [navmesh.file_name(town)] if folder == "Nav" and navmesh.has_pavements(town) else []


def request_file(call: Call, name: str) -> bytes:
    """A file's content."""
    if name == navmesh.file_name(call.episode.town):
        return call.sim.navmesh()
    raise RpcError(f"file '{name}' not found")


def get_navigation_mesh(call: Call) -> bytes:
    """The navigation mesh of the walkers."""
    return call.sim.navmesh()


def get_actor_definitions(call: Call) -> Wire:
    """The blueprint library."""
    return [
        [
            uid,
            blueprint.id,
            blueprint.tags,
            [
                wire.to_attribute(
                    a.id, int(a.type), a.value, a.recommended, a.modifiable, a.restrict
                )
                for a in blueprint.attributes
            ],
        ]
        for uid, blueprint in enumerate(blueprints.CATALOGUE, 1)
    ]


def get_spectator(call: Call) -> Wire:
    """The spectator's actor."""
    return to_actor(call.episode.spectator, call.sim.streams.token)


def get_weather_parameters(call: Call) -> list[float]:
    """The weather."""
    return wire.to_weather(call.episode.weather)


def set_weather_parameters(call: Call, value: Wire) -> None:
    """Change the weather."""
    dark = call.episode.dark
    call.episode.weather = wire.weather(value)
    if call.episode.dark != dark:
        call.sim.tell_of_lights()


def get_imui_gravity(call: Call) -> float:
    """What the IMUs take for gravity, m/s2."""
    return call.episode.imu_gravity


def set_imui_gravity(call: Call, gravity: float) -> None:
    """Change what the IMUs take for gravity, m/s2."""
    call.episode.imu_gravity = wire.number(gravity)


TABLE: Table = {
    "version": value(version),
    "get_available_maps": value(get_available_maps),
    "get_episode_info": value(get_episode_info),
    "get_episode_settings": value(get_episode_settings),
    "set_episode_settings": value(set_episode_settings),
    "tick_cue": value(tick_cue),
    "load_new_episode": void(load_new_episode, LAYERED),
    "copy_opendrive_to_file": void(
        copy_opendrive_to_file, "the map is dressed as any other; the parameters are ignored"
    ),
    "load_map_layer": void(load_map_layer, LAYERED),
    "unload_map_layer": void(unload_map_layer, LAYERED),
    "get_map_info": value(get_map_info),
    "get_map_data": value(get_map_data),
    "get_navigation_mesh": value(get_navigation_mesh),
    "get_required_files": value(get_required_files),
    "request_file": value(request_file),
    "get_actor_definitions": value(get_actor_definitions),
    "get_spectator": value(get_spectator),
    "get_weather_parameters": value(get_weather_parameters),
    "set_weather_parameters": void(set_weather_parameters),
    "get_imui_gravity": value(get_imui_gravity),
    "set_imui_gravity": void(set_imui_gravity),
    "set_annotations_traverse_translucency": accepted(
        "set_annotations_traverse_translucency: nothing here is translucent"
    ),
    "console_command": accepted("console_command: there is no console", bool),
}
