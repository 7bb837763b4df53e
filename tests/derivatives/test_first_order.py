"""Gradients against finite differences of the returned value and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from support.faces import Face
from support.gradients import central_differences
from support.problems import gmm_image, lattice, random_image, random_sites, uniform

from sdot import PolynomialGrid, SumOfDiracs, distance, optimal_transport_plan
from sdot.derivatives import position_gradient, weight_gradient

TIGHT = 1e-12

DENSITIES = {
    "uniform": uniform,
    "image": lambda: PolynomialGrid(random_image()),
    "gmm": lambda: PolynomialGrid(gmm_image(16, 1e-2)),
    "linear": lambda: PolynomialGrid(np.random.default_rng(0).random((4, 4, 4))),
    "elsewhere, mass 3": lambda: PolynomialGrid(random_image(), ((-1, 2), (1, 3)), mass=3),
}


@pytest.fixture(params=DENSITIES)
def density(request: pytest.FixtureRequest) -> PolynomialGrid:
    return DENSITIES[request.param]()


def _sites(density: PolynomialGrid, n: int = 9) -> np.ndarray:
    low, high = density.box
    return low + (high - low) * random_sites(n)


def _weights(n: int = 9) -> np.ndarray:
    return np.random.default_rng(n).uniform(0.5, 2, n)


def test_positions_and_weights_against_finite_differences(
    autodiff: Face, density: PolynomialGrid
) -> None:
    sites, weights, mass = _sites(density), _weights(), round(density.total_mass)

    def cost(y, u):  # type: ignore[no-untyped-def]
        return distance(SumOfDiracs(y, u, mass), density, tol=TIGHT)

    by_sites, by_weights = autodiff.gradients(cost, sites, weights)
    # Differences have an error of h**2 times the third derivatives, plus 1e-16 / h.
    expected = central_differences(lambda y: float(cost(y, weights)), sites, 1e-5)
    np.testing.assert_allclose(by_sites, expected, rtol=0, atol=1e-8 * np.abs(expected).max())
    expected = central_differences(lambda u: float(cost(sites, u)), weights, 1e-5)
    np.testing.assert_allclose(by_weights, expected, rtol=0, atol=1e-8 * np.abs(expected).max())


def test_the_gradient_is_twice_mass_times_gap_to_the_barycenter(
    autodiff: Face, density: PolynomialGrid
) -> None:
    sites, mass = _sites(density), round(density.total_mass)
    (gradient,) = autodiff.gradients(
        lambda y: distance(SumOfDiracs(y, mass=mass), density, tol=TIGHT), sites
    )
    plan = optimal_transport_plan(SumOfDiracs(sites, mass=mass), density, tol=TIGHT)
    np.testing.assert_allclose(
        gradient, 2 * mass / 9 * (sites - plan.barycenters), rtol=0, atol=1e-13 * mass
    )
    lloyd = sites - gradient / (2 * mass / 9)
    np.testing.assert_allclose(lloyd, plan.barycenters, rtol=0, atol=1e-13)


def test_gradients_sum_to_that_of_a_translation(autodiff: Face) -> None:
    density, sites, weights = uniform(), random_sites(20), _weights(20)
    (gradient,) = autodiff.gradients(
        lambda y: distance(SumOfDiracs(y, weights), density, tol=TIGHT), sites
    )
    masses = weights / weights.sum()
    expected = 2 * (masses @ sites - [0.5, 0.5])
    np.testing.assert_allclose(gradient.sum(axis=0), expected, rtol=1e-12)


def test_a_scaling_of_the_weights_changes_nothing(autodiff: Face) -> None:
    sites, weights = random_sites(20), _weights(20)
    (gradient,) = autodiff.gradients(
        lambda u: distance(SumOfDiracs(sites, u), uniform(), tol=TIGHT), weights
    )
    assert weights @ gradient == pytest.approx(0, abs=1e-15)
    (tenfold,) = autodiff.gradients(
        lambda u: distance(SumOfDiracs(sites, u), uniform(), tol=TIGHT), 10 * weights
    )
    np.testing.assert_allclose(10 * tenfold, gradient, rtol=1e-10)


def test_a_lattice_is_stationary(autodiff: Face) -> None:
    (gradient,) = autodiff.gradients(lambda y: distance(SumOfDiracs(y), uniform()), lattice(5))
    np.testing.assert_allclose(gradient, 0, atol=1e-15)


def test_one_site(autodiff: Face) -> None:
    gradients = autodiff.gradients(
        lambda y, u: distance(SumOfDiracs(y, u), uniform()), np.array([[0.2, 0.9]]), np.ones(1)
    )
    np.testing.assert_allclose(gradients[0], [[-0.6, 0.8]], rtol=1e-14)
    np.testing.assert_allclose(gradients[1], [0.0], atol=1e-16)


def test_coincident_sites_split_their_gradient_by_mass(autodiff: Face) -> None:
    sites = np.array([[0.2, 0.4], [0.8, 0.5], [0.2, 0.4], [0.2, 0.4]])
    weights = np.array([1.0, 4.0, 2.0, 3.0])
    density = PolynomialGrid(random_image())

    def cost(y, u):  # type: ignore[no-untyped-def]
        return distance(SumOfDiracs(y, u), density, tol=TIGHT)

    by_sites, by_weights = autodiff.gradients(cost, sites, weights)
    merged, merged_weights = autodiff.gradients(cost, sites[:2], np.array([6.0, 4.0]))
    shares = np.array([1, 2, 3])[:, None] / 6
    np.testing.assert_allclose(by_sites[[0, 2, 3]], shares * merged[0], rtol=1e-10)
    np.testing.assert_allclose(by_sites[1], merged[1], rtol=1e-10)
    np.testing.assert_allclose(by_weights, merged_weights[[0, 1, 0, 0]], rtol=1e-10)


def test_sites_far_away(autodiff: Face) -> None:
    sites = random_sites(6) + np.array([1000.0, -2000.0])
    (gradient,) = autodiff.gradients(lambda y: distance(SumOfDiracs(y), uniform()), sites)
    plan = optimal_transport_plan(SumOfDiracs(sites), uniform())
    np.testing.assert_allclose(gradient, (sites - plan.barycenters) / 3, rtol=1e-14)


def test_the_chain_rule_goes_through(autodiff: Face) -> None:
    sites = random_sites(7)

    def cost(y):  # type: ignore[no-untyped-def]
        return 3 * distance(SumOfDiracs(2 * y + 0.1), uniform(), tol=TIGHT) ** 2

    (gradient,) = autodiff.gradients(cost, sites)
    value = distance(SumOfDiracs(2 * sites + 0.1), uniform(), tol=TIGHT)
    (inner,) = autodiff.gradients(
        lambda y: distance(SumOfDiracs(y), uniform(), tol=TIGHT), 2 * sites + 0.1
    )
    np.testing.assert_allclose(gradient, 12 * value * inner, rtol=1e-12, atol=1e-16)


def test_the_numpy_functions_are_what_autodiff_returns(autodiff: Face) -> None:
    sites, weights = random_sites(9), _weights()
    solution = optimal_transport_plan(SumOfDiracs(sites, weights), uniform())._solution
    by_sites, by_weights = autodiff.gradients(
        lambda y, u: distance(SumOfDiracs(y, u), uniform()), sites, weights
    )
    np.testing.assert_array_equal(by_sites, position_gradient(solution))
    np.testing.assert_array_equal(by_weights, weight_gradient(solution, weights))
