"""Groups of cells that zeros of the density keep apart exchange mass all the same."""

from __future__ import annotations

import numpy as np
import pytest
from support.problems import random_sites

from sdot import PolynomialGrid, SumOfDiracs, optimal_transport_plan
from sdot.distributions.density import Density
from sdot.solver.normalisation import normalise
from sdot.solver.starts.joined import joined_groups


def _two_pixels(shape: tuple[int, int], values: dict[tuple[int, int], float]) -> PolynomialGrid:
    image = np.zeros(shape)
    for pixel, value in values.items():
        image[pixel] = value
    return PolynomialGrid(image)


def _lattice(side: int) -> np.ndarray:
    lines = (np.arange(side) + 0.5) / side
    return np.stack(np.meshgrid(lines, lines), axis=-1).reshape(-1, 2)


@pytest.mark.parametrize(
    ("side", "density"),
    [
        (3, _two_pixels((33, 81), {(1, 0): 1.0, (31, 80): 0.79833964})),
        (5, _two_pixels((36, 10), {(1, 1): 1.0, (35, 9): 0.74329045})),
    ],
)
def test_two_far_pixels_that_share_a_cell(side: int, density: PolynomialGrid) -> None:
    plan = optimal_transport_plan(SumOfDiracs(_lattice(side)), density)
    assert plan.status.converged
    np.testing.assert_allclose(plan.cell_masses, 1 / side**2, rtol=1e-7)


@pytest.mark.parametrize("periodic", [False, True])
def test_many_sites_take_few_steps(periodic: bool) -> None:
    image = np.zeros((50, 40))
    image[0, 0], image[-10, -10] = 1.0, 0.7
    density = PolynomialGrid(image, periodic=periodic)
    plan = optimal_transport_plan(SumOfDiracs(random_sites(450)), density)
    assert plan.status.iterations <= 30  # hundreds without
    np.testing.assert_allclose(plan.cell_masses, 1 / 450, rtol=1e-8)


def test_a_step_joins_the_groups_and_moves_mass_to_the_one_that_lacks_it() -> None:
    # Two to each pixel, which they share equally in the Voronoi diagram.
    pixels = (np.array([[3, 5], [34, 31]]) + 0.5) / 40
    positions = (pixels[:, None] + np.array([[-0.05, 0.0], [0.05, 0.0]])).reshape(-1, 2)
    masses = np.array([0.2, 0.2, 0.3, 0.3])
    density: Density = _two_pixels((40, 40), {(3, 5): 1.0, (34, 31): 1.0})
    problem, _ = normalise(positions, masses, density)
    start = problem.evaluate(np.zeros(4))
    lacks = start.residual > 0
    joined = joined_groups(problem, start)
    assert joined is not None
    assert 0.05 <= joined.masses[lacks].sum() - start.masses[lacks].sum() <= 0.1
    assert joined_groups(problem, joined) is None
