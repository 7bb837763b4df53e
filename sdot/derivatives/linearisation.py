# SPDX-License-Identifier: GPL-3.0-or-later
"""The linear operator that all second derivatives share, at a solved plan.

On the cell of site i the potential is ``phi = |x - y_i|**2 - w_i``. When sites and weights move, it
changes there by the affine function

    dphi_i(x) = -beta_i - 2 (x - b_i) . dy_i,        beta_i = dw_i + 2 (b_i - y_i) . dy_i,

written about the barycentre b_i, so that sites far from their cells lose no digits. The edge of
cells i and j moves where the changes differ, towards the cell whose potential grows more, so for
every function h

    d (integral over C_i of h rho)
        = sum_j a_ij E_ij[h (dphi_j - dphi_i)] + integral over C_i of h drho

with ``a_ij`` the Newton matrix's edge weight and ``E_ij`` the density's mean over the edge. On an
edge everything is affine along the line, so three numbers per edge say all: its weight, its
centroid, and its variance. With h = 1 this is the equation for beta,

    L beta = dm - delta - P dy,        delta_i = integral over C_i of drho,

L the Newton matrix, one solve per direction; h = x - b_i gives how first moments change. What P
does to sites is, transposed, twice what beta does to the first moments. (Mathematics page.)
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np
import scipy

from sdot.cached_property import cached_property
from sdot.derivatives.newton_matrix import NewtonMatrix
from sdot.diagrams import IndexArray
from sdot.distributions.density import Density, DensityDerivative, SolvedCells
from sdot.distributions.sum_of_diracs import SumOfDiracs
from sdot.errors import NotDifferentiableError
from sdot.solver.solution import Solution
from sdot.validation import FloatArray

__all__ = ["Linearisation", "refuse_second_order_of_a_part"]


class Linearisation:
    """What changes of sites, masses and density do to the cells of a solved plan.

    Everything is per *site of the problem*: coincident Diracs are one of them. Made once for a
    solution, it serves any number of directions, each of which costs one linear solve. It may be
    shared by threads.

    Parameters
    ----------
    diracs, density : SumOfDiracs and Density
        As they were solved, with concrete arrays.
    solution : Solution

    Raises
    ------
    NotDifferentiableError
        If a cell is empty.
    """

    def __init__(self, diracs: SumOfDiracs, density: Density, solution: Solution) -> None:
        self.diracs, self.density, self.solution = diracs, density, solution
        if solution.squared_radii is not None:
            refuse_second_order_of_a_part()
        if solution.heavy is not None:
            raise NotDifferentiableError(_WITHOUT_MASS)
        normalisation = solution.normalisation
        self.frame = normalisation.frame
        self.site_of = normalisation.site_of
        self.total_mass = float(solution.masses.sum())
        self._kernel = density.kernel(self.frame, solution.execution)
        moments = self._kernel.moments(solution.diagram)
        _check_cells(moments.masses[self.site_of])
        self._centres = moments.centroids  # in the frame
        self.count = len(moments.masses)
        self.cell_masses = self.total_mass * moments.masses
        self.masses = np.bincount(self.site_of, solution.masses, self.count)
        self.gaps = solution.gaps  # (n, 2), y - b
        self._find_edges()

    def _find_edges(self) -> None:
        """The edges with mass: their weights, and what moves of the sites do along each of them."""
        diagram, frame = self.solution.diagram, self.frame
        found = self._kernel.edge_moments(diagram)
        kept = slice(None) if found.weights.all() else found.weights != 0
        sites = diagram.edge_sites[kept]
        if np.isnan(found.weights[kept]).any():
            raise NotDifferentiableError(_ON_A_JUMP)
        factor = self.total_mass * self.solution.normalisation.site_scale
        self._weights = factor * found.weights[kept]
        self._sites = sites
        edges = sites, self._weights
        if diagram.is_periodic:
            edges = _simple(*edges, self.count)
        self.newton_matrix = NewtonMatrix(diagram.positions, *edges, self.solution.execution)
        left, right = (
            frame.scale
            * (diagram.edge_points(found.centroids, k)[kept] - self._centres.take(sites[:, k], 0))
            for k in range(2)
        )
        normals = diagram.edge_normals[kept]
        along = np.stack([-normals[:, 1], normals[:, 0]], axis=1)
        lengths = np.sqrt(found.spreads[kept] / np.einsum("ek,ek->e", along, along))
        along *= frame.scale * lengths[:, None]
        along *= 2
        self._tilts = _by_moves(sites, 2 * left, -2 * right, self.count)
        self._turns = _by_moves(sites, along, -along, self.count)

    @cached_property
    def density_derivative(self) -> DensityDerivative:
        """What changes of the density's arrays do to integrals over the cells."""
        solution = self.solution
        cells = SolvedCells(
            solution.diagram,
            self.frame,
            solution.cell_potential,
            self._centres,
            solution.execution,
        )
        return self.density.derivative(cells)

    def flows_of_moves(self, moves: FloatArray) -> FloatArray:
        """How much mass (e,) moves of the sites (n, 2) carry over each edge while beta stays.

        To the left cell from the right one.
        """
        return np.asarray(self._weights * (self._tilts @ moves.ravel()))

    def masses_of_flows(self, flows: FloatArray) -> FloatArray:
        """What every site (n,) gets; of `flows_of_moves` that is ``P dy``."""
        first, second = self._sites.T
        gained = np.bincount(first, flows, self.count)
        return np.asarray(gained - np.bincount(second, flows, self.count))

    def size_of_flows(self, flows: FloatArray) -> FloatArray:
        """The size (n,) of the terms that `masses_of_flows` adds up."""
        first, second = self._sites.T
        sizes = np.abs(flows)
        gained = np.bincount(first, sizes, self.count)
        return np.asarray(gained + np.bincount(second, sizes, self.count))

    def moments_of_moves(self, moves: FloatArray) -> FloatArray:
        """How first moments about the barycentres change (n, 2) then; symmetric in the moves."""
        turned = self._weights * (self._turns @ moves.ravel())
        shifted = self._tilts.T @ self.flows_of_moves(moves) + self._turns.T @ turned
        return np.asarray(0.5 * shifted).reshape(-1, 2)

    def moments_of_potentials(self, beta: FloatArray) -> FloatArray:
        """``P^T beta / 2``: how first moments change (n, 2) with beta while sites stay."""
        first, second = self._sites.T
        flows = self._weights * (beta[first] - beta[second])
        return np.asarray(0.5 * (self._tilts.T @ flows)).reshape(-1, 2)

    # Between the Diracs and the sites of the problem

    def site_sums(self, values: FloatArray) -> FloatArray:
        """Sums over the Diracs (n, ...) at each site."""
        if values.ndim == 1:
            return np.bincount(self.site_of, values, self.count).astype(np.float64)
        return np.stack([self.site_sums(column) for column in values.T], axis=1)

    def site_moves(self, tangent: FloatArray) -> FloatArray:
        """Moves of the sites (count, 2) from those of the Diracs (n, 2).

        Raises
        ------
        NotDifferentiableError
            If coincident Diracs move apart: their common cell is then cut in a way that depends on
            the direction.
        """
        moves = np.empty((self.count, 2))
        moves[self.site_of] = tangent
        apart = ((moves[self.site_of] != tangent) & np.isfinite(tangent)).any(axis=1)
        if apart.any():
            k = int(np.flatnonzero(apart)[0])
            raise NotDifferentiableError(
                f"positions: the plan is not differentiable where coincident sites move apart, as "
                f"site {k} at {self.solution.positions[k].tolist()} and one at the same place do; "
                "merge them into one site with the sum of their weights"
            )
        return moves

    @cached_property
    def shares(self) -> FloatArray:
        """The share (n,) of each Dirac in the mass of its site."""
        return np.asarray(self.solution.masses / self.masses[self.site_of])


def _check_cells(masses: FloatArray) -> None:
    empty = np.flatnonzero(~(masses > 0))
    if empty.size:
        raise NotDifferentiableError(
            f"the plan is not differentiable: the cell of site {empty[0]} has no mass"
        )


def _simple(edges: IndexArray, weights: FloatArray, count: int) -> tuple[IndexArray, FloatArray]:
    """One edge for all those on a torus between the same two sites, and none to itself."""
    first, second = edges.min(axis=1).astype(np.int64), edges.max(axis=1)
    apart = first != second
    pairs, which = np.unique((first * count + second)[apart], return_inverse=True)
    merged = np.stack([pairs // count, pairs % count], axis=1).astype(np.int32)
    return merged, np.bincount(which, weights[apart], len(pairs)).astype(np.float64)


def _by_moves(
    sites: IndexArray, by_left: FloatArray, by_right: FloatArray, count: int
) -> scipy.sparse.csr_array:
    """The matrix (e, 2 n) from moves of the sites to one number per edge."""
    columns = np.empty((len(sites), 2, 2), np.int32)
    np.multiply(sites, 2, out=columns[:, :, 0])
    np.add(columns[:, :, 0], 1, out=columns[:, :, 1])
    entries = np.concatenate([by_left, by_right], axis=1)
    starts = np.arange(0, 4 * len(sites) + 1, 4, dtype=np.int32)
    return scipy.sparse.csr_array(
        (entries.ravel(), columns.ravel(), starts), shape=(len(sites), 2 * count)
    )


def refuse_second_order_of_a_part() -> NoReturn:
    """Raise an error: partial transport has first derivatives only."""
    raise NotDifferentiableError(
        "partial transport has first derivatives of the distance only, not second ones or those of "
        "plans; take differences of gradients for these"
    )


_WITHOUT_MASS = (
    "expected sites that all have mass, not some of weight zero, where the distance has first "
    "derivatives only; leave them out for second derivatives and those of plans"
)
_ON_A_JUMP = (
    "the distance is not twice differentiable: an edge between two cells lies on a line where the "
    "density jumps; move the sites a little, or use a continuous density"
)
