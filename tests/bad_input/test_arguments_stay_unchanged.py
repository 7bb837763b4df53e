"""No call writes to an array of the caller, or keeps it from being written to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.faces import Face
from support.problems import gmm_image, random_sites, uniform

from sdot import PolynomialGrid, PowerDiagram, SumOfDiracs, distance, optimal_transport_plan


def test_by_solving(face: Face) -> None:
    arrays = [
        face.array(random_sites(20)),
        face.array(np.random.default_rng(0).uniform(0.5, 2, 20)),
        face.array(gmm_image(8)),
        face.array(np.linspace(0, 2, 9)),
        face.array(np.linspace(-1, 1, 9)),
    ]
    before = [face.numpy(array).copy() for array in arrays]
    density = PolynomialGrid(arrays[2], knots=(arrays[3], arrays[4]))
    diracs = SumOfDiracs(arrays[0], arrays[1])
    distance(diracs, density)
    plan = optimal_transport_plan(diracs, density)
    plan.power_diagram.areas, plan.barycenters, plan.potentials  # noqa: B018
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(face.numpy(array), old)
    if face.name == "numpy":
        assert all(array.flags.writeable for array in arrays)


def test_by_differentiating(face: Face) -> None:
    if face.name == "numpy":
        pytest.skip("NumPy does not differentiate")
    inputs: list[Any] = [random_sites(10), np.ones(10)]
    copies = [array.copy() for array in inputs]
    face.gradients(lambda y, u: distance(SumOfDiracs(y, u), uniform()), *inputs)
    for array, old in zip(inputs, copies, strict=True):
        np.testing.assert_array_equal(array, old)


def test_by_the_diagram() -> None:
    sites, weights = random_sites(9), np.zeros(9)
    domain = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]])
    before = [array.copy() for array in (sites, weights, domain)]
    diagram = PowerDiagram(sites, weights, domain)
    diagram.areas, diagram.cells, diagram.neighbors  # noqa: B018
    for array, old in zip((sites, weights, domain), before, strict=True):
        np.testing.assert_array_equal(array, old)
        assert array.flags.writeable


def test_writing_to_results_is_refused_or_harmless(face: Face) -> None:
    if face.name == "jax":
        pytest.skip("arrays of JAX cannot be written to")
    diracs = SumOfDiracs(face.array(random_sites(5)))
    plan = optimal_transport_plan(diracs, uniform())
    before = face.numpy(plan.distance).copy()
    if face.name == "numpy":
        with pytest.raises(ValueError, match="read-only"):
            plan.barycenters[:] = 0
    else:
        plan.barycenters[:] = 0
    again = optimal_transport_plan(diracs, uniform())
    assert float(again.barycenters.sum()) > 0
    assert again.distance == before
