"""The operators of graphs: their rules, checked by PyTorch's own tests and against `distance`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from support.problems import random_image, random_sites

from sdot import PolynomialGrid, SumOfDiracs, distance

torch = pytest.importorskip("torch")
operators = pytest.importorskip("sdot.adapters.torch_operators")
loss = pytest.importorskip("sdot.torch").W2Loss(
    PolynomialGrid(random_image()), tol=1e-12, warm_start=False
)
TEXT = loss._texts[1]


def _arrays(grad: bool = True) -> list[Any]:
    weights = np.random.default_rng(0).uniform(0.5, 2, 7)
    return [torch.tensor(a, requires_grad=grad) for a in (random_sites(7), weights, random_image())]


def _operator(*arrays: Any, depth: int = 0) -> Any:
    return torch.ops.sdot.distance(list(arrays), TEXT, depth)


def _cost(y: Any, u: Any, v: Any) -> Any:
    return distance(SumOfDiracs(y, u), PolynomialGrid(v), tol=1e-12, warm_start=False)


def _calls() -> dict[str, tuple[Any, tuple[Any, ...]]]:
    arrays, flags = _arrays(), [True, False, True]
    directions = [torch.ones_like(arrays[0]), torch.ones_like(arrays[2])]
    product = operators._hessian_product
    batch = [torch.stack([a, a * 1.01]) for a in _arrays(False)]
    return {
        "distance": (operators.distance, (arrays, TEXT, 0)),
        "gradients": (operators._gradients, (arrays, TEXT, flags, 0)),
        "products": (product, (arrays, directions, TEXT, flags, [True, True, False], 0)),
        "batch": (operators.distance, ([batch[0], arrays[1][None], batch[2]], TEXT, 1)),
    }


@pytest.mark.parametrize("name", ["distance", "gradients", "products", "batch"])
def test_opcheck(name: str) -> None:
    operator, arguments = _calls()[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = torch.library.opcheck(operator, arguments)
    assert set(found.values()) == {"SUCCESS"}


def test_two_derivatives_are_those_of_the_distance() -> None:
    arrays = _arrays()
    for create in (False, True):
        found, expected = (
            torch.autograd.grad(f(*arrays), arrays, create_graph=create) for f in (_operator, _cost)
        )
        for one, two in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one.detach(), two.detach())
    products = [
        torch.autograd.grad(sum(g.square().sum() for g in gradients), arrays)
        for gradients in (found, expected)
    ]
    for one, two in zip(*products, strict=True):
        np.testing.assert_array_equal(one, two)


def test_gradients_of_a_batch_with_parts_that_are_shared() -> None:
    y, u, v = _arrays()
    factors = torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64)
    batch = torch.stack([y, y * 0.9, y * 0.8])
    value = torch.func.vmap(_operator, (0, None, None))(batch, u, v) @ factors
    expected = sum(f * _cost(y * s, u, v) for f, s in zip(factors, (1, 0.9, 0.8), strict=True))
    assert value.item() == pytest.approx(expected.item(), rel=1e-14)
    for one, two in zip(
        torch.autograd.grad(value, (y, u, v)), torch.autograd.grad(expected, (y, u, v)), strict=True
    ):
        np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-15)


def test_one_element_of_a_batch_that_fails_is_nan() -> None:
    y, u, v = _arrays(grad=False)
    batch = torch.stack([y, y * torch.nan, y])
    with pytest.warns(UserWarning, match="positions"):
        values = torch.func.vmap(_operator, (0, None, None))(batch, u, v)
    np.testing.assert_array_equal(values.isnan(), [False, True, False])


def test_third_derivatives_are_refused() -> None:
    y, u, v = _arrays()
    (gradient,) = torch.autograd.grad(_operator(y, u, v), y, create_graph=True)
    (product,) = torch.autograd.grad(gradient.sum(), y, create_graph=True)
    with pytest.raises(NotImplementedError, match="two derivatives"):
        product.sum().backward()
