"""The status tells of the masses that are returned, and they are what is solved for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.problems import random_image, random_sites

from sdot import (
    Box,
    ConvergenceError,
    OtPlan,
    Polygon,
    PolynomialGrid,
    SumOfDiracs,
    SumOfGaussians,
    optimal_transport_plan,
)
from sdot.distributions.density import Density
from sdot.solver.budget import Budget
from sdot.solver.normalisation import normalise
from sdot.solver.polish import polished

DENSITIES = {
    "box": Box(((0.0, 0.0), (1.0, 1.0))),
    "image": PolynomialGrid(random_image()),
    "mixture": SumOfGaussians(random_sites(5), 10.0 ** np.linspace(-3, 0, 5)),
    "polygon": Polygon([[0, 0], [1, 0], [1, 0.4], [0.4, 0.4], [0.4, 1], [0, 1]]),
}


def _plan(diracs: SumOfDiracs, density: Density, tol: float, max_iterations: int) -> OtPlan:
    try:
        return optimal_transport_plan(diracs, density, tol=tol, max_iterations=max_iterations)
    except ConvergenceError as error:
        assert error.plan is not None
        return error.plan


@pytest.mark.parametrize("name", DENSITIES)
@pytest.mark.parametrize("max_iterations", [0, 3, 2000])
def test_the_error_is_that_of_the_returned_masses(name: str, max_iterations: int) -> None:
    masses = 10.0 ** np.random.default_rng(0).uniform(-8, 0, 60)
    masses /= masses.sum()
    plan = _plan(SumOfDiracs(random_sites(60), masses), DENSITIES[name], 1e-8, max_iterations)
    error = np.abs(plan.cell_masses - masses) / masses
    assert plan.status.mass_error == pytest.approx(error.max(), rel=1e-6, abs=1e-15)
    assert plan.status.converged == (plan.status.mass_error <= 1e-8)


def test_the_error_is_measured_after_coincident_sites_have_shared_their_mass() -> None:
    # What sharing rounds is as much as the error of the cell that they have in common.
    sites = np.full((1327, 2), 0.4)
    sites[0] = 0.6
    masses = np.random.default_rng(0).random(1327)
    masses /= masses.sum()
    plan = optimal_transport_plan(SumOfDiracs(sites, masses), DENSITIES["box"])
    targets = masses * (1.0 / masses.sum())
    error = np.abs((targets - plan.cell_masses) / targets).max()
    assert plan.status.mass_error == error > 1e-16


def test_masses_that_only_the_other_kernel_gives_are_improved() -> None:
    # The lightest of these masses is a rounding of the mass in a row of pixels.
    rng = np.random.default_rng(125)
    sites = rng.random((200, 2))
    masses = 10.0 ** rng.uniform(-10, 0, 200)
    density = PolynomialGrid(rng.random((30, 30)) ** 4)
    problem, _ = normalise(sites, masses, density)
    plan = optimal_transport_plan(SumOfDiracs(sites, masses), density, tol=1e-6)
    solved = problem.integrate(plan._solution.diagram)
    claimed = replace(solved, masses=problem.masses)  # as if its kernel saw no error
    before = problem.returned_error(problem.kernel.moments(solved.diagram))
    tol = 1e-2 * before
    evaluation, moments = polished(problem, claimed, tol)
    assert problem.returned_error(moments) <= tol < before
    assert moments is problem.kernel.moments(evaluation.diagram)


def test_steps_are_counted_and_none_is_taken_without_budget() -> None:
    sites, masses = random_sites(20), np.full(20, 0.05)
    for steps in (0, 1):
        budget = Budget(steps)
        problem, _ = normalise(sites, masses, DENSITIES["box"], budget)
        plan = optimal_transport_plan(SumOfDiracs(sites), DENSITIES["box"], tol=1e-3)
        claimed = replace(problem.integrate(plan._solution.diagram), masses=problem.masses)
        polished(problem, claimed, 1e-12)
        assert budget.iterations == steps
        assert budget.diagrams == steps
