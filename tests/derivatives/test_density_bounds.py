"""Derivatives of the bounds on W2^2 between two densities, against finite differences.

Of the upper bound with the cells of the partition where they are; of the lower one with both
potentials as they are, which are built here by public functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.densities import DENSITIES
from support.faces import Face
from support.gradients import central_differences
from support.problems import random_image

from sdot import (
    Box,
    NotDifferentiableError,
    PolynomialGrid,
    PowerDiagram,
    SumOfDiracs,
    SumOfGaussians,
    distance_bounds,
    optimal_transport_plan,
)
from sdot.derivatives.density_bounds import lower_gradients, upper_gradients
from sdot.distributions.density import Density
from sdot.execution import SERIAL
from sdot.quantisation.density_bounds import GluedBounds, glued_bounds
from sdot.quantisation.partition import partition_at, partition_of

TOL = 1e-12
SITES = 12
KINDS = [
    "image",
    "linear grid",
    "spline",
    "mesh, per vertex",
    "mixture of rank 3",
    "mixture on a triangle",
    "sum",
]


def _sum(rng: np.random.Generator) -> Density:
    """Of parts whose masses are given, so that the mass is the same for all arrays."""
    parts = [DENSITIES[kind](rng) for kind in ("image", "mixture of rank 2", "mesh, per corner")]
    return 0.5 * parts[0] + 2 * parts[1] + parts[2] + Box()


def with_mass(density: Density, mass: float) -> Density:
    return density * (mass / density.total_mass)


def direction_of(density: Density) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    found = []
    for array in density.arrays:
        step = 0.05 * rng.uniform(-1, 1, np.shape(array))
        symmetric = step.ndim == 3 and step.shape[1:] == (2, 2)
        found.append(step + step.transpose(0, 2, 1) if symmetric else step)
    return found


def moved(density: Density, direction: list[np.ndarray], length: float) -> Density:
    """As it is made anew with other arrays, so that everything that is derived follows."""
    arrays = [
        np.asarray(array) + length * step
        for array, step in zip(density.arrays, direction, strict=True)
    ]
    return density.with_arrays(arrays)


def slope(function: Callable[[float], float]) -> float:
    return float(central_differences(lambda t: function(float(t[0])), np.zeros(1), 1e-4)[0])


def along(gradients: list[np.ndarray], direction: list[np.ndarray]) -> float:
    return sum(float((g * d).sum()) for g, d in zip(gradients, direction, strict=True))


@pytest.fixture(params=KINDS)
def density(request: pytest.FixtureRequest) -> Density:
    make = _sum if request.param == "sum" else DENSITIES[request.param]
    return with_mass(make(np.random.default_rng(3)), 2.0)


OTHER = PolynomialGrid(random_image(5), ((0.5, -1), (2.5, 0.5)), mass=2)


def glued(f: Density, g: Density, sites: np.ndarray | None = None) -> GluedBounds:
    if sites is None:
        return glued_bounds(f, g, partition_of(f, SITES, 0, SERIAL), TOL, SERIAL)
    return glued_bounds(f, g, partition_at(f, sites, SERIAL), TOL, SERIAL)


def sites_of(bounds: GluedBounds) -> np.ndarray:
    partition = bounds.partition
    return partition.frame.origin + partition.frame.scale * partition.diagram.positions


def test_upper_by_what_is_quantised(density: Density) -> None:
    bounds, direction = glued(density, OTHER), direction_of(density)
    sites = sites_of(bounds)
    found = along(upper_gradients(bounds)[: len(density.arrays)], direction)
    expected = slope(lambda t: glued(moved(density, direction, t), OTHER, sites).upper)
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7)


def test_upper_by_the_other_one(density: Density) -> None:
    bounds, direction = glued(OTHER, density), direction_of(density)
    sites = sites_of(bounds)
    found = along(upper_gradients(bounds)[len(OTHER.arrays) :], direction)
    expected = slope(lambda t: glued(OTHER, moved(density, direction, t), sites).upper)
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7)


class Potentials:
    """A pair of them, built without any shift, by public functions."""

    def __init__(self, bounds: GluedBounds) -> None:
        f, g = bounds.first, bounds.second
        self.sites = bounds.partition.barycenters
        diracs = SumOfDiracs(self.sites, bounds.partition.masses, f.total_mass)
        plan = optimal_transport_plan(diracs, g, tol=1e-11)
        self.weights = np.asarray(plan.potentials)
        vertices = np.concatenate(plan.power_diagram.cells)
        self.vertices = np.unique(vertices.round(12), axis=0)
        squares = ((self.vertices[:, None] - self.sites) ** 2).sum(axis=2)
        self.heights = (squares - self.weights).min(axis=1)

    def integrals(self, f: Density, g: Density) -> float:
        return _integral(self.vertices, self.heights, f) + _integral(self.sites, self.weights, g)


def _integral(sites: np.ndarray, weights: np.ndarray, density: Density) -> float:
    masses, centroids, second = PowerDiagram(sites, weights).moments(density)
    filled = masses > 0
    gaps = centroids[filled] - sites[filled]
    heights = (gaps**2).sum(axis=1) - weights[filled]
    return float(masses[filled] @ heights + np.trace(second, axis1=1, axis2=2).sum())


@pytest.mark.parametrize("is_first", [True, False])
def test_lower_at_fixed_potentials(density: Density, is_first: bool) -> None:
    f, g = (density, OTHER) if is_first else (OTHER, density)
    bounds, direction = glued(f, g), direction_of(density)
    if not bounds.is_dual:
        assert all(np.isnan(gradient).all() for gradient in lower_gradients(bounds))
        return
    potentials, count = Potentials(bounds), len(f.arrays)
    gradients = lower_gradients(bounds)
    found = along(gradients[:count] if is_first else gradients[count:], direction)

    def value(t: float) -> float:
        other = moved(density, direction, t)
        return potentials.integrals(*((other, g) if is_first else (f, other)))

    np.testing.assert_allclose(found, slope(value), rtol=2e-6, atol=1e-7)


def test_the_tangent_of_the_lower_bound_is_a_lower_bound() -> None:
    """At other densities on the same domain."""
    f = PolynomialGrid(random_image(5))
    bounds = glued(f, Box())
    for seed in range(6):
        other = PolynomialGrid(random_image(10 + seed))
        # Values are normalised, so that along them the tangent is that of one at f.
        scaled = f.values.sum() / other.values.sum()
        step = scaled * other.values - f.values
        tangent = bounds.lower + float((lower_gradients(bounds)[0] * step).sum())
        assert tangent <= distance_bounds(other, Box(), sites=2000).upper


def test_means_are_pulled_towards_each_other(autodiff: Face) -> None:
    """W2^2 of two equal laws at a distance d is d^2: the gradient is known."""
    mean = np.array([[0.3, -0.2]])

    def upper(mean: Any) -> Any:
        f = SumOfGaussians(mean, [1.0])
        return distance_bounds(f, SumOfGaussians([[1.0, 1.0]], [1.0]), sites=60).upper

    (gradient,) = autodiff.gradients(upper, mean)
    np.testing.assert_allclose(gradient, 2 * (mean - 1.0), atol=0.05)


@pytest.mark.parametrize("which", ["lower", "upper", "estimate"])
def test_frameworks_hand_on_what_is_computed_here(autodiff: Face, which: str) -> None:
    values, other = random_image(1), random_image(2, (3, 4))

    def bound(values: Any, other: Any) -> Any:
        f, g = PolynomialGrid(values), PolynomialGrid(other, ((1, 0), (2, 2)))
        return getattr(distance_bounds(f, g, sites=20, quantised="both"), which)

    found = autodiff.gradients(bound, values, other)
    f, g = PolynomialGrid(values), PolynomialGrid(other, ((1, 0), (2, 2)))
    one = glued_bounds(f, g, partition_of(f, 20, 0, SERIAL), 1e-8, SERIAL)
    two = glued_bounds(g, f, partition_of(g, 20, 0, SERIAL), 1e-8, SERIAL)
    upper = upper_gradients(one) if one.upper < two.upper else upper_gradients(two)[::-1]
    lower = lower_gradients(one) if one.lower > two.lower else lower_gradients(two)[::-1]
    means = [0.5 * (a + b) for a, b in zip(lower, upper, strict=True)]
    expected = {"lower": lower, "upper": upper, "estimate": means}[which]
    for gradient, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(gradient, wanted, rtol=1e-9, atol=1e-12)


def test_a_density_is_fitted_to_a_density(autodiff: Face) -> None:
    """Gradient descent on the mean and the variance of a Gaussian."""
    target = SumOfGaussians([[0.6, 0.4]], [0.04])

    def bound(mean: Any, variance: Any) -> Any:
        return distance_bounds(target, SumOfGaussians(mean, variance), sites=100).upper

    mean, variance = np.array([[0.1, 0.1]]), np.array([0.01])
    for _ in range(12):
        by_mean, by_variance = autodiff.gradients(bound, mean, variance)
        mean, variance = mean - 0.4 * by_mean, variance - 0.02 * by_variance
    np.testing.assert_allclose(mean, [[0.6, 0.4]], atol=0.01)
    np.testing.assert_allclose(variance, [0.04], rtol=0.1)


def test_in_a_compiled_function() -> None:
    jax = pytest.importorskip("jax")
    values = np.asarray(random_image(1), np.float32)

    def bound(values: Any) -> Any:
        return distance_bounds(PolynomialGrid(values), Box(((1, 0), (2, 1))), sites=20).upper

    eager, compiled = jax.grad(bound)(values), jax.jit(jax.grad(bound))(values)
    np.testing.assert_allclose(compiled, eager, rtol=1e-5)
    batched = jax.jit(jax.vmap(bound))(np.stack([values, values[::-1]]))
    np.testing.assert_allclose(batched[0], bound(values), rtol=1e-5)


def test_second_derivatives_are_refused(autodiff: Face) -> None:
    def bound(values: Any) -> Any:
        return distance_bounds(PolynomialGrid(values), Box(), sites=5).upper

    if autodiff.name == "torch":
        torch = autodiff.module
        values = torch.tensor(random_image(1), requires_grad=True)
        (first,) = torch.autograd.grad(bound(values), values, create_graph=True)
        with pytest.raises(NotDifferentiableError, match="second derivatives"):
            torch.autograd.grad(first.sum(), values)
    else:
        jax = autodiff.module
        with pytest.raises(Exception, match="second derivatives"):
            jax.jvp(jax.grad(bound), (random_image(1),), (random_image(1),))


def test_the_domain_of_what_is_quantised(autodiff: Face) -> None:
    def bound(quantised: Any) -> Any:
        def upper(domain: Any) -> Any:
            f = PolynomialGrid(random_image(1), domain=domain)
            return distance_bounds(f, Box(), sites=8, quantised=quantised).upper

        return upper

    domain = np.array([[0.2, 0.0], [1.0, 1.5]])
    (found,) = autodiff.gradients(bound("second"), domain)
    expected = central_differences(lambda d: float(bound("second")(d)), domain)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    with pytest.raises(Exception, match="domain of the density that is quantised"):
        autodiff.gradients(bound("first"), domain)
