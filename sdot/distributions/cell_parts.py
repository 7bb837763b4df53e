# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments of cells and edges from those of their parts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sdot.distributions.density import CellMoments, EdgeMoments
from sdot.validation import FloatArray, freeze

__all__ = ["merged_edge_moments", "merged_moments", "sums_by"]

IndexArray = npt.NDArray[np.intp]


def sums_by(owners: npt.NDArray[np.integer], values: FloatArray, count: int) -> FloatArray:
    """Sums (count, ...) of values (m, ...) over the parts of each owner."""
    if values.ndim == 1:
        return np.bincount(owners, values, count).astype(np.float64)
    columns = [np.bincount(owners, column, count) for column in values.T]
    return np.stack(columns, axis=1).astype(np.float64)


def merged_moments(parts: CellMoments, owners: npt.NDArray[np.integer], count: int) -> CellMoments:
    """Moments of cells (count) of which each has several parts."""
    filled = np.flatnonzero(parts.masses > 0)
    owner = owners[filled]
    masses = sums_by(owner, parts.masses[filled], count)
    own = parts.masses[filled] / masses[owner]
    points = parts.centroids[filled]
    centroids = sums_by(owner, own[:, None] * points, count)
    x, y = (points - centroids[owner]).T
    apart = parts.masses[filled, None] * np.stack([x * x, x * y, y * y], axis=1)
    second = sums_by(owner, parts.second_moments[filled] + apart, count)
    centroids[~(masses > 0)] = np.nan
    return CellMoments(freeze(masses), freeze(centroids), freeze(second))


def merged_edge_moments(
    parts: EdgeMoments, owners: npt.NDArray[np.integer], count: int
) -> EdgeMoments:
    """Moments of edges (count) of which each has several parts, on one line."""
    weights = sums_by(owners, parts.weights, count)
    with np.errstate(invalid="ignore", divide="ignore"):
        own = np.where(parts.weights != 0, parts.weights / weights[owners], 0.0)
    centroids = sums_by(owners, own[:, None] * parts.centroids, count)
    gaps = ((parts.centroids - centroids[owners]) ** 2).sum(axis=1)
    spreads = sums_by(owners, own * (parts.spreads + gaps), count)
    return EdgeMoments(weights, centroids, spreads)
