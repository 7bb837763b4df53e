"""Plans with derivatives: barycentres, masses, potentials and the distance, in JAX and PyTorch."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from support.faces import jax_x64
from support.problems import gmm_image, random_image, random_sites

from sdot import (
    OtPlan,
    PolynomialGrid,
    SplineGrid,
    SumOfDiracs,
    distance,
    driver,
    optimal_transport_plan,
)

SITES = random_sites(7)
WEIGHTS = np.random.default_rng(0).uniform(0.5, 2, 7)
IMAGE = random_image() + 1
NAMES = ("distance", "barycenters", "cell_masses", "potentials")
RNG = np.random.default_rng(1)
FACTORS = {
    "distance": RNG.normal(),
    "barycenters": RNG.normal(size=(7, 2)),
    "cell_masses": RNG.normal(size=7),
    "potentials": RNG.normal(size=7),
}
ARRAYS = [SITES, WEIGHTS, IMAGE]
DIRECTIONS = [RNG.normal(size=array.shape) for array in ARRAYS]


def _plan(positions: Any, weights: Any, values: Any) -> OtPlan:
    return optimal_transport_plan(SumOfDiracs(positions, weights), SplineGrid(values, 1), tol=1e-12)


def _combined(*arrays: Any) -> Any:
    """Return a scalar of all outputs."""
    plan = _plan(*arrays)
    return sum((getattr(plan, name) * FACTORS[name]).sum() for name in NAMES)


def _torch_combined(*arrays: Any) -> Any:
    torch = pytest.importorskip("torch")
    plan = _plan(*arrays)
    return sum(
        (getattr(plan, name) * torch.tensor(FACTORS[name], dtype=torch.float64)).sum()
        for name in NAMES
    )


def _by_differences(name: str) -> np.ndarray:
    step = 1e-5
    moved = [
        getattr(_plan(*(a + s * d for a, d in zip(ARRAYS, DIRECTIONS, strict=True))), name)
        for s in (step, -step)
    ]
    return np.asarray((moved[0] - moved[1]) / (2 * step))


def _jax_changes() -> dict[str, np.ndarray]:
    jax = pytest.importorskip("jax")
    with jax_x64():
        primals, tangents = ([jax.numpy.asarray(a) for a in g] for g in (ARRAYS, DIRECTIONS))

        def outputs(*arrays: Any) -> Any:
            plan = _plan(*arrays)
            return {name: getattr(plan, name) for name in NAMES}

        eager = jax.jvp(outputs, primals, tangents)[1]
        jitted = jax.jit(lambda p, t: jax.jvp(outputs, p, t)[1])(primals, tangents)
        for name in NAMES[1:]:  # the change of the distance is a sum, which XLA reorders
            np.testing.assert_array_equal(eager[name], jitted[name])
        return {name: np.asarray(eager[name]) for name in NAMES}


def _torch_changes() -> dict[str, np.ndarray]:
    torch = pytest.importorskip("torch")

    def outputs(*arrays: Any) -> Any:
        plan = _plan(*arrays)
        return {name: getattr(plan, name) for name in NAMES}

    primals, tangents = (tuple(torch.tensor(a) for a in g) for g in (ARRAYS, DIRECTIONS))
    return {
        name: np.asarray(part)
        for name, part in torch.func.jvp(outputs, primals, tangents)[1].items()
    }


def test_forward_derivatives_are_right_and_the_same_on_both_faces() -> None:
    by_jax, by_torch = _jax_changes(), _torch_changes()
    for name in NAMES:
        if name != "distance":  # that is a sum, which each framework takes in its own order
            np.testing.assert_array_equal(by_jax[name], by_torch[name])
        expected = _by_differences(name)
        for found in (by_jax, by_torch):
            np.testing.assert_allclose(
                found[name], expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max()
            )


def test_reverse_derivatives_are_the_forward_ones_transposed_on_both_faces() -> None:
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
    changes = _jax_changes()
    expected = sum((changes[name] * FACTORS[name]).sum() for name in NAMES)
    with jax_x64():
        gradient = jax.grad(_combined, (0, 1, 2))
        inputs = [jax.numpy.asarray(array) for array in ARRAYS]
        by_jax, jitted = gradient(*inputs), jax.jit(gradient)(*inputs)
    tensors = [torch.tensor(array, requires_grad=True) for array in ARRAYS]
    by_torch = torch.autograd.grad(_torch_combined(*tensors), tensors)
    by_func = torch.func.grad(_torch_combined, (0, 1, 2))(*(t.detach() for t in tensors))
    for found in (by_jax, jitted, by_torch, by_func):
        total = sum((np.asarray(g) * d).sum() for g, d in zip(found, DIRECTIONS, strict=True))
        assert total == pytest.approx(expected, rel=1e-11)
        for one, two in zip(found, by_jax, strict=True):  # sums of two, which XLA may fuse
            np.testing.assert_allclose(np.asarray(one), np.asarray(two), rtol=1e-12, atol=1e-16)


def test_gradcheck() -> None:
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(array, requires_grad=True) for array in ARRAYS]

    def outputs(*arrays: Any) -> Any:
        plan = _plan(*arrays)
        return tuple(getattr(plan, name) for name in NAMES)

    tolerances = {"eps": 1e-5, "atol": 1e-6, "rtol": 1e-6}
    assert torch.autograd.gradcheck(outputs, tensors, check_forward_ad=True, **tolerances)


@pytest.mark.parametrize("name", NAMES)
def test_one_output_alone(name: str) -> None:
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
    with jax_x64():
        inputs = [jax.numpy.asarray(array) for array in ARRAYS]
        weighted = lambda y: (getattr(_plan(y, *ARRAYS[1:]), name) * FACTORS[name]).sum()  # noqa: E731
        by_jax = np.asarray(jax.grad(weighted)(inputs[0]))
    y = torch.tensor(SITES, requires_grad=True)
    (
        getattr(_plan(y, *ARRAYS[1:]), name) * torch.tensor(FACTORS[name], dtype=torch.float64)
    ).sum().backward()
    np.testing.assert_array_equal(by_jax, y.grad)
    # The masses are those asked for, whatever the sites.
    assert (np.abs(by_jax).max() > 1e-3) == (name != "cell_masses")


def test_outputs_are_those_of_a_plan_in_numpy() -> None:
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
    expected = _plan(*ARRAYS)
    of_torch = _plan(*(torch.tensor(array, requires_grad=True) for array in ARRAYS))
    assert of_torch.status.converged
    assert of_torch.error_bound == expected.error_bound
    np.testing.assert_array_equal(of_torch.power_diagram.areas, expected.power_diagram.areas)
    copied = copy.deepcopy(of_torch)
    assert copied.distance == of_torch.distance
    assert not copied.distance.requires_grad
    with jax_x64():
        plans = [of_torch, jax.jit(_plan)(*(jax.numpy.asarray(array) for array in ARRAYS))]
    for plan in plans:
        for name in NAMES:
            found = getattr(plan, name)
            found = found.detach() if name and hasattr(found, "detach") else found
            np.testing.assert_array_equal(found, getattr(expected, name))


def test_the_distance_of_a_plan_has_second_derivatives() -> None:
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
    density = PolynomialGrid(IMAGE)

    def direct(y: Any) -> Any:
        return distance(SumOfDiracs(y), density, tol=1e-12, warm_start=False)

    def of_plan(y: Any) -> Any:
        return optimal_transport_plan(SumOfDiracs(y), density, tol=1e-12).distance

    with jax_x64():
        y = jax.numpy.asarray(SITES)
        np.testing.assert_array_equal(jax.hessian(of_plan)(y), jax.hessian(direct)(y))
    y = torch.tensor(SITES)
    np.testing.assert_array_equal(torch.func.hessian(of_plan)(y), torch.func.hessian(direct)(y))


def test_plans_are_pytrees() -> None:
    jax = pytest.importorskip("jax")
    with jax_x64():
        arrays = [jax.numpy.asarray(array) for array in ARRAYS]
        plan = jax.jit(_plan)(*arrays)
        assert isinstance(plan, OtPlan)
        assert plan.status == 0
        assert "OtPlan" in repr(plan)
        doubled = jax.tree_util.tree_map(lambda x: 2 * x, plan)
        np.testing.assert_array_equal(doubled.barycenters, 2 * plan.barycenters)
        paths = jax.tree_util.tree_flatten_with_path(_plan(*arrays))[0]
        names = [jax.tree_util.keystr(path) for path, _ in paths]
        outputs = ["status", "distance", "potentials", "barycenters", "cell_masses"]
        assert names == [f".{name}" for name in (*outputs, "positions", "masses")]
        for attribute in ("power_diagram", "error_bound", "density"):
            with pytest.raises(TypeError, match="outside"):
                getattr(plan, attribute)
        batch = jax.numpy.stack([arrays[0], arrays[0][::-1]])
        plans = jax.vmap(lambda y: _plan(y, *arrays[1:]))(batch)
        np.testing.assert_array_equal(plans.barycenters[0], plan.barycenters)


def test_a_failed_plan_is_nan_everywhere() -> None:
    jax = pytest.importorskip("jax")
    density = PolynomialGrid(gmm_image(16))

    @jax.jit
    def solve(y: Any) -> Any:
        return optimal_transport_plan(SumOfDiracs(y), density, max_iterations=1)

    with pytest.warns(UserWarning, match="max_iterations"):
        plan = solve(jax.numpy.asarray(SITES))
    assert plan.status == 1
    for name in NAMES:
        assert np.isnan(getattr(plan, name)).all()


def test_batches_of_plans_in_torch_with_one_that_fails() -> None:
    torch = pytest.importorskip("torch")
    batch = torch.tensor(np.stack([SITES, SITES[::-1], SITES]))
    batch[1, 3, 0] = torch.nan

    def outputs(y: Any) -> Any:
        plan = _plan(y, *ARRAYS[1:])
        return plan.status, plan.barycenters

    with pytest.warns(UserWarning, match="positions"):
        status, barycenters = torch.func.vmap(outputs)(batch)
    np.testing.assert_array_equal(status, [0, 1, 0])
    assert torch.isnan(barycenters[1]).all()
    for k in (0, 2):
        np.testing.assert_array_equal(barycenters[k], _plan(*ARRAYS).barycenters)


def test_second_derivatives_of_barycenters_are_refused() -> None:
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")

    def total(y: Any) -> Any:
        return (_plan(y, *ARRAYS[1:]).barycenters ** 2).sum()

    with pytest.raises(NotImplementedError, match="barycenters"):
        jax.hessian(total)(jax.numpy.asarray(SITES))
    with pytest.raises(NotImplementedError, match="barycenters"):
        torch.func.hessian(total)(torch.tensor(SITES))


def test_elements_of_a_batch_start_warm_from_their_own_last_solution() -> None:
    jax = pytest.importorskip("jax")
    steps: list[int] = []
    density = PolynomialGrid(gmm_image(16))

    def solve(y: Any) -> Any:
        return optimal_transport_plan(
            SumOfDiracs(y), density, warm_start=True, callback=lambda step: steps.append(1)
        ).barycenters

    with jax_x64():
        batch = np.stack([random_sites(40, seed) for seed in range(3)])
        counts = []
        for shift in (0.0, 1e-9, 2e-9):
            steps.clear()
            jax.vmap(solve)(jax.numpy.asarray(batch + shift))
            counts.append(len(steps))
    assert counts[0] >= 9
    assert max(counts[1:]) <= 3  # one step each, or none


def test_batches_have_the_bits_of_single_problems_whatever_the_threads() -> None:
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
    batch = np.stack([random_sites(30, seed) for seed in range(5)])
    density = PolynomialGrid(gmm_image(16))

    def value(y: Any) -> Any:
        return optimal_transport_plan(SumOfDiracs(y), density).barycenters

    expected = [value(sites) for sites in batch]
    for threads in (1, 2, 4):
        driver.threads = threads
        with jax_x64():
            for transform in (lambda f: f, jax.jit):
                found = transform(jax.vmap(value))(jax.numpy.asarray(batch))
                np.testing.assert_array_equal(found, expected)
        found = torch.func.vmap(value)(torch.tensor(batch))
        np.testing.assert_array_equal(found, expected)
