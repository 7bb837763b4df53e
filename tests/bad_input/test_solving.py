"""Wrong arguments of ``distance`` and ``optimal_transport_plan`` are refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.faces import Face
from support.problems import random_image, random_sites, uniform
from support.refusals import refused

from sdot import PolynomialGrid, SumOfDiracs, distance, optimal_transport_plan

SITES = random_sites(4)


@pytest.mark.parametrize("solve", [distance, optimal_transport_plan])
class TestArguments:
    """Diracs, a density of the same mass, a tolerance and a number of iterations."""

    def test_two_diracs(self, solve: Any) -> None:
        with refused(TypeError, "density", "SumOfDiracs"):
            solve(SumOfDiracs(SITES), SumOfDiracs(SITES))

    def test_two_densities(self, solve: Any) -> None:
        with refused(TypeError, "SumOfDiracs", "PolynomialGrid"):
            solve(uniform(), uniform())

    def test_arrays(self, solve: Any) -> None:
        with refused(TypeError, "SumOfDiracs", "ndarray"):
            solve(SITES, np.ones((2, 2)))

    def test_different_masses(self, solve: Any) -> None:
        with refused(ValueError, "mass", "2", "1"):
            solve(SumOfDiracs(SITES, mass=2), uniform())

    @pytest.mark.parametrize("tol", [0, 1, -1e-3, np.nan, np.inf])
    def test_tol_out_of_range(self, solve: Any, tol: float) -> None:
        with refused(ValueError, "tol"):
            solve(SumOfDiracs(SITES), uniform(), tol=tol)

    @pytest.mark.parametrize("tol", [None, "small", True])
    def test_tol_that_is_no_number(self, solve: Any, tol: Any) -> None:
        with refused(TypeError, "tol"):
            solve(SumOfDiracs(SITES), uniform(), tol=tol)

    @pytest.mark.parametrize("count", [None, "many", 1.5, True, -1])
    def test_max_iterations(self, solve: Any, count: Any) -> None:
        with refused((TypeError, ValueError), "max_iterations"):
            solve(SumOfDiracs(SITES), uniform(), max_iterations=count)


class TestMixedFrameworks:
    """NumPy goes with either of the others; JAX and PyTorch do not mix."""

    def test_numpy_and_a_framework(self, face: Face) -> None:
        weights = np.array([1.0, 2.0, 3.0, 4.0])
        expected = distance(SumOfDiracs(SITES, weights), PolynomialGrid(random_image()))
        for sites, masses, image in (
            (face.array(SITES), weights, random_image()),
            (SITES, face.array(weights), random_image()),
            (SITES, weights, face.array(random_image())),
            (face.array(SITES), weights.tolist(), random_image().tolist()),
        ):
            value = distance(SumOfDiracs(sites, masses), PolynomialGrid(image))
            assert face.owns(value)
            assert float(value) == float(expected)

    def test_jax_and_torch(self) -> None:
        jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
        tensor, array = torch.tensor(SITES), jax.numpy.asarray(SITES)
        with pytest.raises(TypeError, match="JAX and PyTorch"):
            SumOfDiracs(tensor, array[:, 0])
        with pytest.raises(TypeError, match="JAX and PyTorch"):
            distance(SumOfDiracs(tensor), PolynomialGrid(jax.numpy.ones((2, 2))))
        with pytest.raises(TypeError, match="JAX and PyTorch"):
            optimal_transport_plan(SumOfDiracs(array), PolynomialGrid(torch.ones(2, 2)))
