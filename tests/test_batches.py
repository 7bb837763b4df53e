"""Lists of problems: the bits of single solves on every face, errors that name the element."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.densities import DENSITIES
from support.faces import Face
from support.problems import gmm_image, random_image, random_sites
from support.refusals import refused

from sdot import (
    Box,
    ConvergenceError,
    PolynomialGrid,
    SumOfDiracs,
    distance,
    driver,
    optimal_transport_plan,
)

POSITIONS = np.stack([random_sites(9, seed) for seed in range(5)])
WEIGHTS = np.random.default_rng(0).uniform(0.5, 2, (5, 9))
IMAGES = np.stack([random_image(seed) for seed in range(5)])
OPTIONS: dict[str, Any] = {"tol": 1e-12, "warm_start": False}


def _single(k: int, image: int) -> float:
    diracs = SumOfDiracs(POSITIONS[k], WEIGHTS[k])
    return float(distance(diracs, PolynomialGrid(IMAGES[image]), **OPTIONS))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("listed", [False, True], ids=["one density", "a list"])
def test_values_are_those_of_single_solves(face: Face, threads: int, listed: bool) -> None:
    driver.threads, driver.framework = threads, face.name
    batch = SumOfDiracs.batch(face.array(POSITIONS), face.array(WEIGHTS))
    images = face.array(IMAGES)
    density = [PolynomialGrid(image) for image in images] if listed else PolynomialGrid(images[0])
    found = distance(batch, density, **OPTIONS)
    assert face.owns(found)
    assert found.shape == (5,)
    expected = [_single(k, k * listed) for k in range(5)]
    np.testing.assert_array_equal(face.numpy(found), expected)
    np.testing.assert_array_equal(face.numpy(distance(density, batch, **OPTIONS)), expected)
    plans = optimal_transport_plan(batch, density, tol=1e-12)
    np.testing.assert_array_equal([float(plan.distance) for plan in plans], expected)
    assert all(plan.status.converged for plan in plans)


@pytest.mark.parametrize("listed", [False, True], ids=["one density", "a list"])
def test_gradients_are_those_of_single_solves(autodiff: Face, listed: bool) -> None:
    factors = np.random.default_rng(1).normal(size=5)

    def combined(positions: Any, weights: Any, images: Any) -> Any:
        batch = SumOfDiracs.batch(positions, weights)
        densities = [PolynomialGrid(image) for image in images]
        found = distance(batch, densities if listed else densities[0], **OPTIONS)
        return (found * autodiff.array(factors)).sum()

    def one(positions: Any, weights: Any, image: Any) -> Any:
        return distance(SumOfDiracs(positions, weights), PolynomialGrid(image), **OPTIONS)

    found = autodiff.gradients(combined, POSITIONS, WEIGHTS, IMAGES)
    by_image = np.zeros_like(IMAGES)
    for k, factor in enumerate(factors):
        image = k * listed
        own = autodiff.gradients(one, POSITIONS[k], WEIGHTS[k], IMAGES[image])
        np.testing.assert_array_equal(found[0][k], factor * own[0])
        np.testing.assert_array_equal(found[1][k], factor * own[1])
        by_image[image] += factor * own[2]
    np.testing.assert_allclose(found[2], by_image, rtol=1e-12, atol=1e-16)


def test_in_jitted_functions() -> None:
    jax = pytest.importorskip("jax")
    with Face("jax").double_precision():
        positions = jax.numpy.asarray(POSITIONS)

        def total(positions: Any) -> Any:
            return distance(SumOfDiracs.batch(positions), Box(), **OPTIONS).sum()

        def plans(positions: Any) -> Any:
            found = optimal_transport_plan(SumOfDiracs.batch(positions), Box(), tol=1e-12)
            return jax.numpy.stack([plan.barycenters for plan in found])

        gradient = jax.jit(jax.grad(total))(positions)
        barycenters = jax.jit(plans)(positions)
        for k in range(5):
            plan = optimal_transport_plan(SumOfDiracs(POSITIONS[k]), Box(), tol=1e-12)
            expected = 2 / 9 * (POSITIONS[k] - plan.barycenters)
            np.testing.assert_allclose(gradient[k], expected, rtol=1e-12, atol=1e-16)
            np.testing.assert_array_equal(barycenters[k], plan.barycenters)


def test_plans_of_tensors_that_require_grad() -> None:
    torch = pytest.importorskip("torch")
    positions = torch.tensor(POSITIONS, requires_grad=True)
    plans = optimal_transport_plan(SumOfDiracs.batch(positions), Box(), tol=1e-12)
    sum(plan.barycenters.square().sum() for plan in plans).backward()
    for k in range(5):
        single = torch.tensor(POSITIONS[k], requires_grad=True)
        plan = optimal_transport_plan(SumOfDiracs(single), Box(), tol=1e-12)
        plan.barycenters.square().sum().backward()
        np.testing.assert_array_equal(positions.grad[k], single.grad)
        np.testing.assert_array_equal(plans[k].power_diagram.areas, plan.power_diagram.areas)


def test_densities_and_sites_of_unlike_kinds_and_numbers() -> None:
    densities = [DENSITIES[kind](np.random.default_rng(1)) for kind in ("image", "sum", "spline")]
    diracs = [
        SumOfDiracs(random_sites(n), mass=density.total_mass)
        for n, density in zip((3, 8, 5), densities, strict=True)
    ]
    found = distance(diracs, tuple(densities), **OPTIONS)
    expected = [distance(f, g, **OPTIONS) for f, g in zip(diracs, densities, strict=True)]
    np.testing.assert_array_equal(found, expected)
    jax = pytest.importorskip("jax")
    with Face("jax").double_precision():
        sites = [jax.numpy.asarray(f.positions) for f in diracs]

        def total(sites: Any) -> Any:
            batch = [SumOfDiracs(y, mass=f.mass) for y, f in zip(sites, diracs, strict=True)]
            return distance(batch, densities, **OPTIONS)

        np.testing.assert_array_equal(jax.jit(total)(sites), expected)


def test_elements_start_warm_from_their_own_last_solution() -> None:
    steps: list[int] = []
    density = PolynomialGrid(gmm_image(16))
    counts = []
    for shift in (0.0, 1e-9, 2e-9):
        steps.clear()
        optimal_transport_plan(
            SumOfDiracs.batch(POSITIONS + shift),
            density,
            warm_start=True,
            callback=lambda step: steps.append(1),
        )
        counts.append(len(steps))
    assert counts[0] >= 15
    assert max(counts[1:]) <= 5  # one step each, or none


def test_an_error_names_the_elements() -> None:
    density = PolynomialGrid(gmm_image(16))
    batch = [SumOfDiracs([[0.5, 0.5]]), *SumOfDiracs.batch(POSITIONS[:2])]
    for solve in (distance, optimal_transport_plan):
        with refused(ConvergenceError, "element 1 of 3", "so did 2", "max_iterations") as _:
            solve(batch, density, max_iterations=1)
    with refused(ValueError, "element 1 of 2", "mass"):
        distance([SumOfDiracs([[0, 0]]), SumOfDiracs([[0, 0]], mass=2)], Box())
    torch = pytest.importorskip("torch")
    sites = torch.tensor(POSITIONS[:2], requires_grad=True)
    with refused(ConvergenceError, "element 0 of 2", "so did 1"):
        distance(SumOfDiracs.batch(sites), density, max_iterations=1)


def test_under_a_trace_one_failing_element_is_nan() -> None:
    jax = pytest.importorskip("jax")
    positions = jax.numpy.asarray(POSITIONS).at[2, 3, 0].set(np.nan)

    @jax.jit
    def values(positions: Any) -> Any:
        return distance(SumOfDiracs.batch(positions), PolynomialGrid(IMAGES[1]))

    with pytest.warns(UserWarning, match="positions"):
        found = values(positions)
    np.testing.assert_array_equal(np.isnan(found), [False, False, True, False, False])


def test_wrong_batches() -> None:
    with refused(ValueError, "positions", "(B, n, 2)", "SumOfDiracs(positions)"):
        SumOfDiracs.batch(POSITIONS[0])
    with refused(ValueError, "positions", "(B, n, 2)"):
        SumOfDiracs.batch(np.ones((0, 3, 2)))
    with refused(ValueError, "weights", "(5, 9)", "(9,)"):
        SumOfDiracs.batch(POSITIONS, np.ones(5))
    with refused(ValueError, "element 3", "weights"):
        SumOfDiracs.batch(POSITIONS, np.where(np.arange(5) == 3, -1.0, 1.0)[:, None] * WEIGHTS)
    batch = SumOfDiracs.batch(POSITIONS)
    with refused(ValueError, "as many", "5 and 2"):
        distance(batch, [Box(), Box()])
    with refused(ValueError, "at least one"):
        distance([], Box())
    with refused(TypeError, "element 0", "SumOfDiracs"):
        distance(batch, batch)
    with refused(TypeError, "element 1"):
        distance([batch[0], None], Box())
    with refused(TypeError, "progress"):
        optimal_transport_plan(batch, Box(), progress="yes")


def test_a_batch_of_a_module() -> None:
    torch = pytest.importorskip("torch")
    loss = pytest.importorskip("sdot.torch").W2Loss(PolynomialGrid(IMAGES[0]), **OPTIONS)
    positions, weights = torch.tensor(POSITIONS, requires_grad=True), torch.tensor(WEIGHTS)
    found = loss(positions, weights)
    np.testing.assert_array_equal(found.detach(), [_single(k, 0) for k in range(5)])
    captured = torch.compile(loss, fullgraph=True, backend="aot_eager")
    np.testing.assert_array_equal(captured(positions, weights).detach(), found.detach())
    gradients = [
        torch.autograd.grad(f(positions, weights).sum(), positions) for f in (loss, captured)
    ]
    np.testing.assert_array_equal(*[g[0] for g in gradients])
    with refused(ValueError, "positions", "(B, n, 2)"):
        loss(positions[None])
