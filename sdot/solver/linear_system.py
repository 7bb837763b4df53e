# SPDX-License-Identifier: GPL-3.0-or-later
"""The Newton system: a weighted graph Laplacian, singular on constants."""

from __future__ import annotations

from sdot.cgal_wrap.laplacian.graph_laplacian import GraphLaplacian
from sdot.diagrams import IndexArray
from sdot.execution import SERIAL, Execution
from sdot.validation import FloatArray

__all__ = ["solve_laplacian"]

_MAX_ITERATIONS = 300


def solve_laplacian(
    edges: IndexArray,
    edge_weights: FloatArray,
    right_side: FloatArray,
    tolerance: float,
    execution: Execution = SERIAL,
) -> FloatArray:
    """Return x of mean zero with ``L x = right_side`` to a relative residual ``tolerance``.

    ``L_ij = -edge_weights`` of edge ij, and its rows sum to zero. If the graph falls into parts,
    the mean of x is zero on each, and the part of ``right_side`` that moves mass between them is
    left out.
    """
    system = GraphLaplacian(len(right_side), edges, edge_weights, execution.threads)
    solution, _, _ = system.solve(right_side, tolerance, _MAX_ITERATIONS)
    return solution  # type: ignore[no-any-return]
