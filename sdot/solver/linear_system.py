"""The Newton system: a weighted graph Laplacian, singular on constants."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu

from sdot.power_diagram import IndexArray
from sdot.validation import FloatArray

__all__ = ["laplacian", "solve_laplacian"]


def laplacian(count: int, edges: IndexArray, edge_weights: FloatArray) -> sparse.csc_array:
    """Return ``L`` with ``L_ij = -a_ij`` and rows that sum to zero."""
    i, j = edges[:, 0], edges[:, 1]
    diagonal = np.bincount(i, edge_weights, count) + np.bincount(j, edge_weights, count)
    rows = np.concatenate([i, j, np.arange(count)])
    columns = np.concatenate([j, i, np.arange(count)])
    values = np.concatenate([-edge_weights, -edge_weights, diagonal])
    return sparse.csc_array((values, (rows, columns)), shape=(count, count))


def solve_laplacian(
    edges: IndexArray, edge_weights: FloatArray, right_side: FloatArray
) -> FloatArray:
    """Solve ``L x = right_side`` with mean-free x."""
    count = len(right_side)
    matrix = laplacian(count, edges, edge_weights)
    solution = np.zeros(count)
    if count > 1:
        solution[1:] = splu(matrix[1:, 1:], permc_spec="MMD_AT_PLUS_A").solve(right_side[1:])
    return solution - solution.mean()
