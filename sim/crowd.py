"""The walkers of an episode, steered through the client API."""

from __future__ import annotations

import carla
import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray, Pose2
from common.messages import LightState
from sim import iso
from sim.pavement import Pavement, lights_of, pavement
from sim.readings import Lights, RoadUsers
from sim.roads import Roads
from sim.walking import GO, NO_LIGHT, WAIT, Cars, Walkers, make_walkers, stroll
from sim.world import DT, World

HALF_HEIGHT = 0.93  # m; a walker's origin is the middle of its body
DROP = 0.3  # m above the pavement
CLEAR = 5.0  # m kept free around the ego's start
NEARBY = 150.0  # m from the ego's start where places are taken first
APART = 1.5  # m between walkers at the start
PLACES = 8  # drawn per walker


class Crowd:
    """Walkers on the pavements; remembers where each of them is going."""

    def __init__(
        self,
        world: World,
        roads: Roads,
        rng: np.random.Generator,
        count: int,
        keep_clear: Pose2 | None,
    ) -> None:
        """Spawns up to count walkers; none where the map has no pavements."""
        self._world, self._rng = world, rng
        self._graph: Pavement = pavement(world.map)
        actors = {opendrive_id: actor_id for actor_id, opendrive_id in world.signals()}
        self._light = tuple(actors.get(one) for one in lights_of(self._graph, roads))
        edge, s = _places(self._graph, rng, count, keep_clear)
        born, rows = self._spawn(edge, s, count)
        self.ids = born
        self.walkers: Walkers = make_walkers(self._graph, edge[rows], s[rows], rng)

    def step(self, users: RoadUsers, lights: Lights) -> list[carla.command.ApplyWalkerControl]:
        """Everybody's controls for the next tick, from where everybody is now."""
        if not len(self.ids):
            return []
        rows = np.searchsorted(users.ids, self.ids)
        self.walkers.x[:], self.walkers.y[:] = users.pose[rows, :2].T
        heading, speed = stroll(
            self._graph, self.walkers, _cars(users), self._walk(lights), DT, self._rng
        )
        ways = iso.mirror(np.column_stack([heading, np.zeros(len(heading))]))
        return [
            carla.command.ApplyWalkerControl(one, carla.WalkerControl(carla.Vector3D(*way), pace))
            for one, way, pace in zip(self.ids.tolist(), ways.tolist(), speed.tolist(), strict=True)
        ]

    def _walk(self, lights: Lights) -> NDArray[np.int32]:
        """Whether the light at each edge, if there is one, lets people walk (E,)."""
        state = dict(lights)
        walk = [
            NO_LIGHT if light is None or state[light] is LightState.OFF
            else GO if state[light] is LightState.RED else WAIT
            for light in self._light
        ]  # fmt: skip
        return np.array(walk, dtype=np.int32)

    def _spawn(
        self, edge: NDArray[np.int32], s: FloatArray, count: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Actor ids, ascending, and the places they took."""
        library = self._world.world.get_blueprint_library().filter("walker.pedestrian.*")
        blueprints = sorted(library, key=lambda one: str(one.id))
        born: list[tuple[int, int]] = []
        rest = np.arange(len(edge))
        while len(born) < count and len(rest):
            now, rest = np.split(rest, [count - len(born)])
            commands = [self._birth(blueprints, int(edge[i]), float(s[i])) for i in now]
            answers = self._world.client.apply_batch_sync(commands, False)
            both = zip(answers, now, strict=True)
            born += [(int(answer.actor_id), int(i)) for answer, i in both if not answer.error]
        ids, places = np.array(sorted(born), dtype=np.int64).reshape(-1, 2).T
        return ids, places

    def _birth(
        self, blueprints: list[carla.ActorBlueprint], edge: int, s: float
    ) -> carla.command.SpawnActor:
        blueprint = blueprints[self._rng.integers(len(blueprints))]
        blueprint.set_attribute("role_name", "traffic")
        if blueprint.has_attribute("is_invincible"):
            blueprint.set_attribute("is_invincible", "false")
        own = slice(int(self._graph.first[edge]), int(self._graph.first[edge + 1]))
        x, y, z = (
            float(np.interp(s, self._graph.s[own], values[own]))
            for values in (self._graph.xy[:, 0], self._graph.xy[:, 1], self._graph.z)
        )
        yaw = self._rng.uniform(-np.pi, np.pi)
        place = iso.carla_transform([x, y, z + HALF_HEIGHT + DROP, 0.0, 0.0, yaw])
        return carla.command.SpawnActor(blueprint, place)


def _places(
    graph: Pavement, rng: np.random.Generator, count: int, keep_clear: Pose2 | None
) -> tuple[NDArray[np.int32], FloatArray]:
    """Edges and places along them: drawn by length, those near the ego's start first."""
    usable = np.flatnonzero(~graph.crossing & (graph.length > APART))
    if not len(usable) or count == 0:
        return np.zeros(0, dtype=np.int32), np.zeros(0)
    share = graph.length[usable] / graph.length[usable].sum()
    edge = rng.choice(usable, PLACES * count, p=share).astype(np.int32)
    s = rng.uniform(0.0, graph.length[edge])
    point = graph.first[edge] + np.array(
        [np.searchsorted(graph.s[graph.first[e] + 1 : graph.first[e + 1]], at)
         for e, at in zip(edge, s, strict=True)]
    )  # fmt: skip
    xy = graph.xy[point]
    apart = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    keep = ~(np.triu(apart < APART, 1).any(axis=0))
    if keep_clear is None:
        return edge[keep], s[keep]
    away = np.hypot(*(xy - (keep_clear.x, keep_clear.y)).T)
    order = np.argsort(away > NEARBY, kind="stable")
    order = order[(keep & (away > CLEAR))[order]]
    return edge[order], s[order]


def _cars(users: RoadUsers) -> Cars:
    """All vehicles, the ego among them."""
    cars = ~users.walker
    return Cars(
        x=users.pose[cars, 0],
        y=users.pose[cars, 1],
        yaw=users.pose[cars, 5],
        half_length=users.half_extent[cars, 0],
        half_width=users.half_extent[cars, 1],
        speed=np.hypot(users.velocity[cars, 0], users.velocity[cars, 1]),
    )
