"""Contacts between upright boxes: when they touch, where, and the impulses that part them.

Boxes turn about z only. A pair that moves far in one step is looked at every `_LOOK` metres of
relative travel; both bodies go back to their first touch, so nothing passes through anything.
Impulses: sequential, with restitution and Coulomb friction (Catto, Iterative Dynamics with Temporal
Coherence, 2005).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from common.jit import helper, kernel, maker
from sim.server.vehicle_arrays import Record, Records

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

BODY = np.dtype(
    [
        ("kind", "i8"),
        ("slot", "i8"),
        ("x", "f8"),  # m, middle of the box now
        ("y", "f8"),
        ("yaw", "f8"),
        ("x0", "f8"),  # before the step
        ("y0", "f8"),
        ("yaw0", "f8"),
        ("half_x", "f8"),
        ("half_y", "f8"),
        ("low", "f8"),  # m, height range
        ("high", "f8"),
        ("vx", "f8"),  # m/s, of the centre of mass
        ("vy", "f8"),
        ("rate", "f8"),  # rad/s
        ("mass_x", "f8"),  # m, centre of mass ahead of the box's middle
        ("inverse_mass", "f8"),  # 1/kg, 0 for what does not move
        ("inverse_inertia", "f8"),
        ("soft", "?"),  # a walker: never moves a vehicle
        ("share", "f8"),  # of the step it could go
    ]
)

CONTACT = np.dtype(
    [
        ("a", "i8"),  # indices of bodies
        ("b", "i8"),
        ("x", "f8"),  # m, where
        ("y", "f8"),
        ("z", "f8"),
        ("ax", "f8"),  # m, there from a's centre of mass
        ("ay", "f8"),
        ("bx", "f8"),  # m, there from b's
        ("by", "f8"),
        ("nx", "f8"),  # unit normal, from a to b
        ("ny", "f8"),
        ("depth", "f8"),  # m
        ("bounce", "f8"),  # m/s wanted along the normal
        ("closing", "f8"),  # m/s along the normal before
        ("normal", "f8"),  # N s
        ("tangent", "f8"),  # N s
    ]
)

_LOOK = 0.2  # m
_MOST_LOOKS = 32
_WIDEST = 1.275  # m, half: no body is wider without its mirrors (Council Directive 96/53/EC)
_OVERLAP = 0.05  # m of common height that makes two boxes meet
_RESTITUTION = 0.15  # cars above 1 m/s: 0.1..0.2 (Brach, Vehicle Accident Analysis, ch. 6)
_BOUNCE_SPEED = 1.0  # m/s
_FRICTION = 0.5  # between bodies (Brach: 0.4..0.6 for sheet metal)
_ITERATIONS = 8
_CORRECTION = 0.8  # of the overlap removed per step
_SLOP = 0.005  # m of overlap that is left


@helper
def _put(s: Record, pose: F64, before: F64, centre: F64, half: F64, clearance: float) -> None:
    """The box's place now and before, and its size."""
    c, n = math.cos(pose[5]), math.sin(pose[5])
    s.x = pose[0] + c * centre[0] - n * centre[1]
    s.y = pose[1] + n * centre[0] + c * centre[1]
    s.yaw = pose[5]
    c, n = math.cos(before[5]), math.sin(before[5])
    s.x0 = before[0] + c * centre[0] - n * centre[1]
    s.y0 = before[1] + n * centre[0] + c * centre[1]
    s.yaw0 = before[5]
    s.half_x, s.half_y = half[0], half[1]
    s.low = pose[2] + centre[2] - half[2] + clearance
    s.high = pose[2] + centre[2] + half[2]
    s.share = 1.0


@kernel
def gather_vehicles(
    state: Records, model: Records, before: F64, clearance: float, out: Records
) -> int:
    """The bodies of the vehicles that collide; how many."""
    count = 0
    for i in range(state.shape[0]):
        v, m = state[i], model[i]
        if not (v.alive and v.collides):
            continue
        s = out[count]
        count += 1
        s.kind, s.slot, s.soft = 0, i, False
        _put(s, v.pose, before[i], m.box_centre, m.half_extent, clearance)
        s.half_y = min(s.half_y, _WIDEST)
        s.vx, s.vy, s.rate = v.velocity[0], v.velocity[1], v.angular_velocity[2]
        s.mass_x = m.centre_x - m.box_centre[0]
        s.inverse_mass = 1.0 / m.mass if v.simulate else 0.0
        s.inverse_inertia = 1.0 / m.yaw_inertia if v.simulate else 0.0
    return count


@maker
def gather_walkers(state: Records, before: F64, clearance: float, out: Records) -> int:
    """The bodies of the walkers that stand and collide; how many."""
    count = 0
    centre = np.zeros(3)
    for i in range(state.shape[0]):
        v = state[i]
        if not (v.alive and v.collides) or v.down > 0.0:
            continue
        s = out[count]
        count += 1
        s.kind, s.slot, s.soft = 1, i, True
        _put(s, v.pose, before[i], centre, v.half_extent, clearance)
        s.vx, s.vy, s.rate, s.mass_x = v.velocity[0], v.velocity[1], 0.0, 0.0
        s.inverse_mass, s.inverse_inertia = 1.0 / v.mass, 0.0
    return count


@helper
def _pose_at(s: Record, share: float) -> tuple[float, float, float]:
    turn = s.yaw - s.yaw0
    turn -= 2.0 * math.pi * math.floor((turn + math.pi) / (2.0 * math.pi))
    return s.x0 + share * (s.x - s.x0), s.y0 + share * (s.y - s.y0), s.yaw0 + share * turn


@helper
def _separation(a: Record, b: Record, pa: F64, pb: F64, found: F64) -> float:
    """Overlap (m, negative if apart) of two boxes at poses (3,), by the separating axes.

    The axis of least overlap, from a to b, goes to `found` (2,).
    """
    least = 1e9
    dx, dy = pb[0] - pa[0], pb[1] - pa[1]
    turn = pb[2] - pa[2]
    c, s = abs(math.cos(turn)), abs(math.sin(turn))
    for k in range(4):
        yaw = pa[2] if k < 2 else pb[2]
        if k % 2 == 0:
            ax, ay = math.cos(yaw), math.sin(yaw)
        else:
            ax, ay = -math.sin(yaw), math.cos(yaw)
        own, other = (a, b) if k < 2 else (b, a)
        if k % 2 == 0:
            reach = own.half_x + other.half_x * c + other.half_y * s
        else:
            reach = own.half_y + other.half_x * s + other.half_y * c
        distance = dx * ax + dy * ay
        overlap = reach - abs(distance)
        if overlap < least - 1e-9:
            least = overlap
            sign = 1.0 if distance >= 0.0 else -1.0
            found[0], found[1] = sign * ax, sign * ay
        if overlap < 0.0:
            return float(overlap)
    return float(least)


@helper
def _share_of(a: Record, b: Record, pa: F64, pb: F64, axis: F64) -> float:
    """The share (0, 1] of the step after which two bodies first overlap; 2 if never."""
    travel = math.hypot(a.x - a.x0 - b.x + b.x0, a.y - a.y0 - b.y + b.y0)
    looks = min(max(math.ceil(travel / _LOOK), 1), _MOST_LOOKS)
    for k in range(1, looks + 1):
        share = k / looks
        pa[0], pa[1], pa[2] = _pose_at(a, share)
        pb[0], pb[1], pb[2] = _pose_at(b, share)
        if _separation(a, b, pa, pb, axis) > 0.0:
            return share
    return 2.0


@maker
def first_touches(bodies: Records, pairs: I64, axes: F64) -> int:
    """Set every body's `share` of the step to its first touch.

    The touching pairs come to the front, their normals at the touch to `axes` (P, 2).
    """
    pa, pb, axis = np.zeros(3), np.zeros(3), np.zeros(2)
    kept = 0
    for k in range(pairs.shape[0]):
        a, b = bodies[pairs[k, 0]], bodies[pairs[k, 1]]
        if min(a.high, b.high) - max(a.low, b.low) < _OVERLAP:
            continue
        if a.inverse_mass == 0.0 and b.inverse_mass == 0.0:
            continue
        share = _share_of(a, b, pa, pb, axis)
        if share > 1.0:
            continue
        pairs[kept, 0], pairs[kept, 1] = pairs[k, 0], pairs[k, 1]
        axes[kept, 0], axes[kept, 1] = axis[0], axis[1]
        kept += 1
        if not b.soft:
            a.share = min(a.share, share)
        if not a.soft:
            b.share = min(b.share, share)
    return kept


@kernel
def go_back(bodies: Records) -> None:
    """Put moving bodies where they first touched something."""
    for i in range(bodies.shape[0]):
        s = bodies[i]
        if s.share < 1.0:
            s.x, s.y, s.yaw = _pose_at(s, s.share)


@helper
def _clip(polygon: F64, count: int, nx: float, ny: float, limit: float, out: F64) -> int:
    """The part of a polygon (count, 2) where n . p <= limit; how many corners it has."""
    kept = 0
    for i in range(count):
        x0, y0 = polygon[i, 0], polygon[i, 1]
        x1, y1 = polygon[(i + 1) % count, 0], polygon[(i + 1) % count, 1]
        d0, d1 = limit - nx * x0 - ny * y0, limit - nx * x1 - ny * y1
        if d0 >= 0.0:
            out[kept, 0], out[kept, 1] = x0, y0
            kept += 1
        if (d0 > 0.0) != (d1 > 0.0) and d0 != d1:
            t = d0 / (d0 - d1)
            out[kept, 0], out[kept, 1] = x0 + t * (x1 - x0), y0 + t * (y1 - y0)
            kept += 1
    for i in range(kept):
        polygon[i, 0], polygon[i, 1] = out[i, 0], out[i, 1]
    return kept


@helper
def _middle(a: Record, b: Record, polygon: F64, spare: F64) -> tuple[float, float]:
    """The mean corner (m) of what two overlapping boxes share."""
    ca, sa = math.cos(a.yaw), math.sin(a.yaw)
    for i in range(4):
        x = a.half_x if i in (0, 3) else -a.half_x
        y = a.half_y if i < 2 else -a.half_y
        polygon[i, 0] = a.x + ca * x - sa * y
        polygon[i, 1] = a.y + sa * x + ca * y
    count = 4
    c, s = math.cos(b.yaw), math.sin(b.yaw)
    at, across = c * b.x + s * b.y, c * b.y - s * b.x
    count = _clip(polygon, count, c, s, at + b.half_x, spare)
    count = _clip(polygon, count, -c, -s, b.half_x - at, spare)
    count = _clip(polygon, count, -s, c, across + b.half_y, spare)
    count = _clip(polygon, count, s, -c, b.half_y - across, spare)
    if count == 0:
        return 0.5 * (a.x + b.x), 0.5 * (a.y + b.y)
    return polygon[:count, 0].sum() / count, polygon[:count, 1].sum() / count


@helper
def _arm(s: Record, c: Record) -> tuple[float, float]:
    """From a body's centre of mass to the contact (m)."""
    x = s.x + s.mass_x * math.cos(s.yaw)
    y = s.y + s.mass_x * math.sin(s.yaw)
    return c.x - x, c.y - y


@helper
def _relative(a: Record, b: Record, c: Record, x: float, y: float) -> float:
    """Velocity (m/s) of b against a at the contact along (x, y)."""
    vx = b.vx - b.rate * c.by - a.vx + a.rate * c.ay
    vy = b.vy + b.rate * c.bx - a.vy - a.rate * c.ax
    return float(vx * x + vy * y)


@helper
def _depth_along(a: Record, b: Record, x: float, y: float) -> float:
    """Overlap (m) of two boxes along a unit vector from a to b."""
    reach = 0.0
    for s in (a, b):
        c, n = math.cos(s.yaw), math.sin(s.yaw)
        reach += s.half_x * abs(c * x + n * y) + s.half_y * abs(c * y - n * x)
    return float(reach - (b.x - a.x) * x - (b.y - a.y) * y)


@maker
def find_contacts(bodies: Records, pairs: I64, axes: F64, out: Records) -> int:
    """The contacts of the pairs that overlap now; how many."""
    pa, pb, axis = np.zeros(3), np.zeros(3), np.zeros(2)
    polygon, spare = np.zeros((16, 2)), np.zeros((16, 2))
    count = 0
    for k in range(pairs.shape[0]):
        a, b = bodies[pairs[k, 0]], bodies[pairs[k, 1]]
        pa[0], pa[1], pa[2] = a.x, a.y, a.yaw
        pb[0], pb[1], pb[2] = b.x, b.y, b.yaw
        if _separation(a, b, pa, pb, axis) < 0.0:
            continue
        c = out[count]
        c.a, c.b = pairs[k, 0], pairs[k, 1]
        c.nx, c.ny = axes[k, 0], axes[k, 1]
        c.depth = _depth_along(a, b, c.nx, c.ny)
        c.x, c.y = _middle(a, b, polygon, spare)
        c.z = 0.5 * (max(a.low, b.low) + min(a.high, b.high))
        c.ax, c.ay = _arm(a, c)
        c.bx, c.by = _arm(b, c)
        c.normal = c.tangent = 0.0
        closing = -_relative(a, b, c, c.nx, c.ny)
        c.closing = closing
        c.bounce = _RESTITUTION * closing if closing > _BOUNCE_SPEED else 0.0
        count += 1
    return count


@helper
def _inverse_masses(a: Record, b: Record) -> tuple[float, float, float, float]:
    """Inverse masses and inertias in a contact: a walker meets an immovable vehicle."""
    if a.soft and not b.soft:
        return a.inverse_mass, 0.0, 0.0, 0.0
    if b.soft and not a.soft:
        return 0.0, b.inverse_mass, 0.0, 0.0
    return a.inverse_mass, b.inverse_mass, a.inverse_inertia, b.inverse_inertia


@helper
def _apply(a: Record, b: Record, c: Record, jx: float, jy: float) -> None:
    """Give b the impulse (jx, jy) N s at the contact, and a its opposite."""
    wa, wb, ia, ib = _inverse_masses(a, b)
    a.vx -= wa * jx
    a.vy -= wa * jy
    a.rate -= ia * (c.ax * jy - c.ay * jx)
    b.vx += wb * jx
    b.vy += wb * jy
    b.rate += ib * (c.bx * jy - c.by * jx)


@helper
def _yielding(a: Record, b: Record, c: Record, x: float, y: float) -> float:
    """Velocity change (m/s per N s) of the contact along (x, y)."""
    wa, wb, ia, ib = _inverse_masses(a, b)
    ca, cb = c.ax * y - c.ay * x, c.bx * y - c.by * x
    return float(wa + wb + ia * ca * ca + ib * cb * cb)


@kernel
def solve(bodies: Records, contacts: Records) -> None:
    """Impulses: no pair closes any more, friction holds what it can."""
    for _ in range(_ITERATIONS):
        for k in range(contacts.shape[0]):
            c = contacts[k]
            a, b = bodies[c.a], bodies[c.b]
            speed = _relative(a, b, c, c.nx, c.ny)
            wanted = (c.bounce - speed) / _yielding(a, b, c, c.nx, c.ny)
            total = max(c.normal + wanted, 0.0)
            push, c.normal = total - c.normal, total
            _apply(a, b, c, push * c.nx, push * c.ny)
            tx, ty = -c.ny, c.nx
            slip = _relative(a, b, c, tx, ty)
            limit = _FRICTION * c.normal
            total = c.tangent - slip / _yielding(a, b, c, tx, ty)
            total = min(max(total, -limit), limit)
            push, c.tangent = total - c.tangent, total
            _apply(a, b, c, push * tx, push * ty)


@kernel
def part(bodies: Records, contacts: Records) -> None:
    """Move overlapping bodies apart."""
    for k in range(contacts.shape[0]):
        c = contacts[k]
        a, b = bodies[c.a], bodies[c.b]
        wa, wb, _, _ = _inverse_masses(a, b)
        if wa + wb == 0.0:
            continue
        move = _CORRECTION * max(c.depth - _SLOP, 0.0) / (wa + wb)
        a.x -= wa * move * c.nx
        a.y -= wa * move * c.ny
        b.x += wb * move * c.nx
        b.y += wb * move * c.ny


@kernel
def put_vehicles(bodies: Records, contacts: Records, state: Records, model: Records) -> None:
    """Write places and motions of the vehicles in contacts back to where they came from."""
    for k in range(contacts.shape[0]):
        for i in (contacts[k].a, contacts[k].b):
            s = bodies[i]
            if s.kind != 0 or s.inverse_mass == 0.0:
                continue
            v, centre = state[s.slot], model[s.slot].box_centre
            c, n = math.cos(s.yaw), math.sin(s.yaw)
            v.pose[0] = s.x - c * centre[0] + n * centre[1]
            v.pose[1] = s.y - n * centre[0] - c * centre[1]
            v.pose[5] = s.yaw
            v.velocity[0], v.velocity[1], v.angular_velocity[2] = s.vx, s.vy, s.rate


@kernel
def put_walkers(bodies: Records, contacts: Records, state: Records) -> None:
    """The same for the walkers."""
    for k in range(contacts.shape[0]):
        for i in (contacts[k].a, contacts[k].b):
            s = bodies[i]
            if s.kind == 1:
                v = state[s.slot]
                v.pose[0], v.pose[1] = s.x, s.y
                v.velocity[0], v.velocity[1] = s.vx, s.vy
