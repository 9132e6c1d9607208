"""What rays meet in an episode: the town's triangles and the actors' boxes."""

from __future__ import annotations

import numpy as np

from common.frames import FloatArray
from sim.server.actors import Actor, Kind
from sim.server.episode import Episode
from sim.server.poses import matrices, poses_of
from sim.server.sensors.surroundings import Boxes, Surroundings
from sim.server.town import Town

LONGEST = 10_000.0  # m of a ray
MOST_HITS = 64  # of one ray
PAST = 1e-3  # m behind a hit where the ray goes on

Hit = tuple[FloatArray, int]  # point (3,) m, label


class Rays:
    """Memory: the present town made ready for rays, and everybody's boxes of one frame."""

    def __init__(self) -> None:
        self._shape: tuple[Town, object] | None = None
        self._surroundings: Surroundings | None = None
        self._frame: tuple[Episode, int, int] | None = None
        self._boxes: Boxes | None = None

    def surroundings(self, episode: Episode) -> Surroundings:
        """The town's triangles."""
        scenery = episode.scenery
        shape = (scenery.town, scenery.shape)
        if self._surroundings is None or self._shape != shape:
            self._shape, self._surroundings = shape, Surroundings(scenery.mesh())
        return self._surroundings

    def boxes(self, episode: Episode) -> Boxes:
        """The boxes of vehicles, walkers and props in this frame."""
        frame = (episode, episode.frame, episode.actors.version)
        if self._boxes is None or self._frame != frame:
            self._frame, self._boxes = frame, boxes_of(episode)
        return self._boxes

    def boxes_for(self, sensor: Actor, episode: Episode) -> Boxes:
        """Those that a sensor may see: neither the one it stands in nor those it ignores."""
        boxes = self.boxes(episode).without(episode.actors.pose[sensor.row, :3])
        if sensor.ignored:
            boxes = boxes.only(~np.isin(boxes.actor_id, list(sensor.ignored)))
        return boxes

    def cast(self, episode: Episode, start: FloatArray, end: FloatArray, most: int) -> list[Hit]:
        """The first things, at most `most`, between two points (3,), nearest first."""
        length = float(np.linalg.norm(end - start))
        if length == 0.0:
            return []
        way, reach = (end - start) / length, min(length, LONGEST)
        town, boxes = self.surroundings(episode), self.boxes(episode)
        found: list[Hit] = []
        gone = 0.0
        while len(found) < min(most, MOST_HITS) and gone < reach:
            origin = start + gone * way
            hits = town.cast(origin[None], way[None], reach - gone, boxes)
            if not hits.met[0]:
                break
            gone += float(hits.distance[0])
            found.append((start + gone * way, int(hits.label[0])))
            gone += PAST
        return found


def boxes_of(episode: Episode) -> Boxes:
    """Everybody with a size, by id: box middles, half sizes, ids, labels, velocities."""
    actors = episode.actors
    skipped = (Kind.LIGHT, Kind.SIGN, Kind.SENSOR)
    solid = [a for a in actors if a.kind not in skipped and a.extent[2] > 0.0]
    rows = np.array([a.row for a in solid], np.intp)
    world_from_actor = matrices(actors.pose[rows])
    centres = np.array([a.centre for a in solid]).reshape(-1, 3)
    world_from_actor[:, :3, 3] += np.einsum("nij,nj->ni", world_from_actor[:, :3, :3], centres)
    return Boxes(
        pose=poses_of(world_from_actor),
        half=np.array([a.extent for a in solid], np.float64).reshape(-1, 3),
        actor_id=np.array([a.id for a in solid], np.uint32),
        label=np.array([a.label for a in solid], np.uint8),
        velocity=actors.velocity[rows],
    )
