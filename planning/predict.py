"""Where the others will be: along the road where they drive on it, by their own turn otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.frames import FloatArray, Pose2, wrap_angles
from common.jit import maker
from common.messages import EgoState, ObjectEstimate, ObjectKind, Scene
from planning.kernels import locate, on_line
from planning.path import STEP, Path, frenet, junction_ahead

FREE, ALONG = 0, 1
ALONG_ANGLE = 0.6  # rad to the path's direction below which a vehicle is taken to follow the road
ALONG_REACH = 6.0  # m to the side of the path: the own lane and one beside it
FADE = 1.2  # s in which a drift across the lane dies out, a quarter of a lane change
STEERING = 0.1  # rad/s of turn below which a vehicle only corrects its course, which dies out
MOST_TURN = 1.7  # rad; a turn goes on until the object faces along the path, or as far as this
STANDING = 0.3  # m/s
GROWTH = {ObjectKind.VEHICLE: 0.10, ObjectKind.WALKER: 0.15}  # m/s of doubt to every side
MOST_GROWTH = 0.5  # m


@dataclass(frozen=True, slots=True)
class Forecast:
    """The others over the horizon, in the ego frame at the plan's time; column 0 is now."""

    motion: FloatArray  # (N, T, 6) x, y, yaw, s, d, direction relative to the path
    extent: FloatArray  # (N, T, 4) half extents along and across the path m, speeds so m/s
    half: FloatArray  # (N, 2) half length and width of the boxes m
    speed: FloatArray  # (N, T) m/s, signed along the box's heading
    growth: FloatArray  # (N, T) m to add to the box at every side
    walker: NDArray[np.bool_]  # (N,)
    names: tuple[str, ...]  # (N,) how a reason calls them

    def __len__(self) -> int:
        return len(self.half)


def forecast(
    scene: Scene, ego: EgoState, path: Path, ego_s: float, steps: int, dt: float, priority: bool
) -> Forecast:
    """Predict every object of the scene over `steps` columns of `dt` s.

    Args:
        scene: may be older than the ego state; objects are brought to the ego's time and frame.
        ego: now.
        path: the stretch of route ahead, ego frame.
        ego_s: m, the ego's arc length on it.
        steps: columns, the first is now.
        dt: s.
        priority: the ego's light is green, so that vehicles from the sides that still can are
            expected to stop before its path.
    """
    objects = scene.objects
    now = _poses(objects, scene.t, ego)
    if len(now):
        s, d = frenet(path, 0, len(path.s), now[:, :2])
        relative = wrap_angles(now[:, 2] - np.interp(s, path.s, path.yaw))
    else:
        s = d = relative = np.zeros(0)
    half = 0.5 * np.array([(o.length, o.width) for o in objects]).reshape(-1, 2)
    walker = np.array([o.kind is ObjectKind.WALKER for o in objects], dtype=bool)
    aligned = np.abs(np.sin(relative)) < math.sin(ALONG_ANGLE)
    on_road = aligned & ~walker & (np.abs(d) < ALONG_REACH) & (np.abs(now[:, 3]) > STANDING)
    on_road &= (s > path.s[0]) & (s < path.s[-1])
    measured = np.array([o.yaw_rate is not None for o in objects], dtype=bool)
    bend = np.interp(s, path.s, path.curvature) * now[:, 3] * np.cos(relative)
    inside = path.command[np.clip(np.searchsorted(path.s, s), 0, len(path.s) - 1)] > 0
    on_road &= ~inside | _turns_with(bend, now[:, 4]) | (~measured & (np.cos(relative) > 0.0))
    t = np.arange(float(steps)) * dt
    speed = np.repeat(now[:, 3, None], steps, axis=1)
    if priority:
        aside = np.abs(np.sin(now[:, 2] - _approach(path, ego_s))) > math.sin(ALONG_ANGLE)
        crossing = ~walker & aside & (d * np.sin(relative) * now[:, 3] < 0.0)
        speed = _giving_way(speed, t, np.abs(d), np.abs(np.sin(relative)), half[:, 0], crossing)
    travelled = np.cumsum(speed, axis=1) * dt - speed[:, :1] * dt
    start = np.column_stack([now[:, :3], now[:, 4], s, d, relative])
    mode = np.where(on_road, ALONG, FREE).astype(np.int64)
    motion = trajectories(path.xy, path.yaw, float(path.s[0]), STEP, start, mode, travelled, dt)
    rate = np.array([GROWTH[o.kind] for o in objects]) * (np.abs(now[:, 3]) > STANDING)
    growth = np.minimum(rate[:, None] * t[None, :], MOST_GROWTH)
    names = tuple(_name(o) for o in objects)
    return Forecast(motion, _extent(motion, half, speed), half, speed, growth, walker, names)


def _approach(path: Path, s: float) -> float:
    """The direction in which the ego comes to the next junction, or is in if there is none."""
    junction = junction_ahead(path, s)
    return float(np.interp(s if junction is None else junction[0] - 1.0, path.s, path.yaw))


def _turns_with(bend: FloatArray, rate: FloatArray) -> NDArray[np.bool_]:
    """Whether turn rates (N,) fit those (N,) the path's bend asks for, where it asks for much.

    Tells who follows the bend from who only happens to face along it, crossing a junction.
    """
    fits = np.abs(rate - bend) < 0.5 * np.abs(bend) + 0.12
    return np.asarray(fits | (np.abs(bend) < 0.15))


def _name(thing: ObjectEstimate) -> str:
    kind = "walker" if thing.kind is ObjectKind.WALKER else "vehicle"
    return kind if thing.track_id is None else f"{kind} {thing.track_id}"


def _poses(objects: tuple[ObjectEstimate, ...], seen: float, ego: EgoState) -> FloatArray:
    """(N, 5) x, y, yaw, speed, turn rate now, in the ego's present frame.

    A walker faces where it walks. The ego's own motion since the scene is taken as a steady arc.
    """
    age = min(max(ego.t - seen, 0.0), 1.0)
    turned = ego.yaw_rate * age
    drove = ego.speed * age
    then_from_now = Pose2(drove * math.cos(turned / 2), drove * math.sin(turned / 2), turned)
    now_from_then = then_from_now.inverse()
    rows = np.empty((len(objects), 5))
    for row, thing in zip(rows, objects, strict=True):
        velocity = np.asarray(thing.velocity, dtype=np.float64)
        pose = thing.ego_from_object
        moved = Pose2(pose.x + velocity[0] * age, pose.y + velocity[1] * age, pose.yaw)
        moved = now_from_then @ moved
        pace = math.hypot(*velocity)
        yaw, signed = moved.yaw, pace
        if thing.kind is ObjectKind.WALKER and pace > STANDING:
            yaw = math.atan2(velocity[1], velocity[0]) - turned
        elif velocity[0] * math.cos(pose.yaw) + velocity[1] * math.sin(pose.yaw) < 0.0:
            signed = -pace
        row[:] = moved.x, moved.y, yaw, signed, thing.yaw_rate or 0.0
    return rows


def _giving_way(
    speed: FloatArray,
    t: FloatArray,
    aside: FloatArray,
    across: FloatArray,
    half_length: FloatArray,
    crossing: NDArray[np.bool_],
) -> FloatArray:
    """Speeds (N, T) where crossing vehicles that need at most 3 m/s2 stop 2 m before the path."""
    room = (aside - 1.1 - half_length - 2.0) / np.maximum(across, 0.3)
    pace = np.abs(speed[:, 0])
    decel = pace**2 / (2.0 * np.maximum(room, 0.1))
    yields = crossing & (room > 0.0) & (decel < 3.0)
    slowed = np.maximum(pace[:, None] - np.maximum(decel, 1.0)[:, None] * t[None, :], 0.0)
    return np.where(yields[:, None], np.sign(speed) * slowed, speed)


def _extent(motion: FloatArray, half: FloatArray, speed: FloatArray) -> FloatArray:
    """The boxes' half extents along and across the path, and their speeds so: (N, T, 4)."""
    c, s = np.abs(np.cos(motion[..., 5])), np.abs(np.sin(motion[..., 5]))
    along = c * half[:, :1] + s * half[:, 1:]
    across = s * half[:, :1] + c * half[:, 1:]
    aside = speed * np.sin(motion[..., 5])
    return np.stack([along, across, speed * np.cos(motion[..., 5]), aside], axis=-1)


@maker
def trajectories(
    line: FloatArray,
    yaw: FloatArray,
    first: float,
    step: float,
    start: FloatArray,
    mode: NDArray[np.int64],
    travelled: FloatArray,
    dt: float,
) -> FloatArray:
    """Where objects go: (N, T, 6) x, y, yaw, s, d, direction relative to the path.

    Args:
        line: the path (R, 2).
        yaw: the path's directions (R,).
        first: the path's first arc length.
        step: m between the path's points.
        start: (N, 7) x, y, yaw, turn rate rad/s, s, d, relative direction.
        mode: (N,) FREE or ALONG.
        travelled: (N, T) m driven since now, signed along the heading.
        dt: s between columns.
    """
    objects, steps = travelled.shape
    out = np.empty((objects, steps, 6))
    for n in range(objects):
        x, y, heading, rate, s, d, psi = start[n]
        row = min(max(int((s - first) / step), 0), len(line) - 1)
        row, _, _ = locate(line, yaw, x, y, row)
        base = 0.0 if math.cos(psi) >= 0.0 else math.copysign(math.pi, psi)
        for t in range(steps):
            left = math.exp(-t * dt / FADE)
            moved = travelled[n, t] - travelled[n, t - 1] if t > 0 else 0.0
            if mode[n] == ALONG:
                s += moved * math.cos(psi)
                d += moved * math.sin(psi) * left
                _, x, y, direction = on_line(line, yaw, (s - first) / step)
                bent = base + (psi - base) * left
                out[n, t, 0] = x - d * math.sin(direction)
                out[n, t, 1] = y + d * math.cos(direction)
                out[n, t, 2], out[n, t, 3] = direction + bent, s
                out[n, t, 4], out[n, t, 5] = d, bent
            else:
                turn = rate * dt * (left if abs(start[n, 3]) < STEERING else 1.0) * min(t, 1)
                x += moved * math.cos(heading + 0.5 * turn)
                y += moved * math.sin(heading + 0.5 * turn)
                row, ahead, side = locate(line, yaw, x, y, row)
                aligned = math.sin(heading - yaw[row])
                heading += turn
                turned = abs(heading - start[n, 2])
                if aligned * math.sin(heading - yaw[row]) < 0.0 or turned > MOST_TURN:
                    rate = 0.0
                out[n, t, 0], out[n, t, 1], out[n, t, 2] = x, y, heading
                out[n, t, 3], out[n, t, 4] = first + row * step + ahead, side
                out[n, t, 5] = heading - yaw[row]
    return out
