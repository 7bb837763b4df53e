"""The start that does nearly always: both ends of its cells are looked at."""

from __future__ import annotations

import numpy as np
import pytest
from support.problems import lattice, random_sites, uniform

from sdot import Box, Mesh, SumOfDiracs, optimal_transport_plan
from sdot.solver.normalisation import normalise
from sdot.solver.starts.entropic import EntropicTransport
from sdot.solver.starts.quick import quick_start, usual_bins


@pytest.mark.parametrize("n", [100, 1000, 3000])
def test_sites_in_a_corner_of_the_domain_take_few_steps(n: int) -> None:
    plan = optimal_transport_plan(SumOfDiracs(random_sites(n)), Box(((0, 0), (3, 3))), tol=1e-6)
    assert plan.status.iterations <= 7
    assert plan.status.diagrams <= 12


def test_the_example_of_kitagawa_merigot_and_thibert_takes_few_steps() -> None:
    # 1 around [0, 3]^2, 0 on [1, 2]^2, linear on the triangles between; sites in [0, 1]^2.
    corners = [[x, y] for x in range(4) for y in range(4)]
    values = [0.0 if {x, y} <= {1, 2} else 1.0 for x, y in corners]
    squares = [4 * x + y for x in range(3) for y in range(3)]
    triangles = [[k, k + 4, k + 5] for k in squares] + [[k, k + 5, k + 1] for k in squares]
    plan = optimal_transport_plan(
        SumOfDiracs(lattice(30)), Mesh(corners, triangles, values, per="vertex"), tol=1e-6
    )
    assert plan.status.iterations <= 7


def test_voronoi_cells_of_random_sites_are_fair() -> None:
    problem, _ = normalise(random_sites(1000), np.full(1000, 1e-3), uniform())
    start = quick_start(problem, None, EntropicTransport(problem, usual_bins(1000)))
    assert (start.weights == 0).all()
    assert problem.budget.diagrams == 1
