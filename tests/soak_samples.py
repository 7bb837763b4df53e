"""Points drawn from a density, from what its parameters mean and not from its integrals."""

from __future__ import annotations

from functools import singledispatch

import numpy as np
import numpy.typing as npt

from sdot import (
    Box,
    Mesh,
    Polygon,
    PolynomialGrid,
    SplineGrid,
    SumOfDensities,
    SumOfGaussians,
)
from sdot.distributions.density import Density

Array = npt.NDArray[np.float64]
Generator = np.random.Generator
# Points (k, 2) relative to a centre, and how much of the density each stands for (k,), mean 1.
Sample = tuple[Array, Array]

_ATTEMPTS = 200  # rounds of rejection


@singledispatch
def draw_points(density: Density, centre: Array, count: int, rng: Generator) -> Sample:
    """Return a sample; fewer points than asked for where they are hard to find."""
    raise TypeError(f"no points are drawn from a {type(density).__name__}")


@draw_points.register
def _(density: PolynomialGrid, centre: Array, count: int, rng: Generator) -> Sample:
    """Uniform in pixels drawn by mass."""
    x_sides, y_sides = np.diff(density.x_lines), np.diff(density.y_lines)
    integrals = 1.0 / np.arange(1, density.degree + 2)
    means = np.einsum("xypq,p,q->xy", density.coefficients, integrals, integrals)
    masses = means * x_sides[:, None] * y_sides
    pixels = rng.choice(masses.size, count, p=masses.ravel() / masses.sum())
    i, j = np.unravel_index(pixels, masses.shape)
    local = rng.random((count, 2))
    lines = density.x_lines - centre[0], density.y_lines - centre[1]
    corner = np.stack([lines[0][i], lines[1][j]], axis=1)
    points = corner + local * np.stack([x_sides[i], y_sides[j]], axis=1)
    powers = local[:, :, None] ** np.arange(density.degree + 1)
    heights = np.einsum("kpq,kp,kq->k", density.coefficients[i, j], powers[:, 0], powers[:, 1])
    return points, heights / means[i, j]


@draw_points.register
def _(density: SplineGrid, centre: Array, count: int, rng: Generator) -> Sample:
    return draw_points(density.grid, centre, count, rng)


@draw_points.register
def _(density: Box, centre: Array, count: int, rng: Generator) -> Sample:
    low, high = density.box - centre
    return low + (high - low) * rng.random((count, 2)), np.ones(count)


@draw_points.register
def _(density: Polygon, centre: Array, count: int, rng: Generator) -> Sample:
    """Of points in the box those from where a ray meets an odd number of sides."""
    corners = density.vertices - centre
    low, high = corners.min(axis=0), corners.max(axis=0)
    points = _accepted(
        lambda: low + (high - low) * rng.random((count, 2)), lambda p: _inside(p, corners), count
    )
    return points, np.ones(len(points))


@draw_points.register
def _(density: Mesh, centre: Array, count: int, rng: Generator) -> Sample:
    """Uniform in triangles drawn by mass."""
    corners = density.vertices[density.triangles] - centre
    sides = corners[:, 1:] - corners[:, :1]
    areas = np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0])
    heights = np.asarray(density.values)
    heights = (
        np.repeat(heights[:, None], 3, axis=1)
        if density.per == "triangle"
        else heights[density.triangles]
    )
    means = heights.mean(axis=1)
    chosen = rng.choice(len(areas), count, p=areas * means / (areas * means).sum())
    shares = rng.dirichlet(np.ones(3), count)
    points = np.einsum("kc,kcd->kd", shares, corners[chosen])
    return points, (shares * heights[chosen]).sum(axis=1) / means[chosen]


@draw_points.register
def _(density: SumOfGaussians, centre: Array, count: int, rng: Generator) -> Sample:
    covariances, weights = np.asarray(density.covs), np.asarray(density.weights)
    factors, means = np.linalg.cholesky(covariances), np.asarray(density.means) - centre

    def everywhere() -> Array:
        component = rng.choice(len(weights), count, p=weights / weights.sum())
        offsets = np.einsum("kij,kj->ki", factors[component], rng.standard_normal((count, 2)))
        return np.asarray(means[component] + offsets)

    if density.domain is None:
        return everywhere(), np.ones(count)
    corners = density.domain - centre
    points = _accepted(everywhere, lambda points: _inside(points, corners), count)
    return points, np.ones(len(points))


@draw_points.register
def _(density: SumOfDensities, centre: Array, count: int, rng: Generator) -> Sample:
    parts = list(zip(density.densities, density.factors, strict=True))
    masses = np.array([factor * part.total_mass for part, factor in parts])
    counts = rng.multinomial(count, masses / masses.sum())
    samples = [
        draw_points(part, centre, int(k), rng)
        for (part, _), k in zip(parts, counts, strict=True)
        if k
    ]
    if sum(len(points) for points, _ in samples) < count:  # of one part there are too few
        return np.zeros((0, 2)), np.zeros(0)
    return np.concatenate([p for p, _ in samples]), np.concatenate([v for _, v in samples])


def _accepted(draw, is_inside, count: int) -> Array:  # type: ignore[no-untyped-def]
    found = np.zeros((0, 2))
    for _ in range(_ATTEMPTS):
        points = draw()
        found = np.concatenate([found, points[is_inside(points)]])
        if len(found) >= count:
            break
    return found[:count]


def _inside(points: Array, corners: Array) -> npt.NDArray[np.bool_]:
    x, y = points.T
    result = np.zeros(len(points), dtype=bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if ay != by:
            result ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * (bx - ax) / (by - ay))
    return result


@singledispatch
def greatest_value(density: Density) -> float:
    """Return an upper bound of the density, relative to its mass."""
    raise TypeError(f"no bound of a {type(density).__name__}")


@greatest_value.register
def _(density: PolynomialGrid) -> float:
    return float(np.abs(density.coefficients).sum(axis=(2, 3)).max() / density.total_mass)


@greatest_value.register
def _(density: SplineGrid) -> float:
    return greatest_value(density.grid)


@greatest_value.register
def _(density: Box) -> float:
    return float(1 / np.prod(density.box[1] - density.box[0]))


@greatest_value.register
def _(density: Polygon) -> float:
    return 1 / density.area


@greatest_value.register
def _(density: Mesh) -> float:
    """Triangles do not overlap here."""
    corners = density.vertices[density.triangles]
    return float(density.evaluate(0.999 * corners + 0.001 * corners.mean(axis=1)[:, None]).max())


@greatest_value.register
def _(density: SumOfGaussians) -> float:
    weights = np.asarray(density.weights)
    peaks = weights / weights.sum() / np.sqrt(np.linalg.det(2 * np.pi * np.asarray(density.covs)))
    if density.domain is None:
        return float(peaks.sum())
    point = draw_points(density, np.zeros(2), 1, np.random.default_rng(0))[0]
    uncut = SumOfGaussians(density.means, density.covs, density.weights)
    return float(peaks.sum() * (density.evaluate(point) / uncut.evaluate(point)).max(initial=0.0))


@greatest_value.register
def _(density: SumOfDensities) -> float:
    parts = zip(density.densities, density.factors, strict=True)
    return sum(factor * greatest_value(part) * part.total_mass for part, factor in parts)
