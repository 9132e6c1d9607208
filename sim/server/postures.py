"""What clients make actors look like: walkers' poses, vehicles' doors and wheels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from common.frames import FloatArray
from sim.server import skeleton
from sim.server.poses import matrices
from sim.server.render import models
from sim.server.render.vehicles import DOOR, WAY, WHEEL
from sim.server.scene import Moves
from sim.server.sensors.memory import Plain, packed, unpacked
from sim.server.skeleton import Pose

AJAR = 1.15  # rad that an open door has turned: doors' checks hold at 60 to 70 degrees
LEFT_DOORS = (0, 2)  # of CARLA's VehicleDoor: FL, FR, RL, RR
ALL_DOORS = 6


@dataclass(slots=True)
class Posture:
    """Memory of one actor's looks, as far as clients have changed them."""

    pose: Pose = field(default_factory=Pose)  # walkers
    doors: set[int] = field(default_factory=set)  # those that are open
    steers: dict[int, float] = field(default_factory=dict)  # rad, wheels of vehicles at rest
    rolls: dict[int, float] = field(default_factory=dict)  # rad

    def open(self, door: int, on: bool) -> None:
        """Open or close a door, or all."""
        some = set(range(4)) if door == ALL_DOORS else {door}
        self.doors = self.doors | some if on else self.doors - some

    def save(self) -> Plain:
        """The memory."""
        bones = [[name, packed(own)] for name, own in self.pose.bones.items()]
        wheels = [list(angles.items()) for angles in (self.steers, self.rolls)]
        return [bones, self.pose.blend, sorted(self.doors), wheels]

    @staticmethod
    def restored(saved: Plain) -> Posture:
        """The inverse of `save`."""
        bones, blend, doors, (steers, rolls) = saved
        pose = Pose({name: unpacked(own, np.float64) for name, own in bones}, blend)
        return Posture(pose, set(doors), dict(steers), dict(rolls))


def limbs(half_height: float, travel: float, speed: float, pose: Pose) -> Moves:
    """How a walker's parts have moved."""
    rest = skeleton.bones(half_height, 0.0, 0.0)
    now = skeleton.posed(half_height, travel, speed, pose)
    return {name: own @ np.linalg.inv(rest[name]) for name, own in now.items()}


def parts(type_id: str, posture: Posture, *, still: bool) -> Moves:
    """How a vehicle's parts have moved; wheels follow clients only while physics is off."""
    out = {}
    pivots = {joint.name: np.array(joint.pivot) for joint in models.model(type_id).joints}
    for door in sorted(posture.doors):
        side = -1.0 if door in LEFT_DOORS else 1.0
        for name, angle in ((f"{DOOR}{door}", side * AJAR), (f"{DOOR}{door}{WAY}", 0.0)):
            if name in pivots:
                out[name] = about(pivots[name], 0.0, angle)
    for wheel in sorted(posture.steers.keys() | posture.rolls.keys()) if still else ():
        name = f"{WHEEL}{wheel}"
        if name in pivots:
            roll, steer = posture.rolls.get(wheel, 0.0), posture.steers.get(wheel, 0.0)
            out[name] = about(pivots[name], roll, steer)
    return out


def about(pivot: FloatArray, pitch: float, yaw: float) -> FloatArray:
    """The transform (4, 4) that turns about a point (3,), by pitch and then by yaw (rad)."""
    motion = matrices(np.array([0.0, 0.0, 0.0, 0.0, pitch, yaw]))
    motion[:3, 3] = pivot - motion[:3, :3] @ pivot
    return motion
