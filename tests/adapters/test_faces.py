"""Thirty random problems through every face: values, gradients and Hessian products to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.densities import DENSITIES
from support.faces import jax_x64

from sdot import SumOfDiracs, distance, hessian_product
from sdot import optimal_transport_plan as solve
from sdot.derivatives import gradients

PROBLEMS = [(kind, seed) for kind in DENSITIES for seed in (0, 1)]
OPTIONS: dict[str, Any] = {"tol": 1e-12, "warm_start": False}


class _Problem:
    """A density of a kind, sites, and directions for all arrays."""

    def __init__(self, kind: str, seed: int) -> None:
        rng = np.random.default_rng(100 + seed)
        self.density = DENSITIES[kind](rng)
        box = self.density.box
        self.sites = box[0] + (box[1] - box[0]) * rng.random((int(rng.integers(4, 12)), 2))
        self.arrays = [self.sites, *(np.array(a, dtype=float) for a in self.density.arrays)]
        self.directions = [rng.normal(size=a.shape) for a in self.arrays]
        for k, array in enumerate(self.arrays):
            if array.shape[1:] == (2, 2):  # covariances stay symmetric
                self.directions[k] = self.directions[k] + self.directions[k].swapaxes(1, 2)

    def cost(self, positions: Any, *arrays: Any) -> Any:
        diracs = SumOfDiracs(positions, mass=self.density.total_mass)
        return distance(diracs, self.density.with_arrays(arrays), **OPTIONS)

    def by_numpy(self) -> list[Any]:
        diracs = SumOfDiracs(self.sites, mass=self.density.total_mass)
        plan = solve(diracs, self.density, **OPTIONS)
        count = len(self.arrays) - 1
        first = gradients(diracs, self.density, plan._solution, [True, *[True] * count])
        product = hessian_product(plan, self.directions[0], density=self.directions[1:])
        return [plan.distance, *first, product.positions, *product.density]

    def by_jax(self, transform: Any) -> list[Any]:
        jax = pytest.importorskip("jax")
        everything = tuple(range(len(self.arrays)))

        def both(arrays: Any, directions: Any) -> Any:
            function = jax.value_and_grad(self.cost, everything)
            (value, first), (_, product) = jax.jvp(function, arrays, directions)
            return [value, *first, *product]

        with jax_x64():
            arguments = (tuple(map(jax.numpy.asarray, x)) for x in (self.arrays, self.directions))
            return list(transform(jax)(both)(*arguments))

    def by_torch(self) -> list[Any]:
        torch = pytest.importorskip("torch")
        arrays = [torch.tensor(array, requires_grad=True) for array in self.arrays]
        value = self.cost(*arrays)
        first = torch.autograd.grad(value, arrays, create_graph=True)
        along = [torch.tensor(direction) for direction in self.directions]
        product = torch.autograd.grad(first, arrays, along)
        return [x.detach() for x in (value, *first, *product)]


@pytest.mark.parametrize(("kind", "seed"), PROBLEMS)
def test_every_face_has_the_same_bits(kind: str, seed: int) -> None:
    problem = _Problem(kind, seed)
    expected = problem.by_numpy()
    faces = {
        "JAX": problem.by_jax(lambda jax: lambda f: f),
        "JAX, jit": problem.by_jax(lambda jax: jax.jit),
        "PyTorch": problem.by_torch(),
    }
    assert len(expected) == 1 + 2 * len(problem.arrays)
    for name, found in faces.items():
        for k, (one, other) in enumerate(zip(found, expected, strict=True)):
            np.testing.assert_array_equal(one, other, err_msg=f"{name}, result {k}")
