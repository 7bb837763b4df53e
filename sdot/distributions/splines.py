# SPDX-License-Identifier: GPL-3.0-or-later
"""Tensor-product splines through values at nodes 0, 1, 2, ..., linear in the values."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import numpy as np
import scipy

from sdot.validation import FloatArray

__all__ = ["slope_operator", "spline", "spline_transposed"]

# Of a cubic spline's slopes, what comes from nodes so far away that it is lost in rounding:
# the influence falls by a factor of 3.7 with every node.
_NEGLIGIBLE = 1e-18


def spline(values: FloatArray, continuity: int) -> FloatArray:
    """Return the coefficients (nx - 1, ny - 1, k + 1, k + 1); linear in the values (nx, ny)."""
    along_x, along_y = (_operator(nodes, continuity) for nodes in values.shape)
    table = (along_y @ (along_x @ values).T).T
    nx, ny = values.shape
    terms = len(table) // (nx - 1)
    blocks = table.reshape(nx - 1, terms, ny - 1, terms)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3))


def spline_transposed(coefficients: FloatArray, continuity: int) -> FloatArray:
    """Return the transpose of `spline`, applied to something of the shape of its result."""
    nx, ny, terms, _ = coefficients.shape
    along_x, along_y = _operator(nx + 1, continuity), _operator(ny + 1, continuity)
    table = coefficients.transpose(0, 2, 1, 3).reshape(nx * terms, ny * terms)
    return np.ascontiguousarray((along_y.T @ (along_x.T @ table).T).T)


@lru_cache(maxsize=16)
def slope_operator(nodes: int, continuity: int) -> Any:
    """Return the sparse matrix (nodes, nodes) from values to slopes, for continuity 1 or 2."""
    return scipy.sparse.csr_array(_slopes(nodes, continuity))


@lru_cache(maxsize=16)
def _operator(nodes: int, continuity: int) -> Any:
    """Return the sparse matrix (pixels * terms, nodes) from values to coefficients in [0, 1].

    A cubic on a pixel follows from the values and the slopes at its two ends (Hermite); for
    continuity 1 the slopes are finite differences, for 2 those of the cubic spline.
    """
    identity = np.eye(nodes)
    here, there = identity[:-1], identity[1:]
    if continuity == 0:
        coefficients = [here, there - here]
    else:
        slopes = _slopes(nodes, continuity)
        rise, start, end = there - here, slopes[:-1], slopes[1:]
        coefficients = [here, start, 3 * rise - 2 * start - end, start + end - 2 * rise]
    matrix = np.stack(coefficients, axis=1).reshape(-1, nodes)
    return scipy.sparse.csr_array(matrix)


def _slopes(nodes: int, continuity: int) -> FloatArray:
    """Return the matrix (nodes, nodes) from values at 0, 1, 2, ... to slopes there."""
    identity = np.eye(nodes)
    if continuity == 1:
        order: Literal[1, 2] = 2 if nodes > 2 else 1
        return np.asarray(np.gradient(identity, axis=0, edge_order=order))
    places = np.arange(nodes)
    cubic = scipy.interpolate.CubicSpline(places, identity, bc_type="not-a-knot")
    slopes: FloatArray = cubic(places, 1)
    slopes[np.abs(slopes) < _NEGLIGIBLE] = 0.0
    return slopes
