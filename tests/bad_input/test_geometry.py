"""Derivatives in geometry that has none are refused by name, and not zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.refusals import refused

from sdot import Box, Mesh, Polygon, PolynomialGrid, SumOfDiracs, SumOfGaussians, distance
from sdot import optimal_transport_plan as solve

TRIANGLE = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
BOX = np.array([[0.0, 0.0], [1.0, 1.0]])

GEOMETRY: dict[str, tuple[str, np.ndarray, Callable[[Any], Any]]] = {
    "polygon": ("vertices", TRIANGLE, Polygon),
    "box": ("domain", BOX, Box),
    "mesh": ("vertices", TRIANGLE, lambda v: Mesh(v, [[0, 1, 2]], [1.0])),
    "mixture": ("domain", TRIANGLE, lambda v: SumOfGaussians([[0, 0]], [1.0], domain=v)),
    "knots": ("knots[0]", BOX[:, 0], lambda v: PolynomialGrid([[1.0]], knots=(v, [0.0, 1.0]))),
}


@pytest.mark.parametrize("kind", GEOMETRY)
def test_gradients_in_geometry_are_refused_by_name(kind: str) -> None:
    name, array, make = GEOMETRY[kind]
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")

    def cost(geometry: Any) -> Any:
        return distance(SumOfDiracs([[0.2, 0.3]]), make(geometry))

    with refused(TypeError, name + ":", "no derivatives", "detach"):
        cost(torch.tensor(array, requires_grad=True))
    with refused(TypeError, name + ":", "no derivatives"):
        torch.func.grad(cost)(torch.tensor(array))
    for transform in (jax.jit, jax.grad):
        with refused(TypeError, name + ":", "no derivatives", "outside"):
            transform(cost)(jax.numpy.asarray(array))
    # Without a derivative all of them are fine.
    expected = cost(array)
    assert cost(torch.tensor(array)) == expected
    assert cost(torch.tensor(array, requires_grad=True).detach()) == expected


def test_two_of_a_kind_are_refused_with_the_remedy() -> None:
    points = SumOfDiracs([[0.2, 0.3]])
    for function in (distance, solve):
        with refused(TypeError, "SumOfDiracs and SumOfDiracs", "SumOfGaussians", "assign"):
            function(points, points)
        with refused(TypeError, "Box and Polygon", "quantize", "distance_bounds"):
            function(Box(), Polygon(TRIANGLE))
