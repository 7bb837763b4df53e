# SPDX-License-Identifier: GPL-3.0-or-later
"""The Bernstein basis of polynomials on the unit square.

On it a polynomial lies between the least and the greatest of its Bernstein coefficients, and the
corner coefficients are values (Farouki, The Bernstein polynomial basis: a centennial
retrospective, 2012).
"""

from __future__ import annotations

from math import comb

import numpy as np

from sdot.validation import FloatArray

__all__ = [
    "bernstein_basis",
    "bernstein_to_monomial",
    "change_basis",
    "halves",
    "monomial_to_bernstein",
    "to_interval",
]


def bernstein_basis(places: FloatArray, terms: int) -> FloatArray:
    """Return the values (..., terms) of the basis polynomials at places (...)."""
    degree, t = terms - 1, places[..., None]
    powers = np.arange(terms)
    counts = np.array([comb(degree, p) for p in powers], dtype=float)
    return np.asarray(counts * t**powers * (1.0 - t) ** powers[::-1])


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


def to_interval(terms: int, low: float, high: float) -> FloatArray:
    """Return the matrix (terms, terms) from Bernstein coefficients on [0, 1] to others'."""
    shift = np.array(
        [
            [
                comb(p, r) * low ** (p - r) * (high - low) ** r if r <= p else 0.0
                for p in range(terms)
            ]
            for r in range(terms)
        ]
    )
    return np.asarray(monomial_to_bernstein(terms) @ shift @ bernstein_to_monomial(terms))


def halves(terms: int) -> tuple[FloatArray, FloatArray]:
    """De Casteljau's matrices from [0, 1] to [0, 1/2] and [1/2, 1]."""
    left = np.array([[comb(a, p) / 2.0**a for p in range(terms)] for a in range(terms)])
    return left, left[::-1, ::-1]
