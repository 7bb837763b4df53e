"""Derivatives on a torus, against finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.gradients import central_differences, check_in_jax, check_in_torch
from support.problems import lattice, random_image, random_sites
from support.torus import grid_on_torus, plan_on_torus, spline_on_torus

from sdot import (
    PolynomialGrid,
    SumOfDiracs,
    distance,
    optimal_transport_plan,
)
from sdot.derivatives import Linearisation, gradients, hessian_product
from sdot.errors import NotDifferentiableError


def _gradients(arrays: list[np.ndarray], make: Any) -> list[np.ndarray]:
    diracs, density = SumOfDiracs(*arrays[:2]), make(arrays[2])
    plan = optimal_transport_plan(diracs, density, tol=1e-13)
    return gradients(diracs, density, plan._solution, [True] * 3)


@pytest.mark.parametrize("k", [0, 1, 2])
def test_first_derivatives(k: int) -> None:
    arrays = [random_sites(6, seed=1) + 0.7, np.linspace(1, 2, 6), random_image(1, (3, 4))]

    def value(array: np.ndarray) -> float:
        new = [*arrays[:k], array, *arrays[k + 1 :]]
        return plan_on_torus(new[0], grid_on_torus(new[2]), new[1], tol=1e-13).distance

    found = _gradients(arrays, grid_on_torus)[k]
    np.testing.assert_allclose(found, central_differences(value, arrays[k]), atol=1e-7)


@pytest.mark.parametrize("make", [grid_on_torus, spline_on_torus])
@pytest.mark.parametrize("k", [0, 1, 2])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_second_derivatives(n: int, k: int, make: Any) -> None:
    rng = np.random.default_rng(n)
    arrays = [rng.random((n, 2)), rng.uniform(1, 2, n), random_image(1, (4, 5))]
    direction, step = rng.normal(size=arrays[k].shape), 1e-5
    diracs, density = SumOfDiracs(*arrays[:2]), make(arrays[2])
    plan = optimal_transport_plan(diracs, density, tol=1e-13)
    tangents: list[Any] = [None] * 3
    tangents[k] = direction
    found = hessian_product(Linearisation(diracs, density, plan._solution), tangents)
    moved = [[*arrays[:k], arrays[k] + s * step * direction, *arrays[k + 1 :]] for s in (1, -1)]
    after, before = (_gradients(point, make) for point in moved)
    for part, high, low in zip(found, after, before, strict=True):
        np.testing.assert_allclose(part, (high - low) / (2 * step), rtol=1e-5, atol=1e-6)


def test_the_hessian_of_one_site_is_zero_if_the_density_is_uniform() -> None:
    """Moving it changes nothing; the edges of its cell are between copies of itself."""
    plan = plan_on_torus([[0.3, 0.6]])
    np.testing.assert_allclose(plan.hessian() @ [1.0, 0.0], 0, atol=1e-13)


def test_edges_along_a_side_of_the_domain_count_once() -> None:
    """The same lattice with and without cells that end at the sides."""
    at_sides, inside = (lattice(3) + shift for shift in (0.0, 0.05))
    direction = np.random.default_rng(0).normal(size=18)
    found = [plan_on_torus(sites).hessian() @ direction for sites in (at_sides, inside)]
    np.testing.assert_allclose(found[0], found[1], atol=1e-12)


def test_no_derivatives_where_the_density_jumps_across_the_side() -> None:
    jumps = PolynomialGrid([[1.0], [2.0]], periodic=True)
    sites = np.array([[0.25, 0.5], [0.75, 0.5]])
    plan = plan_on_torus(sites, jumps, weights=[1.0, 2.0])
    with pytest.raises(NotDifferentiableError, match="jump"):
        plan.hessian()


def _cost(sites: Any, weights: Any, image: Any) -> Any:
    return distance(SumOfDiracs(sites, weights), grid_on_torus(image), tol=1e-12, warm_start=False)


def test_gradients_in_jax() -> None:
    check_in_jax(_cost, [random_sites(3), np.linspace(1, 2, 3), random_image(2, (1, 2))])


def test_gradients_in_torch() -> None:
    check_in_torch(_cost, [random_sites(3), np.linspace(1, 2, 3), random_image(2, (1, 2))])
