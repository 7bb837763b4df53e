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
from sdot.distributions.polygon_cells import PolygonCells
from sdot.execution import SERIAL, Execution
from sdot.memo import Latest
from sdot.validation import FloatArray, box_corners

__all__ = ["CellParts", "RestrictedKernel"]

Integers = npt.NDArray[np.int64]

# Roundings that parts add to the moments of a cell: corners where they are cut, and merging.
_PARTS = 16.0
# Densities on both sides of an edge are the same up to this.
_JUMP = 1e-10


class CellParts(NamedTuple):
    """The parts of cells in a shape."""

    cells: PolygonCells
    owners: Integers  # whose they are


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
        return CellParts(PolygonCells.of(points, offsets), owners)

    def masses_and_edge_weights(self, diagram: DiagramArrays) -> tuple[FloatArray, FloatArray]:
        """Cell masses, and edge integrals over twice the sites' distance."""
        cells, owners = self.parts(diagram)
        masses = sums_by(owners, self._kernel.moments(cells).masses, len(diagram.positions))
        edges, edge_owners, sides = self._edge_parts(diagram)
        weights = self._kernel.masses_and_edge_weights(edges)[1]
        weights = np.where(sides == 0, 1.0, 0.5) * weights
        count = len(diagram.edge_sites)
        return masses / self._share, sums_by(edge_owners, weights, count) / self._share

    def moments(self, diagram: DiagramArrays) -> CellMoments:
        """Moments of order 0, 1, 2 of every cell."""
        return self._moments.get(weakref.ref(diagram), lambda: self._moments_of(diagram))

    def _moments_of(self, diagram: DiagramArrays) -> CellMoments:
        cells, owners = self.parts(diagram)
        found = self._kernel.moments(cells)
        scaled = found._replace(
            masses=found.masses / self._share, second_moments=found.second_moments / self._share
        )
        return merged_moments(scaled, owners, len(diagram.positions))

    def edge_moments(self, diagram: DiagramArrays) -> EdgeMoments:
        """Weight, centroid and variance of every edge; none of those along the shape's border."""
        edges, owners, sides = self._edge_parts(diagram)
        found = self._kernel.edge_moments(edges)
        shares = np.where(sides == 0, 1.0, 0.5) / self._share
        found = found._replace(weights=shares * found.weights)
        count = len(diagram.edge_sites)
        merged = merged_edge_moments(found, owners, count)
        left, right = (sums_by(owners, (sides == k) * found.weights, count) for k in (1, -1))
        jumps = np.abs(left - right) > _JUMP * (left + right)
        return merged._replace(weights=np.where(jumps, np.nan, merged.weights))

    def _edge_parts(
        self, diagram: DiagramArrays
    ) -> tuple[PolygonCells, Integers, npt.NDArray[np.int8]]:
        """Parts of the edges, of which each is, and on which side is a piece that it is along."""
        ends, owners, sides = self._finder.edge_parts(diagram.edges, self._execution.threads)
        return PolygonCells.of_edges(diagram, ends, owners), owners, sides

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
