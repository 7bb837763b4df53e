"""When arrays are read: NumPy and JAX arrays and lists at once, tensors at every call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.problems import random_sites

from sdot import (
    Mesh,
    PolynomialGrid,
    SplineGrid,
    SumOfDiracs,
    SumOfGaussians,
    distance,
    optimal_transport_plan,
)

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
torch = pytest.importorskip("torch")

SITES = random_sites(8)
VALUES = 1.0 + np.arange(9.0).reshape(3, 3)
CORNERS = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]

# From an array of numbers of some framework to a density, and the numbers.
DENSITIES = {
    "grid": (lambda a: PolynomialGrid(a, mass=None), VALUES / 6),
    "spline": (lambda a: SplineGrid(a, continuity=2, mass=None), VALUES / 6),
    "mesh": (lambda a: Mesh(CORNERS, [[0, 1, 2]], a, mass=None, per="vertex"), VALUES[0]),
    "mixture": (lambda a: SumOfGaussians(a, np.ones(3)), VALUES[:, :2] / 10),
    "sum": (lambda a: 0.5 * PolynomialGrid(a) + 0.5 * PolynomialGrid(VALUES), VALUES),
}
POINTS = [[0.2, 0.3], [0.4, 0.1], [0.6, 0.6]]


@pytest.fixture(params=DENSITIES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _content(density: Any) -> list[Any]:
    derived = [getattr(density, name, None) for name in ("coefficients", "pieces", "essential")]
    derived += [density.total_mass, density.box, density.domain, repr(density)]
    return [np.asarray(density.evaluate(POINTS)), density.essential_box(1e-3), *derived]


def _assert_same(first: list[Any], second: list[Any]) -> None:
    for one, other in zip(first, second, strict=True):
        jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.mark.parametrize("requires_grad", [False, True])
def test_a_density_follows_its_tensors(kind: str, requires_grad: bool) -> None:
    make, numbers = DENSITIES[kind]
    tensor = torch.tensor(numbers, requires_grad=requires_grad)
    density = make(tensor)
    _assert_same(_content(density), _content(make(numbers)))
    with torch.no_grad():
        tensor += torch.linspace(0, 1, numbers.size).reshape(numbers.shape)
    _assert_same(_content(density), _content(make(tensor.detach().numpy())))


def test_a_density_of_numpy_arrays_is_what_they_were(kind: str) -> None:
    make, numbers = DENSITIES[kind]
    array = numbers.copy()
    density = make(array)
    array += 1.0
    _assert_same(_content(density), _content(make(numbers)))


def test_a_list_is_read_once() -> None:
    numbers = [[1.0, 2.0], [3.0, 4.0]]
    density = PolynomialGrid(numbers)
    numbers[0][0] = 100.0
    _assert_same(_content(density), _content(PolynomialGrid([[1.0, 2.0], [3.0, 4.0]])))
    leaves = jax.tree.leaves(density)
    np.testing.assert_array_equal(leaves[0], [[1.0, 2.0], [3.0, 4.0]])


def test_trained_sites_are_current_once_they_are_frozen() -> None:
    q = torch.nn.Parameter(torch.tensor(SITES))
    diracs, density = SumOfDiracs(q), PolynomialGrid(VALUES)
    distance(diracs, density).backward()
    with torch.no_grad():
        q -= 0.3 * q.grad
    q.requires_grad_(False)
    fresh = distance(SumOfDiracs(q.numpy().copy()), density, warm_start=False)
    assert distance(diracs, density, warm_start=False).item() == fresh
    plan = optimal_transport_plan(diracs, density)
    assert plan.distance.item() == fresh


def test_a_frozen_module_is_current_after_its_state_is_loaded() -> None:
    module = torch.nn.ParameterDict({"q": torch.nn.Parameter(torch.tensor(SITES))})
    module.requires_grad_(False)
    diracs, density = SumOfDiracs(module["q"]), PolynomialGrid(VALUES)
    distance(diracs, density)
    module.load_state_dict({"q": torch.tensor(SITES[::-1] * 0.5)})
    expected = distance(SumOfDiracs(SITES[::-1] * 0.5), density, warm_start=False)
    assert distance(diracs, density, warm_start=False).item() == expected


def test_values_and_gradients_agree_after_the_callers_array_has_changed() -> None:
    with jax.enable_x64():
        sites, values = SITES.copy(), VALUES.copy()
        diracs, density = SumOfDiracs(sites), PolynomialGrid(values)
        before = distance(diracs, density, warm_start=False)
        sites += 1.0
        values[0] *= 7
        assert distance(diracs, density, warm_start=False) == before
        value, _ = jax.value_and_grad(lambda f: distance(f, density, warm_start=False))(diracs)
        assert float(value) == float(before)
        assert float(jax.jit(distance)(diracs, density)) == pytest.approx(before, rel=1e-9)


def test_what_tensors_were_checked_for_is_checked_again() -> None:
    q = torch.tensor(SITES)
    diracs, density = SumOfDiracs(q), PolynomialGrid(VALUES)
    q[3] = torch.nan
    with pytest.raises(ValueError, match="positions"):
        distance(diracs, density)


def test_tensors_that_stay_keep_what_was_computed_from_them() -> None:
    density = PolynomialGrid(torch.tensor(VALUES)) + PolynomialGrid(VALUES)
    first = density.snapshot
    assert density.snapshot is first
    density.densities[0].values[0, 0] += 1
    second = density.snapshot
    assert second is not first
    assert second.densities[1] is first.densities[1]
    assert second.memory is first.memory


@pytest.mark.parametrize("stack", [jnp.asarray, torch.tensor])
def test_lists_of_arrays_are_read_or_refused(stack: Any) -> None:
    rows = [stack([0.25, 0.5]), stack([0.75, 0.5])]
    expected = distance(SumOfDiracs([[0.25, 0.5], [0.75, 0.5]]), PolynomialGrid([[1.0]]))
    assert distance(SumOfDiracs(rows), PolynomialGrid([[1.0]])) == pytest.approx(expected)


def test_lists_of_tensors_to_be_differentiated_are_refused() -> None:
    rows = [torch.tensor([0.25, 0.5], requires_grad=True), torch.tensor([0.75, 0.5])]
    with pytest.raises(TypeError, match=r"positions: .*torch\.stack"):
        SumOfDiracs(rows)
