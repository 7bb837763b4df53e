# SPDX-License-Identifier: GPL-3.0-or-later
"""A rigorous bound on the error of the returned value, by duality.

The dual value G(w) is a lower bound of W2^2 at any weights w, and it is what is returned. With w*
optimal, concavity gives

    W2^2 - G(w) <= sum_i r_i (w*_i - w_i) <= |r|_1 / 2 * (max_i - min_i)(w*_i - w_i),

r the mass residual, which sums to zero. Every cell of the optimal diagram meets a box outside of
which lies less than the smallest of the sites' masses. So w*_j - w*_i is at least
|x - y_j|^2 - |x - y_i|^2 for some x in the box, and at most the greatest such difference for the
other sign. These are affine in x, so

    (max - min)(w* - w) <= max over corners x of (max_i - min_i)(|x - y_i|^2 - w_i).

Rounding is added, to first order in the unit roundoff u. The value is the sum over the cells, of
mass m_i, centroid b_i and integral s_i of |x - b_i|^2, of

    m_i |y_i - b_i|^2 + s_i + r_i w_i.

- A relative error of m_i changes this in proportion to m_i (|y_i - b_i|^2 - w_i) + s_i, r_i being
  a difference with m_i; the squares, their sums and r_i w_i are rounded themselves.
- An error of the gap y_i - b_i, or of the mean about which s_i is taken, changes it by at most
  twice that times m_i |y_i - b_i| + sqrt(m_i s_i). The gap is the difference of the site and of
  the centroid, both seen from an origin at the density, and is as exact as these. The density
  itself is moved by as much where its own coordinates are rounded to those.
- The cells are those of sites and weights rounded to the normalised coordinates: a point between
  two cells may be in the wrong one, where the two differ by what that rounding is.

How often the moments of a cell are rounded, its kernel says (`Rounding`).
"""

from __future__ import annotations

import math

import numpy as np

from sdot.distributions.density import Rounding
from sdot.solver.normalisation import CarriedCells
from sdot.validation import FloatArray

__all__ = ["UNIT", "error_bound", "rounding_bound", "roundings_of"]

UNIT = 2.0**-53
# Roundings of a term of the value beyond those of the moments: of the frame's coordinates, the gap,
# its square, and the factors of the sums.
_OF_A_TERM = 16.0
# Of what two sites' costs differ by at a point: products, sums, and the corners of cells.
_OF_A_FRONTIER = 8.0


def error_bound(
    cells: CarriedCells,
    potentials: FloatArray,
    residual: FloatArray,
    ranges: tuple[float, float],
    rounding: Rounding,
) -> float:
    """Return an upper bound on |dual value - W2^2|, for masses that sum to one.

    ``residual`` (n,) of the masses; ``ranges``: see `Normalisation.potential_ranges`; ``rounding``
    of the moments, in the caller's units; O(n).
    """
    span, size = ranges
    roundings = roundings_of(residual, rounding)
    imbalance = abs(float(residual.sum()))
    by_duality = 0.5 * (float(np.abs(residual).sum()) + imbalance + roundings * UNIT) * span
    return by_duality + rounding_bound(cells, potentials, residual, size, rounding)


def roundings_of(residual: FloatArray, rounding: Rounding) -> float:
    """How often a term of the value is rounded."""
    return rounding.relative + _OF_A_TERM + math.log2(len(residual) + 1)


def rounding_bound(
    cells: CarriedCells,
    potentials: FloatArray,
    residual: FloatArray,
    size: float,
    rounding: Rounding,
) -> float:
    """Return what rounding adds to the error of the value, but for that of the residual."""
    roundings = roundings_of(residual, rounding)
    rounded = (
        roundings * _mass_terms(cells, potentials, residual)
        + 2.0 * _gap_terms(cells, roundings)
        + float(rounding.second_moments.sum())
        + _OF_A_FRONTIER * size
    )
    return UNIT * rounded


def _mass_terms(cells: CarriedCells, potentials: FloatArray, residual: FloatArray) -> float:
    """What the roundings of masses, squares and spreads are relative to."""
    filled = cells.masses > 0
    costs = np.where(filled, cells.masses * (cells.gaps**2).sum(axis=1), 0.0) + cells.spreads
    weighted = np.abs(cells.masses * potentials) + np.abs(residual * potentials)
    return float(costs.sum() + weighted.sum())


def _gap_terms(cells: CarriedCells, roundings: float) -> float:
    """Lengths times their errors in roundings, axis by axis."""
    filled = cells.masses > 0
    masses, spreads = cells.masses[filled, None], cells.spreads[filled, None]
    gaps, offsets = cells.gaps[filled], cells.offsets[filled]
    deviations = np.sqrt(masses * spreads)
    coordinates = masses * np.abs(offsets - gaps) + deviations  # of a cell's points, at most
    errors = 2.0 * masses * np.abs(offsets) + roundings * coordinates
    return float(((np.abs(gaps) + np.sqrt(spreads / masses)) * errors).sum())
