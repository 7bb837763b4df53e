"""Wrong arguments: a clear error that names the argument, or the right answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.faces import Face
from support.problems import gmm_image, random_image, random_sites, uniform

from sdot import (
    PolynomialGrid,
    PowerDiagram,
    SumOfDiracs,
    SumOfWeightedDiracs,
    distance,
    optimal_transport_plan,
)

SITES = random_sites(4)
Call = Callable[[], object]


def _with(array: np.ndarray, value: float) -> np.ndarray:
    result = np.array(array, dtype=np.float64)
    result[-1, 1] = value
    return result


# What is called, the type of the error, and what its message must contain.
WRONG: dict[str, tuple[Call, type[Exception], list[str]]] = {}


def _add(name: str, call: Call, error: type[Exception], *parts: str) -> None:
    WRONG[name] = (call, error, list(parts))


for _owner, _make in {"diracs": SumOfDiracs, "diagram": PowerDiagram}.items():
    for _label, _array in {
        "one coordinate": np.ones((4, 1)),
        "three coordinates": np.ones((4, 3)),
        "flat": np.ones(4),
        "scalar": 1.0,
        "three axes": np.ones((4, 2, 1)),
        "empty": np.empty((0, 2)),
        "empty list": [],
    }.items():
        _add(
            f"{_owner}: {_label} positions",
            lambda make=_make, array=_array: make(array),
            ValueError,
            "positions",
            "(n, 2)",
            str(np.shape(_array)),
        )
    for _label, _array in {
        "complex": SITES + 0j,
        "object": np.array([[1, 2], [3, None]], dtype=object),
        "strings": np.array([["a", "b"]]),
        "dates": np.array([["2020-01-01", "2020-01-02"]], dtype="datetime64[D]"),
    }.items():
        _add(
            f"{_owner}: {_label} positions",
            lambda make=_make, array=_array: make(array),
            TypeError,
            "positions",
            "real numbers",
            str(_array.dtype),
        )
    for _label, _value in {"NaN": np.nan, "inf": np.inf, "-inf": -np.inf}.items():
        _add(
            f"{_owner}: {_label} in positions",
            lambda make=_make, value=_value: make(_with(SITES, value)),
            ValueError,
            "positions",
            "finite",
            str(_value),
            "(3, 1)",
        )
        _add(
            f"{_owner}: {_label} in weights",
            lambda make=_make, value=_value: make(SITES, [1, 2, value, 3]),
            ValueError,
            "weights",
            "finite",
            str(_value),
            "(2,)",
        )
    for _label, _array in {
        "too few": np.ones(3),
        "too many": np.ones(5),
        "a column of": np.ones((4, 1)),
        "one": 1.0,
        "no": [],
    }.items():
        _add(
            f"{_owner}: {_label} weights",
            lambda make=_make, array=_array: make(SITES, array),
            ValueError,
            "weights",
            "(4,)",
            str(np.shape(_array)),
        )
    for _label, _array in {"complex": np.ones(4) + 0j, "strings": np.array(list("abcd"))}.items():
        _add(
            f"{_owner}: {_label} weights",
            lambda make=_make, array=_array: make(SITES, array),
            TypeError,
            "weights",
            "real numbers",
        )

for _value in (0.0, -1.0, -1e-300):
    _add(
        f"Dirac weight {_value}",
        lambda value=_value: SumOfDiracs(SITES, [1, value, 2, 3]),
        ValueError,
        "weights",
        "positive",
        str(_value),
        "index 1",
    )
_add("no weights", lambda: SumOfWeightedDiracs(SITES, None), TypeError, "weights", "None")
for _value in (0, -1, np.nan, np.inf):
    _add(
        f"Dirac mass {_value}",
        lambda value=_value: SumOfDiracs(SITES, mass=value),
        ValueError,
        "mass",
        "positive",
    )
    _add(
        f"density mass {_value}",
        lambda value=_value: PolynomialGrid([[1.0]], mass=value),
        ValueError,
        "mass",
        "positive",
    )
for _value in (None, "1", 1j, True, [1.0]):
    _add(
        f"Dirac mass {_value!r}",
        lambda value=_value: SumOfDiracs(SITES, mass=value),
        TypeError,
        "mass",
    )
for _value in ("1", 1j, True):
    _add(
        f"density mass {_value!r}",
        lambda value=_value: PolynomialGrid([[1.0]], mass=value),
        TypeError,
        "mass",
    )

for _label, _array in {
    "flat": np.ones(4),
    "scalar": 1.0,
    "four axes": np.ones((2, 2, 1, 1)),
    "empty": np.empty((0, 3)),
    "empty in y": np.empty((3, 0)),
    "no coefficients": np.empty((3, 3, 0)),
    "an empty list": [],
}.items():
    _add(
        f"density: {_label} values",
        lambda array=_array: PolynomialGrid(array),
        ValueError,
        "values",
        "(nx, ny)",
        str(np.shape(_array)),
    )
for _count in (2, 3, 5, 8, 10):
    _add(
        f"density: {_count} coefficients",
        lambda count=_count: PolynomialGrid(np.ones((2, 2, count))),
        ValueError,
        "values",
        "(k + 1)**2",
        f"not {_count}",
    )
for _label, _array in {
    "complex": np.ones((2, 2)) + 0j,
    "object": np.array([[1, None]], dtype=object),
    "strings": np.array([["a", "b"]]),
}.items():
    _add(
        f"density: {_label} values",
        lambda array=_array: PolynomialGrid(array),
        TypeError,
        "values",
        "real numbers",
    )
for _value in (np.nan, np.inf, -np.inf):
    _add(
        f"density: {_value} in values",
        lambda value=_value: PolynomialGrid(_with(np.ones((3, 3)), value)),
        ValueError,
        "values",
        "finite",
        str(_value),
        "(2, 1)",
    )
_add(
    "negative density",
    lambda: PolynomialGrid(_with(np.ones((3, 3)), -0.1)),
    ValueError,
    "values",
    "nonnegative",
    "(2, 1)",
)
_add(
    "density negative inside a pixel",
    lambda: PolynomialGrid([[[0.1, 0, 0, -1, 0, 0, 1, 0, 0]]]),
    ValueError,
    "values",
    "nonnegative",
    "(0, 0)",
)
_add("zero density", lambda: PolynomialGrid(np.zeros((3, 3))), ValueError, "values", "zero")
_add("zero polynomial", lambda: PolynomialGrid(np.zeros((3, 3, 4))), ValueError, "values", "zero")
_add("density negative everywhere", lambda: PolynomialGrid([[-1.0]]), ValueError, "values")

for _label, _domain in {
    "no width": ((0, 0), (0, 1)),
    "no height": ((0, 1), (1, 1)),
    "a point": ((1, 1), (1, 1)),
    "reversed": ((1, 1), (0, 0)),
    "half reversed": ((0, 1), (1, 0)),
}.items():
    _add(
        f"density on a domain with {_label}",
        lambda domain=_domain: PolynomialGrid([[1.0]], domain=domain),
        ValueError,
        "domain",
        "x_min < x_max",
    )
    _add(
        f"diagram in a domain with {_label}",
        lambda domain=_domain: PowerDiagram(SITES, domain=domain),
        ValueError,
        "domain",
    )
for _label, _domain in {
    "flat": (0, 0, 1, 1),
    "one corner": ((0, 0),),
    "3d": np.ones((2, 3)),
}.items():
    _add(
        f"density on a {_label} domain",
        lambda domain=_domain: PolynomialGrid([[1.0]], domain=domain),
        ValueError,
        "domain",
        "((x_min, y_min), (x_max, y_max))",
    )
    _add(
        f"diagram in a {_label} domain",
        lambda domain=_domain: PowerDiagram(SITES, domain=domain),
        ValueError,
        "domain",
        "((x_min, y_min), (x_max, y_max))",
    )
for _value in (np.nan, np.inf):
    for _owner, _make in {
        "density": lambda domain: PolynomialGrid([[1.0]], domain=domain),
        "diagram": lambda domain: PowerDiagram(SITES, domain=domain),
    }.items():
        _add(
            f"{_owner}: {_value} in the domain",
            lambda make=_make, value=_value: make(((0, 0), (1, value))),
            ValueError,
            "domain",
            "finite",
        )
_add(
    "diagram in a clockwise polygon",
    lambda: PowerDiagram(SITES, domain=[[0, 0], [0, 1], [1, 0]]),
    ValueError,
    "domain",
    "counter-clockwise",
)
_add(
    "diagram in a polygon that is not convex",
    lambda: PowerDiagram(SITES, domain=[[0, 0], [1, 0], [0.1, 0.1], [0, 1]]),
    ValueError,
    "domain",
    "convex",
)
_add(
    "diagram in a pentagram",
    lambda: PowerDiagram(
        SITES, domain=[[np.cos(4 * np.pi * k / 5), np.sin(4 * np.pi * k / 5)] for k in range(5)]
    ),
    ValueError,
    "domain",
    "convex",
)
_add(
    "diagram in a degenerate polygon",
    lambda: PowerDiagram(SITES, domain=[[0, 0], [1, 1], [2, 2]]),
    ValueError,
    "domain",
    "area",
)

for _label, _lines in {
    "unsorted": [0.0, 0.7, 0.3, 1.0],
    "repeated": [0.0, 0.5, 0.5, 1.0],
    "decreasing": [1.0, 0.6, 0.3, 0.0],
}.items():
    for _k in range(2):
        _add(
            f"{_label} knots[{_k}]",
            lambda k=_k, lines=_lines: PolynomialGrid(
                np.ones((3, 3)),
                knots=(lines, np.linspace(0, 1, 4)) if k == 0 else (np.linspace(0, 1, 4), lines),
            ),
            ValueError,
            f"knots[{_k}]",
            "increasing",
        )
for _count in (0, 3, 5):
    _add(
        f"{_count} knots for 3 pixels",
        lambda count=_count: PolynomialGrid(
            np.ones((3, 3)), knots=(np.linspace(0, 1, 4), np.arange(float(count)))
        ),
        ValueError,
        "knots[1]",
        "4 grid lines",
        f"({_count},)",
    )
_add(
    "NaN in knots",
    lambda: PolynomialGrid(np.ones((3, 1)), knots=([0, 0.1, np.nan, 1], [0, 1])),
    ValueError,
    "knots[0]",
    "finite",
)
_add(
    "strings in knots",
    lambda: PolynomialGrid(np.ones((1, 1)), knots=(np.array(["a", "b"]), [0, 1])),
    TypeError,
    "knots[0]",
)
_add(
    "knots along one axis only",
    lambda: PolynomialGrid(np.ones((3, 3)), knots=(np.linspace(0, 1, 4),)),
    ValueError,
    "knots",
    "(x_lines, y_lines)",
)
_add(
    "knots that are a number",
    lambda: PolynomialGrid(np.ones((3, 3)), knots=3),
    TypeError,
    "knots",
    "(x_lines, y_lines)",
)
_add(
    "knots and a domain",
    lambda: PolynomialGrid([[1.0]], domain=((0, 0), (1, 1)), knots=([0, 1], [0, 1])),
    ValueError,
    "knots",
    "domain",
)

for _label, _array in {
    "flat": np.ones(3),
    "with alpha": np.ones((3, 3, 4)),
    "of two channels": np.ones((3, 3, 2)),
    "empty": np.ones((0, 3)),
}.items():
    _add(
        f"image {_label}",
        lambda array=_array: PolynomialGrid.from_image(array),
        ValueError,
        "array",
        "(height, width)",
        str(_array.shape),
    )
_add(
    "image of strings",
    lambda: PolynomialGrid.from_image(np.array([["a"]])),
    TypeError,
    "array",
    "real numbers",
)
_add("image of NaN", lambda: PolynomialGrid.from_image([[np.nan]]), ValueError, "array", "finite")
_add("white paper", lambda: PolynomialGrid.from_image(np.ones((2, 2)), invert=True), ValueError)
_add(
    "inverted image brighter than white",
    lambda: PolynomialGrid.from_image([[0.5, 7.0]], invert=True),
    ValueError,
    "array",
    "invert",
)

for _function in (distance, optimal_transport_plan):
    _name = _function.__name__
    _add(
        f"{_name} of two Diracs",
        lambda f=_function: f(SumOfDiracs(SITES), SumOfDiracs(SITES)),
        TypeError,
        "density",
        "SumOfDiracs",
    )
    _add(
        f"{_name} of two densities",
        lambda f=_function: f(uniform(), uniform()),
        TypeError,
        "SumOfDiracs",
        "PolynomialGrid",
    )
    _add(
        f"{_name} of arrays",
        lambda f=_function: f(SITES, np.ones((2, 2))),
        TypeError,
        "SumOfDiracs",
        "ndarray",
    )
    _add(
        f"{_name} of different masses",
        lambda f=_function: f(SumOfDiracs(SITES, mass=2), uniform()),
        ValueError,
        "mass",
        "2",
        "1",
    )
    for _value in (0, 1, -1e-3, np.nan, np.inf):
        _add(
            f"{_name} with tol={_value}",
            lambda f=_function, value=_value: f(SumOfDiracs(SITES), uniform(), tol=value),
            ValueError,
            "tol",
        )
    for _value in (None, "small", True):
        _add(
            f"{_name} with tol={_value!r}",
            lambda f=_function, value=_value: f(SumOfDiracs(SITES), uniform(), tol=value),
            TypeError,
            "tol",
        )
    for _value in (None, "many", 1.5, True, -1):
        _add(
            f"{_name} with max_iterations={_value!r}",
            lambda f=_function, value=_value: f(
                SumOfDiracs(SITES), uniform(), max_iterations=value
            ),
            (TypeError, ValueError),  # type: ignore[arg-type]
            "max_iterations",
        )


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_are_named(name: str) -> None:
    call, error, parts = WRONG[name]
    with pytest.raises(error) as caught:
        call()
    for part in parts:
        assert re.search(re.escape(part), str(caught.value)), (part, str(caught.value))


class TestMixedFrameworks:
    """NumPy goes with either of the others; JAX and PyTorch do not mix."""

    def test_numpy_and_a_framework(self, face: Face) -> None:
        weights = np.array([1.0, 2.0, 3.0, 4.0])
        expected = distance(SumOfDiracs(SITES, weights), PolynomialGrid(random_image()))
        for sites, masses, image in (
            (face.array(SITES), weights, random_image()),
            (SITES, face.array(weights), random_image()),
            (SITES, weights, face.array(random_image())),
            (face.array(SITES), weights.tolist(), random_image().tolist()),
        ):
            value = distance(SumOfDiracs(sites, masses), PolynomialGrid(image))
            assert face.owns(value)
            assert float(value) == float(expected)

    def test_jax_and_torch(self) -> None:
        jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
        tensor, array = torch.tensor(SITES), jax.numpy.asarray(SITES)
        with pytest.raises(TypeError, match="JAX and PyTorch"):
            SumOfDiracs(tensor, array[:, 0])
        with pytest.raises(TypeError, match="JAX and PyTorch"):
            distance(SumOfDiracs(tensor), PolynomialGrid(jax.numpy.ones((2, 2))))
        with pytest.raises(TypeError, match="JAX and PyTorch"):
            optimal_transport_plan(SumOfDiracs(array), PolynomialGrid(torch.ones(2, 2)))


class TestOneSite:
    """n = 1 is the variance about the site, whatever the density."""

    @pytest.mark.parametrize("image", [np.ones((1, 1)), random_image(), gmm_image(16)])
    def test_value_and_plan(self, face: Face, image: np.ndarray) -> None:
        plan = optimal_transport_plan(SumOfDiracs(face.array([[0.3, 0.8]])), PolynomialGrid(image))
        p = image / image.sum()
        x = (np.arange(image.shape[0]) + 0.5) / image.shape[0]
        y = (np.arange(image.shape[1]) + 0.5) / image.shape[1]
        inside = sum(1 / 12 / k**2 for k in image.shape)
        expected = p.sum(axis=1) @ (x - 0.3) ** 2 + p.sum(axis=0) @ (y - 0.8) ** 2 + inside
        assert float(plan.distance) == pytest.approx(expected, rel=1e-13, abs=0)
        np.testing.assert_allclose(face.numpy(plan.cell_masses), [1.0], rtol=1e-14)
        mean = [p.sum(axis=1) @ x, p.sum(axis=0) @ y]
        np.testing.assert_allclose(face.numpy(plan.barycenters), [mean], rtol=1e-13)
        np.testing.assert_array_equal(face.numpy(plan.potentials), [0.0])


class TestCoincidentSites:
    """They share one cell; the value is that of one site with the summed mass."""

    @pytest.mark.parametrize("copies", [2, 3, 50])
    def test_all_at_one_place(self, face: Face, copies: int) -> None:
        density = PolynomialGrid(random_image())
        sites = np.full((copies, 2), 0.3)
        value = distance(SumOfDiracs(face.array(sites)), density)
        single = distance(SumOfDiracs(sites[:1]), density)
        assert float(value) == pytest.approx(float(single), rel=1e-14, abs=0)

    def test_groups(self, face: Face) -> None:
        rng = np.random.default_rng(2)
        distinct = random_sites(10)
        group = rng.integers(0, 10, 60)
        group[:10] = np.arange(10)
        weights = rng.uniform(0.5, 2, 60)
        density = PolynomialGrid(random_image())
        plan = optimal_transport_plan(
            SumOfDiracs(face.array(distinct[group]), face.array(weights)), density, tol=1e-12
        )
        merged = optimal_transport_plan(
            SumOfDiracs(distinct, np.bincount(group, weights)), density, tol=1e-12
        )
        assert float(plan.distance) == pytest.approx(float(merged.distance), rel=1e-13, abs=0)
        np.testing.assert_allclose(
            face.numpy(plan.cell_masses), weights / weights.sum(), rtol=1e-11
        )
        np.testing.assert_allclose(
            face.numpy(plan.barycenters), merged.barycenters[group], atol=1e-11
        )

    def test_zeros_of_both_signs_coincide(self) -> None:
        value = distance(SumOfDiracs([[0.0, 0.0], [-0.0, 0.0]]), uniform())
        assert value == pytest.approx(2 / 3, rel=1e-14, abs=0)


class TestArgumentsAreUnchanged:
    """No call writes to an array of the caller, or keeps it from being written to."""

    def test_by_solving(self, face: Face) -> None:
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

    def test_by_differentiating(self, face: Face) -> None:
        if face.name == "numpy":
            pytest.skip("NumPy does not differentiate")
        inputs: list[Any] = [random_sites(10), np.ones(10)]
        copies = [array.copy() for array in inputs]
        face.gradients(lambda y, u: distance(SumOfDiracs(y, u), uniform()), *inputs)
        for array, old in zip(inputs, copies, strict=True):
            np.testing.assert_array_equal(array, old)

    def test_by_the_diagram(self) -> None:
        sites, weights = random_sites(9), np.zeros(9)
        domain = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]])
        before = [array.copy() for array in (sites, weights, domain)]
        diagram = PowerDiagram(sites, weights, domain)
        diagram.areas, diagram.cells, diagram.neighbors  # noqa: B018
        for array, old in zip((sites, weights, domain), before, strict=True):
            np.testing.assert_array_equal(array, old)
            assert array.flags.writeable

    def test_writing_to_results_is_refused_or_harmless(self, face: Face) -> None:
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
