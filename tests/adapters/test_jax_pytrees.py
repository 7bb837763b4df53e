"""Diracs and densities as JAX pytrees."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.faces import jax_x64
from support.problems import random_image, random_sites
from support.subprocesses import run_python

from sdot import PolynomialGrid, SplineGrid, SumOfDiracs, SumOfWeightedDiracs, distance

jax = pytest.importorskip("jax")
jnp = jax.numpy

SITES = random_sites(9)
WEIGHTS = np.random.default_rng(0).uniform(0.5, 2, 9)
IMAGE = random_image()
BOX = np.array([[0.0, -0.5], [1.5, 1.0]])

# What makes each distribution of arrays, the arrays, and their names.
KINDS: dict[str, tuple[Any, list[np.ndarray], list[str]]] = {
    "diracs": (SumOfDiracs, [SITES], ["positions"]),
    "weighted diracs": (SumOfDiracs, [SITES, WEIGHTS], ["positions", "weights"]),
    "spelt out": (SumOfWeightedDiracs, [SITES, WEIGHTS], ["positions", "weights"]),
    "grid": (PolynomialGrid, [IMAGE], ["values"]),
    "grid of degree 1": (PolynomialGrid, [np.ones((2, 3, 4))], ["values"]),
    "grid on a domain": (PolynomialGrid, [IMAGE, BOX], ["values", "domain"]),
    "grid on knots": (
        lambda v: PolynomialGrid(v, knots=(np.arange(6.0), np.arange(8.0) ** 2)),
        [IMAGE],
        ["values"],
    ),
    "spline": (lambda v: SplineGrid(v, 2), [IMAGE + 5], ["values"]),
    "spline on a domain": (
        lambda v, d: SplineGrid(v, 1, d, negative="clip"),
        [IMAGE, BOX],
        ["values", "domain"],
    ),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    with jax_x64():
        make, arrays, names = KINDS[request.param]
        yield make, [jnp.asarray(array) for array in arrays], names


def _cost(f: Any, g: Any) -> Any:
    return distance(f, g, tol=1e-12, warm_start=False)


def _partner(distribution: Any, arrays: list) -> tuple[Any, Any]:
    """Return a pair of distributions with the given one in its place."""
    if isinstance(distribution, SumOfDiracs):
        return distribution, PolynomialGrid(jnp.asarray(IMAGE))
    return SumOfDiracs(jnp.asarray(SITES)), distribution


def test_flattened_and_put_together_again(kind: Any) -> None:
    make, arrays, _ = kind
    before = make(*arrays)
    leaves, structure = jax.tree_util.tree_flatten(before)
    assert all(one is two for one, two in zip(leaves, arrays, strict=True))
    after = jax.tree_util.tree_unflatten(structure, leaves)
    assert type(after) is type(before)
    assert jax.tree_util.tree_structure(after) == structure
    assert hash(jax.tree_util.tree_structure(after)) == hash(structure)
    assert repr(after) == repr(before)
    assert _cost(*_partner(after, arrays)) == _cost(*_partner(before, arrays))


def test_leaves_have_the_names_of_the_arguments(kind: Any) -> None:
    make, arrays, names = kind
    paths = jax.tree_util.tree_flatten_with_path(make(*arrays))[0]
    assert [jax.tree_util.keystr(path) for path, _ in paths] == [f".{name}" for name in names]


def test_map_gives_the_same_kind_whatever_the_leaves(kind: Any) -> None:
    make, arrays, names = kind
    before = make(*arrays)
    for function in (lambda x: None, lambda x: x.shape, lambda x: -x, lambda x: object()):
        after = jax.tree_util.tree_map(function, before)
        assert type(after) is type(before)
    doubled = jax.tree_util.tree_map(lambda x: 2 * x, before)
    for name, array in zip(names, arrays, strict=True):
        np.testing.assert_array_equal(doubled.parameters[name], 2 * array)


@pytest.mark.parametrize("leaf", ["batch", None, object(), (2, 3), 0.0])
def test_repr_never_fails_and_never_takes_a_batch_for_points(kind: Any, leaf: Any) -> None:
    make, arrays, names = kind

    def replace(array: Any) -> Any:
        return jnp.stack([array] * 3) if leaf == "batch" else leaf

    described = repr(jax.tree_util.tree_map(replace, make(*arrays)))
    assert described.startswith(type(make(*arrays)).__name__ + "(")
    if leaf == "batch":
        shape = ", ".join(map(str, (3, *arrays[0].shape)))
        assert f"{names[0]}=float64[{shape}]" in described


def test_as_arguments_of_jitted_functions(kind: Any) -> None:
    make, arrays, _ = kind
    f, g = _partner(make(*arrays), arrays)
    assert jax.jit(_cost)(f, g) == _cost(f, g)
    assert jax.jit(_cost)(g, f) == _cost(f, g)


def test_the_gradient_is_a_container_like_the_argument(kind: Any) -> None:
    make, arrays, names = kind
    pair = _partner(make(*arrays), arrays)
    place = 0 if isinstance(pair[0], SumOfDiracs) and pair[0].positions is arrays[0] else 1

    def cost(*arrays: Any) -> Any:
        return _cost(*_partner(make(*arrays), list(arrays)))

    expected = jax.grad(cost, tuple(range(len(arrays))))(*arrays)
    for differentiate in (jax.grad, lambda f, n: jax.jit(jax.grad(f, n))):
        gradient = differentiate(_cost, place)(*pair)
        assert type(gradient) is type(pair[place])
        structures = [jax.tree_util.tree_structure(x) for x in (gradient, pair[place])]
        assert structures[0] == structures[1]
        for name, array in zip(names, expected, strict=True):
            assert np.abs(array).max() > 0
            np.testing.assert_array_equal(gradient.parameters[name], array)


def test_gradients_of_both_arguments() -> None:
    with jax_x64():
        f = SumOfDiracs(jnp.asarray(SITES), jnp.asarray(WEIGHTS))
        g = SplineGrid(jnp.asarray(IMAGE) + 5, 2, jnp.asarray(BOX))

        def cost(y: Any, u: Any, v: Any, d: Any) -> Any:
            return _cost(SumOfDiracs(y, u), SplineGrid(v, 2, d))

        arrays = f.positions, f.weights, g.values, jnp.asarray(BOX)
        expected = jax.grad(cost, (0, 1, 2, 3))(*arrays)
        value, (by_f, by_g) = jax.value_and_grad(_cost, argnums=(0, 1))(f, g)
        assert value == _cost(f, g)
        found = by_f.positions, by_f.weights, by_g.values, by_g.parameters["domain"]
        for one, two in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, two)


def test_a_step_of_descent_on_the_tree() -> None:
    with jax_x64():
        f, g = SumOfDiracs(jnp.asarray(SITES)), PolynomialGrid(jnp.asarray(IMAGE))
        before, gradient = jax.value_and_grad(_cost)(f, g)
        stepped = jax.tree_util.tree_map(lambda x, d: x - d, f, gradient)
        assert _cost(stepped, g) < before


def test_a_change_of_an_option_traces_anew_and_that_of_a_value_does_not() -> None:
    traces = []

    @jax.jit
    def total(g: Any) -> Any:
        traces.append(1)
        return g.values.sum()

    image = jnp.asarray(IMAGE)
    total(PolynomialGrid(image))
    total(PolynomialGrid(image + 1))
    assert len(traces) == 1
    makers = [
        lambda v: PolynomialGrid(v, mass=2),
        lambda v: PolynomialGrid(v, mass=None),
        lambda v: PolynomialGrid(v, ((0, 0), (2, 1))),
        lambda v: PolynomialGrid(v, jnp.asarray(BOX)),
        lambda v: PolynomialGrid(v, knots=(np.linspace(0, 1, 6), np.linspace(0, 1, 8))),
        lambda v: SplineGrid(v + 5, 0),
        lambda v: SplineGrid(v + 5, 1),
        lambda v: SplineGrid(v + 5, 1, negative="clip"),
    ]
    for k, make in enumerate(makers):
        for _ in range(2):
            total(make(image))
            assert len(traces) == k + 2


def test_options_are_those_of_the_argument_not_of_an_earlier_one() -> None:
    with jax_x64():
        cost, values = jax.jit(_cost), jnp.asarray(IMAGE)
        f = SumOfDiracs(jnp.asarray(SITES))
        for domain in (((0, 0), (1, 1)), ((0, 0), (2, 1)), ((0, 0), (1, 1))):
            g = PolynomialGrid(values, domain)
            assert cost(f, g) == _cost(f, g)


def test_lists_and_numpy_arrays_become_arrays() -> None:
    with jax_x64():
        listed = PolynomialGrid([[1.0, 2.0], [3.0, 4.0]])
        (leaf,) = jax.tree_util.tree_leaves(listed)
        np.testing.assert_array_equal(leaf, [[1, 2], [3, 4]])
        f = SumOfDiracs([[0.1, 0.2], [0.6, 0.3]])
        assert isinstance(jax.jit(_cost)(f, listed), jax.Array)
        gradient = jax.grad(_cost, 1)(f, listed)
        assert gradient.values.shape == (2, 2)
        by_arrays = jax.grad(_cost, 1)(
            SumOfDiracs(jnp.asarray(f.positions)), PolynomialGrid(jnp.asarray(listed.values))
        )
        np.testing.assert_array_equal(gradient.values, by_arrays.values)
        integers = PolynomialGrid(np.array([[1, 2], [3, 4]]))
        assert jax.jit(_cost)(f, integers) == _cost(f, listed)


def test_vmap_over_values() -> None:
    with jax_x64():
        f = SumOfDiracs(jnp.asarray(SITES))
        batch = jnp.stack([jnp.asarray(random_image(seed)) for seed in range(3)])

        def cost(values: Any) -> Any:
            return _cost(f, PolynomialGrid(values))

        np.testing.assert_array_equal(jax.vmap(cost)(batch), [cost(v) for v in batch])


def test_a_distribution_among_other_arguments() -> None:
    with jax_x64():
        parameters = {"f": SumOfDiracs(jnp.asarray(SITES)), "scale": jnp.asarray(3.0)}
        g = PolynomialGrid(IMAGE)
        gradient = jax.grad(lambda p: p["scale"] * _cost(p["f"], g))(parameters)
        assert gradient["scale"] == _cost(parameters["f"], g)
        single = jax.grad(_cost)(parameters["f"], g)
        np.testing.assert_allclose(gradient["f"].positions, 3 * single.positions, rtol=1e-15)


def test_scan_carries_a_distribution() -> None:
    with jax_x64():
        g = PolynomialGrid(IMAGE)

        def step(f: Any, _: Any) -> tuple[Any, Any]:
            value, gradient = jax.value_and_grad(_cost)(f, g)
            return jax.tree_util.tree_map(lambda x, d: x - 2 * d, f, gradient), value

        last, values = jax.lax.scan(step, SumOfDiracs(jnp.asarray(SITES)), length=5)
        assert (np.diff(values) < 0).all()
        assert isinstance(last, SumOfDiracs)
        assert _cost(last, g) < values[-1]


def test_threads_may_flatten_at_once() -> None:
    density, found = PolynomialGrid(IMAGE), []

    def flatten() -> None:
        found.append(jax.tree_util.tree_structure(density))

    threads = [threading.Thread(target=flatten) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    "first",
    [
        "sdot.distance(diracs, density)",
        "sdot.SumOfDiracs(jax.numpy.ones((1, 2)))",
        "sdot.PolynomialGrid([[1.0]])",
    ],
)
def test_jax_may_be_imported_after_the_objects_were_made(tmp_path: Path, first: str) -> None:
    # JAX hears of them with the first use of sdot after its import.
    code = f"""
import sys
import numpy as np
import sdot
diracs = sdot.SumOfDiracs(np.random.default_rng(0).random((5, 2)))
density = sdot.SplineGrid([[1.0, 2.0], [3.0, 4.0]])
assert "jax" not in sys.modules
import jax
{first}
gradient = jax.jit(jax.grad(sdot.distance, (0, 1)))(diracs, density)
assert gradient[0].positions.shape == (5, 2), gradient
assert gradient[1].values.shape == (2, 2), gradient
print("differentiated")
"""
    result = run_python(code, tmp_path)
    assert result.stdout == "differentiated\n", result.stderr
