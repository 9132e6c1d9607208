"""Plan-view curves: lines, arcs and cubics that join without a kink."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from common.frames import Pose2, wrap_angle

Point = tuple[float, float]
SHORTEST = 1e-3  # m of a piece
STRAIGHT = 1e-6  # rad: turns below this are drawn as lines


@dataclass(frozen=True, slots=True)
class Piece:
    """A line (curvature 0), an arc, or, where `cubic` is given, a cubic in its own frame."""

    start: Pose2
    length: float  # m
    curvature: float = 0.0  # 1/m, positive left
    cubic: tuple[tuple[float, ...], tuple[float, ...]] | None = None  # u, v over 0..1

    def at(self, s: float) -> Pose2:
        """The pose after `s` m of a line or arc."""
        if self.curvature == 0.0:
            return self.start @ Pose2(s, 0.0, 0.0)
        angle = self.curvature * s
        radius = 1.0 / self.curvature
        return self.start @ Pose2(radius * math.sin(angle), radius * (1.0 - math.cos(angle)), angle)


def line(start: Point, end: Point) -> Piece:
    """The straight piece between two points."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    return Piece(Pose2(start[0], start[1], math.atan2(dy, dx)), math.hypot(dx, dy))


def polyline(points: Sequence[Point], radii: Sequence[float]) -> tuple[Piece, ...]:
    """Lines through `points`, each inner corner rounded with its radius (m)."""
    pieces: list[Piece] = []
    at = points[0]
    for corner, beyond, radius in zip(points[1:-1], points[2:], radii, strict=True):
        into = line(at, corner)
        out = line(corner, beyond)
        turn = wrap_angle(out.start.yaw - into.start.yaw)
        tangent = radius * math.tan(abs(turn) / 2.0)
        if tangent >= min(into.length, out.length):
            raise ValueError(f"radius {radius} m does not fit the corner at {corner}")
        straight = Piece(into.start, into.length - tangent)
        arc = Piece(
            straight.at(straight.length), radius * abs(turn), math.copysign(1.0 / radius, turn)
        )
        pieces += [straight, arc]
        end = arc.at(arc.length)
        at = (end.x, end.y)
    pieces.append(line(at, points[-1]))
    return tuple(pieces)


def cut(pieces: Sequence[Piece], begin: float, end: float) -> tuple[Piece, ...]:
    """Lines and arcs from `begin` to `end` m; a closed line may be followed past its end."""
    whole = sum(piece.length for piece in pieces)
    found, at = [], 0.0
    for piece in [*pieces, *pieces] if end > whole + SHORTEST else pieces:
        first, last = max(begin - at, 0.0), min(end - at, piece.length)
        if last - first > SHORTEST:
            found.append(Piece(piece.at(first), last - first, piece.curvature))
        at += piece.length
    return tuple(found)


def beside(pieces: Sequence[Piece], left: float) -> tuple[Piece, ...]:
    """The line of lines and arcs that runs `left` m to the left of another."""
    return tuple(
        Piece(
            piece.start @ Pose2(0.0, left, 0.0),
            piece.length * (1.0 - piece.curvature * left),
            piece.curvature / (1.0 - piece.curvature * left),
        )
        for piece in pieces
    )


def back(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Lines and arcs the other way round."""
    return tuple(
        Piece(piece.at(piece.length) @ Pose2(0.0, 0.0, math.pi), piece.length, -piece.curvature)
        for piece in reversed(pieces)
    )


def connect(start: Pose2, end: Pose2, lead: float) -> tuple[Piece, ...]:
    """From pose to pose: a line of at least `lead` m, one arc and a line; else one cubic."""
    turn = wrap_angle(end.yaw - start.yaw)
    to_end = start.inverse() @ end
    if abs(turn) < STRAIGHT and abs(to_end.y) < STRAIGHT:
        return (Piece(start, to_end.x),)
    if abs(math.sin(turn)) > 0.2:
        after = to_end.y / math.sin(turn)  # m from the tangents' crossing to the end
        before = to_end.x - after * math.cos(turn)
        tangent = min(before, after) - lead
        if tangent > 0.0 and math.copysign(1.0, to_end.y) == math.copysign(1.0, turn):
            radius = tangent / math.tan(abs(turn) / 2.0)
            first = Piece(start, before - tangent)
            arc = Piece(first.at(first.length), radius * abs(turn), math.copysign(1 / radius, turn))
            return (first, arc, Piece(arc.at(arc.length), after - tangent))
    return (hermite(start, end),)


def hermite(start: Pose2, end: Pose2) -> Piece:
    """The cubic from pose to pose; its tangents are as long as the chord."""
    to_end = start.inverse() @ end
    chord = math.hypot(to_end.x, to_end.y)
    ux, uy = chord * math.cos(to_end.yaw), chord * math.sin(to_end.yaw)
    u = (0.0, chord, 3 * to_end.x - 2 * chord - ux, -2 * to_end.x + chord + ux)
    v = (0.0, 0.0, 3 * to_end.y - uy, -2 * to_end.y + uy)
    return Piece(start, _cubic_length(u, v), cubic=(u, v))


def _cubic_length(u: Sequence[float], v: Sequence[float], steps: int = 2000) -> float:
    """Length (m) of a cubic over 0..1, by the midpoint rule."""
    total = 0.0
    for k in range(steps):
        p = (k + 0.5) / steps
        du = u[1] + p * (2 * u[2] + p * 3 * u[3])
        dv = v[1] + p * (2 * v[2] + p * 3 * v[3])
        total += math.hypot(du, dv)
    return total / steps
