"""Solves that start from the last solution: quicker, and right whatever came before."""

from __future__ import annotations

import numpy as np
import pytest
from support.problems import gmm_image, random_sites

from sdot import PolynomialGrid, SumOfDiracs, distance
from sdot.solver.solution import Solution
from sdot.solver.solve import Options, solve


def _density() -> PolynomialGrid:
    return PolynomialGrid(gmm_image(32))


def _solve(
    sites: np.ndarray, density: PolynomialGrid, is_warm: bool, tol: float = 1e-8
) -> Solution:
    n = len(sites)
    options = Options(tol=tol, warm_start=is_warm)
    return solve(sites, np.full(n, 1 / n), density, options, [density.memory])


def test_the_same_sites_again_take_no_step() -> None:
    density, sites = _density(), random_sites(100)
    assert _solve(sites, density, True).status.iterations > 2
    assert _solve(sites, density, True).status.iterations <= 1


def test_a_small_step_takes_fewer_diagrams() -> None:
    density, sites = _density(), random_sites(200)
    _solve(sites, density, True)
    moved = sites + 1e-4 * np.random.default_rng(0).normal(size=sites.shape)
    warm, cold = _solve(moved, density, True), _solve(moved, _density(), True)
    assert warm.status.diagrams < cold.status.diagrams


def test_potentials_that_move_with_their_sites_save_steps() -> None:
    sites = random_sites(50)
    direction = np.random.default_rng(0).normal(size=sites.shape)
    steps = 0
    for size in (3e-3, 1e-3, 1e-4, 1e-6):
        density = _density()
        _solve(sites, density, True)
        steps += _solve(sites + size * direction, density, True).status.iterations
    # From the old potentials as they are it takes 14, from nothing 20.
    assert steps <= 10


@pytest.mark.parametrize("step", [0.0, 1e-6, 1e-3, 0.1, 10.0])
def test_the_past_changes_nothing_but_rounding(step: float) -> None:
    density, sites = _density(), random_sites(100)
    _solve(sites, density, True, tol=1e-12)
    moved = sites + step * np.random.default_rng(0).normal(size=sites.shape)
    warm = _solve(moved, density, True, tol=1e-12)
    cold = _solve(moved, _density(), False, tol=1e-12)
    assert warm.status.converged
    assert warm.value == pytest.approx(cold.value, rel=1e-13, abs=0)
    np.testing.assert_allclose(warm.cell_masses, 0.01, rtol=1.1e-12)


def test_other_masses_and_other_densities_are_not_confused() -> None:
    density, sites = _density(), random_sites(50)
    weights = np.random.default_rng(0).uniform(0.01, 2, 50)
    distance(SumOfDiracs(sites), density)
    warm = distance(SumOfDiracs(sites, weights), density, tol=1e-12)
    cold = distance(SumOfDiracs(sites, weights), _density(), tol=1e-12)
    assert warm == pytest.approx(cold, rel=1e-13, abs=0)


def test_switched_off_the_bits_do_not_depend_on_the_past() -> None:
    density, sites = _density(), random_sites(50)
    first = distance(SumOfDiracs(sites), density, warm_start=False)
    distance(SumOfDiracs(sites + 0.01), density)
    assert distance(SumOfDiracs(sites), density, warm_start=False) == first
