# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells cut by discs, as in partial transport, as paths with true arcs.

Rings keep the cell on their left. Where one leaves the disc, the border of what is in both goes on
along the circle, counter-clockwise, up to where a ring next enters. Arcs are cubic Bezier curves,
each of at most an eighth of the circle: 4e-6 of the radius from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sdot.plot.figure import import_matplotlib
from sdot.validation import FloatArray

__all__ = ["border_in_disc", "path_outside"]

_STEP = np.pi / 4  # of one curve
_GRAZE = 1e-12  # squared half chord, over the squared radius, of an edge that only touches


def border_in_disc(rings: Sequence[FloatArray], center: FloatArray, squared_radius: float) -> Any:
    """Return the path around what of a cell is in a disc; None if there is nothing.

    Parameters
    ----------
    rings : around the cell (k, 2), counter-clockwise but for holes.
    center, squared_radius : of the disc.
    """
    if not rings or squared_radius <= 0:
        return None
    radius = float(np.sqrt(squared_radius))
    relative = [(ring - center) / radius for ring in rings]
    loops = _loops(relative)
    if not loops:
        return None
    path = import_matplotlib("matplotlib.path").Path
    codes = {"move": path.MOVETO, "line": path.LINETO, "curve": path.CURVE4}
    vertices, kinds = [], []
    for loop in loops:
        for kind, points in [("move", loop[0][1][:1]), *loop]:
            vertices.append(points)
            kinds += [codes[kind]] * len(points)
        vertices.append(loop[0][1][:1])
        kinds.append(path.CLOSEPOLY)
    return path(center + radius * np.concatenate(vertices), kinds)


def path_outside(paths: Sequence[Any], box: FloatArray) -> Any:
    """Return the path around what of a box is in none of the paths, that are counter-clockwise.

    By the rule of winding numbers: the border of the box is clockwise.
    """
    path = import_matplotlib("matplotlib.path").Path
    (x0, y0), (x1, y1) = box
    around = path([(x0, y0), (x0, y1), (x1, y1), (x1, y0), (x0, y0)], closed=True)
    return path.make_compound_path(around, *paths)


# The loops of a border: pieces ("line" or "curve", points), each starting where the last one ended.
_Piece = tuple[str, FloatArray]


def _loops(rings: Sequence[FloatArray]) -> list[list[_Piece]]:
    """Return the borders of what rings and the unit disc have in common."""
    loops: list[list[_Piece]] = []
    runs: list[FloatArray] = []
    for ring in rings:
        found, is_whole = _runs_inside(ring)
        if is_whole:
            loops.append([("line", ring)])
        runs += found
    if runs:
        return loops + _joined(runs, rings)
    if _is_inside(np.array([1.0, 0.0]), rings):  # the circle meets no ring
        first = np.array([[1.0, 0.0]])
        loops.append([("line", first), ("curve", _arc(0.0, 2 * np.pi))])
    return loops


def _runs_inside(ring: FloatArray) -> tuple[list[FloatArray], bool]:
    """Return the stretches of a ring within the unit disc, or that all of it is."""
    inside = (ring**2).sum(axis=1) <= 1
    if inside.all():
        return [], True
    start = int(np.flatnonzero(~inside)[0])  # outside, so that no stretch is cut in two
    ring, inside = np.roll(ring, -start, axis=0), np.roll(inside, -start)
    runs: list[FloatArray] = []
    current: list[FloatArray] = []
    for a, b, is_a, is_b in zip(
        ring, np.roll(ring, -1, axis=0), inside, np.roll(inside, -1), strict=True
    ):
        if is_a and is_b:
            current.append(b)
            continue
        crossings = _crossings(a, b)
        if is_a:
            runs.append(np.array([*current, crossings[1]]))
            current = []
        elif is_b:
            current = [crossings[0], b]
        elif len(crossings):
            runs.append(crossings)
    return runs, False


def _crossings(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return where the line through an edge enters and leaves the unit disc.

    None if both ends are outside and it does not, or just touches the disc.
    """
    along = b - a
    length2 = float(along @ along)
    nearest = -float(a @ along) / length2
    foot = a + nearest * along
    half2 = 1.0 - float(foot @ foot)
    are_outside = a @ a > 1 and b @ b > 1
    if are_outside and (half2 <= _GRAZE or not 0 < nearest < 1):
        return np.empty((0, 2))
    half = np.sqrt(max(half2, 0.0) / length2)
    shares = np.clip([[nearest - half], [nearest + half]], 0.0, 1.0)
    return np.asarray(a + shares * along)


def _joined(runs: list[FloatArray], rings: Sequence[FloatArray]) -> list[list[_Piece]]:
    """Close stretches within the disc along the circle."""
    entries, exits = (
        np.array([np.arctan2(run[end, 1], run[end, 0]) for run in runs]) for end in (0, -1)
    )
    # Around the circle they take turns; what is first is told far from all of them, where rounding
    # exchanges none.
    angles = np.sort(np.concatenate([entries, exits]))
    gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
    widest = int(gaps.argmax())
    middle = angles[widest] + gaps[widest] / 2
    entries, exits = (np.mod(angle - middle, 2 * np.pi) for angle in (entries, exits))
    into, out = np.argsort(entries, kind="stable"), np.argsort(exits, kind="stable")
    if _is_inside(np.array([np.cos(middle), np.sin(middle)]), rings):  # on an arc
        into = np.roll(into, -1)
        entries[into[-1]] += 2 * np.pi
    following = dict(zip(out.tolist(), into.tolist(), strict=True))
    loops: list[list[_Piece]] = []
    left = set(range(len(runs)))
    while left:
        loop: list[_Piece] = []
        run = min(left)
        while run in left:
            left.remove(run)
            angle = max(entries[following[run]] - exits[run], 0.0)
            loop += [("line", runs[run]), ("curve", _arc(exits[run] + middle, angle))]
            run = following[run]
        loops.append(loop)
    return loops


def _arc(start: float, angle: float) -> FloatArray:
    """Return control points (3 k, 2) of curves along the unit circle, without the first point."""
    count = max(1, int(np.ceil(angle / _STEP - 1e-12)))
    angles = start + angle * np.arange(count + 1) / count
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    tangents = np.stack([-points[:, 1], points[:, 0]], axis=1)
    reach = 4 / 3 * np.tan(angle / count / 4)
    before, after = points[:-1] + reach * tangents[:-1], points[1:] - reach * tangents[1:]
    return np.stack([before, after, points[1:]], axis=1).reshape(-1, 2)


def _is_inside(point: FloatArray, rings: Sequence[FloatArray]) -> bool:
    """Tell whether rings wind around a point."""
    turns = 0.0
    for ring in rings:
        x, y = (ring - point).T
        following_x, following_y = np.roll(x, -1), np.roll(y, -1)
        cross, dot = x * following_y - y * following_x, x * following_x + y * following_y
        turns += float(np.arctan2(cross, dot).sum())
    return turns > np.pi
