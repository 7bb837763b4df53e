"""`distance` under JAX's transformations, in its default single precision and in double."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from support.faces import jax_x64
from support.problems import gmm_image, random_image, random_sites, uniform
from support.subprocesses import run_python

from sdot import ConvergenceError, PolynomialGrid, SumOfDiracs, distance, optimal_transport_plan

jax = pytest.importorskip("jax")
jnp = jax.numpy
check_grads = pytest.importorskip("jax.test_util").check_grads

SITES = random_sites(12)
WEIGHTS = np.random.default_rng(0).uniform(0.5, 2, 12)
DENSITY = PolynomialGrid(random_image())


def _cost(positions, weights=None, tol=1e-12):  # type: ignore[no-untyped-def]
    return distance(SumOfDiracs(positions, weights), DENSITY, tol=tol, warm_start=False)


@pytest.mark.parametrize("modes", [["fwd"], ["rev"]], ids=["fwd", "rev"])
def test_check_grads_in_double_precision(modes: list[str]) -> None:
    with jax_x64():
        arguments = jnp.asarray(SITES), jnp.asarray(WEIGHTS)
        check_grads(_cost, arguments, order=1, modes=modes, atol=1e-7, rtol=1e-7, eps=1e-5)
        check_grads(_cost, arguments[:1], order=1, modes=modes, atol=1e-7, rtol=1e-7, eps=1e-5)
        check_grads(jax.jit(_cost), arguments, order=1, modes=modes, atol=1e-7, rtol=1e-7, eps=1e-5)


def test_jit_and_value_and_grad_are_the_eager_ones() -> None:
    with jax_x64():
        y, u = jnp.asarray(SITES), jnp.asarray(WEIGHTS)
        eager = _cost(y, u)
        assert jax.jit(_cost)(y, u) == eager
        value, gradients = jax.value_and_grad(_cost, (0, 1))(y, u)
        assert value == eager
        jitted_value, jitted = jax.jit(jax.value_and_grad(_cost, (0, 1)))(y, u)
        assert jitted_value == eager
        for one, two in zip(gradients, jitted, strict=True):
            assert one.dtype == two.dtype == np.float64
            np.testing.assert_array_equal(one, two)


def test_single_precision_is_the_default() -> None:
    y = jnp.asarray(SITES)
    assert y.dtype == np.float32
    value, gradient = jax.jit(jax.value_and_grad(_cost))(y)
    assert value.dtype == gradient.dtype == np.float32
    rounded = np.asarray(y).astype(np.float64)
    plan = optimal_transport_plan(SumOfDiracs(rounded), DENSITY, tol=1e-12)
    assert value == np.float32(plan.distance)
    expected = 2 / 12 * (rounded - plan.barycenters)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-8)


def test_the_precision_of_the_density_does_not_lower_that_of_the_sites() -> None:
    with jax_x64():
        density = PolynomialGrid(jnp.asarray(random_image(), dtype=jnp.float32))
        value = distance(SumOfDiracs(jnp.asarray(SITES)), density)
        assert value.dtype == np.float64


def test_forward_mode_is_the_directional_derivative() -> None:
    with jax_x64():
        y = jnp.asarray(SITES)
        direction = jnp.asarray(np.random.default_rng(1).normal(size=y.shape))
        value, change = jax.jvp(_cost, (y,), (direction,))
        assert value == _cost(y)
        expected = jnp.sum(jax.grad(_cost)(y) * direction)
        np.testing.assert_allclose(change, expected, rtol=1e-13)


def test_vmap_solves_every_problem() -> None:
    with jax_x64():
        batch = jnp.asarray(np.stack([random_sites(5, seed) for seed in range(3)]))
        values = jax.vmap(_cost)(batch)
        np.testing.assert_array_equal(values, [_cost(y) for y in batch])
        gradients = jax.vmap(jax.grad(_cost))(batch)
        np.testing.assert_array_equal(gradients, [jax.grad(_cost)(y) for y in batch])


def test_integer_positions_are_promoted() -> None:
    value = jax.jit(_cost)(jnp.asarray([[0, 0], [1, 1]]))
    assert value.dtype == np.float32
    assert float(value) == np.float32(_cost(np.array([[0.0, 0.0], [1.0, 1.0]])))


def test_only_weights_may_be_traced() -> None:
    with jax_x64():
        gradient = jax.grad(lambda u: _cost(SITES, u))(jnp.asarray(WEIGHTS))
        both = jax.grad(_cost, 1)(jnp.asarray(SITES), jnp.asarray(WEIGHTS))
        np.testing.assert_array_equal(gradient, both)


def test_gradient_descent_goes_down() -> None:
    step = jax.jit(jax.value_and_grad(lambda y: distance(SumOfDiracs(y), uniform())))
    y, values = jnp.asarray(random_sites(20)), []
    for _ in range(10):
        value, gradient = step(y)
        values.append(float(value))
        y = y - 5.0 * gradient  # half of Lloyd's step, 1 / (2 m) = 10
    assert (np.diff(values) < 0).all()


def test_a_failure_raises_outside_of_traced_functions() -> None:
    density = PolynomialGrid(gmm_image(16))
    with pytest.raises(ConvergenceError, match="max_iterations"):
        distance(SumOfDiracs(jnp.asarray(SITES)), density, max_iterations=1)


def test_a_failure_in_a_traced_function_is_nan_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    density = PolynomialGrid(gmm_image(16))

    @jax.jit
    def cost(y):  # type: ignore[no-untyped-def]
        return distance(SumOfDiracs(y), density, max_iterations=1)

    with caplog.at_level(logging.ERROR, "sdot"), pytest.warns(UserWarning, match="NaN"):
        value, gradient = jax.value_and_grad(cost)(jnp.asarray(SITES))
    assert np.isnan(value)
    assert np.isnan(gradient).all()
    assert "max_iterations" in caplog.text


def test_a_failure_in_a_traced_function_is_seen_once_without_any_settings(tmp_path: Path) -> None:
    code = """
import jax, jax.numpy as jnp, numpy as np, sdot
sites = jnp.asarray(np.random.default_rng(0).random((20, 2)))
density = sdot.PolynomialGrid(np.random.default_rng(0).random((16, 16)) ** 8)
cost = jax.jit(lambda y: sdot.distance(sdot.SumOfDiracs(y), density, max_iterations=1))
for _ in range(3):
    assert jnp.isnan(cost(sites))
"""
    result = run_python(code, tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("the result of a compiled function is NaN") == 1
    assert "raise max_iterations or tol" in result.stderr
    strict = run_python("import warnings; warnings.simplefilter('error')" + code, tmp_path)
    assert strict.returncode == 0, strict.stderr


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_wrong_values_in_a_traced_function_are_nan(wrong: float) -> None:
    sites = SITES.copy()
    sites[3, 1] = wrong
    with pytest.warns(UserWarning, match="positions"):
        value, gradient = jax.jit(jax.value_and_grad(_cost))(jnp.asarray(sites))
    assert np.isnan(value)
    assert np.isnan(gradient).all()
    with pytest.raises(ValueError, match="positions"):
        _cost(jnp.asarray(sites))


def test_wrong_shapes_in_a_traced_function_raise() -> None:
    with pytest.raises(ValueError, match=r"positions.*\(n, 2\)"):
        jax.jit(_cost)(jnp.ones((3, 3)))
    with pytest.raises(ValueError, match=r"weights.*\(3,\)"):
        jax.jit(_cost)(jnp.ones((3, 2)), jnp.ones(4))


def test_the_configuration_of_jax_is_left_alone(tmp_path: Path) -> None:
    code = """
import jax, jax.numpy as jnp, numpy as np
names = [name for name in dir(jax.config) if not name.startswith("_")]
def state():
    return {name: repr(getattr(jax.config, name)) for name in names
            if not callable(getattr(jax.config, name))}
before = state()
import sdot
y = jnp.asarray(np.random.default_rng(0).random((5, 2)))
loss = lambda y: sdot.distance(sdot.SumOfDiracs(y), sdot.PolynomialGrid([[1.0]]))
jax.jit(jax.value_and_grad(loss))(y)
loss(y)
assert state() == before
assert not jax.config.jax_enable_x64
assert len(before) > 20
print("unchanged")
"""
    result = run_python(code, tmp_path)
    assert result.stdout == "unchanged\n", result.stderr
