"""Starts for clusters of sites: no cell is empty, however close the sites are."""

from __future__ import annotations

import numpy as np
import pytest
from support.problems import random_sites, uniform

from sdot import PolynomialGrid
from sdot.distributions.density import Density
from sdot.solver.problem import Evaluation, TransportProblem, normalise
from sdot.solver.starts.clustered import clustered_weights


def _solved_by_voronoi(merged: TransportProblem) -> Evaluation:
    return merged.evaluate(np.zeros(len(merged.sites)))


def _clusters(centres: np.ndarray, size: int, gap: float) -> np.ndarray:
    offsets = gap * np.random.default_rng(size).standard_normal((len(centres), size, 2))
    return (centres[:, None] + offsets).reshape(-1, 2)


def _smallest_share(sites: np.ndarray, density: Density) -> float:
    problem, _ = normalise(sites, np.full(len(sites), 1 / len(sites)), density)
    weights = clustered_weights(problem, _solved_by_voronoi)
    assert weights is not None
    start = problem.evaluate(*weights)
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
    assert clustered_weights(problem, _solved_by_voronoi) is None
