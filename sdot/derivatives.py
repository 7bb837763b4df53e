"""Derivatives of the transport cost: the mathematics, once, in NumPy.

By the envelope theorem the derivative of W2^2 is that of the dual at fixed optimal weights
(derived on the mathematics page of the documentation):

    d W2^2 / d y_i = 2 m_i (y_i - b_i),    d W2^2 / d m_i = w_i + constant,

with b_i the barycentre of cell i and w_i its potential.
"""

from __future__ import annotations

import numpy as np

from sdot.solver.solve import Solution
from sdot.validation import FloatArray

__all__ = ["position_gradient", "weight_gradient"]


def position_gradient(solution: Solution) -> FloatArray:
    """Return dW2^2/dy (n, 2)."""
    gap = solution.positions - solution.barycenters
    return np.asarray(2.0 * solution.masses[:, None] * gap)


def weight_gradient(solution: Solution, weights: FloatArray) -> FloatArray:
    """Return dW2^2/du (n,) for weights u of which the masses are ``M u / sum(u)``.

    The normalisation takes the mean out of the potentials, and with it their free constant.
    """
    total = solution.masses.sum()
    mean = (solution.masses * solution.potentials).sum() / total
    return np.asarray((solution.potentials - mean) * total / weights.sum())
