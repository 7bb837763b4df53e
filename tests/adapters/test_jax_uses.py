"""How JAX programs use `distance`: optima that are differentiated, threads, dispatch, modules."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.faces import jax_x64
from support.problems import random_sites
from support.subprocesses import run_python

from sdot import PolynomialGrid, SumOfDiracs, SumOfGaussians, distance

jax = pytest.importorskip("jax")
jnp = jax.numpy

SITES = random_sites(6)
VALUES = np.random.default_rng(3).uniform(0.8, 1.2, (3, 3))
OPTIONS: dict[str, Any] = {"tol": 1e-12, "warm_start": False}


def _cost(y: Any, values: Any) -> Any:
    return distance(SumOfDiracs(y), PolynomialGrid(values), **OPTIONS)


def _tangent(y: Any, values: Any) -> Any:
    """What vanishes at an optimum, of size one."""
    return 3 * jax.grad(_cost)(y, values)


def _optimum(values: Any, start: Any) -> Any:
    """Newton's method, and the rule by which the optimum follows the values."""

    def solve(function: Any, y: Any) -> Any:
        def step(y: Any, _: Any) -> tuple[Any, None]:
            jacobian = jax.jacfwd(function)(y).reshape(12, 12)
            return y - jnp.linalg.solve(jacobian, function(y).ravel()).reshape(6, 2), None

        return jax.lax.scan(step, y, length=4)[0]

    def tangent_solve(linear: Any, b: Any) -> Any:
        matrix = jax.jacfwd(linear)(jnp.zeros_like(b)).reshape(12, 12)
        return jnp.linalg.solve(matrix, b.ravel()).reshape(6, 2)

    return jax.lax.custom_root(lambda y: _tangent(y, values), start, solve, tangent_solve)


def _lloyd(values: np.ndarray) -> np.ndarray:
    y = jnp.asarray(SITES)
    for _ in range(300):
        y = y - jax.grad(_cost)(y, jnp.asarray(values)) * 3
    return np.asarray(y)


def test_an_optimum_is_differentiated_as_differences_say() -> None:
    with jax_x64():
        start, direction = _lloyd(VALUES), np.random.default_rng(1).normal(size=(3, 3))
        optimum = jax.jit(lambda values: _optimum(values, jnp.asarray(start)))
        values = jnp.asarray(VALUES)
        assert np.abs(_tangent(optimum(values), values)).max() < 1e-9
        change = jax.jvp(optimum, (values,), (jnp.asarray(direction),))[1]
        ends = [optimum(values + s * 1e-4 * direction) for s in (1, -1, 2, -2)]
        expected = (8 * (ends[0] - ends[1]) - (ends[2] - ends[3])) / 12e-4
        np.testing.assert_allclose(change, expected, rtol=1e-5, atol=1e-7)
        # In reverse: the total derivative of a function of the optimum.
        weights = np.random.default_rng(2).normal(size=(6, 2))
        gradient = jax.grad(lambda v: (optimum(v) * weights).sum())(values)
        by_reverse, by_forward = (
            float((gradient * direction).sum()),
            float((change * weights).sum()),
        )
        assert by_reverse == pytest.approx(by_forward, rel=1e-9)


@pytest.fixture
def double_everywhere() -> Iterator[None]:
    """Double precision in all threads, of which one may call back."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


def test_optimistix_minimises_and_is_differentiated(double_everywhere: None) -> None:
    optimistix = pytest.importorskip("optimistix")
    start, values = jnp.asarray(_lloyd(VALUES)), jnp.asarray(VALUES)

    def minimum(values: Any) -> Any:
        solver = optimistix.BFGS(rtol=1e-10, atol=1e-10)
        found = optimistix.minimise(lambda y, v: 3 * _cost(y, v), solver, start, values)
        return _cost(found.value, values)

    def root(values: Any) -> Any:
        solver = optimistix.Newton(rtol=1e-10, atol=1e-10)
        return optimistix.root_find(_tangent, solver, start, values).value

    # By the envelope theorem it is the gradient at the fixed optimum.
    gradient = jax.grad(minimum)(values)
    expected = jax.grad(_cost, 1)(root(values), values)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-8)
    jacobian = jax.jacrev(root)(values)
    optimum = jax.jacfwd(lambda v: _optimum(v, start))(values)
    np.testing.assert_allclose(jacobian, optimum, rtol=1e-5, atol=1e-7)


def test_two_threads_of_jitted_steps() -> None:
    with jax_x64():
        step = jax.jit(jax.value_and_grad(_cost))
        starts = [jnp.asarray(random_sites(30, seed)) for seed in range(2)]
        values, found = jnp.asarray(VALUES), {}
        expected = [step(y, values) for y in starts]

        def work(k: int) -> None:
            with jax_x64():
                found[k] = [step(starts[k], values) for _ in range(10)]

        threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        for k in range(2):
            assert len(found[k]) == 10
            for value, gradient in found[k]:
                assert value == expected[k][0]
                np.testing.assert_array_equal(gradient, expected[k][1])


def test_asynchronous_dispatch_on_and_off(tmp_path: Path) -> None:
    code = """
import sys, jax, jax.numpy as jnp, numpy as np, sdot
jax.config.update("jax_cpu_enable_async_dispatch", sys.argv[1:] == ["on"] or MODE)
density = sdot.PolynomialGrid(np.arange(1.0, 17.0).reshape(4, 4))
step = jax.jit(lambda y: y - jax.grad(lambda y: sdot.distance(sdot.SumOfDiracs(y), density))(y))
y = jnp.asarray(np.random.default_rng(0).random((200, 2)), jnp.float32)
for _ in range(30):
    y = step(y)  # nothing waits for a result
plain = jnp.asarray(np.random.default_rng(0).random((200, 2)), jnp.float32)
for _ in range(3):
    plain = jax.vmap(step)(plain[None])[0]
print(float(y.sum()), float(plain.sum()))
"""
    results = [run_python(code.replace("MODE", mode), tmp_path) for mode in ("True", "False")]
    assert all(result.returncode == 0 for result in results), results[0].stderr
    assert results[0].stdout == results[1].stdout != ""


@jax.tree_util.register_pytree_node_class
@dataclass
class Model:
    """As a module of equinox: a dataclass that is a pytree, with a density among its leaves."""

    density: SumOfGaussians
    scale: Any

    def __call__(self, y: Any) -> Any:
        """The loss of points."""
        return distance(SumOfDiracs(self.scale * y), self.density)

    def tree_flatten(self) -> tuple[Any, None]:
        """Its leaves."""
        return (self.density, self.scale), None

    @classmethod
    def tree_unflatten(cls, _: None, leaves: Any) -> Model:
        """One of leaves."""
        return cls(*leaves)


def test_a_module_with_a_density_is_trained() -> None:
    with jax_x64():
        mixture = SumOfGaussians(
            jnp.asarray([[0.2, 0.3], [0.7, 0.6]]),
            jnp.asarray([0.05, 0.05]),
            jnp.asarray([1.0, 1.0]),
        )
        model = Model(mixture, jnp.asarray(1.0))
        points = jnp.asarray(np.random.default_rng(0).normal(0.5, 0.1, (40, 2)))

        @jax.jit
        def step(model: Model) -> tuple[Any, Model]:
            value, gradient = jax.value_and_grad(lambda m: m(points))(model)
            return value, jax.tree.map(lambda x, g: x - 0.02 * g, model, gradient)

        values = []
        for _ in range(15):
            value, model = step(model)
            values.append(float(value))
        assert isinstance(model.density, SumOfGaussians)
        assert values[-1] < 0.8 * values[0]
