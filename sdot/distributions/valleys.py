# SPDX-License-Identifier: GPL-3.0-or-later
"""Lower bounds of polynomials along curves where they barely touch zero.

Where a polynomial has a curve of double roots, as the square of another one has, Bernstein
coefficients tell that it is not negative on tiny squares only. But across such a valley it is
convex, and so it lies above a parabola there: if ``p_uu >= c > 0`` on a strip, then for any curve
``u = v(s)`` in the strip

    p(s, u) >= p(s, v) + p_u(s, v) (u - v) + c (u - v)**2 / 2 >= p(s, v) - p_u(s, v)**2 / (2 c).

With v a polynomial that interpolates the bottom of the valley, p_u(s, v) is as small as the
interpolation is good, and the right-hand side is one of polynomials in s, bounded by its
coefficients in the basis of Chebyshev.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from sdot.distributions.bernstein import bernstein_basis, to_interval
from sdot.validation import FloatArray

__all__ = ["valley_bounds"]

_BOTTOM_DEGREE = 8  # of v: its error falls by a factor of about 2**9 when a patch is halved
_NEWTON_STEPS = 6  # quadratic convergence from the middle of the strip; what is left is bounded
_STRIP = (-0.5, 1.5)  # valleys that leave the patch on a slant are still within it


def valley_bounds(patches: FloatArray) -> FloatArray:
    """Return lower bounds (m,) on the unit square; -inf where no valley runs along the first axis.

    ``patches`` (m, terms, terms) are Bernstein coefficients of degree at least 2.
    """
    rules = _rules(patches.shape[2])
    bounds = np.full(len(patches), -np.inf)
    convex = np.flatnonzero((np.diff(patches, 2, axis=2) > 0).all(axis=(1, 2)))
    strips = patches[convex] @ rules.to_strip.T
    curvatures = _derivatives(_derivatives(strips)).min(axis=(1, 2))
    wide = curvatures > 0
    bounds[convex[wide]] = _bounds_of_strips(strips[wide], curvatures[wide], rules)
    return bounds


def _bounds_of_strips(strips: FloatArray, curvatures: FloatArray, rules: _Rules) -> FloatArray:
    """The same for strips (m, terms, terms) whose second derivatives are at least so great."""
    slopes = _derivatives(strips)
    bottoms = _bottoms(slopes, rules.coarse)
    centre, reach = _centre_and_reach(bottoms @ rules.bottom_spread.T)
    bounds = np.full(len(strips), -np.inf)
    within = np.flatnonzero((centre >= reach) & (centre + reach <= 1))
    bottoms = bottoms[within] @ rules.refine.T
    height, drop = _centre_and_reach(
        _at(rules.fine @ strips[within], bottoms) @ rules.fine_spread.T
    )
    slope = np.abs(_at(rules.fine @ slopes[within], bottoms) @ rules.fine_spread.T).sum(axis=1)
    bounds[within] = height - drop - slope**2 / (2.0 * curvatures[within])
    return bounds


class _Rules(NamedTuple):
    """Matrices for one degree; nodes are those of Chebyshev in [0, 1]."""

    to_strip: FloatArray  # Bernstein coefficients on [0, 1] to those on the strip
    coarse: FloatArray  # Bernstein basis at the nodes where the bottom is sought
    bottom_spread: FloatArray  # values there to coefficients of Chebyshev
    refine: FloatArray  # values there to values at the fine nodes
    fine: FloatArray  # Bernstein basis at as many nodes as p(s, v(s)) has coefficients
    fine_spread: FloatArray  # values there to coefficients of Chebyshev


@lru_cache(maxsize=16)
def _rules(terms: int) -> _Rules:
    coarse_nodes, bottom_spread = _chebyshev(_BOTTOM_DEGREE + 1)
    fine_nodes, fine_spread = _chebyshev((terms - 1) * (1 + _BOTTOM_DEGREE) + 1)
    refine = np.polynomial.chebyshev.chebvander(2.0 * fine_nodes - 1.0, _BOTTOM_DEGREE)
    return _Rules(
        to_interval(terms, *_STRIP),
        bernstein_basis(coarse_nodes, terms),
        bottom_spread,
        refine @ bottom_spread,
        bernstein_basis(fine_nodes, terms),
        fine_spread,
    )


def _chebyshev(count: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes in [0, 1], and the matrix from values there to coefficients of Chebyshev."""
    angles = np.pi * (np.arange(count) + 0.5) / count
    spread = 2.0 / count * np.cos(np.arange(count)[:, None] * angles)
    spread[0] *= 0.5
    return 0.5 + 0.5 * np.cos(angles), spread


def _derivatives(strips: FloatArray) -> FloatArray:
    """Return the derivative with respect to the second variable, in the basis of its degree."""
    return np.asarray((strips.shape[2] - 1) * np.diff(strips, axis=2))


def _bottoms(slopes: FloatArray, along: FloatArray) -> FloatArray:
    """Return where in [0, 1] the slope vanishes above each node (m, nodes), by Newton's method."""
    slopes = along @ slopes
    curvatures = _derivatives(slopes)
    places = np.full(slopes.shape[:2], 0.5)
    for _ in range(_NEWTON_STEPS):
        places = np.clip(places - _at(slopes, places) / _at(curvatures, places), 0.0, 1.0)
    return places


def _centre_and_reach(spread: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return of polynomials in the basis of Chebyshev about what they vary and how far at most."""
    return spread[:, 0], np.abs(spread[:, 1:]).sum(axis=1)


def _at(polynomials: FloatArray, places: FloatArray) -> FloatArray:
    """Evaluate polynomials (m, nodes, terms) at one place each, by de Casteljau's algorithm."""
    t = places[..., None]
    while polynomials.shape[2] > 1:
        left, right = polynomials[..., :-1], polynomials[..., 1:]
        polynomials = left + t * (right - left)
    return polynomials[..., 0]
