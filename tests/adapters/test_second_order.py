"""Second derivatives of `distance` in JAX and PyTorch, against differences of its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.faces import Face, jax_x64
from support.problems import random_image, random_sites

from sdot import Mesh, PolynomialGrid, SplineGrid, SumOfDiracs, SumOfGaussians, distance
from sdot.derivatives import Linearisation, gradients, hessian_product
from sdot.solving import check_options, solve_numpy

RNG = np.random.default_rng(0)
SITES = random_sites(7)
WEIGHTS = RNG.uniform(0.5, 2, 7)
IMAGE = random_image()
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]])

# What makes a density of arrays, and the arrays.
DENSITIES: dict[str, tuple[Any, list[np.ndarray]]] = {
    "grid": (PolynomialGrid, [IMAGE]),
    "torus": (lambda v: PolynomialGrid(v, periodic=True), [IMAGE]),
    "spline": (lambda v: SplineGrid(v, 1), [IMAGE + 1]),
    "mesh": (lambda v: Mesh(CORNERS, TRIANGLES, v), [np.array([1.0, 2.0, 3.0, 4.0])]),
    "mixture": (
        SumOfGaussians,
        [
            RNG.random((2, 2)),
            np.array([[[0.1, 0.02], [0.02, 0.05]], [[0.05, 0], [0, 0.1]]]),
            np.array([1.0, 2.0]),
        ],
    ),
}


def _cost(make: Any) -> Any:
    def cost(positions: Any, weights: Any, *arrays: Any) -> Any:
        return distance(SumOfDiracs(positions, weights), make(*arrays), tol=1e-12, warm_start=False)

    return cost


def _problem(name: str) -> tuple[Any, list[np.ndarray], list[np.ndarray]]:
    make, arrays = DENSITIES[name]
    arrays = [SITES, WEIGHTS, *arrays]
    directions = [np.random.default_rng(k).normal(size=a.shape) for k, a in enumerate(arrays)]
    if name == "mixture":  # covariances stay symmetric
        directions[3] = directions[3] + directions[3].swapaxes(1, 2)
    return make, arrays, directions


def _by_numpy(make: Any, arrays: list[np.ndarray], directions: list[np.ndarray]) -> list[Any]:
    diracs, density = SumOfDiracs(*arrays[:2]), make(*arrays[2:])
    solution = solve_numpy(diracs, density, check_options(1e-12, 2000, False))
    return hessian_product(Linearisation(diracs, density, solution), directions)


def _by_differences(make: Any, arrays: list[np.ndarray], directions: list[np.ndarray]) -> list[Any]:
    step, found = 1e-5, []
    for sign in (1, -1):
        moved = [a + sign * step * d for a, d in zip(arrays, directions, strict=True)]
        diracs, density = SumOfDiracs(*moved[:2]), make(*moved[2:])
        solution = solve_numpy(diracs, density, check_options(1e-13, 2000, False))
        found.append(gradients(diracs, density, solution, [True] * len(arrays)))
    return [(one - other) / (2 * step) for one, other in zip(*found, strict=True)]


def _by_jax(make: Any, arrays: list[np.ndarray], directions: list[np.ndarray]) -> list[Any]:
    face = Face("jax")
    jax = face.module
    with jax_x64():
        gradient = jax.grad(_cost(make), tuple(range(len(arrays))))
        primals, tangents = ([face.array(a) for a in group] for group in (arrays, directions))
        eager = jax.jvp(gradient, primals, tangents)[1]
        jitted = jax.jit(lambda p, t: jax.jvp(gradient, p, t)[1])(primals, tangents)
        for one, two in zip(eager, jitted, strict=True):
            np.testing.assert_array_equal(one, two)
        return [face.numpy(part) for part in eager]


def _by_torch(make: Any, arrays: list[np.ndarray], directions: list[np.ndarray]) -> list[Any]:
    face = Face("torch")
    torch = face.module
    inputs = [face.array(a).requires_grad_() for a in arrays]
    first = torch.autograd.grad(_cost(make)(*inputs), inputs, create_graph=True)
    directed = sum((g * face.array(d)).sum() for g, d in zip(first, directions, strict=True))
    return [face.numpy(part) for part in torch.autograd.grad(directed, inputs)]


@pytest.mark.parametrize("name", DENSITIES)
def test_products_with_the_hessian_are_right_and_the_same_on_every_face(name: str) -> None:
    problem = _problem(name)
    by_numpy, by_jax, by_torch = _by_numpy(*problem), _by_jax(*problem), _by_torch(*problem)
    for one, two, three, expected in zip(
        by_numpy, by_jax, by_torch, _by_differences(*problem), strict=True
    ):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)
        np.testing.assert_allclose(one, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


def _position_hessian() -> np.ndarray:
    make, arrays, _ = _problem("grid")
    columns = []
    for k in range(SITES.size):
        direction = np.zeros(SITES.size)
        direction[k] = 1
        rest = [None] * (len(arrays) - 1)
        columns.append(_by_numpy(make, arrays, [direction.reshape(SITES.shape), *rest])[0].ravel())
    return np.array(columns)


@pytest.mark.parametrize("how", ["fwd over rev", "rev over fwd", "rev over rev", "fwd over fwd"])
@pytest.mark.parametrize("is_jitted", [False, True], ids=["eager", "jitted"])
def test_hessians_in_jax(how: str, is_jitted: bool) -> None:
    jax = pytest.importorskip("jax")
    outer, inner = ({"fwd": jax.jacfwd, "rev": jax.jacrev}[word] for word in how.split(" over "))
    with jax_x64():
        hessian = outer(inner(lambda y: _cost(PolynomialGrid)(y, WEIGHTS, IMAGE)))
        found = (jax.jit(hessian) if is_jitted else hessian)(jax.numpy.asarray(SITES))
    found = np.asarray(found).reshape(SITES.size, SITES.size)
    np.testing.assert_allclose(found, _position_hessian(), rtol=0, atol=1e-13)


def test_jax_checks_both_orders_in_all_arguments() -> None:
    jax = pytest.importorskip("jax")
    check_grads = pytest.importorskip("jax.test_util").check_grads
    with jax_x64():
        arguments = tuple(jax.numpy.asarray(array) for array in (SITES, WEIGHTS, IMAGE))
        check_grads(_cost(PolynomialGrid), arguments, order=2, atol=1e-5, rtol=1e-5, eps=1e-5)


def test_the_gradient_of_a_scan_of_gradient_steps() -> None:
    jax = pytest.importorskip("jax")
    with jax_x64():

        def cost(y: Any) -> Any:
            return _cost(PolynomialGrid)(y, WEIGHTS, IMAGE)

        def trained(rate: float) -> Any:
            def step(y: Any, _: Any) -> Any:
                return y - rate * jax.grad(cost)(y), None

            return cost(jax.lax.scan(step, jax.numpy.asarray(SITES), length=3)[0])

        expected = (trained(0.5 + 1e-5) - trained(0.5 - 1e-5)) / 2e-5
        for gradient in (jax.grad(trained), jax.jit(jax.grad(trained))):
            np.testing.assert_allclose(gradient(0.5), expected, rtol=1e-6)


def test_vmap_of_hessians_and_hessians_of_vmap_in_jax() -> None:
    jax = pytest.importorskip("jax")
    with jax_x64():

        def cost(y: Any) -> Any:
            return _cost(PolynomialGrid)(y, WEIGHTS, IMAGE)

        batch = jax.numpy.stack([jax.numpy.asarray(random_sites(7, seed)) for seed in range(2)])
        single = [np.asarray(jax.hessian(cost)(y)) for y in batch]
        np.testing.assert_array_equal(jax.vmap(jax.hessian(cost))(batch), single)
        whole = jax.hessian(lambda batch: jax.vmap(cost)(batch).sum())(batch)
        for k in range(2):
            np.testing.assert_array_equal(whole[k, :, :, k], single[k])
            np.testing.assert_array_equal(whole[k, :, :, 1 - k], 0)


def test_an_implicit_derivative_through_a_root() -> None:
    """The weights of a stationary point, differentiated by `jax.lax.custom_root`."""
    jax = pytest.importorskip("jax")
    with jax_x64():
        jnp, anchor = jax.numpy, jax.numpy.asarray(SITES)

        def slope(y: Any, rate: Any) -> Any:
            cost = jax.grad(lambda y: _cost(PolynomialGrid)(y, WEIGHTS, IMAGE))(y)
            return cost + rate * (y - anchor)

        def solve(function: Any, y: Any) -> Any:
            for _ in range(8):
                step = jnp.linalg.solve(
                    jax.jacfwd(function)(y).reshape(SITES.size, SITES.size), function(y).ravel()
                )
                y = y - step.reshape(y.shape)
            return y

        def tangent_solve(linear: Any, right_side: Any) -> Any:
            matrix = jax.jacfwd(linear)(jnp.zeros_like(right_side))
            size = right_side.size
            return jnp.linalg.solve(matrix.reshape(size, size), right_side.ravel()).reshape(
                right_side.shape
            )

        def root(rate: Any) -> Any:
            return jax.lax.custom_root(lambda y: slope(y, rate), anchor, solve, tangent_solve)

        change = jax.jacfwd(root)(3.0)
        expected = (root(3.0 + 1e-4) - root(3.0 - 1e-4)) / 2e-4
        np.testing.assert_allclose(change, expected, rtol=1e-5, atol=1e-7)


def test_a_third_derivative_is_refused_in_jax() -> None:
    jax = pytest.importorskip("jax")
    y = jax.numpy.asarray(SITES)

    def third(y: Any) -> Any:
        return jax.grad(lambda y: jax.hessian(lambda y: distance(SumOfDiracs(y), DENSITY))(y).sum())

    for function in (third(y), jax.jit(third(y))):
        with pytest.raises(NotImplementedError, match="two derivatives"):
            function(y)


DENSITY = PolynomialGrid(IMAGE)


def _torch_cost(y: Any) -> Any:
    return _cost(PolynomialGrid)(y, WEIGHTS, IMAGE)


def _torch_hessians() -> dict[str, Any]:
    torch = pytest.importorskip("torch")
    func, functional = torch.func, torch.autograd.functional
    return {
        "torch.func.hessian": func.hessian(_torch_cost),
        "jacrev of jacrev": func.jacrev(func.jacrev(_torch_cost)),
        "jacrev of jacfwd": func.jacrev(func.jacfwd(_torch_cost)),
        "autograd.functional.hessian": lambda y: functional.hessian(_torch_cost, y),
    }


@pytest.mark.parametrize(
    "name",
    [
        "torch.func.hessian",
        "jacrev of jacrev",
        "jacrev of jacfwd",
        "autograd.functional.hessian",
    ],
)
def test_hessians_in_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    found = _torch_hessians()[name](torch.tensor(SITES)).reshape(SITES.size, SITES.size)
    np.testing.assert_allclose(found, _position_hessian(), rtol=0, atol=1e-13)


def test_gradgradcheck() -> None:
    torch = pytest.importorskip("torch")
    arguments = [torch.tensor(array, requires_grad=True) for array in (SITES, WEIGHTS, IMAGE)]
    cost = _cost(PolynomialGrid)
    tolerances = {"eps": 1e-5, "atol": 1e-5, "rtol": 1e-5}
    assert torch.autograd.gradgradcheck(cost, arguments, **tolerances)
    assert torch.autograd.gradgradcheck(
        cost, [*arguments[:2], IMAGE], check_fwd_over_rev=True, **tolerances
    )


def test_products_by_autograd_functional() -> None:
    torch = pytest.importorskip("torch")
    y, direction = torch.tensor(SITES), torch.tensor(RNG.normal(size=SITES.shape))
    expected = (_position_hessian() @ direction.numpy().ravel()).reshape(SITES.shape)
    for product in (torch.autograd.functional.hvp, torch.autograd.functional.vhp):
        found = product(_torch_cost, y, direction)[1]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


def test_a_gradient_penalty_and_a_nonlinear_function_of_the_distance() -> None:
    torch = pytest.importorskip("torch")

    def penalised(y: Any, create_graph: bool = True) -> Any:
        value = (20 * _torch_cost(y)).tanh()
        (gradient,) = torch.autograd.grad(value, y, create_graph=create_graph)
        return value + (gradient**2).sum()

    def value_at(sites: np.ndarray) -> float:
        return float(penalised(torch.tensor(sites, requires_grad=True)).detach())

    y = torch.tensor(SITES, requires_grad=True)
    penalised(y).backward()
    direction = RNG.normal(size=SITES.shape)
    expected = (value_at(SITES + 1e-5 * direction) - value_at(SITES - 1e-5 * direction)) / 2e-5
    assert float((y.grad.numpy() * direction).sum()) == pytest.approx(expected, rel=1e-6)


def test_an_inner_loop_is_differentiated_in_torch() -> None:
    torch = pytest.importorskip("torch")

    def trained(rate: Any) -> Any:
        y = torch.tensor(SITES, requires_grad=True)
        for _ in range(3):
            (gradient,) = torch.autograd.grad(_torch_cost(y), y, create_graph=True)
            y = y - rate * gradient
        return _torch_cost(y)

    rate = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    trained(rate).backward()
    moved = [float(trained(rate.detach() + step)) for step in (1e-5, -1e-5)]
    assert float(rate.grad) == pytest.approx((moved[0] - moved[1]) / 2e-5, rel=1e-6)


def test_batches_of_values_gradients_and_hessians_in_torch() -> None:
    torch = pytest.importorskip("torch")
    func = torch.func
    batch = torch.tensor(np.stack([random_sites(7, seed) for seed in range(2)]))
    for function in (_torch_cost, func.grad(_torch_cost), func.hessian(_torch_cost)):
        single = torch.stack([function(y) for y in batch])
        np.testing.assert_array_equal(func.vmap(function)(batch), single)


def test_what_torch_cannot_do_is_refused() -> None:
    torch = pytest.importorskip("torch")
    y = torch.tensor(SITES, requires_grad=True)
    (first,) = torch.autograd.grad(_torch_cost(y), y, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), y, create_graph=True)
    with pytest.raises(NotImplementedError, match="two derivatives"):
        torch.autograd.grad(second.sum(), y)
    twice = torch.func.jacfwd(torch.func.jacfwd(_torch_cost))
    with pytest.raises(NotImplementedError, match="forward mode"):  # it would be zero, silently
        twice(y.detach())
