# SPDX-License-Identifier: GPL-3.0-or-later
"""Polygons, with holes or without, as few convex pieces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sdot.cgal_wrap.triangulation.polygon_triangulation import polygon_triangles
from sdot.distributions.regions import is_left_turn
from sdot.validation import FloatArray

__all__ = ["convex_partition"]

IndexArray = npt.NDArray[np.int64]


def convex_partition(rings: Sequence[FloatArray]) -> tuple[FloatArray, IndexArray]:
    """Return corners (p, 2), counter-clockwise, and offsets (k + 1,) of pieces of a polygon.

    Diagonals of a constrained Delaunay triangulation are left out as long as what they part is
    convex together: at most four times as many pieces as need be (Hertel and Mehlhorn, 1983).
    Exact: all corners are those of the polygon.
    """
    points = np.concatenate(list(rings))
    offsets = np.cumsum([0, *(len(ring) for ring in rings)], dtype=np.int64)
    pieces = _merged(polygon_triangles(points, offsets).tolist(), points)
    ends = np.cumsum([0, *(len(piece) for piece in pieces)], dtype=np.int64)
    return points[np.concatenate(pieces)], ends


def _merged(pieces: list[list[int]], points: FloatArray) -> list[list[int]]:
    """Merge pieces, given by corners, across common sides."""
    owner = {
        side: k
        for k, piece in enumerate(pieces)
        for side in zip(piece, _shifted(piece), strict=True)
    }
    for start, end in [side for side in owner if side[0] < side[1]]:
        if (end, start) not in owner:
            continue
        first, second = owner[start, end], owner[end, start]
        joined = _joined(pieces[first], pieces[second], start, end, points)
        if joined is None:
            continue
        for side in zip(pieces[second], _shifted(pieces[second]), strict=True):
            owner[side] = first
        pieces[first], pieces[second] = joined, []
    return [piece for piece in pieces if piece]


def _joined(
    one: list[int], other: list[int], start: int, end: int, points: FloatArray
) -> list[int] | None:
    """Join a piece with a side from start to end and one from end to start, if convex."""
    k, m = one.index(start), other.index(end)
    rest = one[k + 1 :] + one[: k + 1]  # from end to start
    added = other[m + 1 :] + other[: m + 1]  # from start to end
    turns = ((rest[-2], start, added[1]), (added[-2], end, rest[1]))
    if not all(is_left_turn(*(points[i] for i in turn)) for turn in turns):
        return None
    return rest[:-1] + added[:-1]


def _shifted(piece: list[int]) -> list[int]:
    return piece[1:] + piece[:1]
