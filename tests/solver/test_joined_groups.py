"""Groups of cells that zeros of the density keep apart exchange mass all the same."""

from __future__ import annotations

import numpy as np
import pytest

from sdot import PolynomialGrid, SumOfDiracs, optimal_transport_plan
from sdot.distributions.density import Density
from sdot.solver.joined_groups import joined_groups
from sdot.solver.problem import normalise


def _two_far_pixels(first: float, second: float) -> PolynomialGrid:
    values = np.zeros((40, 40))
    values[3, 5], values[34, 31] = first, second
    return PolynomialGrid(values)


def _lattice(side: int) -> np.ndarray:
    lines = (np.arange(side) + 0.5) / side
    return np.stack(np.meshgrid(lines, lines), axis=-1).reshape(-1, 2)


@pytest.mark.parametrize("share", [0.3, 0.4441, 0.52, 0.7])
@pytest.mark.parametrize("side", [2, 3, 5])
def test_two_far_pixels_that_share_a_cell(side: int, share: float) -> None:
    density = _two_far_pixels(share, 1 - share)
    plan = optimal_transport_plan(SumOfDiracs(_lattice(side)), density)
    assert plan.status.converged
    np.testing.assert_allclose(plan.cell_masses, 1 / side**2, rtol=1e-7)


def test_a_step_joins_the_groups_and_moves_mass_to_the_one_that_lacks_it() -> None:
    # Two to each pixel, which they share equally in the Voronoi diagram.
    pixels = (np.array([[3, 5], [34, 31]]) + 0.5) / 40
    positions = (pixels[:, None] + np.array([[-0.05, 0.0], [0.05, 0.0]])).reshape(-1, 2)
    masses = np.array([0.2, 0.2, 0.3, 0.3])
    density: Density = _two_far_pixels(0.5, 0.5)
    problem, _ = normalise(positions, masses, density)
    start = problem.evaluate(np.zeros(4))
    lacks = start.residual > 0
    joined = joined_groups(problem, start)
    assert joined is not None
    assert 0.05 <= joined.masses[lacks].sum() - start.masses[lacks].sum() <= 0.1
    assert joined_groups(problem, joined) is None
