"""Starts for clusters of sites: no cell is empty, however close the sites are."""

from __future__ import annotations

import numpy as np
import pytest
from support.problems import random_sites, uniform

from sdot import PolynomialGrid, SumOfDiracs, optimal_transport_plan
from sdot.distributions.density import Density
from sdot.solver.newton import damped_newton
from sdot.solver.normalisation import normalise
from sdot.solver.problem import Evaluation, TransportProblem
from sdot.solver.starts.clustered import clustered_start
from sdot.solver.starts.shrunk import shrunk_sites_weights


def _solved_by_voronoi(merged: TransportProblem) -> Evaluation:
    return merged.evaluate(np.zeros(len(merged.sites)))


def _clusters(centres: np.ndarray, size: int, gap: float) -> np.ndarray:
    offsets = gap * np.random.default_rng(size).standard_normal((len(centres), size, 2))
    return (centres[:, None] + offsets).reshape(-1, 2)


def _smallest_share(sites: np.ndarray, density: Density) -> float:
    problem, _ = normalise(sites, np.full(len(sites), 1 / len(sites)), density)
    start = clustered_start(problem, _solved_by_voronoi)
    assert start is not None
    assert len(start.diagram.hidden_sites) == 0
    return start.smallest_share


@pytest.mark.parametrize("gap", [1e-4, 1e-8, 1e-12, 1e-14])
def test_all_sites_of_a_cluster_have_a_cell(gap: float) -> None:
    assert _smallest_share(_clusters(random_sites(20), 6, gap), uniform()) > 1e-3


@pytest.mark.parametrize("gap", [1e-4, 1e-12])
def test_sites_in_slanted_thin_cells_have_one_too(gap: float) -> None:
    # Neighbours on a slanted line: cells as thin as their distance, across the line.
    t = np.linspace(0.05, 0.95, 12)
    centres = np.column_stack([t, t[::-1]])
    assert _smallest_share(_clusters(centres, 5, gap), PolynomialGrid([[1.0]])) > 1e-3


def test_sites_without_clusters_have_no_such_start() -> None:
    problem, _ = normalise(random_sites(50), np.full(50, 0.02), uniform())
    assert clustered_start(problem, _solved_by_voronoi) is None


def _at_many_scales(count: int) -> np.ndarray:
    rng = np.random.default_rng(count)
    return 0.5 + rng.normal(size=(count, 2)) * 10.0 ** rng.uniform(-7, 2, (count, 1))


def test_clusters_of_clusters_have_about_their_masses() -> None:
    sites = _at_many_scales(60)
    masses = 10.0 ** -np.random.default_rng(1).uniform(0, 5, 60)
    problem, _ = normalise(sites, masses, uniform())
    solved: list[int] = []

    def solve(merged: TransportProblem) -> Evaluation:
        solved.append(len(merged.sites))
        start = merged.evaluate(shrunk_sites_weights(merged))
        return damped_newton(merged, start, 1e-2, merged.budget.until(100)).evaluation

    start = clustered_start(problem, solve)
    assert start is not None
    assert start.mass_error < 0.5
    assert solved[0] < 20  # the others are found from these


@pytest.mark.parametrize("weights", [None, 10.0 ** -np.random.default_rng(2).uniform(0, 2, 500)])
def test_more_sites_at_many_scales_than_an_assignment_can_take(weights: np.ndarray | None) -> None:
    plan = optimal_transport_plan(SumOfDiracs(_at_many_scales(500), weights), uniform())
    targets = np.full(500, 1 / 500) if weights is None else weights / weights.sum()
    np.testing.assert_allclose(plan.cell_masses, targets, rtol=1.01e-8)
