# SPDX-License-Identifier: GPL-3.0-or-later
"""Independent random points of densities, exact up to rounding.

Polynomials and affine functions that are nonnegative combinations of simple densities are sampled
as mixtures: in the Bernstein basis of products of beta distributions, on a triangle, with the
barycentric coordinates as basis, of Dirichlet distributions.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy

from sdot.distributions.bernstein import bernstein_basis, change_basis, monomial_to_bernstein
from sdot.validation import FloatArray

if TYPE_CHECKING:  # importing it takes long, and hashes and secrets with it
    from numpy.random import Generator

__all__ = [
    "check_count",
    "choose",
    "sample_affine_triangles",
    "sample_gaussian_in_polygon",
    "sample_polynomial_grid",
    "until",
]

IndexArray = npt.NDArray[np.intp]


def check_count(count: Any) -> int:
    """Return a number of points, at least 0."""
    try:
        result = operator.index(count)
    except TypeError:
        raise TypeError(f"n: expected a number of points, not {count!r}") from None
    if isinstance(count, bool) or result < 0:
        raise ValueError(f"n: expected a number of points, at least 0, not {count!r}")
    return result


def choose(weights: FloatArray, count: int, rng: Generator) -> IndexArray:
    """Return random indices (count,), each as often as its weight, zero or more, says."""
    ends = np.cumsum(weights)
    found = np.searchsorted(ends, rng.random(count) * ends[-1], side="right")
    # The product may round up to the sum.
    return np.asarray(np.minimum(found, int(np.flatnonzero(weights)[-1])))


def sample_polynomial_grid(
    coefficients: FloatArray, lines: tuple[FloatArray, FloatArray], count: int, rng: Generator
) -> FloatArray:
    """Return points (count, 2) of the density with these coefficients on the pixels of a grid.

    Where Bernstein coefficients are negative, points of the density without them are rejected as
    often as it is too high.
    """
    terms = coefficients.shape[2]
    patches = change_basis(coefficients, monomial_to_bernstein(terms))
    areas = np.diff(lines[0])[:, None] * np.diff(lines[1])
    raised = np.maximum(patches, 0.0)
    weights = (raised * areas[:, :, None, None]).ravel()
    is_raised = bool((patches < 0).any())

    def propose(wanted: int) -> FloatArray:
        x, y, p, q = np.unravel_index(choose(weights, wanted, rng), patches.shape)
        s, t = (
            rng.random(wanted) if terms == 1 else rng.beta(1.0 + power, terms - power)
            for power in (p, q)
        )
        if is_raised:
            first, second = (bernstein_basis(place, terms) for place in (s, t))
            heights = np.einsum("npq,np,nq->n", patches[x, y], first, second)
            bounds = np.einsum("npq,np,nq->n", raised[x, y], first, second)
            kept = rng.random(wanted) * bounds < heights
            x, y, s, t = x[kept], y[kept], s[kept], t[kept]
        return np.stack(
            [
                axis[pixel] + place * (axis[pixel + 1] - axis[pixel])
                for axis, pixel, place in zip(lines, (x, y), (s, t), strict=True)
            ],
            axis=1,
        )

    return until(count, propose)


def sample_affine_triangles(
    corners: FloatArray, heights: FloatArray, count: int, rng: Generator
) -> FloatArray:
    """Return points (count, 2) of the density with these heights (t, 3) at corners (t, 3, 2)."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    areas = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    chosen = choose((areas[:, None] * np.maximum(heights, 0.0)).ravel(), count, rng)
    triangle, corner = np.divmod(chosen, 3)
    shapes = 1.0 + (np.arange(3) == corner[:, None])
    shares = rng.standard_gamma(shapes)
    shares /= shares.sum(axis=1, keepdims=True)
    return np.asarray(
        corners[triangle, 0] + shares[:, 1:2] * a[triangle] + shares[:, 2:3] * b[triangle]
    )


def sample_gaussian_in_polygon(
    mean: FloatArray, factor: FloatArray, polygon: FloatArray, count: int, rng: Generator
) -> FloatArray:
    """Return points (count, 2) of a Gaussian, restricted to a convex polygon (k, 2).

    ``factor`` (2, 2) is a Cholesky factor of the covariance. Normal variates are drawn within the
    box around the whitened polygon, turned so that a polygon far away is seen along an axis, and
    rejected outside of the polygon.
    """
    whitened = np.asarray(np.linalg.solve(factor, (polygon - mean).T).T, dtype=np.float64)
    nearest = _nearest_to_origin(whitened)
    length = float(np.hypot(*nearest))
    x, y = nearest / length if length > 0 else np.array([1.0, 0.0])
    turned = whitened @ np.array([[x, -y], [y, x]])
    low, high = turned.min(axis=0), turned.max(axis=0)
    sides = np.roll(turned, -1, axis=0) - turned

    def propose(wanted: int) -> FloatArray:
        points = np.stack(
            [_normal_within(low[k], high[k], rng.random(wanted)) for k in range(2)], axis=1
        )
        gaps = points[:, None] - turned
        inside = (sides[:, 0] * gaps[..., 1] >= sides[:, 1] * gaps[..., 0]).all(axis=1)
        return np.asarray(points[inside])

    points = until(count, propose)
    return np.asarray(mean + points @ np.array([[x, y], [-y, x]]) @ factor.T)


def until(count: int, propose: Callable[[int], FloatArray]) -> FloatArray:
    """Return the first proposals kept (count, 2), in rounds of as many as are likely needed."""
    found: list[FloatArray] = [np.empty((0, 2))]
    missing, tried, kept = count, 0, 0
    while missing > 0:
        share = max(kept, 1) / max(tried, 1)
        wanted = min(int(1.1 * missing / share) + 8, 4 * count + 1000)
        points = propose(wanted)[:missing]
        found.append(points)
        tried, kept, missing = tried + wanted, kept + len(points), missing - len(points)
    return np.concatenate(found)


def _normal_within(low: float, high: float, uniform: FloatArray) -> FloatArray:
    """Standard normal variates between two numbers, by inversion, in the tail on the left."""
    if low > 0:
        return -_normal_within(-high, -low, uniform)
    start, end = scipy.special.ndtr(low), scipy.special.ndtr(high)
    return np.asarray(np.clip(scipy.special.ndtri(start + uniform * (end - start)), low, high))


def _nearest_to_origin(polygon: FloatArray) -> FloatArray:
    """Return the point of a convex, counter-clockwise polygon nearest to the origin."""
    sides = np.roll(polygon, -1, axis=0) - polygon
    if (sides[:, 0] * polygon[:, 1] <= sides[:, 1] * polygon[:, 0]).all():
        return np.zeros(2)
    shares = -(polygon * sides).sum(axis=1) / np.maximum((sides**2).sum(axis=1), 1e-300)
    candidates = polygon + np.clip(shares, 0.0, 1.0)[:, None] * sides
    return np.asarray(candidates[(candidates**2).sum(axis=1).argmin()])
