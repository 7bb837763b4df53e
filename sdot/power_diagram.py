"""Power (Laguerre) diagrams of weighted sites."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sdot.cached_property import cached_property
from sdot.cgal_wrap.diagram import cell_polygons as polygon_kernels
from sdot.diagrams import DiagramArrays, IndexArray
from sdot.driver import driver
from sdot.records import Record
from sdot.validation import (
    FloatArray,
    check_convex_domain,
    check_positions,
    check_real_array,
    check_weights,
    freeze,
)

__all__ = ["PowerDiagram"]


class PowerDiagram(Record):
    """The power diagram of weighted sites, cut to a convex domain.

    The cell of site ``i`` is the set of points ``x`` with
    ``|x - y_i|**2 - w_i <= |x - y_j|**2 - w_j`` for all ``j``. It may be empty (the site is
    hidden), and it may be unbounded if there is no domain. Of coincident sites the heaviest
    has the cell, the first one if several are. With equal weights this is the Voronoi diagram.

    Parameters
    ----------
    positions : array_like, (n, 2)
        The sites.
    weights : array_like, (n,), optional
        Their weights, squared lengths of either sign. All zero by default.
    domain : array_like, optional
        ``((x_min, y_min), (x_max, y_max))`` or the corners (k, 2) of a convex polygon,
        counter-clockwise. None for the whole plane.

    Attributes
    ----------
    positions, weights, domain : the arguments as read-only float64 arrays.

    Raises
    ------
    ValueError, TypeError
        For arrays of a wrong shape or type, or with NaN or infinite entries.

    Notes
    -----
    The combinatorics are exact (CGAL's regular triangulation with exact predicates); corners
    are rounded to double. Time is O(n log n). All arrays are read-only.
    """

    def __init__(self, positions: Any, weights: Any = None, domain: Any = None) -> None:
        self.positions = freeze(check_positions(positions))
        self.weights = freeze(check_weights(weights, len(self.positions)))
        self.domain = None if domain is None else freeze(check_convex_domain(domain))
        self._arrays = DiagramArrays.build(self.positions, self.weights, driver.execution)

    def check_parts(self) -> None:
        """Check what was pickled as the arguments are checked."""
        check_weights(check_positions(self.positions)[:, 0], len(self.weights))
        if self.domain is not None:
            check_convex_domain(self.domain)
        check_real_array(self.weights, "weights")
        if len(self._arrays.positions) != len(self.positions):
            raise ValueError("positions: expected as many as the diagram has sites")

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        where = "the plane" if self.domain is None else f"a polygon of {len(self.domain)} corners"
        return f"PowerDiagram({len(self)} sites in {where}, {len(self.hidden_sites)} hidden)"

    @cached_property
    def hidden_sites(self) -> IndexArray:
        """Sites without a cell, in increasing order (h,)."""
        return freeze(np.sort(self._arrays.hidden_sites))

    @cached_property
    def edges(self) -> IndexArray:
        """Pairs of neighbouring sites, the smaller first, sorted (e, 2).

        Neighbours in the plane: the edge between them may lie outside the domain.
        """
        pairs = np.sort(self._arrays.edge_sites, axis=1)
        return freeze(pairs[np.lexsort(pairs.T[::-1])])

    @cached_property
    def neighbors(self) -> tuple[IndexArray, ...]:
        """The neighbours of each site, in increasing order."""
        both = np.concatenate([self.edges, self.edges[:, ::-1]])
        both = both[np.lexsort(both.T[::-1])]
        ends = np.cumsum(np.bincount(both[:, 0], minlength=len(self)))[:-1]
        return tuple(freeze(part) for part in np.split(both[:, 1], ends))

    @cached_property
    def cells(self) -> tuple[FloatArray, ...]:
        """The corners of each cell inside the domain, counter-clockwise (k_i, 2).

        Empty for hidden sites and for cells outside the domain.

        Raises
        ------
        ValueError
            If there is no domain: unbounded cells have no list of corners.
        """
        points, offsets = self._polygons
        return tuple(freeze(part) for part in np.split(points, offsets[1:-1]))

    @cached_property
    def areas(self) -> FloatArray:
        """The area of each cell inside the domain (n,); infinite for an unbounded cell."""
        return freeze(self._moments[0])

    @cached_property
    def centroids(self) -> FloatArray:
        """The centroid of each cell inside the domain (n, 2); NaN where there is no area.

        Also NaN for an unbounded cell.
        """
        return freeze(self._moments[1])

    @cached_property
    def _polygons(self) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        if self.domain is None:
            raise ValueError(
                "cells: expected a diagram with a domain; "
                "pass domain=((x_min, y_min), (x_max, y_max)) to cut unbounded cells"
            )
        return self._arrays.polygons(self.domain, driver.execution)

    @cached_property
    def _moments(self) -> tuple[FloatArray, FloatArray]:
        if self.domain is not None:
            areas, centroids, _ = polygon_kernels.polygon_moments(*self._polygons, driver.threads)
            centroids[areas <= 0] = np.nan
            return areas, centroids
        return self._moments_in_plane()

    def _moments_in_plane(self) -> tuple[FloatArray, FloatArray]:
        arrays = self._arrays
        points = np.concatenate([arrays.vertices, self.positions])
        low, high = points.min(axis=0) - 1, points.max(axis=0) + 1
        around = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
        polygons = arrays.polygons(around, driver.execution)
        areas, centroids, _ = polygon_kernels.polygon_moments(*polygons, driver.threads)
        open_edges = (arrays.edge_vertices < 0).any(axis=1)
        unbounded = np.unique(arrays.edge_sites[open_edges])
        if len(self) - len(arrays.hidden_sites) == 1:
            unbounded = np.flatnonzero(arrays.is_hidden == 0).astype(np.int32)
        areas[unbounded] = np.inf
        centroids[unbounded] = np.nan
        centroids[arrays.hidden_sites] = np.nan
        return areas, centroids
