"""Where is a piecewise polynomial negative? Answered by its Bernstein coefficients.

On the unit square a polynomial lies between the least and the greatest of its Bernstein
coefficients, and the corner coefficients are values (Farouki, The Bernstein polynomial
basis: a centennial retrospective, 2012). Halving the square brings the two together.
"""

from __future__ import annotations

from math import comb

import numpy as np

from sdot.validation import FloatArray

__all__ = [
    "bernstein_to_monomial",
    "change_basis",
    "find_negative_pixel",
    "monomial_to_bernstein",
]

_ROUNDING = 1e-12  # negative values below this share of the largest coefficient are rounding
_HALVINGS = 12


def find_negative_pixel(coefficients: FloatArray) -> tuple[int, int] | None:
    """Return a pixel where the polynomial is negative, or None.

    ``coefficients`` (nx, ny, k + 1, k + 1) are monomial. A minimum so close to zero that
    `_HALVINGS` halvings do not decide its sign passes for zero.
    """
    terms = coefficients.shape[2]
    threshold = -_ROUNDING * np.abs(coefficients).max(initial=0.0)
    patches = change_basis(coefficients, monomial_to_bernstein(terms)).reshape(-1, terms**2)
    if patches.min(initial=0.0) >= threshold:
        return None
    pixels = np.arange(len(patches))
    corners = [0, terms - 1, terms * (terms - 1), terms**2 - 1]
    left, right = _halves(terms)
    quarters = [np.kron(x, y).T for x in (left, right) for y in (left, right)]
    for _ in range(_HALVINGS):
        undecided = patches.min(axis=1) < threshold
        if not undecided.any():
            return None
        patches, pixels = patches[undecided], pixels[undecided]
        negative = np.flatnonzero(patches[:, corners].min(axis=1) < threshold)
        if negative.size:
            x, y = divmod(int(pixels[negative].min()), coefficients.shape[1])
            return x, y
        patches = np.concatenate([patches @ quarter for quarter in quarters])
        pixels = np.tile(pixels, 4)
    return None


def change_basis(coefficients: FloatArray, matrix: FloatArray) -> FloatArray:
    """Apply a matrix (terms, terms) to both of the last axes of (..., terms, terms)."""
    # One product of large matrices is many times as fast as many of small ones.
    flat = coefficients.reshape(-1, len(matrix) ** 2) @ np.kron(matrix, matrix).T
    return np.asarray(flat.reshape(coefficients.shape))


def monomial_to_bernstein(terms: int) -> FloatArray:
    """Return the matrix (terms, terms) from monomial to Bernstein coefficients on [0, 1]."""
    degree = terms - 1
    return np.array(
        [[comb(a, p) / comb(degree, p) for p in range(terms)] for a in range(terms)], dtype=float
    )


def bernstein_to_monomial(terms: int) -> FloatArray:
    """Return the inverse of `monomial_to_bernstein`; its entries are whole numbers."""
    degree = terms - 1
    return np.array(
        [
            [(-1.0) ** (p - a) * comb(degree, p) * comb(p, a) for a in range(terms)]
            for p in range(terms)
        ]
    )


def _halves(terms: int) -> tuple[FloatArray, FloatArray]:
    """De Casteljau's matrices from [0, 1] to [0, 1/2] and [1/2, 1]."""
    left = np.array([[comb(a, p) / 2.0**a for p in range(terms)] for a in range(terms)])
    return left, left[::-1, ::-1]
