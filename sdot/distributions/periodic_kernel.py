# SPDX-License-Identifier: GPL-3.0-or-later
"""Integrals of a density on a torus: those over the pieces of its cells, site by site."""

from __future__ import annotations

import weakref

import numpy as np
import numpy.typing as npt

from sdot.diagrams import DiagramArrays
from sdot.distributions.cell_parts import merged_moments
from sdot.distributions.density import CellMoments, DensityKernel, EdgeMoments, Rounding
from sdot.memo import Latest
from sdot.periodic_diagrams import PeriodicDiagram
from sdot.validation import FloatArray

__all__ = ["PeriodicKernel"]

IndexArray = npt.NDArray[np.intp]

# Edges that are nearer to a side of the domain, in units of its length, lie along it.
_ON_SIDE = 1e-12
# A density on both sides of a line is the same up to this.
_JUMP = 1e-9


class PeriodicKernel:
    """The integrals of a density that is known in the fundamental domain (see `DensityKernel`).

    Parameters
    ----------
    kernel : that of the density in the plane, zero outside of the domain.
    box : the domain.
    """

    def __init__(self, kernel: DensityKernel, box: FloatArray) -> None:
        self._kernel, self._box = kernel, box
        # As in the plane, those of the solution are asked for several times.
        self._moments: Latest[CellMoments] = Latest()

    @property
    def box(self) -> FloatArray:
        """``[[x_min, y_min], [x_max, y_max]]``, the fundamental domain."""
        return self._box

    def masses_and_edge_weights(self, diagram: DiagramArrays) -> tuple[FloatArray, FloatArray]:
        """Cell masses, and edge integrals over twice the sites' distance.

        Edges between two copies of a site have no weight: no mass is exchanged there.
        """
        assert isinstance(diagram, PeriodicDiagram)
        masses, edge_weights = self._kernel.masses_and_edge_weights(diagram.copies)
        edge_weights[diagram.edge_sites[:, 0] == diagram.edge_sites[:, 1]] = 0.0
        count = len(diagram.positions)
        return np.bincount(diagram.site_of, masses, count).astype(np.float64), edge_weights

    def moments(self, diagram: DiagramArrays) -> CellMoments:
        """Moments of order 0, 1, 2 of every cell, its centroid as seen from the site."""
        return self._moments.get(weakref.ref(diagram), lambda: self._moments_of(diagram))

    def _moments_of(self, diagram: DiagramArrays) -> CellMoments:
        assert isinstance(diagram, PeriodicDiagram)
        pieces = self._kernel.moments(diagram.copies)
        from_sites = pieces._replace(centroids=pieces.centroids - diagram.shifts)
        return merged_moments(from_sites, diagram.site_of, len(diagram.positions))

    def edge_moments(self, diagram: DiagramArrays) -> EdgeMoments:
        """Weight, centroid and variance of every edge.

        One along a side of the domain is there on the other side too, and counts once. It has no
        derivatives if the density is another there.
        """
        assert isinstance(diagram, PeriodicDiagram)
        found = self._kernel.edge_moments(diagram.copies)
        weights = found.weights
        for axis in range(2):
            lower, upper = (self._along(side, axis, diagram) for side in range(2))
            if (weights[lower] != 0).any() and (weights[upper] != 0).any():
                weights = weights.copy()
                _count_once(weights, lower, upper, _names(diagram))
        return found._replace(weights=weights)

    def _along(self, side: int, axis: int, diagram: PeriodicDiagram) -> IndexArray:
        """Edges along the lower, 0, or upper, 1, side of the domain across an axis."""
        near = _ON_SIDE * float(self._box[1, axis] - self._box[0, axis])
        gaps = np.abs(diagram.vertices[:, axis] - self._box[side, axis])
        is_near = np.append(gaps < near, False)  # the last one is at infinity
        starts, ends = diagram.edge_vertices.T
        return np.flatnonzero(is_near[starts] & is_near[ends])

    @property
    def rounding(self) -> Rounding:
        """How exact the moments are; those of four pieces are merged."""
        own = self._kernel.rounding
        return own._replace(relative=own.relative + 16.0)

    def coarsened(self, box: FloatArray, count: int) -> FloatArray:
        """Masses (count, count) of the boxes of a uniform grid over a box in the domain."""
        return self._kernel.coarsened(box, count)


def _names(diagram: PeriodicDiagram) -> IndexArray:
    """A number for each edge (e,), the same for those that are the same on the torus."""
    copies = diagram.copies.edge_sites
    gaps = np.round((diagram.shifts[copies[:, 1]] - diagram.shifts[copies[:, 0]]), 12)
    sites = diagram.edge_sites.astype(np.float64)
    # From the site with the smaller number, or else in the direction that is positive first.
    key = np.column_stack([sites[:, 1] - sites[:, 0], gaps])
    first = np.take_along_axis(key, (key != 0).argmax(axis=1)[:, None], axis=1)[:, 0]
    turned = (first < 0)[:, None]
    key = np.column_stack([np.where(turned, sites[:, ::-1], sites), np.where(turned, -gaps, gaps)])
    return np.asarray(np.unique(key + 0.0, axis=0, return_inverse=True)[1]).ravel()


def _count_once(
    weights: FloatArray, lower: IndexArray, upper: IndexArray, names: IndexArray
) -> None:
    """Leave out those of the upper edges that are among the lower ones; NaN if they differ."""
    count = int(names.max()) + 1
    below = np.bincount(names[lower], weights[lower], count)
    above = np.bincount(names[upper], weights[upper], count)
    twice = (below > 0) & (above > 0)
    jumps = twice & (np.abs(below - above) > _JUMP * below + _ON_SIDE * below.sum())
    weights[upper[twice[names[upper]]]] = 0.0
    weights[lower[jumps[names[lower]]]] = np.nan
