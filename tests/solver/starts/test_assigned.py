"""Starts by assignment: no cell is empty, at whatever scales sites and densities are."""

from __future__ import annotations

import numpy as np
import pytest
from support.problems import gmm_image, random_sites, uniform

from sdot import PolynomialGrid, SumOfDiracs, SumOfGaussians, optimal_transport_plan
from sdot.distributions.density import Density
from sdot.solver.newton import damped_newton
from sdot.solver.normalisation import normalise
from sdot.solver.starts.assigned import assigned_weights


def _many_scales(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.asarray(0.5 + rng.normal(size=(n, 2)) * 10.0 ** rng.uniform(-7, 2, (n, 1)))


def _far_pixels() -> PolynomialGrid:
    image = np.zeros((50, 40))
    image[0, 0], image[-1, -1] = 1.0, 0.7
    return PolynomialGrid(image)


DENSITIES: dict[str, Density] = {
    "uniform": uniform(),
    "mixture": PolynomialGrid(gmm_image(32)),
    "far pixels": _far_pixels(),
    "narrow Gaussians": SumOfGaussians([[0.1, 0.1], [0.9, 0.5]], [1e-4, 1e-6], [0.37, 0.63]),
    "a tail cut by a box": SumOfGaussians([[-3.0, 0.5]], [0.2], domain=((0, 0), (1, 1))),
}


@pytest.mark.parametrize("n", [1, 2, 3, 40])
@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("sites", [random_sites, lambda n: _many_scales(n, n)])
def test_cells_have_a_hundredth_of_their_mass_and_newton_takes_few_steps(  # type: ignore[no-untyped-def]
    n: int, density: str, sites
) -> None:
    problem, _ = normalise(sites(n), np.full(n, 1 / n), DENSITIES[density])
    weights = assigned_weights(problem)
    assert weights is not None
    start = problem.evaluate(weights)
    assert 0.01 < start.smallest_share <= start.largest_share < 10
    assert damped_newton(problem, start, 1e-6, 10).reached(1e-6)


def test_light_sites_have_cells_too() -> None:
    masses = 10.0 ** np.linspace(-6, 0, 30)
    problem, _ = normalise(random_sites(30), masses, uniform())
    weights = assigned_weights(problem)
    assert weights is not None
    assert problem.evaluate(weights).smallest_share > 0.01


@pytest.mark.parametrize("n", [16, 40])
@pytest.mark.parametrize("seed", range(10))
def test_sites_at_many_scales_around_a_point_are_solved_in_few_steps(n: int, seed: int) -> None:
    plan = optimal_transport_plan(SumOfDiracs(_many_scales(n, seed)), uniform(), tol=1e-6)
    assert plan.status.iterations <= 16
    np.testing.assert_allclose(plan.cell_masses, 1 / n, rtol=1e-6)


@pytest.mark.parametrize("share", [0.5, 0.4, 0.37])
@pytest.mark.parametrize("n", [3, 10, 40])
@pytest.mark.parametrize("sites", [random_sites, lambda n: _many_scales(n, n)])
def test_two_far_parts_are_solved_whether_or_not_they_share_a_site(  # type: ignore[no-untyped-def]
    n: int, share: float, sites
) -> None:
    # With equal parts nothing but tails of 1e-300 joins their cells, which must not matter.
    parts = SumOfGaussians([[0.1, 0.1], [0.9, 0.5]], [1e-4, 1e-6], [share, 1 - share])
    plan = optimal_transport_plan(SumOfDiracs(sites(n)), parts)
    np.testing.assert_allclose(plan.cell_masses, 1 / n, rtol=1e-7)


def test_more_sites_that_are_in_no_clusters_have_such_a_start() -> None:
    ways = []
    plan = optimal_transport_plan(
        SumOfDiracs(random_sites(450)),
        DENSITIES["narrow Gaussians"],
        callback=lambda progress: ways.append(progress.way),
    )
    assert set(ways) == {"assigned, many"}
    assert len(ways) <= 10
    np.testing.assert_allclose(plan.cell_masses, 1 / 450, rtol=1e-8)
