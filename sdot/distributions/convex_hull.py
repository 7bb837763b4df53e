# SPDX-License-Identifier: GPL-3.0-or-later
"""The convex hull of points in the plane."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import scipy

from sdot.validation import FloatArray

__all__ = ["convex_hull"]


def convex_hull(points: FloatArray) -> FloatArray:
    """Return the corners (k, 2) of the convex hull, counter-clockwise, every one a left turn."""
    try:
        points = points[scipy.spatial.ConvexHull(points).vertices]
    except scipy.spatial.QhullError:  # too thin for it
        points = np.unique(points, axis=0)
    # Qhull may leave corners that are one only by rounding. Andrew's monotone chain decides by
    # the very products with which a domain is later checked.
    ordered = points[np.lexsort(points.T[::-1])].tolist()
    lower, upper = _chain(ordered), _chain(reversed(ordered))
    return np.array(lower[:-1] + upper[:-1])


def _chain(points: Iterable[list[float]]) -> list[list[float]]:
    chain: list[list[float]] = []
    for c in points:
        while len(chain) > 1:
            a, b = chain[-2:]
            if (b[0] - a[0]) * (c[1] - b[1]) > (b[1] - a[1]) * (c[0] - b[0]):
                break
            chain.pop()
        chain.append(c)
    return chain
