"""A rigorous bound on the error of the returned value, by duality.

The dual value G(w) is a lower bound of W2^2 at any weights w, and it is what is returned. With w*
optimal, concavity gives

    W2^2 - G(w) <= sum_i r_i (w*_i - w_i) <= |r|_1 / 2 * (max_i - min_i)(w*_i - w_i),

r the mass residual, which sums to zero. Every cell of the optimal diagram meets a box outside of
which lies less than the smallest of the sites' masses. So w*_j - w*_i is at least
|x - y_j|^2 - |x - y_i|^2 for some x in the box, and at most the greatest such difference for the
other sign. These are affine in x, so

    (max - min)(w* - w) <= max over corners x of (max_i - min_i)(|x - y_i|^2 - w_i).

Rounding is added as a multiple of the unit roundoff times the terms that were summed.
"""

from __future__ import annotations

import numpy as np

from sdot.validation import FloatArray

__all__ = ["error_bound"]

# Roundings per summed term, generously: moments of a cell, their shift to the site, the sums over
# pixels, rows and cells (pairwise in NumPy).
_ROUNDINGS = 64.0


def error_bound(
    positions: FloatArray,
    potentials: FloatArray,
    residual: FloatArray,
    primal_value: float,
    box: FloatArray,
) -> float:
    """Return an upper bound on |dual value - W2^2|.

    ``positions`` (n, 2), ``residual`` (n,) of masses, and the ``box`` that every
    optimal cell meets; O(n).
    """
    span = 0.0
    for corner in ((x, y) for x in box[:, 0] for y in box[:, 1]):
        heights = ((positions - corner) ** 2).sum(axis=1) - potentials
        span = max(span, float(heights.max() - heights.min()))
    imbalance = abs(float(residual.sum()))
    by_duality = 0.5 * (float(np.abs(residual).sum()) + imbalance) * span
    unit = float(np.finfo(float).eps)
    summed = abs(primal_value) + float(np.abs(residual * potentials).sum()) + imbalance * span
    return by_duality + _ROUNDINGS * unit * summed
