# SPDX-License-Identifier: GPL-3.0-or-later
"""A diagram that is known in other coordinates than the caller's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdot.cgal_wrap.diagram import cell_polygons as polygon_kernels
from sdot.cgal_wrap.diagram import point_location
from sdot.diagrams import DiagramArrays, IndexArray
from sdot.distributions.density import Frame
from sdot.driver import driver
from sdot.execution import Execution
from sdot.periodic_diagrams import PeriodicDiagram
from sdot.records import Record, check_part
from sdot.validation import FloatArray

__all__ = ["Offsets", "PlacedDiagram", "polygon_moments"]

Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PlacedDiagram(Record):
    """Cells of some of the caller's sites, in the coordinates of a frame.

    So that cells keep the digits with which they were found: where sites are close to each other,
    or far from the domain, weights in the caller's coordinates do not tell them well enough.

    Attributes
    ----------
    arrays : the diagram of m sites in the frame.
    frame : the caller's coordinates are ``origin + scale * x``.
    owners : which of the caller's sites each of them is (m,); the others have no cell.
    count : how many sites the caller has.
    weight_scale : how much the weights in the frame change for one of the caller's.
    """

    arrays: DiagramArrays
    frame: Frame
    owners: npt.NDArray[np.intp]
    count: int
    weight_scale: float = 1.0

    def check_parts(self) -> None:
        """Refuse owners that are no sites."""
        sites = len(self.arrays.positions)
        limits = (0, self.count)
        check_part(self.owners, "owners", (sites,), dtype=np.intp, limits=limits)
        for array, name in zip(self.frame, self.frame._fields, strict=True):
            check_part(array, name, (2,))

    @property
    def hidden_sites(self) -> IndexArray:
        """The caller's sites without a cell, in increasing order."""
        has_cell = np.zeros(self.count, dtype=bool)
        has_cell[self.owners] = self.arrays.is_hidden == 0
        return np.flatnonzero(~has_cell).astype(np.int32)

    @property
    def edge_sites(self) -> IndexArray:
        """The caller's sites on both sides of every edge (e, 2)."""
        return self.owners[self.arrays.edge_sites].astype(np.int32)

    def to_plane(self, points: FloatArray) -> FloatArray:
        """Map frame to original coordinates."""
        return np.asarray(self.frame.origin + self.frame.scale * points)

    def locate(self, points: FloatArray, execution: Execution) -> npt.NDArray[np.int64]:
        """The caller's sites (...) whose cells hold points (..., 2) of the caller's plane.

        The least of those that are equally near.
        """
        arrays, owners = self.arrays, self.owners
        if isinstance(arrays, PeriodicDiagram):  # the points are in the domain
            owners = owners[arrays.site_of]
            arrays = arrays.copies
        found = point_location.locate(
            (arrays.positions, arrays.weights, arrays.low_weights),
            (*arrays.neighbors, arrays.is_hidden, owners.astype(np.int64, copy=False)),
            tuple(np.ascontiguousarray(part) for part in self.frame),
            points.reshape(-1, 2),
            execution.threads,
        )
        return found.reshape(points.shape[:-1])  # type: ignore[no-any-return]

    def polygons(self, domain: FloatArray) -> tuple[FloatArray, Offsets]:
        """Corners, in the frame, and offsets (n + 1,) of the cells in a convex domain (k, 2)."""
        points, offsets = self.arrays.polygons(self.frame.apply(domain), driver.execution)
        if np.array_equal(self.owners, np.arange(self.count)):
            return points, offsets
        sizes, order = np.diff(offsets), np.argsort(self.owners)
        count = np.zeros(self.count, dtype=np.int64)
        count[self.owners] = sizes
        new = np.concatenate([[0], np.cumsum(count)])
        sizes, starts = sizes[order], offsets[:-1][order]
        source = np.arange(len(points)) + np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
        return points[source], new

    def moments_in_plane(self) -> tuple[FloatArray, FloatArray]:
        """Areas and centroids, in the frame; infinite and NaN for unbounded cells."""
        arrays = self.arrays
        points = np.concatenate([arrays.vertices, arrays.positions])
        low, high = points.min(axis=0) - 1, points.max(axis=0) + 1
        around = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
        own = polygon_moments(*arrays.polygons(around, driver.execution))
        open_edges = (arrays.edge_vertices < 0).any(axis=1)
        unbounded = np.unique(arrays.edge_sites[open_edges])
        if len(arrays.positions) - len(arrays.hidden_sites) == 1:
            unbounded = np.flatnonzero(arrays.is_hidden == 0).astype(np.int32)
        own[0][unbounded] = np.inf
        own[1][unbounded] = np.nan
        areas, centroids = np.zeros(self.count), np.full((self.count, 2), np.nan)
        areas[self.owners], centroids[self.owners] = own
        return areas, centroids


def polygon_moments(points: FloatArray, offsets: Offsets) -> tuple[FloatArray, FloatArray]:
    """Return the areas and centroids of convex polygons, NaN for those without area."""
    areas, centroids, _ = polygon_kernels.polygon_moments(points, offsets, driver.threads)
    centroids[areas <= 0] = np.nan
    return areas, centroids
