"""Derivatives of the distance in the means, covariances and weights of a Gaussian mixture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.faces import Face, jax_x64
from support.gradients import assert_same_bits_in_both, check_in_jax, check_in_torch

from sdot import SumOfDiracs, SumOfGaussians, distance

Array = np.ndarray
TIGHT = {"tol": 1e-12, "warm_start": False}


class Problem:
    """A random problem: the rank of covs, the domain, mass and sites follow from its number."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.rank = 1 + seed % 3
        k, n = int(rng.integers(1, 5)), int(rng.integers(1, 12))
        self.means = rng.random((k, 2))
        self.weights = rng.uniform(0.2, 1, k)
        # Matrices are made of these inside the function, so that they stay symmetric.
        self.roots = rng.uniform(0.1, 0.5, (k, 2, 2)[: self.rank])
        self.domain = [[-0.2, 0.0], [1.0, -0.3], [0.8, 1.1]] if seed % 5 == 4 else None
        self.mass = float(rng.choice([1.0, 2.5]))
        self.sites = rng.uniform(-0.2, 1.2, (n, 2))

    def covs(self, roots: Any) -> Any:
        return roots**2 if self.rank < 3 else roots @ roots.swapaxes(1, 2) + 0.01 * np.eye(2)

    def cost(self, sites: Any, means: Any, covs: Any, weights: Any) -> Any:
        density = SumOfGaussians(means, covs, weights, self.mass, self.domain)
        return distance(SumOfDiracs(sites, mass=self.mass), density, **TIGHT)

    def of_roots(self, sites: Any, means: Any, roots: Any, weights: Any) -> Any:
        if hasattr(roots, "detach"):
            import torch  # noqa: PLC0415  (only where it is installed)

            eye = 0.01 * torch.eye(2, dtype=torch.float64)
            covs = roots**2 if self.rank < 3 else roots @ roots.swapaxes(1, 2) + eye
            return self.cost(sites, means, covs, weights)
        return self.cost(sites, means, self.covs(roots), weights)

    @property
    def arguments(self) -> tuple[Array, ...]:
        return self.sites, self.means, self.roots, self.weights


PROBLEMS = [Problem(seed) for seed in range(20)]


@pytest.mark.parametrize("seed", range(20))
def test_gradcheck_in_torch(seed: int) -> None:
    check_in_torch(PROBLEMS[seed].of_roots, PROBLEMS[seed].arguments)


@pytest.mark.parametrize("seed", range(20))
def test_check_grads_in_jax(seed: int) -> None:
    check_in_jax(PROBLEMS[seed].of_roots, PROBLEMS[seed].arguments)


@pytest.mark.parametrize("seed", range(20))
def test_jax_and_torch_have_the_same_bits(seed: int) -> None:
    problem = PROBLEMS[seed]
    sites, means, roots, weights = problem.arguments
    assert_same_bits_in_both(problem.cost, sites, means, problem.covs(roots), weights)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_one_site_has_a_closed_form(autodiff: Face, rank: int) -> None:
    # W2^2 = |y - mu|^2 + trace S.
    site, mean = np.array([[1.5, -0.5]]), np.array([[0.3, 0.4]])
    cov = {1: np.array([0.5]), 2: np.array([[0.5, 0.2]]), 3: np.array([[[0.5, 0.1], [0.1, 0.2]]])}
    trace = {1: np.array([2.0]), 2: np.ones((1, 2)), 3: np.eye(2)[None]}
    found = autodiff.gradients(
        lambda y, m, s: distance(SumOfDiracs(y), SumOfGaussians(m, s)), site, mean, cov[rank]
    )
    for gradient, expected in zip(
        found, (2 * (site - mean), 2 * (mean - site), trace[rank]), strict=True
    ):
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=2e-15)


def test_symmetries(autodiff: Face) -> None:
    # A shift of everything changes nothing; neither does a factor of all weights.
    for problem in PROBLEMS[:4]:  # without a domain
        gradients = autodiff.gradients(
            problem.cost,
            problem.sites,
            problem.means,
            problem.covs(problem.roots),
            problem.weights,
        )
        sites, means, covs, weights = gradients
        size = np.abs(sites).sum() + np.abs(means).sum()
        np.testing.assert_allclose(sites.sum(axis=0) + means.sum(axis=0), 0, atol=1e-11 * size)
        assert weights @ problem.weights == pytest.approx(0, abs=1e-12)
        if problem.rank == 3:
            np.testing.assert_array_equal(covs, covs.transpose(0, 2, 1))


def test_a_component_without_weight_still_has_a_derivative(autodiff: Face) -> None:
    # dW2^2 / dalpha is the potential's mean over the component, however small alpha is.
    problem = PROBLEMS[2]
    means = np.concatenate([problem.means, [[0.4, 0.6]]])
    covs = np.concatenate([problem.covs(problem.roots), 0.01 * np.eye(2)[None]])
    found = []
    for weight in (1e-30, 1e-6):
        weights = np.append(problem.weights, weight)
        found.append(autodiff.gradients(problem.cost, problem.sites, means, covs, weights)[3])
    assert abs(found[0][-1]) > 1e-3
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)


def test_parameters_that_an_optimiser_moves() -> None:
    torch = pytest.importorskip("torch")
    means = torch.nn.Parameter(torch.tensor([[0.2, 0.3], [0.9, 0.8]], dtype=torch.float64))
    density = SumOfGaussians(means, [0.05, 0.05])
    diracs = SumOfDiracs(np.random.default_rng(0).random((30, 2)))
    optimizer = torch.optim.SGD([means], lr=0.1)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = distance(diracs, density)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert (np.diff(losses) < 0).all()
    fresh = distance(diracs, SumOfGaussians(means.detach().clone(), [0.05, 0.05]))
    assert distance(diracs, density).item() == pytest.approx(fresh.item(), rel=1e-9)


def test_a_traced_covariance_that_is_not_positive_gives_nan(caplog) -> None:  # type: ignore[no-untyped-def]
    jax = pytest.importorskip("jax")

    @jax.jit
    def cost(covs):  # type: ignore[no-untyped-def]
        return distance(SumOfDiracs([[0.0, 0.0]]), SumOfGaussians([[0.0, 0.0]], covs))

    assert np.isnan(cost(jax.numpy.array([-1.0])))
    assert "covs: expected positive variances" in caplog.text


def test_mixtures_are_pytrees() -> None:
    jax = pytest.importorskip("jax")
    with jax_x64():
        problem = PROBLEMS[2]
        sites, means, roots, weights = map(jax.numpy.asarray, problem.arguments)
        covs = problem.covs(roots)
        mixture = SumOfGaussians(means, covs, weights, problem.mass)
        diracs = SumOfDiracs(sites, mass=problem.mass)
        value, gradient = jax.jit(jax.value_and_grad(distance, argnums=1))(diracs, mixture)
        assert float(value) == pytest.approx(float(distance(diracs, mixture)), rel=1e-12)
        assert isinstance(gradient, SumOfGaussians)
        expected = jax.grad(problem.cost, argnums=(1, 2, 3))(sites, means, covs, weights)
        for one, two in zip(gradient.arrays, expected, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-7)
        repr(gradient)
