# SPDX-License-Identifier: GPL-3.0-or-later
"""The Newton matrix of a solved plan, ready for many solves in full precision.

It is the Laplacian of a planar graph, whose factor has some thirty to fifty entries per site: made
once, in the time of two or three steps of Newton's method, it solves a system in less time than a
power diagram takes. Where it would take too much, conjugate gradients solve each system anew.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from sdot.cached_property import cached_property
from sdot.cgal_wrap.factor.laplacian_factor import LaplacianFactor
from sdot.cgal_wrap.laplacian.graph_laplacian import GraphLaplacian
from sdot.errors import NotDifferentiableError
from sdot.execution import Execution
from sdot.validation import FloatArray

__all__ = ["NewtonMatrix"]

IndexArray = npt.NDArray[np.integer[Any]]

# Sites, and multiplications for the factor. Sites on two lines across from each other would take
# more than that, for all of one line is next to all of the other.
_MOST_FACTORED = 400_000
_MOST_PRODUCTS = 4e9
# One solution by conjugate gradients need not be better: what is left is solved for once more.
_ACCURACY = 1e-8
_MAX_ITERATIONS = 300
# After so many corrections what is left is rounding.
_CORRECTIONS = 3
_ROUNDING = 1e-14
# A right side has so much, as a share of its terms, that no edge can carry.
_UNBALANCED = 1e-7


class NewtonMatrix:
    """A weighted graph Laplacian (n, n); any number of threads may share it.

    Parameters
    ----------
    positions : array, (n, 2)
        Of the sites; edges between them do not cross.
    edges : array of int32, (e, 2)
    weights : array, (e,)
        Positive.
    execution : Execution
    """

    def __init__(
        self, positions: FloatArray, edges: IndexArray, weights: FloatArray, execution: Execution
    ) -> None:
        self.count, self._execution = len(positions), execution
        self._positions = np.ascontiguousarray(positions)
        self._edges, self._weights = np.ascontiguousarray(edges), np.ascontiguousarray(weights)
        self._lock = threading.Lock()

    def multiply(self, values: FloatArray) -> FloatArray:
        """The product with values (n,)."""
        factor = self._made_factor()
        if factor is not None:
            return factor.multiply(values)  # type: ignore[no-any-return]
        first, second = self._edges.T
        flows = self._weights * (values[first] - values[second])
        gained = np.bincount(first, flows, self.count)
        return np.asarray(gained - np.bincount(second, flows, self.count))

    def solve(self, right_side: FloatArray, terms: FloatArray) -> FloatArray:
        """Return x (n,), of mean zero on every connected part, with ``L x = right_side``.

        Parameters
        ----------
        right_side : array, (n,)
            Of sum zero over every connected part, up to rounding.
        terms : array, (n,)
            The sizes of what was added up to the right side, for what its rounding is.

        Raises
        ------
        NotDifferentiableError
            If the right side is not of sum zero over some part.
        """
        residual = self._balanced(right_side, terms)
        size = float(np.abs(terms).max())
        if not np.isfinite(size):
            return np.full(self.count, np.nan)
        balanced, solution = residual, np.zeros(self.count)
        for _ in range(1 + _CORRECTIONS):
            if not float(np.abs(residual).max()) > _ROUNDING * size:
                break
            trial = solution + self._solve_once(residual)
            following = balanced - self.multiply(trial)
            if not np.abs(following).max() < np.abs(residual).max():
                break
            solution, residual = trial, following
        return solution - self._means(solution)

    def _balanced(self, right_side: FloatArray, terms: FloatArray) -> FloatArray:
        """The right side less its mean over every part, which is to be rounding."""
        parts, part_of, _ = self._parts
        surplus = np.abs(np.bincount(part_of, right_side, parts))
        if (surplus > _UNBALANCED * np.bincount(part_of, np.abs(terms), parts)).any():
            raise NotDifferentiableError(
                "the plan is not differentiable in this direction: mass would have to move between "
                "groups of cells that no edge with mass joins; add a floor to the density, for "
                "instance 0.99 * density + 0.01 * Box(...)"
            )
        return right_side - self._means(right_side)

    def _means(self, values: FloatArray) -> FloatArray:
        """Means over the connected parts, at their nodes (n,)."""
        parts, part_of, sizes = self._parts
        return np.asarray((np.bincount(part_of, values, parts) / sizes)[part_of])

    @cached_property
    def _parts(self) -> tuple[int, IndexArray, IndexArray]:
        """The number of connected parts, which one each node is in, and their sizes."""
        factor = self._made_factor()
        if factor is not None:
            part_of = factor.parts
        else:
            graph = scipy.sparse.coo_array(
                (self._weights, self._edges.T), shape=(self.count, self.count)
            )
            _, part_of = scipy.sparse.csgraph.connected_components(graph, directed=False)
        sizes = np.bincount(part_of)
        return len(sizes), part_of, sizes

    def _solve_once(self, right_side: FloatArray) -> FloatArray:
        factor = self._made_factor()
        if factor is not None:
            return factor.solve(right_side)  # type: ignore[no-any-return]
        with self._lock:
            solution, _, _ = self._multigrid.solve(right_side, _ACCURACY, _MAX_ITERATIONS)
            return solution  # type: ignore[no-any-return]

    @cached_property
    def _multigrid(self) -> GraphLaplacian:
        return GraphLaplacian(self.count, self._edges, self._weights, self._execution.threads)

    def _made_factor(self) -> LaplacianFactor | None:
        with self._lock:  # once, however many threads want it
            return self._factor

    @cached_property
    def _factor(self) -> LaplacianFactor | None:
        """None if it would take too much."""
        if self.count > _MOST_FACTORED:
            return None
        threads = self._execution.threads
        factor = LaplacianFactor(self._positions, self._edges, self._weights, threads)
        if factor.products > _MOST_PRODUCTS:
            return None
        factor.eliminate()
        return factor
