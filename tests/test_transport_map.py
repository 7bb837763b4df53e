"""Where a plan sends points, and the potential there: against all sites, counts and differences."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from support.faces import Face, jax_x64
from support.problems import gmm_image, lattice, random_image, random_sites
from support.refusals import refused

from sdot import (
    Box,
    Mesh,
    OtPlan,
    PolynomialGrid,
    SplineGrid,
    SumOfDiracs,
    SumOfGaussians,
    optimal_transport_plan,
)

SITES = random_sites(8)
WEIGHTS = np.random.default_rng(0).uniform(0.5, 2, 8)
IMAGE = random_image() + 1
POINTS = random_sites(40, seed=5)

DENSITIES = {
    "image": lambda: PolynomialGrid(random_image()),
    "gmm": lambda: PolynomialGrid(gmm_image(32)),
    "elsewhere": lambda: PolynomialGrid(random_image(), domain=((-5, 2), (3, 8))),
    "long": lambda: Box(((0, 0), (100, 1))),
    "mass 3": lambda: SplineGrid(random_image(), mass=3),
    "plane": lambda: SumOfGaussians([[0.2, 0.3], [0.8, 0.7]], [0.02, 0.03]),
    "triangle": lambda: Mesh([[0, 0], [1, 0], [0, 1]], [[0, 1, 2]], [1.0]),
}


def plan_of(positions: Any = SITES, weights: Any = WEIGHTS, values: Any = IMAGE) -> OtPlan:
    return optimal_transport_plan(SumOfDiracs(positions, weights), SplineGrid(values, 1), tol=1e-13)


@pytest.mark.parametrize("name", DENSITIES)
def test_against_all_sites(name: str) -> None:
    density = DENSITIES[name]()
    sites = random_sites(50)
    plan = optimal_transport_plan(SumOfDiracs(sites, mass=density.total_mass), density)
    low, high = density.box
    points = low - 1 + (high - low + 2) * random_sites(600, seed=1).reshape(20, 30, 2)
    powers = ((points[:, :, None] - sites) ** 2).sum(axis=-1) - plan.potentials
    near, nearest = np.partition(powers, 1)[..., :2], powers.argmin(axis=-1)
    told = near[..., 1] - near[..., 0] > 1e-9
    assert told.mean() > 0.99
    np.testing.assert_array_equal(plan.site_at(points)[told], nearest[told])
    np.testing.assert_array_equal(plan.transport(points)[told], sites[nearest[told]])
    np.testing.assert_allclose(plan.potential(points), near[..., 0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e-9])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_points_are_located_in_the_cells_of_the_solve(scale: float, offset: float) -> None:
    """Weights that are rounded in the caller's coordinates would not tell these cells."""
    sites = offset + scale * lattice(6)[np.random.default_rng(0).permutation(36)]
    plan = optimal_transport_plan(SumOfDiracs(sites), Box())
    counts = np.bincount(plan.site_at(lattice(600)).ravel(), minlength=36)
    share = 2e-2 if offset * 1e-16 < 1e-3 * scale else 0.2  # of what positions are rounded by
    np.testing.assert_allclose(counts / 600**2, 1 / 36, rtol=share)


def test_a_density_far_from_the_sites_and_flat() -> None:
    density = Box(((1e5, -3e-4), (1e5 + 1e3, 5e-4)))
    plan = optimal_transport_plan(SumOfDiracs(random_sites(30)), density)
    points = density.box[0] + (density.box[1] - density.box[0]) * lattice(400)
    counts = np.bincount(plan.site_at(points), minlength=30)
    np.testing.assert_allclose(counts / 400**2, 1 / 30, rtol=0.06)  # strips of 13 or 14 columns


def test_coincident_and_massless_sites() -> None:
    sites = [[0.2, 0.5], [0.8, 0.5], [0.2, 0.5], [0.3, 0.5]]
    plan = optimal_transport_plan(SumOfDiracs(sites, [1, 4, 2, 0]), Box())
    assert plan.site_at([[0.3, 0.5], [0.6, 0.5]]).tolist() == [0, 1]
    plan = optimal_transport_plan(SumOfDiracs(sites[::-1], [0, 2, 4, 1]), Box())
    assert plan.site_at([[0.3, 0.5], [0.6, 0.5]]).tolist() == [1, 2]


def test_the_dual_by_quadrature() -> None:
    plan = optimal_transport_plan(SumOfDiracs(SITES), Box())
    mean = plan.potential(lattice(1000)).mean()
    assert mean + plan.masses @ plan.potentials == pytest.approx(plan.distance, abs=1e-6)


def test_a_plan_that_was_pickled_sends_points_to_the_same_places() -> None:
    plan = plan_of()
    again = pickle.loads(pickle.dumps(plan))
    np.testing.assert_array_equal(again.transport(POINTS), plan.transport(POINTS))


def test_results_are_of_the_framework_of_plan_or_points(face: Face) -> None:
    expected = plan_of()
    plan = plan_of(face.array(SITES), face.array(WEIGHTS), face.array(IMAGE))
    for result, x in [
        (plan, POINTS),
        (plan, POINTS.tolist()),
        (plan, face.array(POINTS)),
        (expected, face.array(POINTS)),
    ]:
        sites, images, values = result.site_at(x), result.transport(x), result.potential(x)
        assert all(map(face.owns, (sites, images, values)))
        assert face.dtype_name(sites) == "int64"
        np.testing.assert_array_equal(face.numpy(sites), expected.site_at(POINTS))
        np.testing.assert_array_equal(face.numpy(images), SITES[expected.site_at(POINTS)])
        np.testing.assert_allclose(face.numpy(values), expected.potential(POINTS), atol=1e-14)
    assert plan.site_at(face.array(POINTS[0])).shape == ()
    assert plan.transport(face.array(POINTS.reshape(4, 10, 2))).shape == (4, 10, 2)
    assert plan.potential(face.array(np.empty((0, 2)))).shape == (0,)


def test_single_precision_is_that_of_the_result_only(face: Face) -> None:
    """Points are located as they are, and values are rounded once."""
    plan = plan_of(face.array(SITES, "float32"), WEIGHTS.tolist(), IMAGE.tolist())
    values = plan.potential(face.array(POINTS, "float32"))
    assert face.dtype_name(values) == "float32"
    rounded = [array.astype(np.float32).astype(float) for array in (SITES, POINTS)]
    exact = plan_of(rounded[0]).potential(rounded[1])
    np.testing.assert_array_equal(face.numpy(values), exact.astype(np.float32))


def test_positions_masses_and_spreads(face: Face) -> None:
    plan = plan_of(face.array(SITES), face.array(WEIGHTS), face.array(IMAGE))
    np.testing.assert_array_equal(face.numpy(plan.positions), SITES)
    np.testing.assert_allclose(face.numpy(plan.masses), WEIGHTS / WEIGHTS.sum(), rtol=1e-14)
    assert all(map(face.owns, (plan.positions, plan.masses, plan.spreads)))
    assert plan.barycentres is plan.barycenters


def test_spreads_and_barycentres_make_the_distance() -> None:
    for density in (PolynomialGrid(random_image(), mass=2), DENSITIES["long"]()):
        sites = np.concatenate([SITES, SITES[:2], [[0.5, 0.5]]])
        weights = np.concatenate([WEIGHTS, [1.0, 2.0, 0.0]])
        plan = optimal_transport_plan(
            SumOfDiracs(sites, weights, density.total_mass), density, tol=1e-12
        )
        gaps = plan.positions - plan.barycenters
        total = np.trace(plan.spreads.sum(axis=0)) + (plan.cell_masses @ gaps**2).sum()
        assert total == pytest.approx(plan.distance, rel=1e-10)
        assert not plan.spreads[-1].any()


def test_spreads_of_a_square() -> None:
    plan = optimal_transport_plan(SumOfDiracs([[0.5, 0.5], [1.5, 0.5]]), Box(((0, 0), (2, 1))))
    np.testing.assert_allclose(plan.spreads, np.tile(np.eye(2) / 24, (2, 1, 1)), atol=1e-15)


def total(plan: OtPlan, x: Any) -> Any:
    return (plan.potential(x) ** 2).sum()


def test_gradient_in_the_points(autodiff: Face) -> None:
    plan = plan_of()
    expected = 2 * (POINTS - plan.transport(POINTS))
    framed = plan_of(autodiff.array(SITES))
    for potential in (plan.potential, framed.potential):
        (found,) = autodiff.gradients(lambda x, phi=potential: phi(x).sum(), POINTS)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)
    (found,) = autodiff.gradients(lambda x: (x * framed.transport(x)).sum(), POINTS)
    np.testing.assert_allclose(found, plan.transport(POINTS), atol=1e-14)


def differences(k: int, direction: np.ndarray) -> float:
    arrays, step = [SITES, WEIGHTS, IMAGE], 1e-5
    values = []
    for sign in (1, -1):
        moved = list(arrays)
        moved[k] = arrays[k] + sign * step * direction
        values.append(float(total(plan_of(*moved), POINTS)))
    return (values[0] - values[1]) / (2 * step)


def test_gradients_in_what_the_plan_is_made_of(autodiff: Face) -> None:
    arrays = [SITES, WEIGHTS, IMAGE]
    x = autodiff.array(POINTS)
    found = autodiff.gradients(lambda *a: total(plan_of(*a), x), *arrays)
    for k, (array, gradient) in enumerate(zip(arrays, found, strict=True)):
        direction = np.random.default_rng(k).normal(size=array.shape)
        assert (gradient * direction).sum() == pytest.approx(differences(k, direction), rel=1e-5)


def test_gradient_of_masses_in_weights(autodiff: Face) -> None:
    factors = np.arange(8.0)
    (found,) = autodiff.gradients(
        lambda w: (plan_of(autodiff.array(SITES), w).masses * autodiff.array(factors)).sum(),
        WEIGHTS,
    )
    shares = WEIGHTS / WEIGHTS.sum()
    np.testing.assert_allclose(found, (factors - factors @ shares) / WEIGHTS.sum(), atol=1e-12)


def test_compiled_and_batched_in_jax() -> None:
    jax = pytest.importorskip("jax")
    with jax_x64():
        arrays = [jax.numpy.asarray(a) for a in (SITES, WEIGHTS, IMAGE)]
        x = jax.numpy.asarray(POINTS)
        eager = jax.value_and_grad(lambda y: total(plan_of(y, *arrays[1:]), x))(arrays[0])
        jitted = jax.jit(jax.value_and_grad(lambda y: total(plan_of(y, *arrays[1:]), x)))(arrays[0])
        for one, other in zip(eager, jitted, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
        plan = plan_of()
        expected = plan.potential(POINTS)
        for transformed in (
            jax.vmap,
            lambda f: jax.jit(jax.vmap(f)),
            lambda f: jax.vmap(jax.jit(f)),
        ):
            np.testing.assert_array_equal(transformed(plan.potential)(x), expected)
            np.testing.assert_array_equal(transformed(plan.transport)(x), plan.transport(POINTS))
        hessian = jax.hessian(plan.potential)(x[0])
        np.testing.assert_allclose(hessian, 2 * np.eye(2), atol=1e-15)
        both = jax.vmap(lambda y, p: plan_of(y).site_at(p))(
            jax.numpy.stack([arrays[0], arrays[0][::-1]]), jax.numpy.stack([x, x])
        )
        np.testing.assert_array_equal(both[0], plan.site_at(POINTS))
        each = jax.vmap(jax.vmap(plan.site_at))(x.reshape(4, 10, 2))
        np.testing.assert_array_equal(each.ravel(), plan.site_at(POINTS))


def test_a_plan_that_left_a_compiled_function_has_no_map() -> None:
    jax = pytest.importorskip("jax")
    with jax_x64():
        plan = jax.jit(plan_of)(jax.numpy.asarray(SITES))
        np.testing.assert_array_equal(plan.positions, SITES)
        with pytest.raises(TypeError, match="outside"):
            plan.site_at(POINTS)


def test_a_failure_in_a_compiled_function_is_nan() -> None:
    jax = pytest.importorskip("jax")

    @jax.jit
    def everything(y: Any, x: Any) -> Any:
        plan = optimal_transport_plan(SumOfDiracs(y), PolynomialGrid(gmm_image(16)), tol=1e-3)
        return plan.site_at(x), plan.transport(x), plan.potential(x)

    x = jax.numpy.asarray(POINTS)
    for y in (jax.numpy.asarray(SITES), jax.numpy.asarray(SITES).at[0].set(np.nan)):
        if np.isnan(y).any():
            with pytest.warns(UserWarning, match="NaN"):
                sites, images, values = everything(y, x)
            assert np.isnan(images).all() and np.isnan(values).all() and (sites == -1).all()
        else:
            assert all(np.isfinite(part).all() for part in everything(y, x))


def test_transformed_in_torch() -> None:
    torch = pytest.importorskip("torch")
    plan, x = plan_of(), torch.tensor(POINTS)
    gradient = torch.func.grad(lambda p: plan.potential(p).sum())(x)
    np.testing.assert_allclose(gradient, 2 * (POINTS - plan.transport(POINTS)), atol=1e-14)
    np.testing.assert_array_equal(torch.func.vmap(plan.site_at)(x), plan.site_at(POINTS))
    hessian = torch.func.hessian(plan.potential)(x[0])
    np.testing.assert_allclose(hessian, 2 * np.eye(2), atol=1e-15)
    change = torch.func.jvp(plan.potential, (x,), (torch.ones_like(x),))[1]
    np.testing.assert_allclose(change, gradient.sum(dim=1), atol=1e-14)
    batch = torch.tensor(np.stack([SITES, SITES[::-1]]))
    both = torch.func.vmap(lambda y: plan_of(y).site_at(x))(batch)
    np.testing.assert_array_equal(both[0], plan.site_at(POINTS))
    of_sites = torch.func.grad(lambda y: total(plan_of(y), x))(batch[0])
    y = batch[0].clone().requires_grad_()
    total(plan_of(y), x).backward()
    np.testing.assert_allclose(of_sites, y.grad, rtol=1e-12)


def test_points_of_the_other_framework_are_refused() -> None:
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
    with refused(TypeError, "JAX and PyTorch"):
        plan_of(torch.tensor(SITES)).transport(jax.numpy.asarray(POINTS))


@pytest.mark.parametrize("method", ["site_at", "transport", "potential"])
@pytest.mark.parametrize(
    ("points", "error", "parts"),
    [
        (np.ones((2, 5)), ValueError, ("(..., 2)", "(2, 5)", "transpose")),
        (0.5, ValueError, ("(..., 2)",)),
        ([[0.0, np.nan]], ValueError, ("finite", "(0, 1)")),
        ([np.inf, 0.0], ValueError, ("finite",)),
        (None, TypeError, ("real numbers",)),
        (["a", "b"], TypeError, ("real numbers",)),
    ],
)
def test_wrong_points(method: str, points: Any, error: Any, parts: tuple[str, ...]) -> None:
    with refused(error, "x: ", *parts):
        getattr(plan_of(), method)(points)


def test_wrong_points_in_a_compiled_function() -> None:
    jax = pytest.importorskip("jax")
    with refused(ValueError, "x: ", "(..., 2)"):
        jax.jit(plan_of().site_at)(np.ones((4, 3)))
