"""A walker's bones, under CARLA's names, where the pictures show its limbs.

The body is that of `render.walkers`: rest places for 1.75 m, legs hinged at the hips, arms at the
shoulders. At rest every bone's axes are the walker's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from common.frames import FloatArray
from sim.server.poses import matrices
from sim.server.render.fleet import WALK
from sim.server.render.walkers import STRIDE, SWING

TALL = 1.75  # m, of the rest places
FASTEST = 1.5  # times the pace: limbs swing no further
ARM = 0.8  # of a leg's swing
LEFT, RIGHT = "__L", "__R"


@dataclass(frozen=True, slots=True)
class Bone:
    """A bone at rest."""

    name: str
    parent: str
    place: tuple[float, float, float]  # m, x ahead, y left, z above the ground
    limb: str = ""  # "leg" or "arm": it swings


FINGERS = (
    ("Thumb", 0.065, 0.82), ("Index", 0.055, 0.79), ("Middle", 0.04, 0.785),
    ("Ring", 0.025, 0.79), ("Pinky", 0.01, 0.80),
)  # fmt: skip
"""Name, m ahead, m above the ground of its root."""


def _sides() -> list[Bone]:
    out = []
    for end, side in ((LEFT, 1.0), (RIGHT, -1.0)):
        chain = [
            ("crl_shoulder", "crl_spine01__C", (0.0, 0.08, 1.42), ""),
            ("crl_arm", "crl_shoulder", (0.0, 0.22, 1.42), "arm"),
            ("crl_foreArm", "crl_arm", (0.01, 0.24, 1.14), "arm"),
            ("crl_hand", "crl_foreArm", (0.03, 0.25, 0.86), "arm"),
            ("crl_eye", "crl_Head__C", (0.09, 0.03, 1.66), ""),
            ("crl_thigh", "crl_hips__C", (0.0, 0.09, 0.90), "leg"),
            ("crl_leg", "crl_thigh", (0.0, 0.095, 0.49), "leg"),
            ("crl_foot", "crl_leg", (0.0, 0.095, 0.08), "leg"),
            ("crl_toe", "crl_foot", (0.12, 0.095, 0.03), "leg"),
            ("crl_toeEnd", "crl_toe", (0.17, 0.095, 0.03), "leg"),
        ]
        for finger, ahead, down in FINGERS:
            above = "crl_hand"
            for joint in range(4):
                name = f"crl_hand{finger}{('', '01', '02', 'End')[joint]}"
                chain.append((name, above, (ahead, 0.25, down - 0.025 * joint), "arm"))
                above = name
        for name, parent, (x, y, z), limb in chain:
            above = parent if parent.endswith("__C") else parent + end
            out.append(Bone(name + end, above, (x, y * side, z), limb))
    return out


BONES = (
    Bone("crl_root", "", (0.0, 0.0, 0.0)),
    Bone("crl_hips__C", "crl_root", (0.0, 0.0, 0.93)),
    Bone("crl_spine__C", "crl_hips__C", (0.0, 0.0, 1.05)),
    Bone("crl_spine01__C", "crl_spine__C", (0.0, 0.0, 1.25)),
    Bone("crl_neck__C", "crl_spine01__C", (0.0, 0.0, 1.46)),
    Bone("crl_Head__C", "crl_neck__C", (0.01, 0.0, 1.56)),
    *_sides(),
)
"""Parents come before their children."""

HINGES = {"leg": 0.90, "arm": 1.42}  # m above the ground


def bones(half_height: float, travel: float, speed: float) -> dict[str, FloatArray]:
    """The transforms (4, 4) of the bones in the walker's frame, by name.

    half_height (m) of its box, whose middle is the origin; travel (m) walked; speed (m/s).
    """
    s = 2.0 * half_height / TALL
    gait = 2.0 * math.pi / (STRIDE * s) * travel
    out = {}
    for bone in BONES:
        x, y, z = bone.place
        transform = np.eye(4)
        if bone.limb:
            phase = 0.0 if bone.name.endswith(LEFT) else math.pi
            swing = SWING if bone.limb == "leg" else ARM * SWING
            phase += 0.0 if bone.limb == "leg" else math.pi
            angle = swing * min(speed / WALK, FASTEST) * math.sin(gait + phase)
            turn = matrices(np.array([0.0, 0.0, 0.0, 0.0, angle, 0.0]))[:3, :3]
            hinge = HINGES[bone.limb]
            x, _, z = turn @ np.array([x, 0.0, z - hinge])
            transform[:3, :3], z = turn, z + hinge
        transform[:3, 3] = x * s, y * s, z * s - half_height
        out[bone.name] = transform
    return out


@dataclass(slots=True)
class Pose:
    """What a client wants a walker to look like: its memory on the server."""

    bones: dict[str, FloatArray] = field(default_factory=dict)  # (4, 4) in the parent bone
    blend: float = 0.0  # 0: as it walks, 1: as it is told


def relative(found: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """The transforms (4, 4) of bones in their parent bones, from those in the walker's frame."""
    none = np.eye(4)
    return {b.name: np.linalg.inv(found.get(b.parent, none)) @ found[b.name] for b in BONES}


def posed(half_height: float, travel: float, speed: float, pose: Pose) -> dict[str, FloatArray]:
    """`bones` where a client has its say; what it has not told stands as at rest."""
    walking = bones(half_height, travel, speed)
    if pose.blend == 0.0:
        return walking
    told = relative(bones(half_height, 0.0, 0.0)) | pose.bones
    own = relative(walking)
    out: dict[str, FloatArray] = {}
    for bone in BONES:
        between = blended(own[bone.name], told[bone.name], pose.blend)
        out[bone.name] = out.get(bone.parent, np.eye(4)) @ between
    return out


def blended(a: FloatArray, b: FloatArray, share: float) -> FloatArray:
    """The rigid transform (4, 4) on the way from a to b."""
    if share == 1.0:
        return b
    out = a + share * (b - a)
    turns = Rotation.from_matrix(np.stack([a[:3, :3], b[:3, :3]]))
    out[:3, :3] = Slerp([0.0, 1.0], turns)(share).as_matrix()
    return out
