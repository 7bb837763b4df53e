"""Derivatives of the distance in the values and the domain of a polynomial grid."""

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
from support.problems import random_coefficients, random_image, random_lines, random_sites

from sdot import PolynomialGrid, SumOfDiracs, distance, driver, optimal_transport_plan

Array = np.ndarray
TIGHT = {"tol": 1e-12, "warm_start": False}


class Problem:
    """A random problem: degree, shape, domain, mass and sites follow from its number."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.degree = seed % 3
        shape = int(rng.integers(1, 5)), int(rng.integers(2, 5))
        coefficients = random_coefficients(rng, shape, self.degree)
        # As (nx, ny) or (nx, ny, 1) where the degree is zero.
        flat = self.degree == 0 and bool(rng.random() < 0.5)
        self.values = coefficients.reshape(shape if flat else (*shape, -1))
        low = rng.uniform(-2, 2, 2)
        self.domain = np.array([low, low + rng.uniform(0.5, 2, 2)])
        self.mass = float(rng.choice([1.0, 3.5]))
        n = int(rng.integers(1, 9))
        low, high = self.domain
        self.sites = low + (high - low) * rng.uniform(-0.2, 1.2, (n, 2))
        self.weights = rng.uniform(0.5, 2, n)

    def cost(self, values: Any, domain: Any) -> Any:
        diracs = SumOfDiracs(self.sites, self.weights, self.mass)
        return distance(diracs, PolynomialGrid(values, domain, mass=self.mass), **TIGHT)


PROBLEMS = [Problem(seed) for seed in range(20)]


@pytest.mark.parametrize("seed", range(20))
def test_gradcheck_in_torch(seed: int) -> None:
    problem = PROBLEMS[seed]
    check_in_torch(problem.cost, (problem.values, problem.domain))


@pytest.mark.parametrize("seed", range(20))
def test_check_grads_in_jax(seed: int) -> None:
    problem = PROBLEMS[seed]
    check_in_jax(problem.cost, (problem.values, problem.domain))


@pytest.mark.parametrize("seed", range(20))
def test_jax_and_torch_have_the_same_bits(seed: int) -> None:
    problem = PROBLEMS[seed]
    assert_same_bits_in_both(problem.cost, problem.values, problem.domain)


@pytest.mark.parametrize("seed", range(6))
def test_a_scaling_of_the_values_changes_nothing(autodiff: Face, seed: int) -> None:
    problem = PROBLEMS[seed]
    gradient, _ = autodiff.gradients(problem.cost, problem.values, problem.domain)
    size = np.abs(gradient * problem.values).sum()
    assert (gradient * problem.values).sum() == pytest.approx(0, abs=1e-13 * size)


def test_one_site_has_a_closed_form(autodiff: Face) -> None:
    # W2^2 = sum_ij v_ij c_ij / sum_ij v_ij, c the mean of |x - y|^2 over a pixel.
    image, site = random_image(0, (4, 3)), np.array([0.3, 0.9])
    (gradient,) = autodiff.gradients(
        lambda v: distance(SumOfDiracs([site]), PolynomialGrid(v)), image
    )
    x, y = (np.arange(4) + 0.5) / 4, (np.arange(3) + 0.5) / 3
    cost = (x[:, None] - site[0]) ** 2 + (y - site[1]) ** 2 + 1 / 12 / 16 + 1 / 12 / 9
    mean = (image * cost).sum() / image.sum()
    np.testing.assert_allclose(gradient, (cost - mean) / image.sum(), rtol=0, atol=1e-15)


def test_values_that_are_zero_can_grow(autodiff: Face) -> None:
    values = random_image(1, (6, 5))
    values[:2] = 0  # outside of the smallest box around the mass
    values[3, 2] = 0
    sites = random_sites(6)

    def cost(v: Any) -> Any:
        return distance(SumOfDiracs(sites), PolynomialGrid(v), **TIGHT)

    (gradient,) = autodiff.gradients(cost, values)
    for index in ((0, 0), (1, 4), (3, 2)):
        step = np.zeros_like(values)
        step[index] = 1e-4
        # One-sided, extrapolated.
        first = float(cost(values + step) - cost(values)) / 1e-4
        second = float(cost(values + step / 2) - cost(values)) / 0.5e-4
        assert gradient[index] == pytest.approx(2 * second - first, rel=1e-5)
    assert (gradient[:2] != 0).all()


def test_knots(autodiff: Face) -> None:
    rng = np.random.default_rng(3)
    knots = random_lines(rng, 3, -1.0, 2.0), random_lines(rng, 4, 3.0, 4.0)
    values = random_coefficients(rng, (3, 4), 1).reshape(3, 4, 4)
    sites = [-1, 3] + [3, 1] * random_sites(5)

    def cost(v: Any) -> Any:
        return distance(SumOfDiracs(sites), PolynomialGrid(v, knots=knots), **TIGHT)

    (gradient,) = autodiff.gradients(cost, values)
    expected = central_differences(lambda v: float(cost(v)), values)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-8 * np.abs(expected).max())


class TestWithoutNormalisation:
    """`mass=None`: the values are the density."""

    @pytest.mark.parametrize("degree", range(3))
    def test_values(self, autodiff: Face, degree: int) -> None:
        rng = np.random.default_rng(degree)
        values = random_coefficients(rng, (3, 4), degree).reshape(3, 4, -1)
        domain = ((0.0, 0.0), (1.5, 1.0))
        mass = PolynomialGrid(values, domain, mass=None).total_mass
        diracs = SumOfDiracs(random_sites(5), mass=mass)

        def cost(v: Any) -> Any:
            return distance(diracs, PolynomialGrid(v, domain, mass=None), **TIGHT)

        (gradient,) = autodiff.gradients(cost, values)
        # The masses of both sides may differ by a millionth only.
        expected = central_differences(lambda v: float(cost(v)), values, 1e-6)
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-8 * np.abs(expected).max())
        # The cost is homogeneous: |v|-fold mass has the |v|-fold cost.
        assert (gradient * values).sum() == pytest.approx(float(cost(values)), rel=1e-11)

    def test_domain(self, autodiff: Face) -> None:
        values, domain = random_image(2, (3, 4)), np.array([[0.0, -0.2], [1.5, 1.0]])
        mass = PolynomialGrid(values, domain, mass=None).total_mass
        diracs = SumOfDiracs(random_sites(5), mass=mass)

        def cost(d: Any) -> Any:
            return distance(diracs, PolynomialGrid(values, d, mass=None), **TIGHT)

        (gradient,) = autodiff.gradients(cost, domain)
        expected = central_differences(lambda d: float(cost(autodiff.array(d))), domain, 1e-7)
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-7 * np.abs(expected).max())


class TestDomain:
    """The domain carries the mass along."""

    def test_one_site_has_a_closed_form(self, autodiff: Face) -> None:
        # |c - y|^2 + (w^2 + h^2) / 12 of a uniform density.
        domain, site = np.array([[-1.0, 2.0], [3.0, 4.5]]), np.array([0.2, 0.1])
        (gradient,) = autodiff.gradients(
            lambda d: distance(SumOfDiracs([site]), PolynomialGrid([[1.0]], d)), domain
        )
        gap, side = domain.mean(axis=0) - site, domain[1] - domain[0]
        np.testing.assert_allclose(gradient, [gap - side / 6, gap + side / 6], rtol=1e-14)

    def test_a_translation_moves_the_mean(self, autodiff: Face) -> None:
        domain, sites = np.array([[-1.0, 2.0], [3.0, 4.5]]), random_sites(20)
        values = random_image(4, (6, 5))
        gradients = autodiff.gradients(
            lambda y, d: distance(SumOfDiracs(y), PolynomialGrid(values, d), **TIGHT),
            sites,
            domain,
        )
        by_sites, by_domain = gradients
        np.testing.assert_allclose(by_sites.sum(axis=0), -by_domain.sum(axis=0), rtol=1e-10)

    @pytest.mark.parametrize(
        "domain", [[[1e4, -1e4], [1e4 + 1, -1e4 + 2]], [[0, 0], [1e-6, 1e-6]], [[0, 0], [1e3, 1]]]
    )
    def test_domains_far_away_small_and_thin(self, autodiff: Face, domain: list) -> None:
        values, box, unit = random_image(5, (4, 4)), np.array(domain), random_sites(9)
        sites = box[0] + (box[1] - box[0]) * unit

        def cost(d: Any) -> Any:
            return distance(SumOfDiracs(sites), PolynomialGrid(values, d), tol=1e-10)

        (gradient,) = autodiff.gradients(cost, box)
        # With the mass of a fixed plan: 2 (b - y) on every site moves with the box.
        plan = optimal_transport_plan(SumOfDiracs(sites), PolynomialGrid(values, box), tol=1e-10)
        expected = 2 / 9 * (plan.barycenters - sites).sum(axis=0)
        scale = np.abs(gradient).max(axis=0)
        assert (np.abs(gradient.sum(axis=0) - expected) <= 1e-9 * scale).all()

    def test_of_lists_and_numpy_arrays_it_is_no_argument(self) -> None:
        assert len(PolynomialGrid([[1.0]], np.array([[0, 0], [1, 2]])).arrays) == 1

    def test_wrong_shapes_are_refused_while_traced(self) -> None:
        jax = pytest.importorskip("jax")
        make = jax.jit(lambda d: distance(SumOfDiracs([[0.0, 0.0]]), PolynomialGrid([[1.0]], d)))
        for shape in ((2,), (4, 2), (2, 3)):
            with pytest.raises(ValueError, match=r"domain: .*x_min.*shape"):
                make(jax.numpy.ones(shape))

    def test_wrong_values_are_refused(self, autodiff: Face) -> None:
        with pytest.raises(ValueError, match=r"domain: .*area"):
            PolynomialGrid([[1.0]], autodiff.array([[0.0, 0.0], [1.0, 0.0]]))
        with pytest.raises(ValueError, match="not both"):
            PolynomialGrid(
                [[1.0]], autodiff.array([[0.0, 0.0], [1.0, 1.0]]), knots=([0, 1], [0, 1])
            )

    def test_a_traced_domain_without_area_gives_nan(self) -> None:
        jax = pytest.importorskip("jax")
        cost = jax.jit(lambda d: distance(SumOfDiracs([[0.0, 0.0]]), PolynomialGrid([[1.0]], d)))
        assert np.isnan(cost(jax.numpy.zeros((2, 2))))


def test_traced_values_of_a_wrong_shape_are_refused() -> None:
    jax = pytest.importorskip("jax")
    cost = jax.jit(lambda v: distance(SumOfDiracs([[0.0, 0.0]]), PolynomialGrid(v)))
    for shape in ((4,), (2, 2, 3), (0, 2)):
        with pytest.raises(ValueError, match="values: expected"):
            cost(jax.numpy.ones(shape))


def test_negative_traced_values_give_nan() -> None:
    jax = pytest.importorskip("jax")
    cost = jax.jit(lambda v: distance(SumOfDiracs([[0.0, 0.0]]), PolynomialGrid(v)))
    assert np.isnan(cost(jax.numpy.asarray([[1.0, -1.0]])))


def test_gradients_in_single_precision(autodiff: Face) -> None:
    image, sites = random_image(), random_sites(8)

    def cost(v: Any) -> Any:
        return distance(SumOfDiracs(sites), PolynomialGrid(v), **TIGHT)

    (expected,) = autodiff.gradients(cost, image.astype(np.float32).astype(np.float64))
    values = autodiff.array(image, "float32")
    if autodiff.name == "jax":
        gradient = autodiff.module.grad(cost)(values)
    else:
        values.requires_grad_()
        cost(values).backward()
        gradient = values.grad
    assert autodiff.dtype_name(gradient) == "float32"
    np.testing.assert_array_equal(autodiff.numpy(gradient), expected.astype(np.float32))


def test_sites_far_away(autodiff: Face) -> None:
    # Moving all sites by c changes W2^2 by 2 c . (mean of the sites - mean of the density) + |c|^2.
    image, near, far = random_image(), random_sites(8), np.array([1000.0, -2000.0])

    def cost(v: Any, shift: Array) -> Any:
        return distance(SumOfDiracs(near + shift), PolynomialGrid(v), **TIGHT)

    (here,) = autodiff.gradients(lambda v: cost(v, np.zeros(2)), image)
    (there,) = autodiff.gradients(lambda v: cost(v, far), image)
    x, y = (np.arange(5) + 0.5) / 5, (np.arange(7) + 0.5) / 7
    centres = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    total = image.sum()
    mean = np.einsum("xy,xyk->k", image, centres) / total
    expected = here - 2 * (centres - mean) @ far / total
    # Squares of the distance, 5e6, are rounded to 1e-9.
    np.testing.assert_allclose(there, expected, rtol=0, atol=1e-8 / total)


def test_coincident_and_hidden_sites(autodiff: Face) -> None:
    sites = np.array([[0.2, 0.4], [0.8, 0.5], [0.2, 0.4], [0.2, 0.4]])
    image = random_image()

    def cost(v: Any, y: Array, u: Array) -> Any:
        return distance(SumOfDiracs(y, u), PolynomialGrid(v), **TIGHT)

    (apart,) = autodiff.gradients(lambda v: cost(v, sites, np.array([1.0, 4, 2, 3])), image)
    (merged,) = autodiff.gradients(lambda v: cost(v, sites[:2], np.array([6.0, 4])), image)
    np.testing.assert_allclose(apart, merged, rtol=1e-10)


def test_fewer_or_more_threads_do_not_change_a_bit(autodiff: Face) -> None:
    image, sites, found = random_image(0, (90, 80)), random_sites(3000), []
    for threads in (1, 2, 5):
        driver.threads = threads
        found += autodiff.gradients(
            lambda v: distance(SumOfDiracs(sites), PolynomialGrid(v), warm_start=False), image
        )
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_gradient_descent_moves_an_image_towards_the_sites(autodiff: Face) -> None:
    # All the mass in a corner; a site on the other side.
    logits = np.zeros((4, 4))
    diracs = SumOfDiracs([[0.9, 0.9], [0.8, 0.8]])

    def cost(z: Any) -> Any:
        exp = autodiff.module.exp if autodiff.name == "torch" else autodiff.module.numpy.exp
        return distance(diracs, PolynomialGrid(exp(z)))

    values = []
    for _ in range(10):
        values.append(float(cost(autodiff.array(logits))))
        (gradient,) = autodiff.gradients(cost, logits)
        logits -= 10 * gradient
    assert (np.diff(values) < 0).all()
    assert values[-1] < 0.5 * values[0]


def test_gradients_print_though_they_are_no_densities() -> None:
    jax = pytest.importorskip("jax")
    gradient = jax.grad(distance, 1)(
        SumOfDiracs([[0.1, 0.2], [0.5, 0.4]]), PolynomialGrid(jax.numpy.asarray(random_image()))
    )
    assert repr(gradient).startswith("PolynomialGrid(5 x 7 pixels of degree 0 on [0, 1]")
