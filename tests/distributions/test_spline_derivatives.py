"""Derivatives of the distance in a spline's values and domain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.faces import Face
from support.gradients import (
    assert_same_bits_in_both,
    central_differences,
    check_in_jax,
    check_in_torch,
)
from support.problems import random_sites
from support.splines import BOX, CONTINUITIES, STEEP, TIGHT, cost_of, positive_values

from sdot import SplineGrid, SumOfDiracs, distance

Array = np.ndarray


def _arguments(seed: int) -> tuple[Array, Array]:
    values = positive_values(seed, [(4, 3), (2, 5)][seed // 3 % 2])
    return values, np.array([[-0.5, 0.1], [1.5, 0.9]])


@pytest.mark.parametrize("seed", range(20))
def test_gradcheck_in_torch(seed: int) -> None:
    check_in_torch(cost_of(seed % 3), _arguments(seed))


@pytest.mark.parametrize("seed", range(20))
def test_check_grads_in_jax(seed: int) -> None:
    check_in_jax(cost_of(seed % 3), _arguments(seed))


@pytest.mark.parametrize("continuity", CONTINUITIES)
def test_jax_and_torch_have_the_same_bits(continuity: int) -> None:
    assert_same_bits_in_both(cost_of(continuity), positive_values(), BOX)


@pytest.mark.parametrize("continuity", [1, 2])
def test_clipped(autodiff: Face, continuity: int) -> None:
    # No Bernstein coefficient within a step of zero: there the density has a kink.
    values = STEEP + np.random.default_rng(continuity).uniform(0.01, 0.1, STEEP.shape)
    cost = cost_of(continuity, "clip")
    (gradient,) = autodiff.gradients(cost, values)
    expected = central_differences(lambda v: float(cost(v)), values)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-7 * np.abs(expected).max())
    with pytest.raises(ValueError, match="nonnegative"):
        cost_of(continuity, "raise")(values)


def test_zeros_can_grow(autodiff: Face) -> None:
    values = np.ones((4, 4))
    values[:2] = 0
    cost = cost_of(0)
    (gradient,) = autodiff.gradients(cost, values)
    step = np.zeros_like(values)
    step[0, 1] = 1e-4
    first = float(cost(values + step) - cost(values)) / 1e-4
    second = float(cost(values + step / 2) - cost(values)) / 0.5e-4
    assert gradient[0, 1] == pytest.approx(2 * second - first, rel=1e-5)


def test_mass_none(autodiff: Face) -> None:
    values = positive_values()
    mass = SplineGrid(values, 2, mass=None).total_mass

    def cost(v: Any) -> Any:
        diracs = SumOfDiracs(random_sites(5), mass=mass)
        return distance(diracs, SplineGrid(v, 2, mass=None), **TIGHT)

    (gradient,) = autodiff.gradients(cost, values)
    assert (gradient * values).sum() == pytest.approx(float(cost(values)), rel=1e-11)


def test_negative_splines_in_a_traced_function_are_nan() -> None:
    jax = pytest.importorskip("jax")
    cost = jax.jit(cost_of(2, "raise"))
    assert np.isnan(cost(jax.numpy.asarray(STEEP)))
    assert np.isfinite(jax.jit(cost_of(2, "clip"))(jax.numpy.asarray(STEEP)))
