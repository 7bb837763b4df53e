# SPDX-License-Identifier: GPL-3.0-or-later
"""Integrals of piecewise polynomial densities over power cells."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator

import numpy as np

from sdot.cached_property import cached_property
from sdot.cgal_wrap.grid import grid_integrals as compiled
from sdot.diagrams import DiagramArrays
from sdot.distributions.density import (
    CellMoments,
    CellPotential,
    EdgeMoments,
    Rounding,
    SolvedCells,
)
from sdot.distributions.density_derivatives import CellMatrix
from sdot.distributions.disc_kernel import DiscBorders, DiscMasses
from sdot.distributions.grid_arguments import is_large, row_blocks
from sdot.execution import SERIAL, Execution
from sdot.memo import Latest
from sdot.validation import FloatArray, box_corners, freeze

__all__ = [
    "GridDensityKernel",
    "cell_matrix",
    "grid_mass",
    "monomial_integrals",
    "potential_integrals",
    "potential_integrals_in_discs",
]

# Roundings in the moments of a piece: its corners, the triangles of a fan, and the step to the
# centroid, which takes away up to nine tenths of the moments about a corner.
_PIECE = 32.0


class GridDensityKernel:
    """Integrals of a polynomial grid over power cells (see `DensityKernel`).

    Coefficients are the kernel's from then on, and read-only.
    """

    def __init__(
        self,
        x_lines: FloatArray,
        y_lines: FloatArray,
        coefficients: FloatArray,
        uniform: bool,
        execution: Execution = SERIAL,
    ) -> None:
        self.x_lines, self.y_lines = x_lines, y_lines
        self._coefficients = freeze(np.ascontiguousarray(coefficients))
        self._kernel = compiled.GridKernel(x_lines, y_lines, self._coefficients, uniform, uniform)
        self._execution = execution
        # The derivatives ask for those of the solution's diagram once more.
        self._moments: Latest[CellMoments] = Latest()
        self._disc_moments: Latest[CellMoments] = Latest()

    @cached_property
    def box(self) -> FloatArray:
        """``[[x_min, y_min], [x_max, y_max]]``."""
        x, y = self.x_lines, self.y_lines
        return freeze(np.array([[x[0], y[0]], [x[-1], y[-1]]]))

    def masses_and_edge_weights(self, diagram: DiagramArrays) -> tuple[FloatArray, FloatArray]:
        """Cell masses, and edge integrals over twice the sites' distance."""
        return self._kernel.masses_and_edge_weights(  # type: ignore[no-any-return]
            diagram.edges, diagram.is_hidden, self._execution.threads
        )

    def moments(self, diagram: DiagramArrays) -> CellMoments:
        """Moments of order 0, 1, 2 of every cell."""
        return self._moments.get(weakref.ref(diagram), lambda: self._moments_of(diagram))

    def _moments_of(self, diagram: DiagramArrays) -> CellMoments:
        polygons = diagram.polygons(box_corners(self.box), self._execution)
        moments = CellMoments(*self._kernel.cell_moments(*polygons, self._execution.threads))
        for array in moments:
            freeze(array)
        return moments

    def disc_masses(self, diagram: DiagramArrays, squared_radii: FloatArray) -> DiscMasses:
        """Masses of the cells within their discs, with the weights of edges and arcs."""
        cells = diagram.polygons_near_discs(box_corners(self.box), squared_radii, self._execution)
        masses = self._kernel.disc_masses(
            diagram.edges, diagram.is_hidden, *cells, self._execution.threads
        )
        return DiscMasses(*masses)

    def disc_moments(self, diagram: DiagramArrays, squared_radii: FloatArray) -> CellMoments:
        """Moments of order 0, 1, 2 of every cell within its disc."""
        key = (weakref.ref(diagram), squared_radii.tobytes())
        return self._disc_moments.get(key, lambda: self._disc_moments_of(diagram, squared_radii))

    def _disc_moments_of(self, diagram: DiagramArrays, squared_radii: FloatArray) -> CellMoments:
        cells = diagram.polygons_near_discs(box_corners(self.box), squared_radii, self._execution)
        moments = CellMoments(*self._kernel.disc_moments(*cells, self._execution.threads))
        for array in moments:
            freeze(array)
        return moments

    def disc_borders(self, diagram: DiagramArrays, squared_radii: FloatArray) -> DiscBorders:
        """Moments along edges and arcs of cells within their discs."""
        cells = diagram.polygons_near_discs(box_corners(self.box), squared_radii, self._execution)
        threads = self._execution.threads
        edges = self._kernel.disc_edge_moments(diagram.edges, cells.discs, threads)
        arcs = self._kernel.arc_moments(*cells, threads)
        return DiscBorders(EdgeMoments(*edges), CellMoments(*arcs))

    def edge_moments(self, diagram: DiagramArrays) -> EdgeMoments:
        """Weight, centroid and variance of every edge."""
        return EdgeMoments(*self._kernel.edge_moments(diagram.edges, self._execution.threads))

    @cached_property
    def rounding(self) -> Rounding:
        """Roundings in the moments of a cell.

        Pieces are merged along the rows of a cell and then row by row; of the roundings of a mean
        of k parts of like mass half remain, since the next part takes its share away. On a piece
        there are sums over the nodes of a rule, with positive weights, in which a polynomial's
        terms may cancel.
        """
        terms = self._coefficients.shape[2]
        merges = (len(self.x_lines) + len(self.y_lines)) / 2
        nodes = (terms + 1) ** 2 if terms > 1 else 0
        cancelled = 1.0
        if terms > 1:
            lines = self.x_lines, self.y_lines
            size = grid_mass(np.abs(self._coefficients), *lines)
            cancelled = size / grid_mass(self._coefficients, *lines)
        return Rounding(merges + nodes + (_PIECE + 2 * terms) * cancelled, np.zeros(2))

    def coarsened(self, box: FloatArray, count: int) -> FloatArray:
        """Masses of the boxes of a uniform grid, each pixel taken as constant."""
        along_x = _overlaps(self.x_lines, box[:, 0], count)
        along_y = _overlaps(self.y_lines, box[:, 1], count)
        parts = (along_x[:, rows] @ masses for rows, masses in self._masses_in_blocks())
        result: FloatArray = sum(parts, np.zeros((count, along_y.shape[1]))) @ along_y.T
        return result

    def _masses_in_blocks(self) -> Iterable[tuple[slice, FloatArray]]:
        """Rows and the masses of their pixels; those of a large grid are not kept."""
        if is_large(self._coefficients):
            return mass_blocks(self._coefficients, self.x_lines, self.y_lines)
        return self._kept_masses

    @cached_property
    def _kept_masses(self) -> list[tuple[slice, FloatArray]]:
        return list(mass_blocks(self._coefficients, self.x_lines, self.y_lines))


def potential_integrals(
    diagram: DiagramArrays,
    potential: CellPotential,
    lines: tuple[FloatArray, FloatArray],
    uniform: bool,
    terms: int,
    *,
    execution: Execution,
) -> FloatArray:
    """Integrals (nx, ny, terms, terms) of a potential against every monomial of every pixel.

    Lines and integrals are in the coordinates of the diagram.
    """
    x, y = lines
    corners = box_corners(np.array([[x[0], y[0]], [x[-1], y[-1]]]))
    points, offsets = diagram.polygons(corners, execution)
    return compiled.pull_back(  # type: ignore[no-any-return]
        x,
        y,
        uniform,
        terms,
        points,
        offsets,
        potential.on_pieces(diagram).parts,
        execution.threads,
    )


def potential_integrals_in_discs(
    diagram: DiagramArrays,
    squared_radii: FloatArray,
    potential: CellPotential,
    lines: tuple[FloatArray, FloatArray],
    *,
    uniform: bool,
    terms: int,
    execution: Execution,
) -> FloatArray:
    """Those of `potential_integrals` for a potential that is zero outside discs."""
    x, y = lines
    corners = box_corners(np.array([[x[0], y[0]], [x[-1], y[-1]]]))
    cells = diagram.polygons_near_discs(corners, squared_radii, execution)
    return compiled.disc_pull_back(  # type: ignore[no-any-return]
        x, y, uniform, terms, *cells, potential.parts, execution.threads
    )


def monomial_integrals(x_lines: FloatArray, y_lines: FloatArray, terms: int) -> FloatArray:
    """Integrals (nx, ny, terms, terms) of every monomial over every pixel."""
    along = 1.0 / np.arange(1, terms + 1)
    areas = np.diff(x_lines)[:, None] * np.diff(y_lines)
    return np.asarray(areas[:, :, None, None] * (along[:, None] * along))


def cell_matrix(
    cells: SolvedCells, lines: tuple[FloatArray, FloatArray], uniform: bool, terms: int
) -> CellMatrix:
    """What every monomial of every pixel adds to the cells' masses and first moments.

    Lines are in the coordinates of the cells' frame.
    """
    x, y = lines
    corners = box_corners(np.array([[x[0], y[0]], [x[-1], y[-1]]]))
    diagram = cells.diagram
    polygons, centres = diagram.polygons(corners, cells.execution), cells.centres
    pieces, columns, blocks = compiled.cell_blocks(
        x, y, uniform, terms, *polygons, diagram.places_of_pieces(centres), cells.execution.threads
    )
    cells_of = diagram.sites_of_pieces(pieces)
    shape = (len(cells.centres), (len(x) - 1) * (len(y) - 1))
    return CellMatrix(cells_of, columns, blocks, shape)


def mass_blocks(
    coefficients: FloatArray, x_lines: FloatArray, y_lines: FloatArray
) -> Iterator[tuple[slice, FloatArray]]:
    """Return rows of pixels and their masses (rows, ny), all in one block if they are not many."""
    integrals = 1.0 / np.arange(1, coefficients.shape[2] + 1)
    widths, heights = np.diff(x_lines), np.diff(y_lines)
    for rows in row_blocks(coefficients.shape):
        means = np.einsum("xypq,p,q->xy", coefficients[rows], integrals, integrals)
        means *= widths[rows, None]
        means *= heights
        yield rows, means


def grid_mass(coefficients: FloatArray, x_lines: FloatArray, y_lines: FloatArray) -> float:
    """Return the mass of all pixels."""
    return float(sum(masses.sum() for _, masses in mass_blocks(coefficients, x_lines, y_lines)))


def _overlaps(lines: FloatArray, interval: FloatArray, count: int) -> FloatArray:
    """Return the share (count, pixels) of each pixel that lies in each of equal bins."""
    bins = np.linspace(interval[0], interval[1], count + 1)
    low = np.maximum(bins[:-1, None], lines[None, :-1])
    high = np.minimum(bins[1:, None], lines[None, 1:])
    return np.asarray(np.maximum(high - low, 0.0) / np.diff(lines))
