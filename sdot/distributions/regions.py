# SPDX-License-Identifier: GPL-3.0-or-later
"""Regions of the plane bounded by rings, convex or not, with holes, in several parts.

A region is given by directed segments with the region to the left, whose ends meet. All decisions
are exact, in rational arithmetic, so that shared, touching and overlapping sides are no special
cases; corners are rounded once, at the end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from math import atan2, pi

import numpy as np

from sdot.validation import FloatArray

__all__ = [
    "Segments",
    "cancelled",
    "clipped",
    "is_left_turn",
    "overlay",
    "rings_of",
    "segments_of",
    "winding",
]

Point = tuple[Fraction, Fraction]
Segments = FloatArray  # (s, 2, 2): starts and ends
_Part = tuple[Point, Point]


def segments_of(rings: Iterable[FloatArray]) -> Segments:
    """Return the sides (s, 2, 2) of rings (k, 2), counter-clockwise but for holes."""
    sides = [np.stack([ring, np.roll(ring, -1, axis=0)], axis=1) for ring in rings]
    return np.concatenate([np.empty((0, 2, 2)), *sides])


def cancelled(segments: Segments) -> Segments:
    """Leave out pairs of opposite segments, as inner sides of a triangulation are."""
    flat = segments.reshape(-1, 4) + 0.0  # no negative zeros
    turned = flat[:, [2, 3, 0, 1]]
    forwards = (flat[:, 0] < flat[:, 2]) | ((flat[:, 0] == flat[:, 2]) & (flat[:, 1] < flat[:, 3]))
    sorted_ends = np.where(forwards[:, None], flat, turned)
    ends, index = np.unique(sorted_ends, axis=0, return_inverse=True)
    net = np.bincount(index.reshape(-1), np.where(forwards, 1.0, -1.0)).astype(np.int64)
    kept = np.repeat(ends, np.abs(net), axis=0)
    backwards = np.repeat(net < 0, np.abs(net))
    kept[backwards] = kept[backwards][:, [2, 3, 0, 1]]
    return np.asarray(kept.reshape(-1, 2, 2))


def overlay(
    regions: Sequence[Segments], keep: Callable[[Sequence[bool]], bool]
) -> list[FloatArray]:
    """Return the rings of where a condition on being in each of several regions holds.

    A point is in a region if its rings wind around it, so that a region may consist of overlapping
    polygons. Time is O(s**2) in the number of segments, quick steps of NumPy but for those near
    each other.
    """
    segments = np.concatenate(regions)
    parts = []
    for start, end in dict.fromkeys(_split(segments)):
        sides = [_windings(start, end, region) for region in regions]
        left, right = (keep([side[k] > 0 for side in sides]) for k in range(2))
        if left != right:
            parts.append((start, end) if left else (end, start))
    return rings_of(dict.fromkeys(parts))


def winding(start: FloatArray, end: FloatArray, segments: Segments) -> int:
    """Return how often a region's rings wind around the middle of a segment apart from them."""
    return _windings(_exact(start), _exact(end), segments)[0]


def is_left_turn(a: FloatArray, b: FloatArray, c: FloatArray) -> bool:
    """Tell whether three points turn left or go straight on. Exact."""
    return _turn(_exact(a), _exact(b), _exact(c)) >= 0


def clipped(polygon: FloatArray, segments: Segments, near: Segments) -> list[FloatArray]:
    """Return the rings of the part of a region in a convex polygon (k, 2).

    ``near`` are those of its segments that may meet the polygon.
    """
    corners = _strictly_convex([_exact(corner) for corner in polygon])
    if len(corners) < 3:
        return []
    sides = list(zip(corners, corners[1:] + corners[:1], strict=True))
    cuts: list[set[Point]] = [{start, end} for start, end in sides]
    parts = []
    for segment in near:
        part = _inner_part(_exact(segment[0]), _exact(segment[1]), sides, cuts)
        if part is not None:
            parts.append(part)
    for (start, end), places in zip(sides, cuts, strict=True):
        for piece in _pieces(start, end, places):
            winding = _windings(*piece, segments)[0]
            parts += [piece if winding > 0 else piece[::-1]] * abs(winding)
    return rings_of(parts)


def rings_of(parts: Iterable[_Part]) -> list[FloatArray]:
    """Join directed pieces, as many from every point as to it, to rings (k, 2).

    Where rings touch they are kept apart; corners on a straight line are left out.
    """
    onward: dict[Point, list[Point]] = defaultdict(list)
    for start, end in parts:
        onward[start].append(end)
    rings = []
    for first in list(onward):
        while onward[first]:
            ring = [first, onward[first].pop()]
            while ring[-1] != first:
                ring.append(_leftmost(ring[-2], ring[-1], onward[ring[-1]]))
            corners = np.array([[float(x), float(y)] for x, y in _without_straight(ring[:-1])])
            if len(corners) > 2:
                rings.append(corners)
    return rings


def _exact(point: FloatArray) -> Point:
    return Fraction(float(point[0])), Fraction(float(point[1]))


def _turn(a: Point, b: Point, c: Point) -> Fraction:
    """Return twice the area of a triangle, positive if it is counter-clockwise."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _between(a: Point, b: Point, t: Fraction) -> Point:
    return a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])


def _along(a: Point, b: Point, point: Point) -> Fraction:
    """Return where a point on the line from a to b lies, 0 for a and 1 for b."""
    k = 0 if a[0] != b[0] else 1
    return (point[k] - a[k]) / (b[k] - a[k])


def _pieces(start: Point, end: Point, places: Iterable[Point]) -> list[_Part]:
    """Cut a segment at points on it, its ends among them."""
    ordered = sorted(places, key=lambda point: _along(start, end, point))
    return list(pairwise(ordered))


def _strictly_convex(corners: list[Point]) -> list[Point]:
    """Leave out corners that are none but for rounding."""
    kept = list(corners)
    k = 0
    while len(kept) > 2 and k < len(kept):
        if _turn(kept[k - 1], kept[k], kept[(k + 1) % len(kept)]) > 0:
            k += 1
        else:
            del kept[k]
            k = max(k - 1, 0)
    return kept


def _inner_part(a: Point, b: Point, sides: list[_Part], cuts: list[set[Point]]) -> _Part | None:
    """Return what of a segment is inside a convex polygon; note where it meets the sides."""
    low, high = Fraction(0), Fraction(1)
    values = [(_turn(*side, a), _turn(*side, b)) for side in sides]
    for (at_a, at_b), side, places in zip(values, sides, cuts, strict=True):
        _note_ends(side, ((a, at_a), (b, at_b)), places)
        if at_a < 0 < at_b:
            low = max(low, at_a / (at_a - at_b))
        elif at_b < 0 < at_a:
            high = min(high, at_a / (at_a - at_b))
    if low >= high or any(at_a <= 0 and at_b <= 0 for at_a, at_b in values):
        return None
    part = _between(a, b, low), _between(a, b, high)
    for side, places in zip(sides, cuts, strict=True):
        places.update(point for point in part if _turn(*side, point) == 0)
    return part


def _note_ends(part: _Part, ends: Iterable[tuple[Point, Fraction]], places: set[Point]) -> None:
    """Note which of some points, on the line of a segment if their value is 0, lie on it."""
    for point, value in ends:
        if value == 0 and 0 < _along(*part, point) < 1:
            places.add(point)


def _windings(start: Point, end: Point, segments: Segments) -> tuple[int, int]:
    """Return how often segments wind around points just left and right of a piece's middle.

    Counted on a ray across the piece; the segments along the piece make the difference.
    """
    middle = _between(start, end, Fraction(1, 2))
    direction = end[0] - start[0], end[1] - start[1]
    u = 1 if abs(direction[0]) > abs(direction[1]) else 0  # the ray's axis
    v = 1 - u
    height = float(middle[v])
    rest = middle[v] - Fraction(height)
    below = segments[:, :, v] < height
    below |= (segments[:, :, v] == height) if rest >= 0 else False
    count = along = 0
    for k in np.flatnonzero(below[:, 0] != below[:, 1]):
        a, b = _exact(segments[k, 0]), _exact(segments[k, 1])
        rises = 1 if below[k, 0] else -1
        side = _turn(a, b, middle) * (rises if u == 0 else -rises)
        if side == 0:
            same = direction[0] * (b[0] - a[0]) + direction[1] * (b[1] - a[1])
            along += 1 if same > 0 else -1
        elif side > 0:
            count += rises if u == 0 else -rises
    ray_is_left = direction[1] < 0 if u == 0 else direction[0] > 0
    return (count, count - along) if ray_is_left else (count + along, count)


def _split(segments: Segments) -> list[_Part]:
    """Cut segments where they meet, so that pieces are equal, opposite, or share ends at most."""
    low, high = segments.min(axis=1), segments.max(axis=1)
    exact = [(_exact(a), _exact(b)) for a, b in segments]
    cuts: list[set[Point]] = [{a, b} for a, b in exact]
    for k in range(len(segments)):
        meets = ((low[k] <= high[k + 1 :]) & (high[k] >= low[k + 1 :])).all(axis=1)
        for other in k + 1 + np.flatnonzero(meets):
            _note_meeting(exact[k], exact[other], cuts[k], cuts[other])
    return [
        piece for (a, b), places in zip(exact, cuts, strict=True) for piece in _pieces(a, b, places)
    ]


def _note_meeting(first: _Part, second: _Part, on_first: set[Point], on_second: set[Point]) -> None:
    """Note where two segments meet, on each of them."""
    a, b = (_turn(*first, point) for point in second)
    c, d = (_turn(*second, point) for point in first)
    _note_ends(first, zip(second, (a, b), strict=True), on_first)
    _note_ends(second, zip(first, (c, d), strict=True), on_second)
    if a * b < 0 and c * d < 0:
        crossing = _between(*first, c / (c - d))
        on_first.add(crossing)
        on_second.add(crossing)


def _leftmost(before: Point, here: Point, onward: list[Point]) -> Point:
    """Take out of the ways onward the one that turns left most."""
    if len(onward) == 1:
        return onward.pop()
    arriving = atan2(here[1] - before[1], here[0] - before[0])

    def turn(point: Point) -> float:
        angle = atan2(point[1] - here[1], point[0] - here[0]) - arriving
        return (angle + pi) % (2 * pi)

    best = max(range(len(onward)), key=lambda k: turn(onward[k]))
    return onward.pop(best)


def _without_straight(ring: list[Point]) -> list[Point]:
    following = ring[1:] + ring[:1]
    return [
        b for a, b, c in zip(ring[-1:] + ring[:-1], ring, following, strict=True) if _turn(a, b, c)
    ]
