"""Sites on a line start at the quantiles of the density along it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from support.problems import gmm_image, uniform

from sdot import Box, PolynomialGrid, SumOfDiracs, SumOfGaussians, optimal_transport_plan
from sdot.distributions.density import Density
from sdot.solver.normalisation import normalise
from sdot.solver.starts.collinear import collinear_weights
from sdot.validation import FloatArray

RNG = np.random.default_rng(3)
ALONG = RNG.random(80)
UNEQUAL = 10.0 ** -RNG.uniform(0, 7, 80)
LINES = {
    "along x": np.stack([ALONG, np.full(80, 0.5)], axis=1),
    "along y": np.stack([np.full(80, 0.2), ALONG], axis=1),
    "slanted": np.array([0.1, 0.9]) + np.outer(ALONG, [0.5, -0.7]),
}


def _far_pixels() -> FloatArray:
    values = np.zeros((32, 32))
    values[2, 3] = values[29, 27] = 1.0
    return values


DENSITIES: dict[str, Density] = {
    "box": uniform(),
    "image": PolynomialGrid(gmm_image(32)),
    "two far pixels": PolynomialGrid(_far_pixels()),
    "mixture": SumOfGaussians([[0.1, 0.2], [0.9, 0.7]], [1e-3, 1e-1]),
}


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("density", DENSITIES)
def test_all_cells_start_with_about_their_mass(line: str, density: str) -> None:
    problem, _ = normalise(LINES[line], UNEQUAL, DENSITIES[density])
    weights = collinear_weights(problem)
    assert weights is not None
    start = problem.evaluate(*weights)
    assert start.smallest_share > 0.9
    assert start.largest_share < 1.1


def test_frontiers_are_quantiles() -> None:
    # Of the density 2 x on the unit square: x**2 is the mass below x.
    density = PolynomialGrid(np.array([[[0.0, 0.0, 2.0, 0.0]]]))
    masses = RNG.random(80)
    problem, _ = normalise(LINES["along x"], masses, density)
    weights = collinear_weights(problem)
    assert weights is not None
    order = np.argsort(ALONG)
    corners, offsets = problem.evaluate(*weights).diagram.polygons(
        np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    )
    ends = np.sort([corners[a:b, 0].max() for a, b in itertools.pairwise(offsets)])
    shares = np.cumsum(masses[order]) / masses.sum()
    np.testing.assert_allclose(ends, np.sqrt(shares), atol=1e-4)


def test_sites_that_are_not_on_a_line_have_no_such_start() -> None:
    sites = LINES["slanted"].copy()
    sites[7, 0] += 1e-6
    assert collinear_weights(normalise(sites, UNEQUAL, uniform())[0]) is None
    sites = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1e-10]])
    assert collinear_weights(normalise(sites, np.ones(3), uniform())[0]) is None


def test_many_sites_of_unequal_masses_take_few_steps() -> None:
    rng = np.random.default_rng(5)
    sites = np.stack([rng.random(2000), np.full(2000, 0.5)], axis=1)
    masses = 10.0 ** -rng.uniform(0, 4, 2000)
    plan = optimal_transport_plan(SumOfDiracs(sites, masses), PolynomialGrid(gmm_image(32)))
    assert plan.status.iterations <= 4
    assert plan.status.diagrams <= 8


def test_frontiers_in_a_wide_void_are_on_the_right_side_of_it() -> None:
    # Five sites go to either box. Between them the frontier may lie anywhere.
    sites = np.stack([np.arange(10) / 10, np.zeros(10)], axis=1)
    density = Box(((0, 0), (1, 1))) + Box(((90, 0), (91, 1)))
    plan = optimal_transport_plan(SumOfDiracs(sites, mass=2.0), density)
    inside = 0.1 + 0.2 * np.arange(5)
    expected = np.concatenate([inside, 90 + inside])
    np.testing.assert_allclose(plan.barycenters[:, 0], expected, rtol=1e-8)
