"""The transport cost in exact rational arithmetic, between bounds as close as one likes.

For any weights w the dual value G(w) is at most W2^2, and by concavity it misses at most half the
one-norm of the mass residual times the range by which the potentials can still differ. Both are
computed without rounding; that the Newton steps to good weights are taken in doubles does not
matter. For a handful of sites and pieces of the density: fractions grow.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sdot import Box, Mesh, Polygon, PolynomialGrid
from sdot.diagrams import DiagramArrays
from sdot.distributions.convex_pieces import PiecewiseAffineDensity
from sdot.distributions.density import Density, Frame

from .exact import (
    Moments,
    Point,
    affine_moments,
    area,
    clip,
    clip_to_polygon,
    grid_moments,
    rational_polygon,
)
from .exact import Polygon as ExactPolygon

FloatArray = npt.NDArray[np.float64]
_Moments = Callable[[ExactPolygon], Moments]
_STEPS = 8


class ExactCost(NamedTuple):
    """W2^2 between two bounds, per mass."""

    lower: Fraction
    upper: Fraction


def exact_cost(
    positions: FloatArray,
    weights: FloatArray,
    density: Density,
    potentials: FloatArray,
    gap: float = 0.0,
) -> ExactCost:
    """Return bounds of W2^2 that are closer than ``gap`` if some Newton steps can do it.

    Distinct sites with positive relative masses; ``potentials`` to start from.
    """
    sites = rational_polygon(positions)
    moments, domain = _moments_and_domain(density)
    mass = moments(domain).mass
    shares = [Fraction(float(v)) for v in weights]
    targets = [mass * share / sum(shares) for share in shares]
    w = [Fraction(float(v)) for v in potentials]
    for step in range(_STEPS + 1):
        found = [moments(_cell(sites, w, i, domain)) for i in range(len(sites))]
        residual = [t - m.mass for t, m in zip(targets, found, strict=True)]
        lower = sum((_cost(m, site) for m, site in zip(found, sites, strict=True)), Fraction(0))
        lower += sum((r * v for r, v in zip(residual, w, strict=True)), Fraction(0))
        missed = sum(map(abs, residual), Fraction(0)) / 2 * _range(sites, w, domain)
        if missed <= Fraction(gap) or step == _STEPS:
            break
        w = _newton_step(sites, w, residual, density)
    return ExactCost(lower / mass, (lower + missed) / mass)


def exact_pieces(density: Density) -> int | None:
    """How many pieces the density has; None if it is not of a kind that this module knows."""
    if isinstance(density, PolynomialGrid):
        return int(np.prod(density.coefficients.shape))
    if isinstance(density, Box):
        return 1
    if isinstance(density, Mesh | Polygon):
        return len(density.pieces.heights)
    return None


def _moments_and_domain(density: Density) -> tuple[_Moments, ExactPolygon]:
    """The density's moments over a convex polygon, and a convex polygon with all of it."""
    if isinstance(density, Box):
        box = rational_polygon(density.domain)
        height = Fraction(density.total_mass) / area(box)
        return lambda cell: _scaled(affine_moments(cell, 1.0, (0, 0), box[0]), height), box
    if isinstance(density, PolynomialGrid):
        x, y, values = density.x_lines, density.y_lines, density.coefficients
        corners = [(x[0], y[0]), (x[-1], y[0]), (x[-1], y[-1]), (x[0], y[-1])]
        return lambda cell: grid_moments(cell, x, y, values), rational_polygon(corners)
    assert isinstance(density, PiecewiseAffineDensity)
    return _piece_moments(density), rational_polygon(density.domain)


def _piece_moments(density: PiecewiseAffineDensity) -> _Moments:
    pieces = density.pieces
    corners = rational_polygon(pieces.points)
    starts = pieces.offsets.tolist()
    polygons = [corners[a:b] for a, b in itertools.pairwise(starts)]

    def moments(cell: ExactPolygon) -> Moments:
        total = [Fraction(0)] * 7
        for k, polygon in enumerate(polygons):
            part = clip_to_polygon(cell, polygon)
            at = polygon[0]
            found = affine_moments(part, pieces.heights[k], pieces.slopes[k], at)
            total = [a + b for a, b in zip(total, found, strict=True)]
        return Moments(*total)

    return moments


def _scaled(moments: Moments, factor: Fraction) -> Moments:
    return Moments(*(factor * value for value in moments))


def _cell(
    sites: Sequence[Point], w: Sequence[Fraction], i: int, domain: ExactPolygon
) -> ExactPolygon:
    (xi, yi), cell = sites[i], domain
    for j, (xj, yj) in enumerate(sites):
        if j != i and cell:
            c = (xj * xj + yj * yj - w[j]) - (xi * xi + yi * yi - w[i])
            cell = clip(cell, 2 * (xj - xi), 2 * (yj - yi), c)
    return cell


def _cost(m: Moments, site: Point) -> Fraction:
    """The integral of |x - site|**2 against the density with these moments."""
    x, y = site
    return m.xx + m.yy - 2 * (x * m.x + y * m.y) + (x * x + y * y) * m.mass


def _range(sites: Sequence[Point], w: Sequence[Fraction], domain: ExactPolygon) -> Fraction:
    ranges = []
    for x, y in domain:
        heights = [(x - a) ** 2 + (y - b) ** 2 - v for (a, b), v in zip(sites, w, strict=True)]
        ranges.append(max(heights) - min(heights))
    return max(ranges)


def _newton_step(
    sites: Sequence[Point], w: Sequence[Fraction], residual: Sequence[Fraction], density: Density
) -> list[Fraction]:
    """One step with the matrix in doubles: sites around the first one, x around the centre."""
    origin = density.box.mean(axis=0)
    ox, oy = (Fraction(float(v)) for v in origin)
    cx, cy = sites[0]
    weights = [
        v - 2 * ((cx - ox) * (x - cx) + (cy - oy) * (y - cy))
        for v, (x, y) in zip(w, sites, strict=True)
    ]
    centred = np.array([[float(x - cx), float(y - cy)] for x, y in sites])
    offset = weights[0]
    diagram = DiagramArrays.build(centred, np.array([float(v - offset) for v in weights]))
    kernel = density.kernel(Frame(origin, np.ones(2)))
    _, edge_weights = kernel.masses_and_edge_weights(diagram)
    i, j = diagram.edge_sites.T
    matrix = np.zeros((len(sites), len(sites)))
    np.add.at(matrix, (i, j), -edge_weights)
    np.add.at(matrix, (j, i), -edge_weights)
    matrix -= np.diag(matrix.sum(axis=1))
    right_side = np.array([float(r) for r in residual])
    step = np.linalg.lstsq(matrix * density.total_mass, right_side, rcond=None)[0]
    return [v + Fraction(float(s)) for v, s in zip(w, step, strict=True)]
