"""A random density of every kind, by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sdot import Box, Mesh, PolynomialGrid, SplineGrid, SumOfGaussians
from sdot.distributions.density import Density
from support.problems import random_coefficients, random_mesh

__all__ = ["DENSITIES"]

Make = Callable[[np.random.Generator], Density]

_TRIANGLE = [[-0.2, 0.0], [1.0, -0.3], [0.8, 1.1]]


def _grid(rng: np.random.Generator, degree: int) -> np.ndarray:
    return random_coefficients(rng, (4, 3), degree).reshape(4, 3, -1)


def _mesh(rng: np.random.Generator, per: str, mass: float | None) -> Mesh:
    vertices, triangles = random_mesh(6, int(rng.integers(1000)))
    count = len(vertices if per == "vertex" else triangles)
    shape = (count, 3) if per == "corner" else (count,)
    return Mesh(vertices, triangles, rng.uniform(0.5, 2, shape), mass, per)  # type: ignore[arg-type]


def _mixture(rng: np.random.Generator, rank: int, domain: object = None) -> SumOfGaussians:
    k = 3
    roots = rng.uniform(0.1, 0.5, (k, 2, 2)[:rank])
    covs = roots**2
    if rank == 3:
        covs = roots @ roots.transpose(0, 2, 1) + 0.02 * np.eye(2)
    return SumOfGaussians(rng.random((k, 2)), covs, rng.uniform(0.5, 1, k), 2.0, domain)


def _sum(rng: np.random.Generator) -> Density:
    image = PolynomialGrid(rng.uniform(0.5, 2, (3, 4)), mass=None)
    return 0.5 * image + 2 * _mixture(rng, 3) + Box()


_NOTCHED = [[0.1, 0.1], [0.9, 0.0], [1.0, 0.9], [0.5, 0.4], [0.0, 1.0]]


DENSITIES: dict[str, Make] = {
    "image": lambda rng: PolynomialGrid(rng.uniform(0.5, 2, (5, 7)), ((-1, 2), (1, 3)), mass=3),
    "image as it is": lambda rng: PolynomialGrid(rng.uniform(0.5, 2, (5, 7)), mass=None),
    "linear grid": lambda rng: PolynomialGrid(_grid(rng, 1), ((0, 0), (1, 2))),
    "cubic grid": lambda rng: PolynomialGrid(_grid(rng, 3), mass=None),
    "spline": lambda rng: SplineGrid(rng.uniform(0.5, 2, (5, 6)), continuity=1),
    "limited spline": lambda rng: SplineGrid(0.01 + rng.random((5, 6)) ** 4, mass=2),
    "clipped spline": lambda rng: SplineGrid(
        rng.uniform(0, 2, (5, 6)), continuity=2, negative="clip"
    ),
    "mesh, per vertex": lambda rng: _mesh(rng, "vertex", 2.0),
    "mesh, per triangle": lambda rng: _mesh(rng, "triangle", None),
    "mesh, per corner": lambda rng: _mesh(rng, "corner", 2.0),
    "mixture of rank 1": lambda rng: _mixture(rng, 1),
    "mixture of rank 2": lambda rng: _mixture(rng, 2),
    "mixture of rank 3": lambda rng: _mixture(rng, 3),
    "mixture on a triangle": lambda rng: _mixture(rng, 3, _TRIANGLE),
    "sum": _sum,
    "restricted grid": lambda rng: PolynomialGrid(_grid(rng, 1)).restricted(_NOTCHED, 2),
    "restricted mixture": lambda rng: _mixture(rng, 3).restricted(_NOTCHED),
}
