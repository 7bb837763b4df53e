# SPDX-License-Identifier: GPL-3.0-or-later
"""Densities that are affine on each of several convex pieces."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sdot.array_types import Array_co
from sdot.cached_property import cached_property
from sdot.cgal_wrap.pieces.piece_integrals import PiecesKernel
from sdot.diagrams import CellsNearDiscs, DiagramArrays
from sdot.distributions.computed import computed
from sdot.distributions.convex_hull import convex_hull
from sdot.distributions.density import (
    CellMoments,
    CellPotential,
    Density,
    EdgeMoments,
    Frame,
    Rounding,
    SolvedCells,
)
from sdot.distributions.density_derivatives import CellMatrix
from sdot.distributions.disc_kernel import DiscBorders, DiscMasses
from sdot.distributions.sampling import sample_affine_triangles
from sdot.execution import SERIAL, Execution
from sdot.validation import FloatArray, box_corners, freeze

__all__ = ["Pieces", "PiecesDensityKernel", "PiecewiseAffineDensity"]

# Roundings in the moments of a part of a piece: the corners that cutting gave, densities at them,
# triangles of a fan, and the step to the centroid.
_PART = 48.0
# Parts that are merged before they are merged with the rest, as in piece_search.hpp.
_BLOCK = 256


class Pieces(NamedTuple):
    """Convex polygons, and an affine density on each of them.

    Attributes
    ----------
    points : corners of all pieces (p, 2), counter-clockwise.
    offsets : those of piece k are ``points[offsets[k]:offsets[k + 1]]`` (pieces + 1,).
    heights : the density at the first corner of each piece (pieces,).
    slopes : its gradient (pieces, 2).
    """

    points: FloatArray
    offsets: npt.NDArray[np.int64]
    heights: FloatArray
    slopes: FloatArray

    @property
    def box(self) -> FloatArray:
        """``[[x_min, y_min], [x_max, y_max]]``."""
        return np.array([self.points.min(axis=0), self.points.max(axis=0)])

    @property
    def has_mass(self) -> npt.NDArray[np.bool_]:
        """Whether the density is not zero on a piece (pieces,)."""
        return np.asarray((self.heights != 0) | (self.slopes != 0).any(axis=1))

    def only(self, wanted: npt.NDArray[np.bool_]) -> Pieces:
        """Some of the pieces."""
        if wanted.all():
            return self
        sizes = np.diff(self.offsets)
        offsets = np.concatenate([[0], np.cumsum(sizes[wanted])])
        points = self.points[np.repeat(wanted, sizes)]
        return Pieces(points, offsets, self.heights[wanted], self.slopes[wanted])

    def triangles(self) -> tuple[FloatArray, FloatArray]:
        """Triangles (t, 3, 2) that make up the pieces, and the density at their corners (t, 3)."""
        sizes = np.diff(self.offsets)
        piece = np.repeat(np.arange(len(sizes)), sizes - 2)
        first = self.offsets[piece]
        second = (
            first
            + 1
            + np.arange(len(piece))
            - np.repeat(np.cumsum(sizes - 2) - sizes + 2, sizes - 2)
        )
        corners = self.points[np.stack([first, second, second + 1], axis=1)]
        gaps = corners - corners[:, :1]
        return corners, self.heights[piece, None] + np.einsum(
            "tck,tk->tc", gaps, self.slopes[piece]
        )

    def in_frame(self, frame: Frame, factor: float) -> Pieces:
        """The pieces in the coordinates of a frame, with a density that is `factor` as high."""
        return Pieces(
            frame.apply(self.points),
            self.offsets,
            self.heights * factor,
            self.slopes * (factor * frame.scale),
        )


class PiecewiseAffineDensity(Density[Array_co]):
    """What densities on convex pieces have in common."""

    @property
    @abstractmethod
    def pieces(self) -> Pieces:
        """The pieces, with the density scaled to its total mass."""

    @computed
    def domain(self) -> FloatArray:
        """The corners (k, 2) of the convex hull, counter-clockwise."""
        return freeze(convex_hull(self.pieces.points))

    def essential_box(self, tail: float) -> FloatArray:
        """Return the box around the pieces with mass."""
        return self._support.box

    @computed
    def _support(self) -> Pieces:
        return self.pieces.only(self.pieces.has_mass)

    @computed
    def _compiled(self) -> PiecesKernel:
        return _compiled(self._support)

    def values_at(self, points: FloatArray, execution: Execution) -> FloatArray:
        """Return the density at points: on a border the piece to the right or above counts."""
        values: FloatArray = self._compiled.densities(points.reshape(-1, 2), execution.threads)
        return values.reshape(points.shape[:-1])

    def draw(self, count: int, rng: np.random.Generator) -> FloatArray:
        """Return independent random points (count, 2), by triangles of the pieces."""
        return sample_affine_triangles(*self._support.triangles(), count, rng)

    def kernel_in(self, frame: Frame, execution: Execution) -> PiecesDensityKernel:
        """Return the integrals of the density in a frame, scaled to mass one."""
        factor = float(np.prod(frame.scale)) / self.total_mass
        return PiecesDensityKernel(self._support.in_frame(frame, factor), execution)

    def pull_back(
        self,
        diagram: DiagramArrays,
        frame: Frame,
        potential: CellPotential,
        execution: Execution = SERIAL,
    ) -> tuple[FloatArray, ...]:
        """Return nothing: there is no array to differentiate with respect to."""
        return ()


class PiecesDensityKernel:
    """Integrals of a density on convex pieces over power cells (see `DensityKernel`)."""

    def __init__(self, pieces: Pieces, execution: Execution = SERIAL) -> None:
        self.pieces = pieces
        self._execution = execution
        self.box = pieces.box
        self._kernel = _compiled(pieces)

    def masses_and_edge_weights(self, diagram: DiagramArrays) -> tuple[FloatArray, FloatArray]:
        """Cell masses, and edge integrals over twice the sites' distance."""
        masses = self._kernel.masses(*self._cells(diagram), self._execution.threads)
        return masses, self._kernel.edge_weights(diagram.edges, self._execution.threads)

    def moments(self, diagram: DiagramArrays) -> CellMoments:
        """Moments of order 0, 1, 2 of every cell."""
        return CellMoments(*self._kernel.moments(*self._cells(diagram), self._execution.threads))

    def disc_masses(self, diagram: DiagramArrays, squared_radii: FloatArray) -> DiscMasses:
        """Masses of the cells within their discs, with the weights of edges and arcs."""
        cells = self._cells_near_discs(diagram, squared_radii)
        return DiscMasses(*self._kernel.disc_masses(diagram.edges, *cells, self._execution.threads))

    def disc_moments(self, diagram: DiagramArrays, squared_radii: FloatArray) -> CellMoments:
        """Moments of order 0, 1, 2 of every cell within its disc."""
        cells = self._cells_near_discs(diagram, squared_radii)
        return CellMoments(*self._kernel.disc_moments(*cells, self._execution.threads))

    def disc_borders(self, diagram: DiagramArrays, squared_radii: FloatArray) -> DiscBorders:
        """Moments along edges and arcs of cells within their discs."""
        cells = self._cells_near_discs(diagram, squared_radii)
        threads = self._execution.threads
        edges = self._kernel.disc_edge_moments(diagram.edges, cells.discs, threads)
        arcs = self._kernel.arc_moments(*cells, threads)
        return DiscBorders(EdgeMoments(*edges), CellMoments(*arcs))

    def edge_moments(self, diagram: DiagramArrays) -> EdgeMoments:
        """Weight, centroid and variance of every edge."""
        return EdgeMoments(*self._kernel.edge_moments(diagram.edges, self._execution.threads))

    def cell_matrix(self, cells: SolvedCells) -> CellMatrix:
        """What 1 and x - first corner on every piece add to masses and first moments."""
        cells_of, columns, blocks = self._kernel.cell_blocks(
            *self._cells(cells.diagram), cells.centres, self._execution.threads
        )
        shape = (len(cells.centres), len(self.pieces.heights))
        return CellMatrix(cells_of, columns, blocks, shape)

    @cached_property
    def rounding(self) -> Rounding:
        """Roundings in the moments of a cell: parts are merged in blocks, and blocks in turn.

        Of the roundings of a mean of k parts of like mass half remain.
        """
        count = len(self.pieces.heights)
        merges = (min(count, _BLOCK) + count / _BLOCK) / 2
        return Rounding(merges + _PART, np.zeros(2))

    def coarsened(self, box: FloatArray, count: int) -> FloatArray:
        """Masses of the boxes of a uniform grid; exact."""
        x, y = (np.linspace(box[0, k], box[1, k], count + 1) for k in range(2))
        corners = np.empty((count, count, 4, 2))
        for k, (right, upper) in enumerate([(0, 0), (1, 0), (1, 1), (0, 1)]):
            corners[:, :, k, 0] = x[right : right + count, None]
            corners[:, :, k, 1] = y[upper : upper + count]
        offsets = 4 * np.arange(count**2 + 1, dtype=np.int64)
        masses: FloatArray = self._kernel.masses(
            corners.reshape(-1, 2), offsets, self._execution.threads
        )
        return masses.reshape(count, count)

    def potential_integrals(self, diagram: DiagramArrays, potential: CellPotential) -> FloatArray:
        """Integrals over each piece (pieces, 3) of a potential, times 1 and x - first corner."""
        return self._kernel.potential_integrals(  # type: ignore[no-any-return]
            *self._cells(diagram), potential.parts, self._execution.threads
        )

    def potential_integrals_in_discs(
        self, diagram: DiagramArrays, squared_radii: FloatArray, potential: CellPotential
    ) -> FloatArray:
        """The same for a potential that is zero outside discs around the sites."""
        cells = self._cells_near_discs(diagram, squared_radii)
        return self._kernel.disc_potential_integrals(  # type: ignore[no-any-return]
            *cells, potential.parts, self._execution.threads
        )

    def _cells_near_discs(
        self, diagram: DiagramArrays, squared_radii: FloatArray
    ) -> CellsNearDiscs:
        return diagram.polygons_near_discs(box_corners(self.box), squared_radii, self._execution)

    def _cells(self, diagram: DiagramArrays) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        return diagram.polygons(box_corners(self.box), self._execution)


def _compiled(pieces: Pieces) -> PiecesKernel:
    affine = np.column_stack([pieces.heights, pieces.slopes])
    return PiecesKernel(pieces.points, pieces.offsets, affine)
