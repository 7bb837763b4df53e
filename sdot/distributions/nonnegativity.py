# SPDX-License-Identifier: GPL-3.0-or-later
"""Where is a piecewise polynomial negative?

Decided by Bernstein coefficients of squares that are halved until these and the values at the
corners agree, and along curves of double roots, where that takes very many squares, by the bounds
of `valleys`. Squares are looked at depth first, so that few are in memory.
"""

from __future__ import annotations

import numpy as np

from sdot.distributions.bernstein import change_basis, halves, monomial_to_bernstein
from sdot.distributions.valleys import valley_bounds
from sdot.validation import FloatArray

__all__ = ["ROUNDING", "find_negative_pixel"]

# Negative values below this share of the largest coefficient are rounding.
ROUNDING = 1e-12
# Bernstein coefficients may fall by this much more below it than values, so that squares on which
# a polynomial is all but equal to the threshold are not halved for ever.
_SLACK = 1.01
# Coefficients and values differ by at most 4**-_HALVINGS times the second derivatives.
_HALVINGS = 26
_BATCH = 512  # squares at a time


def find_negative_pixel(coefficients: FloatArray) -> tuple[int, int] | None:
    """Return a pixel where the polynomial is negative beyond rounding, or None.

    ``coefficients`` (nx, ny, k + 1, k + 1) are monomial. Time is a multiple of their number but for
    polynomials with curves of roots of order four or more; memory is bounded.
    """
    terms = coefficients.shape[2]
    greatest = max(float(coefficients.max(initial=0.0)), -float(coefficients.min(initial=0.0)))
    threshold = -ROUNDING * greatest
    if terms == 1:  # without copies of what may be a large picture
        negative = np.flatnonzero(coefficients < threshold)
        return divmod(int(negative[0]), coefficients.shape[1]) if negative.size else None
    patches = change_basis(coefficients, monomial_to_bernstein(terms)).reshape(-1, terms**2)
    pixels = np.flatnonzero(patches.min(axis=1) < threshold)
    pixel = _first_negative(patches[pixels], pixels, terms, threshold)
    return None if pixel is None else divmod(pixel, coefficients.shape[1])


def _first_negative(
    patches: FloatArray, pixels: np.ndarray, terms: int, threshold: float
) -> int | None:
    """Return the pixel of a patch (m, terms**2) that falls below the threshold, or None."""
    left, right = halves(terms)
    quarters = [np.kron(x, y).T for x in (left, right) for y in (left, right)]
    corners = [0, terms - 1, terms * (terms - 1), terms**2 - 1]
    stack = [(0, patches, pixels)]
    while stack:
        depth, patches, pixels = stack.pop()
        if len(pixels) > _BATCH:
            stack.append((depth, patches[_BATCH:], pixels[_BATCH:]))
            patches, pixels = patches[:_BATCH], pixels[:_BATCH]
        negative = pixels[patches[:, corners].min(axis=1, initial=0.0) < threshold]
        if negative.size:
            return int(negative.min())
        open_ = ~_surely_above(patches, terms, _SLACK * threshold)
        if depth < _HALVINGS and open_.any():
            parts = np.concatenate([patches[open_] @ quarter for quarter in quarters])
            stack.append((depth + 1, parts, np.tile(pixels[open_], 4)))
    return None


def _surely_above(patches: FloatArray, terms: int, threshold: float) -> np.ndarray:
    """Tell which patches (m, terms**2) are not below a threshold."""
    above = patches.min(axis=1, initial=0.0) >= threshold
    if terms > 2:  # else the minimum is at a corner
        for axes in ((0, 1, 2), (0, 2, 1)):
            rest = np.flatnonzero(~above)
            squares = patches[rest].reshape(-1, terms, terms).transpose(axes)
            above[rest] = valley_bounds(squares) >= threshold
    return np.asarray(above)
