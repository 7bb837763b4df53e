"""Ordinary problems, always the same ones, whose bits should outlive a change of the code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from support.problems import (
    annulus,
    gmm_image,
    random_coefficients,
    random_image,
    random_lines,
    random_mesh,
    random_sites,
    star,
)

from sdot import Box, Mesh, Polygon, PolynomialGrid, SplineGrid, SumOfGaussians
from sdot.distributions.density import Density

Array = npt.NDArray[np.float64]
Convert = Callable[[Array], Any]

MEANS = np.array([[0.3, 0.3], [0.7, 0.7], [0.6, 0.3]])
COVARIANCES = np.array(
    [[[0.01, 0.004], [0.004, 0.01]], [[0.01, 0], [0, 0.02]], [[0.004, -0.003], [-0.003, 0.008]]]
)


@dataclass(frozen=True, eq=False)
class Problem:
    """Sites, weights, and a density whose differentiable arrays go through a function first."""

    name: str
    positions: Array
    weights: Array | None
    density: Callable[[Convert], Density]


def problems() -> Iterator[Problem]:
    """Every density with few, some and, less often, many sites."""
    for k, (name, density) in enumerate(DENSITIES.items()):
        counts = (3, (30, 50, 80)[k % 3], (200, 350, 500)[k % 3], *((2000,) if k % 3 == 0 else ()))
        for count in counts:
            rng = np.random.default_rng([k, count])
            weights = rng.uniform(0.5, 2.0, count) if count % 4 else None
            yield Problem(f"{name}, {count} sites", random_sites(count), weights, density)


def _coefficients() -> Array:
    return random_coefficients(np.random.default_rng(1), (6, 5), 2).reshape(6, 5, 9)


def _gaussians(values: Convert, **options: Any) -> SumOfGaussians:
    weights = values(np.array([0.3, 0.5, 0.2]))
    return SumOfGaussians(values(MEANS), values(COVARIANCES), weights, **options)


def _mesh(values: Convert, per: str) -> Mesh:
    vertices, triangles = random_mesh(20, 0)
    count = len(triangles) if per == "triangle" else len(vertices)
    heights = np.random.default_rng(2).uniform(0.2, 2.0, count)
    return Mesh(vertices, triangles, values(heights), per=per)


def _non_uniform(values: Convert) -> PolynomialGrid:
    rng = np.random.default_rng(3)
    return PolynomialGrid(
        values(random_image(3, (9, 4))), knots=(random_lines(rng, 9), random_lines(rng, 4))
    )


DENSITIES: dict[str, Callable[[Convert], Density]] = {
    "uniform": lambda values: PolynomialGrid(values(np.ones((1, 1)))),
    "image": lambda values: PolynomialGrid(values(random_image())),
    "two peaks": lambda values: PolynomialGrid(values(gmm_image(48, 1e-3))),
    "quadratic grid": lambda values: PolynomialGrid(values(_coefficients())),
    "non-uniform grid": _non_uniform,
    "grid elsewhere": lambda values: PolynomialGrid(
        values(random_image(4, (6, 6))), domain=((-1, 0.5), (2, 2.5))
    ),
    "bilinear spline": lambda values: SplineGrid(values(random_image(5, (6, 7))), continuity=0),
    "smooth spline": lambda values: SplineGrid(1 + 0.2 * values(random_image(6)), continuity=1),
    "smoothest spline": lambda values: SplineGrid(1 + 0.2 * values(random_image(7)), continuity=2),
    "box": lambda values: Box(((0.0, 0.0), (2.0, 1.0))),
    "square": lambda values: Polygon([[0.5, -0.2], [1.2, 0.5], [0.5, 1.2], [-0.2, 0.5]]),
    "star": lambda values: Polygon(0.5 + 0.6 * star()),
    "annulus": lambda values: Mesh(*annulus(12), values(np.ones(24)), per="triangle"),
    "mesh by triangles": lambda values: _mesh(values, "triangle"),
    "mesh by vertices": lambda values: _mesh(values, "vertex"),
    "mixture": _gaussians,
    "isotropic mixture": lambda values: SumOfGaussians(
        values(MEANS), values(np.array([0.01, 0.02, 0.03]))
    ),
    "mixture cut": lambda values: _gaussians(values, domain=((0, 0), (1, 1))),
    "sum": lambda values: (
        2 * PolynomialGrid(values(random_image(8))) + Polygon(star()) + Box(((0, 0), (3, 2)))
    ),
    "sum with mixture": lambda values: (
        _gaussians(values) + 0.5 * PolynomialGrid(values(random_image(9)))
    ),
}
