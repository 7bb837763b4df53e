"""Integrals of Gaussian densities over convex polygons in high precision.

Slices of constant x: along each the integral is a closed form (erf), and across them mpmath
integrates. Nothing is whitened, and no theorem of Green is used.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import mpmath
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


class GaussianMoments(NamedTuple):
    """Mass, centroid, and xx, xy, yy about the centroid, as mpmath numbers."""

    mass: Any
    x: Any
    y: Any
    xx: Any
    xy: Any
    yy: Any


def gaussian_moments(
    mean: FloatArray, covariance: FloatArray, polygon: FloatArray, digits: int = 30
) -> GaussianMoments:
    """Return the moments of N(mean, covariance) over a convex polygon (k, 2)."""
    with mpmath.workdps(digits):
        mp = mpmath.mp
        corners = [
            (mp.mpf(float(x)) - mp.mpf(float(mean[0])), mp.mpf(float(y)) - mp.mpf(float(mean[1])))
            for x, y in polygon
        ]
        sxx, sxy, syy = (mp.mpf(float(covariance[i, j])) for i, j in ((0, 0), (0, 1), (1, 1)))
        tilt, spread = sxy / sxx, mp.sqrt(syy - sxy * sxy / sxx)

        @cache  # all six integrals ask for the same slices
        def slice_moments(x: Any) -> Any:
            low, high = _slice(corners, x)
            centre = tilt * x
            a, b = (low - centre) / spread, (high - centre) / spread
            # Integrals of t^q times the normal density from a to b.
            zero = _cdf_difference(a, b)
            one = mp.npdf(a) - mp.npdf(b)
            two = zero + a * mp.npdf(a) - b * mp.npdf(b)
            height = mp.npdf(x / mp.sqrt(sxx)) / mp.sqrt(sxx)
            y = centre * zero + spread * one
            yy = centre**2 * zero + 2 * centre * spread * one + spread**2 * two
            return [height * v for v in (zero, x * zero, y, x * x * zero, x * y, yy)]

        xs = sorted({x for x, _ in corners})
        raw = [
            mp.quad(lambda x, k=k: slice_moments(x)[k], _breakpoints(xs, mp.sqrt(sxx)))
            for k in range(6)
        ]
        m, x, y = raw[0], raw[1] / raw[0], raw[2] / raw[0]
        return GaussianMoments(
            m,
            x + mp.mpf(float(mean[0])),
            y + mp.mpf(float(mean[1])),
            raw[3] - m * x * x,
            raw[4] - m * x * y,
            raw[5] - m * y * y,
        )


def _breakpoints(xs: list[Any], deviation: Any) -> list[Any]:
    """The corners' abscissae, and points between so that each piece is smooth enough."""
    result = [xs[0]]
    for left, right in pairwise(xs):
        low, high = max(left, -14 * deviation), min(right, 14 * deviation)
        parts = max(1, int(mpmath.ceil((high - low) / (3 * deviation)))) if high > low else 1
        if high > low:
            result += [low + (high - low) * k / parts for k in range(parts + 1)]
        result.append(right)
    return sorted(set(result))


def _slice(corners: list[Any], x: Any) -> tuple[Any, Any]:
    heights = []
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if x0 != x1 and min(x0, x1) <= x <= max(x0, x1):
            heights.append(y0 + (x - x0) / (x1 - x0) * (y1 - y0))
    return (min(heights), max(heights)) if heights else (mpmath.mpf(0), mpmath.mpf(0))


def _cdf_difference(a: Any, b: Any) -> Any:
    root = mpmath.sqrt(2)
    if a > 0:
        return (mpmath.erfc(a / root) - mpmath.erfc(b / root)) / 2
    if b < 0:
        return (mpmath.erfc(-b / root) - mpmath.erfc(-a / root)) / 2
    return (mpmath.erf(b / root) - mpmath.erf(a / root)) / 2
