"""The error bound: never below the error found, and small when asked to be."""

from __future__ import annotations

import numpy as np
import pytest
from support.problems import gmm_image, random_image, random_sites, uniform

from sdot import ConvergenceError, PolynomialGrid, SumOfDiracs, optimal_transport_plan

DENSITIES = {
    "uniform": uniform(),
    "two peaks": PolynomialGrid(gmm_image(64)),
    "image": PolynomialGrid(random_image()),
    "half empty": PolynomialGrid(np.repeat([[1.0], [0.0]], 8, axis=0)),
    "far away": PolynomialGrid(random_image(), domain=((1e3, -2e3), (1e3 + 5, -2e3 + 3))),
}
# Rounding of a value of this size in coordinates far from the origin is the inputs', not ours.
EXACT = {"uniform", "two peaks", "image", "half empty"}


@pytest.mark.parametrize("name", DENSITIES)
@pytest.mark.parametrize("n", [1, 2, 30, 300])
def test_never_below_the_error_against_a_tighter_solve(name: str, n: int) -> None:
    diracs = SumOfDiracs(random_sites(n), np.random.default_rng(n).uniform(0.5, 2, n))
    best = optimal_transport_plan(diracs, DENSITIES[name], tol=1e-11)
    for tol in (0.5, 0.1, 1e-2, 1e-4):
        plan = optimal_transport_plan(diracs, DENSITIES[name], tol=tol)
        error = abs(plan.distance - best.distance)
        assert error <= plan.error_bound + best.error_bound
        # A lower bound of the exact value, but for rounding.
        assert plan.distance <= best.distance + best.error_bound


@pytest.mark.parametrize("iterations", range(5))
def test_holds_far_from_the_solution_too(iterations: int) -> None:
    diracs = SumOfDiracs(random_sites(200))
    density = DENSITIES["two peaks"]
    exact = optimal_transport_plan(diracs, density, tol=1e-11).distance
    try:
        plan = optimal_transport_plan(diracs, density, max_iterations=iterations)
    except ConvergenceError as error:
        assert error.plan is not None
        plan = error.plan
    assert abs(plan.distance - exact) <= plan.error_bound
    assert plan.error_bound > 0


@pytest.mark.parametrize("name", sorted(EXACT))
def test_below_1e_9_when_the_tolerance_is_small(name: str) -> None:
    plan = optimal_transport_plan(SumOfDiracs(random_sites(1000)), DENSITIES[name], tol=1e-12)
    assert plan.error_bound <= 1e-9 * plan.distance


def test_covers_the_known_value_of_a_lattice() -> None:
    centres = (np.arange(20) + 0.5) / 20
    sites = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
    plan = optimal_transport_plan(SumOfDiracs(sites), uniform())
    assert abs(plan.distance - 1 / (6 * 20**2)) <= plan.error_bound <= 1e-12
