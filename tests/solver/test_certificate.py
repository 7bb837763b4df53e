"""The error bound: never below the error found, and small when asked to be."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.special import ndtr
from support.exact_transport import exact_cost
from support.problems import gmm_image, random_image, random_sites, uniform

from sdot import (
    Box,
    ConvergenceError,
    Mesh,
    OtPlan,
    PolynomialGrid,
    SumOfDiracs,
    SumOfGaussians,
    optimal_transport_plan,
)
from sdot.distributions.density import Density
from sdot.solver.normalisation import normalise
from sdot.solver.solution import Solution, Status, make_solution

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


def _best_plan(diracs: SumOfDiracs, density: Density, tol: float) -> OtPlan:
    try:
        return optimal_transport_plan(diracs, density, tol=tol)
    except ConvergenceError as error:
        assert error.plan is not None
        return error.plan


def _drawn_problem(seed: int) -> tuple[np.ndarray, np.ndarray, Density]:
    """Few sites near or far, on a domain near or far, of like or unlike sizes and masses."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 5))
    low = 10.0 ** rng.uniform(-1, 7) * rng.normal(size=2) * rng.integers(2)
    sides = 10.0 ** rng.uniform(-1, 1, 2) * 10.0 ** rng.choice([0, 0, -4, 4])
    away = [low, 10.0 ** rng.uniform(-1, 7) * rng.normal(size=2), np.zeros(2)][seed % 3]
    sites = away + sides.max() * 10.0 ** rng.choice([0, 0, -3, 3]) * rng.random((count, 2))
    masses = 10.0 ** rng.uniform(-rng.choice([0, 1, 4]), 0, count)
    box = np.array([low, low + sides])
    if seed % 4 == 0:
        return sites, masses, Box(box)
    if seed % 4 == 1:
        corners = box[0] + sides * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
        return sites, masses, Mesh(corners, [[0, 1, 2], [0, 2, 3]], rng.random(4))
    terms = [1, 4][seed % 4 - 2]
    values = rng.random((*rng.integers(1, 4, 2), terms))
    return sites, masses, PolynomialGrid(values, domain=box)


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_holds_against_exact_values_wherever_sites_and_density_are(first: int) -> None:
    for seed in range(first, first + 10):
        sites, masses, density = _drawn_problem(seed)
        if len(np.unique(sites, axis=0)) < len(sites):
            continue
        for tol in (1e-12, 1e-2):
            plan = _best_plan(SumOfDiracs(sites, masses), density, tol)
            gap = 1e-2 * plan.error_bound
            exact = exact_cost(sites, masses, density, np.asarray(plan.potentials), gap)
            value = Fraction(float(plan.distance))
            error = max(exact.lower - value, value - exact.upper)
            assert error <= Fraction(plan.error_bound), seed


@pytest.mark.parametrize("shift", [0.0, 1e4, 1e6, 1e8])
def test_a_grid_far_from_the_origin_with_one_site_loses_nothing(shift: float) -> None:
    values = np.random.default_rng(0).integers(1, 9, (4, 4)).astype(float)
    domain = ((shift, shift), (shift + 1, shift + 1))
    site = np.array([[shift + 0.3125, shift + 0.4375]])
    near = exact_cost(site - shift, np.ones(1), PolynomialGrid(values), np.zeros(1))
    plan = optimal_transport_plan(SumOfDiracs(site), PolynomialGrid(values, domain=domain))
    assert abs(Fraction(float(plan.distance)) - near.lower) <= Fraction(plan.error_bound)
    assert plan.error_bound <= 1e-13 * plan.distance


@pytest.mark.parametrize("seed", range(20))
def test_holds_for_mixtures_whose_cost_is_a_sum_of_moments(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.choice([1, 3, 30]))
    far = 10.0 ** rng.uniform(0, 6) * rng.normal(size=2) * rng.integers(2)
    factors = rng.normal(size=(count, 2, 2)) * 10.0 ** rng.uniform(-2, 0, (count, 1, 1))
    covariances = factors @ factors.transpose(0, 2, 1)
    covariances[:, 0, 1] = covariances[:, 1, 0]
    means, weights = far + rng.normal(size=(count, 2)), rng.random(count)
    site = far + rng.normal(size=(1, 2))
    plan = optimal_transport_plan(
        SumOfDiracs(site), SumOfGaussians(means, covariances, weights), tol=1e-12
    )
    exact = Fraction(0)
    for weight, mean, covariance in zip(weights, means, covariances, strict=True):
        gaps = [Fraction(float(a)) - Fraction(float(b)) for a, b in zip(mean, site[0], strict=True)]
        spread = sum(Fraction(float(v)) for v in np.diagonal(covariance))
        exact += Fraction(float(weight)) * (gaps[0] ** 2 + gaps[1] ** 2 + spread)
    exact /= sum(Fraction(float(v)) for v in weights)
    assert abs(Fraction(float(plan.distance)) - exact) <= Fraction(plan.error_bound)


def _solution_at(
    weights: np.ndarray, sites: np.ndarray, masses: np.ndarray, density: Density
) -> Solution:
    """The plan of any weights, as if a solve had ended there."""
    problem, back = normalise(sites, masses, density)
    status = Status(True, 0.0, 0, 0, "")
    diagram = problem.builder.build(weights)
    moments = problem.kernel.moments(diagram)
    return make_solution(problem, back, diagram, moments, masses, status=status)


@pytest.mark.parametrize("missing", [1.0, 10.0, 1e3])
def test_is_near_the_error_where_a_cell_has_lost_all_its_mass(missing: float) -> None:
    # Two halves of the unit square; the right weight of the second site is zero. Without a cell the
    # value is linear in that weight, of slope one half, and so is the bound.
    sites, masses = np.array([[0.25, 0.5], [0.75, 0.5]]), np.array([0.5, 0.5])
    problem, _ = normalise(sites, masses, uniform())
    second = int(problem.sites[0, 0] < problem.sites[1, 0])
    weights = np.zeros(2)
    weights[second] = -missing - 1.0
    solution = _solution_at(weights, sites, masses, uniform())
    exact = 2 * (0.5 * (0.5**2 + 1) / 12)
    error = exact - solution.value
    assert error == pytest.approx(0.5 * (missing + 1) - 0.125, rel=1e-12)
    assert error <= solution.error_bound <= 1.8 * error


def test_no_optimal_cell_avoids_the_box_in_which_potentials_are_compared() -> None:
    # All but one of the masses are equal: the mass outside must be below the least.
    masses = np.array([1.0, 1.0, 1e-3])
    density = SumOfGaussians([[0.0, 0.0]], [1.0])
    _, back = normalise(random_sites(3), masses, density)
    low, high = back.met_box
    inside = np.prod(ndtr(high) - ndtr(low))
    assert 1 - inside < masses.min() / masses.sum()


def test_holds_where_potentials_differ_by_what_is_met_in_the_tail() -> None:
    # A light site gets what lies beyond x = 3; its weight, from one that hides it, is found there.
    share = ndtr(-3.0)
    sites, masses = np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([1 - share, share])
    density = SumOfGaussians([[0.0, 0.0]], [1.0])
    _, back = normalise(sites, masses, density)
    light = int(back.site_of[1])
    # |x|^2 < |x - y|^2 - w where w < 1 - 2 x: with x = 8 hidden but for 1e-15 of the mass.
    for x in (8.0, 3.5, 0.0):
        weights = back.normalised_weights(np.array([0.0, 1.0 - 2.0 * x]))
        solution = _solution_at(weights - weights[1 - light], sites, masses, density)
        # The cost is 2 + share - 2 E[x; x > 3], with the density itself for that mean.
        exact = 2 + share - 2 * np.exp(-4.5) / np.sqrt(2 * np.pi)
        assert abs(solution.value - exact) <= solution.error_bound


@pytest.mark.parametrize("seed", range(5))
def test_holds_for_small_gaps_between_large_coordinates(seed: int) -> None:
    # Two specks of mass and a site in each: a rounding of a coordinate is not that of its gap.
    rng = np.random.default_rng(seed)
    knots = [0.0, 1e-6, 1.0, 1.0 + 1e-6], [0.5, 0.5 + 1e-6]
    density = PolynomialGrid([[1.0], [0.0], [1.0]], knots=knots)
    sites = np.array([[0.0, 0.5], [1.0, 0.5]]) + 1e-6 * rng.random((2, 2))
    plan = optimal_transport_plan(SumOfDiracs(sites), density)
    start = np.asarray(plan.potentials)
    exact = exact_cost(sites, np.ones(2), density, start, 1e-3 * plan.error_bound)
    value = Fraction(float(plan.distance))
    assert max(exact.lower - value, value - exact.upper) <= Fraction(plan.error_bound)


def test_is_in_the_unit_of_the_cost() -> None:
    # Powers of two change no digit, so that a bound that mixes units would show.
    bounds = []
    for size in (1.0, 2.0**20, 2.0**-20):
        density = PolynomialGrid(random_image(), domain=((0.0, 0.0), (size, size)))
        plan = optimal_transport_plan(SumOfDiracs(size * random_sites(30)), density, tol=1e-12)
        bounds.append(plan.error_bound / size**2)
    np.testing.assert_allclose(bounds, bounds[0], rtol=1e-12)
