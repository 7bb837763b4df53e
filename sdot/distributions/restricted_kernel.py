# SPDX-License-Identifier: GPL-3.0-or-later
"""Integrals of a density over what cells have inside a shape."""

from __future__ import annotations

import weakref
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sdot.cached_property import cached_property
from sdot.cgal_wrap.pieces.piece_parts import PartsFinder
from sdot.diagrams import DiagramArrays
from sdot.distributions.cell_parts import merged_edge_moments, merged_moments, sums_by
from sdot.distributions.convex_pieces import Pieces, PiecesDensityKernel
from sdot.distributions.density import CellMoments, DensityKernel, EdgeMoments, Rounding
from sdot.distributions.disc_kernel import DiscBorders, DiscKernel, DiscMasses, cuts_discs
from sdot.distributions.polygon_cells import PolygonCells
from sdot.execution import SERIAL, Execution
from sdot.memo import Latest
from sdot.validation import FloatArray, box_corners

__all__ = ["DiscRestrictedKernel", "RestrictedKernel", "restricted_kernel"]

Integers = npt.NDArray[np.int64]

# Roundings that parts add to the moments of a cell: corners where they are cut, and merging.
_PARTS = 16.0
# Densities on both sides of an edge are the same up to this.
_JUMP = 1e-10


class CellParts(NamedTuple):
    """The parts of cells in a shape."""

    cells: PolygonCells
    owners: Integers  # whose they are


class EdgeParts(NamedTuple):
    """The parts of edges in a shape."""

    cells: PolygonCells  # none of them, but their edges
    owners: Integers  # of which edge each is
    sides: npt.NDArray[np.int8]  # 1 or -1 along a piece to the left or right, 0 inside
    edge_count: int

    @property
    def shares(self) -> FloatArray:
        """What belongs to the piece: of one along its side half."""
        return np.where(self.sides == 0, 1.0, 0.5)

    def summed(self, weights: FloatArray) -> FloatArray:
        """The weights of the edges from those of the parts."""
        return sums_by(self.owners, self.shares * weights, self.edge_count)


class RestrictedKernel:
    """Integrals of a density inside convex pieces, scaled to mass one (see `DensityKernel`).

    Every cell is cut into its parts in single pieces, and every edge as well; the integrals over
    these are the density's own.

    Parameters
    ----------
    kernel : that of the density, of mass one on the whole.
    pieces : convex, apart from each other, in the coordinates of the kernel.
    share : the mass in them.
    """

    def __init__(
        self, kernel: DensityKernel, pieces: Pieces, share: float, execution: Execution = SERIAL
    ) -> None:
        self._kernel, self._pieces, self._share = kernel, pieces, share
        self._execution = execution
        self._finder = PartsFinder(pieces.points, pieces.offsets)
        self._latest: Latest[CellParts] = Latest()
        self._moments: Latest[CellMoments] = Latest()

    @cached_property
    def box(self) -> FloatArray:
        """``[[x_min, y_min], [x_max, y_max]]``, of what both boxes have in common."""
        own, whole = self._pieces.box, self._kernel.box
        common = np.array([np.maximum(own[0], whole[0]), np.minimum(own[1], whole[1])])
        return common if (common[0] < common[1]).all() else own

    def parts(self, diagram: DiagramArrays) -> CellParts:
        """The parts of the cells."""
        return self._latest.get(weakref.ref(diagram), lambda: self._parts_of(diagram))

    def _parts_of(self, diagram: DiagramArrays) -> CellParts:
        cells = diagram.polygons(box_corners(self._pieces.box), self._execution)
        points, offsets, owners = self._finder.cell_parts(*cells, self._execution.threads)
        return CellParts(PolygonCells.of(points, offsets, diagram.positions[owners]), owners)

    def masses_and_edge_weights(self, diagram: DiagramArrays) -> tuple[FloatArray, FloatArray]:
        """Cell masses, and edge integrals over twice the sites' distance."""
        cells, owners = self.parts(diagram)
        masses = sums_by(owners, self._kernel.moments(cells).masses, len(diagram.positions))
        edges = self._edge_parts(diagram)
        weights = edges.summed(self._kernel.masses_and_edge_weights(edges.cells)[1])
        return masses / self._share, weights / self._share

    def moments(self, diagram: DiagramArrays) -> CellMoments:
        """Moments of order 0, 1, 2 of every cell."""
        return self._moments.get(weakref.ref(diagram), lambda: self._moments_of(diagram))

    def _moments_of(self, diagram: DiagramArrays) -> CellMoments:
        cells, owners = self.parts(diagram)
        found = self._scaled(self._kernel.moments(cells))
        return merged_moments(found, owners, len(diagram.positions))

    def _scaled(self, moments: CellMoments) -> CellMoments:
        """To mass one in the pieces."""
        masses, second = moments.masses / self._share, moments.second_moments / self._share
        return moments._replace(masses=masses, second_moments=second)

    def edge_moments(self, diagram: DiagramArrays) -> EdgeMoments:
        """Weight, centroid and variance of every edge; none of those along the shape's border."""
        edges = self._edge_parts(diagram)
        return self._merged_edges(edges, self._kernel.edge_moments(edges.cells))

    def _merged_edges(self, edges: EdgeParts, parts: EdgeMoments) -> EdgeMoments:
        """Moments of the edges from those of the parts."""
        weights = edges.shares * parts.weights / self._share
        parts = parts._replace(weights=weights)
        merged = merged_edge_moments(parts, edges.owners, edges.edge_count)
        left, right = (
            sums_by(edges.owners, (edges.sides == k) * weights, edges.edge_count) for k in (1, -1)
        )
        jumps = np.abs(left - right) > _JUMP * (left + right)
        return merged._replace(weights=np.where(jumps, np.nan, merged.weights))

    def _edge_parts(self, diagram: DiagramArrays) -> EdgeParts:
        ends, owners, sides = self._finder.edge_parts(diagram.edges, self._execution.threads)
        cells = PolygonCells.of_edges(diagram, ends, owners)
        return EdgeParts(cells, owners, sides, len(diagram.edge_sites))

    @cached_property
    def rounding(self) -> Rounding:
        """How exact the moments are: of a cell's parts half the roundings of merging remain."""
        own = self._kernel.rounding
        merges = len(self._pieces.heights) / 2
        return Rounding(own.relative + merges + _PARTS, own.second_moments / self._share)

    def coarsened(self, box: FloatArray, count: int) -> FloatArray:
        """Masses of the boxes of a uniform grid, the density taken as constant on each."""
        areas = PiecesDensityKernel(self._pieces, self._execution).coarsened(box, count)
        inside = areas * (count**2 / float(np.prod(box[1] - box[0])))
        return np.asarray(self._kernel.coarsened(box, count) * inside / self._share)


class DiscRestrictedKernel(RestrictedKernel):
    """The same of a kernel that cuts discs (see `DiscKernel`)."""

    def __init__(
        self, kernel: DiscKernel, pieces: Pieces, share: float, execution: Execution = SERIAL
    ) -> None:
        super().__init__(kernel, pieces, share, execution)
        self._cutting = kernel

    def disc_masses(self, diagram: DiagramArrays, squared_radii: FloatArray) -> DiscMasses:
        """Masses of the cells within their discs, with the weights of edges and arcs."""
        cells, owners = self.parts(diagram)
        radii, count = squared_radii[owners], len(diagram.positions)
        # Masses by edges would need all sides of the parts.
        masses = sums_by(owners, self._cutting.disc_moments(cells, radii).masses, count)
        arcs = sums_by(owners, self._cutting.disc_masses(cells, radii).arc_weights, count)
        edges = self._edge_parts(diagram)
        weights = self._cutting.disc_masses(edges.cells, squared_radii).edge_weights
        return DiscMasses(
            masses / self._share, edges.summed(weights) / self._share, arcs / self._share
        )

    def disc_moments(self, diagram: DiagramArrays, squared_radii: FloatArray) -> CellMoments:
        """Moments of order 0, 1, 2 of every cell within its disc."""
        cells, owners = self.parts(diagram)
        found = self._cutting.disc_moments(cells, squared_radii[owners])
        return merged_moments(self._scaled(found), owners, len(diagram.positions))

    def disc_borders(self, diagram: DiagramArrays, squared_radii: FloatArray) -> DiscBorders:
        """Moments along edges and arcs, for second derivatives."""
        cells, owners = self.parts(diagram)
        arcs = self._scaled(self._cutting.disc_borders(cells, squared_radii[owners]).arcs)
        edges = self._edge_parts(diagram)
        of_edges = self._cutting.disc_borders(edges.cells, squared_radii).edges
        merged = merged_moments(arcs, owners, len(diagram.positions))
        return DiscBorders(self._merged_edges(edges, of_edges), merged)


def restricted_kernel(
    kernel: DensityKernel, pieces: Pieces, share: float, execution: Execution
) -> RestrictedKernel:
    """Return a kernel restricted to pieces, which cuts discs if it does."""
    if cuts_discs(kernel):
        return DiscRestrictedKernel(kernel, pieces, share, execution)
    return RestrictedKernel(kernel, pieces, share, execution)
