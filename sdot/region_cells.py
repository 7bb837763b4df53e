# SPDX-License-Identifier: GPL-3.0-or-later
"""The cells of a diagram within a region that need not be convex."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sdot.distributions.regions import Segments, clipped
from sdot.validation import FloatArray

__all__ = ["cells_in_region", "ring_moments"]

IndexArray = npt.NDArray[np.int64]


def cells_in_region(
    points: FloatArray, offsets: IndexArray, segments: Segments
) -> tuple[FloatArray, IndexArray, IndexArray]:
    """Cut convex cells to a region.

    Parameters
    ----------
    points, offsets : corners of the cells: ``points[offsets[i]:offsets[i + 1]]``.
    segments : of the region.

    Returns
    -------
    points, offsets, cells
        Corners of rings, counter-clockwise but for holes, and the cell that each ring belongs to,
        in increasing order.
    """
    near = _near(points, offsets, segments)
    rings, owners = [], []
    filled = np.flatnonzero(np.diff(offsets))
    inside = dict(zip(filled.tolist(), _are_inside(points, offsets, filled, segments), strict=True))
    for cell, is_inside in inside.items():
        polygon = points[offsets[cell] : offsets[cell + 1]]
        if cell in near:
            found = clipped(polygon, segments, segments[near[cell]])
        else:
            found = [polygon] if is_inside else []
        rings += found
        owners += [cell] * len(found)
    sizes = [len(ring) for ring in rings]
    corners = np.concatenate([np.empty((0, 2)), *rings])
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return corners, ends, np.array(owners, dtype=np.int64)


def _are_inside(
    points: FloatArray, offsets: IndexArray, cells: npt.NDArray[np.intp], segments: Segments
) -> list[bool]:
    """Tell which cells are inside of a region, if they do not meet its border.

    The region's rings wind around their middles, which are too far from the border for rounding.
    """
    if not cells.size:
        return []
    sizes = np.diff(offsets)[cells]
    x, y = (np.add.reduceat(points, offsets[cells], axis=0) / sizes[:, None]).T
    windings = np.zeros(len(cells), dtype=np.int64)
    for (x0, y0), (x1, y1) in segments:
        turn = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
        windings += (y0 <= y) & (y < y1) & (turn > 0)
        windings -= (y1 <= y) & (y < y0) & (turn < 0)
    return (windings > 0).tolist()  # type: ignore[no-any-return]


def _near(points: FloatArray, offsets: IndexArray, segments: Segments) -> dict[int, list[int]]:
    """Return for each cell that the region's border may meet the segments that may."""
    filled = np.flatnonzero(np.diff(offsets))
    if not filled.size:
        return {}
    starts = offsets[filled]
    low, high = (f.reduceat(points, starts, axis=0) for f in (np.minimum, np.maximum))
    near: dict[int, list[int]] = {}
    for k, (a, b) in enumerate(segments):
        meets = (low <= np.maximum(a, b)) & (high >= np.minimum(a, b))
        for cell in filled[meets.all(axis=1)].tolist():
            if not _one_sided(points[offsets[cell] : offsets[cell + 1]], a, b):
                near.setdefault(cell, []).append(k)
    return near


def _one_sided(polygon: FloatArray, a: FloatArray, b: FloatArray) -> bool:
    """Tell whether all of a polygon is surely on the same side of the line through a and b."""
    along, gaps = b - a, polygon - a
    turns = along[0] * gaps[:, 1] - along[1] * gaps[:, 0]
    rounding = 1e-14 * np.abs(along).max() * np.abs(gaps).max()
    return bool(turns.min() > rounding or turns.max() < -rounding)


def ring_moments(
    points: FloatArray, offsets: IndexArray, cells: IndexArray, count: int
) -> tuple[FloatArray, FloatArray]:
    """Return the area (n,) and centroid (n, 2) of the rings of each of n cells.

    NaN is the centroid of a cell without area.
    """
    if not cells.size:
        return np.zeros(count), np.full((count, 2), np.nan)
    sizes = np.diff(offsets)
    # About a corner of the cell's first ring, so that nothing cancels far from the origin.
    first = offsets[np.searchsorted(cells, cells)]
    origins = points[first]
    here = points - np.repeat(origins, sizes, axis=0)
    following = np.arange(1, len(points) + 1)
    following[offsets[1:] - 1] = offsets[:-1]
    there = here[following]
    twice = here[:, 0] * there[:, 1] - here[:, 1] * there[:, 0]
    terms = np.column_stack([twice / 2.0, (here + there) * (twice / 6.0)[:, None]])
    by_ring = np.add.reduceat(terms, offsets[:-1], axis=0)
    areas, x, y = (np.bincount(cells, column, count).astype(np.float64) for column in by_ring.T)
    corners = np.zeros((count, 2))
    corners[cells] = origins
    with np.errstate(divide="ignore", invalid="ignore"):
        centroids = corners + np.stack([x, y], axis=1) / areas[:, None]
    centroids[~(areas > 0)] = np.nan
    return areas, centroids
