"""`hessian_product` and `OtPlan.hessian`, as NumPy users see them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from support.problems import gmm_image, lattice, random_image, random_sites, uniform

from sdot import (
    NotDifferentiableError,
    OtPlan,
    PolynomialGrid,
    SumOfDiracs,
    SumOfGaussians,
    hessian_product,
    optimal_transport_plan,
)
from sdot.distributions.density import Density

TIGHT = 1e-12


def plan_of(sites: np.ndarray, density: Density, weights: np.ndarray | None = None) -> OtPlan:
    diracs = SumOfDiracs(sites, weights, density.total_mass)
    return optimal_transport_plan(diracs, density, tol=TIGHT)


def gradient(sites: np.ndarray, density: Density) -> np.ndarray:
    plan = plan_of(sites, density)
    return 2 / len(sites) * (sites - plan.barycenters)


def test_a_product_is_the_dense_hessian_times_the_direction() -> None:
    plan = plan_of(random_sites(12), PolynomialGrid(random_image()))
    dense = plan.hessian() @ np.eye(24)
    np.testing.assert_allclose(dense, dense.T, rtol=0, atol=1e-14)
    direction = random_sites(12, 1)
    found = hessian_product(plan, direction)
    np.testing.assert_allclose(
        found.positions.ravel(), dense @ direction.ravel(), rtol=0, atol=1e-14
    )
    assert found.density == ()


def test_the_operator_against_differences() -> None:
    sites, density = random_sites(15), PolynomialGrid(random_image())
    direction, h = random_sites(15, 1) - 0.5, 1e-5
    difference = gradient(sites + h * direction, density) - gradient(sites - h * direction, density)
    found = plan_of(sites, density).hessian() @ direction.ravel()
    expected = difference.ravel() / (2 * h)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_a_translation_of_all_sites_has_a_closed_form() -> None:
    # W2^2 = ... + |translation|^2, for any density.
    plan = plan_of(random_sites(40), PolynomialGrid(gmm_image(32, 1e-2)), np.arange(1.0, 41.0))
    found = hessian_product(plan, np.tile([0.3, -0.7], (40, 1)))
    masses = np.arange(1, 41) / 820
    np.testing.assert_allclose(
        found.positions, 2 * masses[:, None] * [0.3, -0.7], rtol=0, atol=1e-15
    )


def test_a_scaling_about_the_origin_and_its_quadratic_form() -> None:
    # W2^2(s y) is s^2 sum m |y|^2 - 2 s max sum of int x.y + const: with the plan held (it is that
    # of y for all s > 0) the second derivative in s is 2 sum m |y|^2.
    sites = random_sites(30) - 0.5
    plan = plan_of(sites, PolynomialGrid(random_image(), ((-1, 0), (1, 2))))
    found = hessian_product(plan, sites)
    np.testing.assert_allclose(found.positions, 2 / 30 * sites, rtol=0, atol=1e-14)


MAPS = {
    "far away": (1.0, [1000.0, -2000.0]),
    "tiny": (1e-6, [0.3, 0.4]),
    "huge": (1e6, [0.0, 0.0]),
    "tiny and far away": (1e-3, [50.0, 70.0]),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("density", [PolynomialGrid(random_image()), SumOfGaussians([[0, 0]], [1])])
def test_sites_at_any_scale(name: str, density: Density) -> None:
    # W2^2 of sites s y + t is sum m |s y + t|^2, a linear function, and -2 max sum int x.y, which
    # is of degree one in s: the Hessian less 2 diag(m) is 1 / s times that of y.
    scale, shift = MAPS[name]
    sites = random_sites(12)
    plain = plan_of(sites, density).hessian() @ np.eye(24) - np.eye(24) / 6
    mapped = plan_of(scale * sites + shift, density).hessian() @ np.eye(24) - np.eye(24) / 6
    size = np.abs(plain).max()
    np.testing.assert_allclose(scale * mapped, plain, rtol=0, atol=1e-8 * size)


def test_parameters_of_a_mixture_have_closed_forms_for_one_site() -> None:
    # W2^2 = |y - mu|^2 + trace S.
    mixture = SumOfGaussians(np.array([[0.3, 0.4]]), np.array([[0.5, 0.2]]), np.array([2.0]))
    plan = plan_of(np.array([[1.5, -0.5]]), mixture)
    found = hessian_product(plan, density=[[[1.0, 2.0]], None, None])
    np.testing.assert_allclose(found.positions, [[-2.0, -4.0]], rtol=1e-13)
    by_means, by_covs, by_weights = found.density
    np.testing.assert_allclose(by_means, [[2.0, 4.0]], rtol=1e-12)
    np.testing.assert_allclose(by_covs, 0, atol=1e-12)
    np.testing.assert_allclose(by_weights, 0, atol=1e-12)


def test_two_sites_on_the_square_have_a_closed_form() -> None:
    # W2^2 = int_0^m (x - a)^2 + int_m^1 (x - b)^2 + 1/12 with m = u1 / (u1 + u2), so W' is
    # (m - a)^2 - (m - b)^2 and W'' is 2 (b - a).
    a, b = 0.2, 0.9
    plan = plan_of(np.array([[a, 0.5], [b, 0.5]]), uniform(), np.array([0.4, 0.6]))
    found = hessian_product(plan, weights=[1.0, 0.0])
    # The gradient in u is W' (u2, -u1) / s^2, s = u1 + u2; its derivative by u1 at s = 1:
    m, slope = 0.4, (0.4 - a) ** 2 - (0.4 - b) ** 2
    sides = np.array([1 - m, -m])
    expected = 2 * (b - a) * (1 - m) * sides - slope * (2 * sides + [0, 1])
    np.testing.assert_allclose(found.weights, expected, rtol=1e-10)


@pytest.mark.parametrize("method", ["trust-krylov", "trust-ncg", "Newton-CG"])
def test_scipy_minimises_with_it(method: str) -> None:
    # Times n / 2, for gradients y - b and a Hessian of the size of the identity.
    density, n = PolynomialGrid(gmm_image(8, 0.2)), 5

    def plan_at(x: np.ndarray) -> OtPlan:
        return plan_of(x.reshape(n, 2), density)

    def to_barycenters(x: np.ndarray) -> np.ndarray:
        return n / 2 * gradient(x.reshape(n, 2), density).ravel()

    found = minimize(
        lambda x: n / 2 * plan_at(x).distance,
        random_sites(n, 0).ravel(),
        jac=to_barycenters,
        hessp=lambda x, p: n / 2 * (plan_at(x).hessian() @ p),
        method=method,
        options={"maxiter": 50, **({} if method == "Newton-CG" else {"gtol": 1e-6})},
    )
    assert found.success
    assert np.linalg.norm(to_barycenters(found.x)) < 1e-6
    assert found.nit < 20


def test_trust_krylov_goes_on_below_its_fixed_threshold_for_a_multiple() -> None:
    # SciPy's method is not to see gradients below 1e-8: see the notes of `OtPlan.hessian`.
    density, n, factor = PolynomialGrid(gmm_image(8, 0.2)), 5, 1e4

    def plan_at(x: np.ndarray) -> OtPlan:
        return plan_of(x.reshape(n, 2), density)

    def gradient_at(x: np.ndarray) -> np.ndarray:
        return factor * gradient(x.reshape(n, 2), density).ravel()

    found = minimize(
        lambda x: factor * plan_at(x).distance,
        random_sites(n, 0).ravel(),
        jac=gradient_at,
        hessp=lambda x, p: factor * (plan_at(x).hessian() @ p),
        method="trust-krylov",
        options={"maxiter": 50, "gtol": factor * 3e-11},
    )
    assert np.linalg.norm(gradient_at(found.x)) < factor * 3e-10


class TestRefusals:
    """Where there is no second derivative the error has a name and says what to do."""

    def test_coincident_sites_move_together_only(self) -> None:
        sites = np.array([[0.2, 0.4], [0.8, 0.5], [0.2, 0.4]])
        plan = plan_of(sites, PolynomialGrid(random_image()), np.array([1.0, 4.0, 2.0]))
        merged = plan_of(sites[:2], PolynomialGrid(random_image()), np.array([3.0, 4.0]))
        together = hessian_product(plan, [[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]]).positions
        expected = hessian_product(merged, [[1.0, 2.0], [3.0, 4.0]]).positions
        np.testing.assert_allclose(together[1], expected[1], rtol=1e-9)
        np.testing.assert_allclose(together[0], expected[0] / 3, rtol=1e-9)
        np.testing.assert_allclose(together[2], 2 * expected[0] / 3, rtol=1e-9)
        with pytest.raises(NotDifferentiableError, match=r"coincident sites move apart.*site 0"):
            hessian_product(plan, [[1.0, 2.0], [3.0, 4.0], [1.0, 2.5]])

    def test_edges_along_a_jump_of_a_grid(self) -> None:
        plan = plan_of(lattice(2), PolynomialGrid([[1.0, 2.0], [2.0, 3.0]]), np.array([1, 2, 2, 3]))
        with pytest.raises(NotDifferentiableError, match="a line where the density jumps"):
            plan.hessian()

    def test_edges_along_a_line_without_a_jump(self) -> None:
        plain = plan_of(lattice(2), uniform()).hessian() @ np.eye(8)
        on_lines = plan_of(lattice(2), PolynomialGrid(np.ones((2, 2)))).hessian() @ np.eye(8)
        np.testing.assert_allclose(on_lines, plain, rtol=0, atol=1e-13)

    def test_groups_that_exchange_no_mass(self) -> None:
        density = PolynomialGrid([[1.0], [0.0], [1.0]])
        plan = plan_of(np.array([[0.1, 0.2], [0.1, 0.8], [0.9, 0.2], [0.9, 0.8]]), density)
        hessian_product(plan, random_sites(4))  # within the groups all is well
        with pytest.raises(NotDifferentiableError, match="groups of cells"):
            hessian_product(plan, weights=[1.0, 1.0, 0.0, 0.0])

    def test_shapes_are_named(self) -> None:
        plan = plan_of(random_sites(3), uniform())
        with pytest.raises(ValueError, match=r"positions: expected a direction of shape \(3, 2\)"):
            hessian_product(plan, [[1.0, 2.0]])
        with pytest.raises(
            ValueError, match=r"density\[0\]: expected a direction of shape \(1, 1\)"
        ):
            hessian_product(plan, density=[[1.0]])
        with pytest.raises(ValueError, match="each of its 1 arrays, not 0"):
            hessian_product(plan, density=[])

    def test_a_domain_that_is_an_array(self) -> None:
        torch = pytest.importorskip("torch")
        domain = torch.tensor([[0.0, 0.0], [1.0, 2.0]], dtype=torch.float64)
        grid = PolynomialGrid(random_image(), domain=domain)
        plan, plain = (
            plan_of(random_sites(4), density)
            for density in (grid, PolynomialGrid(random_image(), ((0, 0), (1, 2))))
        )
        move = random_sites(4, 1)
        found = hessian_product(plan, move).positions
        expected = hessian_product(plain, move).positions
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
        for density in ([None, None], [None, np.ones((2, 2))]):
            with pytest.raises(NotDifferentiableError, match="grid's domain are not available"):
                hessian_product(plan, move, density=density)
