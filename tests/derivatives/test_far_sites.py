"""Gradients in a density whose sites are far away: what distinguishes the cells keeps its digits.

Where all sites move by s the cells stay, and the potential changes by -2 s . x and a constant. So
derivatives with the total mass held change by those of -2 s . E[x], which are known in closed form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.faces import Face
from support.problems import random_image, random_sites

from sdot import Mesh, PolynomialGrid, SumOfDiracs, SumOfGaussians, distance
from sdot.array_types import NumpyArray
from sdot.distributions.density import Density

SHIFTS = [(2.0**20, -(2.0**19)), (2.0**26, 3.0)]
Make = Callable[..., Density[Any]]


def _sites(shift: tuple[float, ...], size: float = 1.0, n: int = 12) -> NumpyArray:
    """Of so few digits that moving them rounds nothing."""
    return np.round(random_sites(n) * 2**20) / 2**20 * size + shift


def _gradients(autodiff: Face, make: Make, sites: NumpyArray, *arrays: NumpyArray) -> list[Any]:
    def cost(*values: Any) -> Any:
        return distance(SumOfDiracs(sites), make(*values), tol=1e-13, warm_start=False)

    return [np.asarray(found) for found in autodiff.gradients(cost, *arrays)]


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("size", [1.0, 2.0**-10, 2.0**10])
def test_values_of_pixels(autodiff: Face, shift: tuple[float, ...], size: float) -> None:
    values = random_image()
    (near,) = _gradients(autodiff, PolynomialGrid, _sites((0, 0), size), values)
    (far,) = _gradients(autodiff, PolynomialGrid, _sites(shift, size), values)
    centres = [(np.arange(count) + 0.5) / count for count in values.shape]
    along = -2 * (shift[0] * centres[0][:, None] + shift[1] * centres[1])
    whole = (along - np.average(along, weights=values)) / values.sum()
    np.testing.assert_allclose(far - whole, near, rtol=0, atol=1e-14 * np.abs(whole).max())


@pytest.mark.parametrize("shift", SHIFTS)
def test_values_at_corners(autodiff: Face, shift: tuple[float, ...]) -> None:
    vertices = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    triangles = np.array([[0, 1, 2], [0, 2, 3]])
    values = np.array([1.0, 2.0, 4.0, 3.0])

    def make(heights: Any) -> Density[Any]:
        return Mesh(vertices, triangles, heights)

    (near,) = _gradients(autodiff, make, _sites((0, 0)), values)
    (far,) = _gradients(autodiff, make, _sites(shift), values)
    # The integral of a product of linear functions over a triangle of area A is A / 12 times the
    # sum of products at equal corners and of all products.
    heights = -2 * vertices @ np.array(shift)
    masses, products = np.zeros(4), np.zeros(4)
    for corners in triangles:
        masses[corners] += 0.5 / 3
        products[corners] += 0.5 / 12 * (heights[corners] + heights[corners].sum())
    whole = (products - (values @ products) / (values @ masses) * masses) / (values @ masses)
    np.testing.assert_allclose(far - whole, near, rtol=0, atol=1e-14 * np.abs(whole).max())


@pytest.mark.parametrize("shift", SHIFTS)
def test_parameters_of_mixtures(autodiff: Face, shift: tuple[float, ...]) -> None:
    rng = np.random.default_rng(0)
    means, weights = rng.random((4, 2)), rng.random(4) + 0.5
    factors = 0.2 * rng.normal(size=(4, 2, 2))
    covs = factors @ factors.transpose(0, 2, 1) + 1e-2 * np.eye(2)
    near = _gradients(autodiff, SumOfGaussians, _sites((0, 0)), means, covs, weights)
    far = _gradients(autodiff, SumOfGaussians, _sites(shift), means, covs, weights)
    shares, along = weights / weights.sum(), -2 * means @ np.array(shift)
    whole = [
        -2 * shares[:, None] * np.array(shift),
        np.zeros((4, 2, 2)),
        (along - shares @ along) / weights.sum(),
    ]
    for one, other, known in zip(near, far, whole, strict=True):
        error = np.abs(other - known - one).max()
        assert error <= 1e-13 * np.abs(shift).max()


def test_the_domain_of_a_grid(autodiff: Face) -> None:
    values, domain = random_image(), np.array([[0.0, 0.0], [1.0, 1.0]])
    shift = SHIFTS[0]
    near = _gradients(autodiff, PolynomialGrid, _sites((0, 0)), values, domain)[1]
    far = _gradients(autodiff, PolynomialGrid, _sites(shift), values, domain)[1]
    # E[x] = low + (high - low) * the mean place in the grid.
    places = [(np.arange(count) + 0.5) / count for count in values.shape]
    mean = np.array([values.sum(axis=1) @ places[0], values.sum(axis=0) @ places[1]]) / values.sum()
    whole = -2 * np.array([(1 - mean) * shift, mean * shift])
    np.testing.assert_allclose(far - whole, near, rtol=0, atol=1e-14 * np.abs(whole).max())
