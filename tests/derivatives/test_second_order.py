"""Second derivatives and derivatives of plans against finite differences, and their symmetries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from support.densities import DENSITIES

from sdot import SumOfDiracs
from sdot.derivatives import (
    Linearisation,
    PlanOutputs,
    gradients,
    hessian_product,
    pull_back,
    push_forward,
)
from sdot.distributions.density import Density
from sdot.solver.solution import Solution
from sdot.solving import check_options, solve_numpy

Arrays = list[np.ndarray]

SEEDS = range(20)
STEP = 1e-5


class Problem:
    """Weighted Diracs and a random density of one kind."""

    def __init__(self, kind: str, seed: int, n: int = 8) -> None:
        rng = np.random.default_rng(seed)
        self.density = DENSITIES[kind](rng)
        box = np.array([[0.0, 0.0], [1.0, 1.0]])
        if self.density.domain is not None:
            box = self.density.box
        sites = box[0] + (box[1] - box[0]) * rng.random((n, 2))
        self.diracs = SumOfDiracs(sites, rng.uniform(0.5, 2, n), self.density.total_mass)
        self.arrays = [np.asarray(a) for a in (*self.diracs.arrays, *self.density.arrays)]
        self.rng = rng

    def with_arrays(self, arrays: Sequence[np.ndarray]) -> tuple[SumOfDiracs, Density]:
        density = self.density.with_arrays(arrays[2:])  # its mass may be what they make it
        return SumOfDiracs(*arrays[:2], density.total_mass), density

    def tangents(self) -> Arrays:
        return [self._tangent(array) for array in self.arrays]

    def _tangent(self, array: np.ndarray) -> np.ndarray:
        tangent = self.rng.standard_normal(array.shape)
        # Covariances stay symmetric.
        return tangent + tangent.swapaxes(1, 2) if array.shape[1:] == (2, 2) else tangent


def solved(diracs: SumOfDiracs, density: Density) -> Solution:
    return solve_numpy(diracs, density, check_options(1e-13, 2000, False))


def linearised(problem: Problem) -> Linearisation:
    solution = solved(problem.diracs, problem.density)
    return Linearisation(problem.diracs, problem.density, solution)


def first_order(problem: Problem, arrays: Arrays) -> tuple[Arrays, PlanOutputs]:
    diracs, density = problem.with_arrays(arrays)
    solution = solved(diracs, density)
    found = [g for g in gradients(diracs, density, solution, [True] * len(arrays)) if g is not None]
    outputs = PlanOutputs(
        solution.value, solution.potentials, solution.barycenters, solution.masses
    )
    return found, outputs


def differences(problem: Problem, place: int, tangent: np.ndarray) -> tuple[Arrays, Arrays]:
    """Derivatives of gradients and outputs in the direction of one of the arrays.

    By central differences of two steps, extrapolated (Richardson): third derivatives are large
    where an edge is almost along a line of a grid.
    """
    size = STEP * np.abs(problem.arrays[place]).mean()
    wide, narrow = (_differences(problem, place, tangent, step) for step in (size, size / 2))
    return tuple(  # type: ignore[return-value]
        [(4 * near - far) / 3 for near, far in zip(*pair, strict=True)]
        for pair in zip(narrow, wide, strict=True)
    )


def _differences(
    problem: Problem, place: int, tangent: np.ndarray, step: float
) -> tuple[Arrays, Arrays]:
    found = []
    for sign in (1, -1):
        arrays = [array.copy() for array in problem.arrays]
        arrays[place] += sign * step * tangent
        found.append(first_order(problem, arrays))
    return tuple(  # type: ignore[return-value]
        [
            (np.asarray(one) - np.asarray(other)) / (2 * step)
            for one, other in zip(*pair, strict=True)
        ]
        for pair in zip(*found, strict=True)
    )


def assert_close(found: np.ndarray | float | None, expected: np.ndarray) -> None:
    assert found is not None
    size = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * size + 1e-9)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", DENSITIES)
def test_every_block_against_differences(kind: str, seed: int) -> None:
    problem = Problem(kind, seed)
    linearisation = linearised(problem)
    place = seed % len(problem.arrays)  # all blocks of one of the arrays, another each time
    tangent = problem.tangents()[place]
    tangents = [tangent if k == place else None for k in range(len(problem.arrays))]
    by_gradient, by_outputs = differences(problem, place, tangent)
    for product, expected in zip(
        hessian_product(linearisation, tangents), by_gradient, strict=True
    ):
        assert_close(product, expected)
    for output, expected in zip(push_forward(linearisation, tangents), by_outputs, strict=True):
        assert_close(output, expected)


def inner(first: Sequence[object], second: Sequence[object]) -> float:
    return float(sum(np.sum(np.multiply(a, b)) for a, b in zip(first, second, strict=True)))


@pytest.mark.parametrize("kind", DENSITIES)
def test_the_hessian_is_symmetric(kind: str) -> None:
    for seed in SEEDS:
        problem = Problem(kind, seed, n=40)
        linearisation = linearised(problem)
        one, other = problem.tangents(), problem.tangents()
        found = inner(hessian_product(linearisation, one), other)
        size = abs(inner(hessian_product(linearisation, one), one)) + abs(found)
        assert abs(found - inner(hessian_product(linearisation, other), one)) < 1e-13 * size


@pytest.mark.parametrize("kind", DENSITIES)
def test_push_forward_and_pull_back_are_adjoint(kind: str) -> None:
    n = 40
    for seed in SEEDS:
        problem = Problem(kind, seed, n)
        linearisation = linearised(problem)
        tangents, rng = problem.tangents(), problem.rng
        cotangents = PlanOutputs(
            0.7, rng.standard_normal(n), rng.standard_normal((n, 2)), rng.standard_normal(n)
        )
        outputs = push_forward(linearisation, tangents)
        pulled = inner(pull_back(linearisation, cotangents), tangents)
        size = sum(
            np.abs(np.multiply(a, b)).sum() for a, b in zip(outputs, cotangents, strict=True)
        )
        assert abs(inner(outputs, cotangents) - pulled) < 1e-13 * size
