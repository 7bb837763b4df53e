"""Sums of densities: against equivalent grids and meshes, and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.exact import (
    add_moments,
    affine_moments,
    area,
    box_polygon,
    central_second_moments,
    clip_to_polygon,
    power_cell,
    rational_polygon,
)
from support.faces import Face, jax_x64
from support.gradients import check_in_jax, check_in_torch
from support.problems import random_image, random_mesh, random_sites, star

from sdot import (
    Box,
    Mesh,
    Polygon,
    PolynomialGrid,
    SumOfDensities,
    SumOfDiracs,
    distance,
    optimal_transport_plan,
)
from sdot.diagrams import DiagramArrays
from sdot.distributions.density import Frame

TIGHT = 1e-12


def _same(one: Any, other: Any, sites: np.ndarray) -> None:
    plan, expected = (
        optimal_transport_plan(SumOfDiracs(sites, mass=d.total_mass), d, tol=TIGHT)
        for d in (one, other)
    )
    assert plan.distance == pytest.approx(expected.distance, rel=1e-12, abs=0)
    np.testing.assert_allclose(plan.potentials, expected.potentials, rtol=0, atol=1e-11)
    np.testing.assert_allclose(plan.barycenters, expected.barycenters, rtol=0, atol=1e-11)
    np.testing.assert_allclose(plan.cell_masses, expected.cell_masses, rtol=1e-11)


@pytest.mark.parametrize("n", [1, 40])
def test_a_floor_under_an_image_is_an_image(n: int) -> None:
    image = random_image()
    image[1:3] = 0.0
    floored = 0.99 * PolynomialGrid(image) + 0.01 * Box()
    grid = PolynomialGrid(0.99 * image / image.mean() + 0.01)
    _same(floored, grid, random_sites(n))


def test_parts_with_different_boxes() -> None:
    left = PolynomialGrid([[1.0, 2.0]], ((0, 0), (1, 1)))
    right = PolynomialGrid([[3.0, 1.0]], ((1, 0), (2, 1)))
    both = PolynomialGrid([[1.0, 2.0], [3.0, 1.0]], ((0, 0), (2, 1)), mass=3.5 / 3.5)
    shares = np.array([1.5, 2.0]) / 3.5
    _same(shares[0] * left + shares[1] * right, both, 2 * random_sites(20))
    far = 0.5 * PolynomialGrid(random_image()) + 0.5 * PolynomialGrid(
        random_image(1), ((9, 5), (10, 6))
    )
    x_lines, y_lines = (
        np.r_[np.linspace(0, 1, k + 1), np.linspace(s, s + 1, k + 1)] for k, s in ((5, 9), (7, 5))
    )
    one_grid = np.zeros((11, 15))
    one_grid[:5, :7] = random_image() / random_image().mean()
    one_grid[6:, 8:] = random_image(1) / random_image(1).mean()
    _same(far, PolynomialGrid(one_grid, knots=(x_lines, y_lines)), 10 * random_sites(15))


def test_a_mesh_is_the_sum_of_its_halves() -> None:
    vertices, triangles = random_mesh(20, 0)
    values = np.random.default_rng(0).uniform(0.5, 2, len(triangles))
    whole = Mesh(vertices, triangles, values, mass=None)
    parts = [Mesh(vertices, triangles[k::3], values[k::3], mass=None) for k in range(3)]
    _same(parts[0] + parts[1] + parts[2], whole, random_sites(20))
    points = random_sites(100)
    np.testing.assert_allclose(
        SumOfDensities(parts).evaluate(points), whole.evaluate(points), rtol=1e-13
    )


def test_sums_flatten_and_factors_multiply() -> None:
    a, b, c = Box(), Polygon(star()), PolynomialGrid([[1.0]], mass=2)
    total = 2 * (a + 3.0 * b) + c * np.float64(0.5)
    assert total.densities == (a, b, c)
    assert total.factors == (2.0, 6.0, 0.5)
    assert total.total_mass == 9.0
    assert (np.float32(0.5) * a).factors == (0.5,)
    assert repr(total) == f"2 * {a!r} + 6 * {b!r} + 0.5 * {c!r}"
    np.testing.assert_allclose(total.evaluate([[0.25, 0.5]]), 2 + 6 / b.area * 1 + 1)


def test_one_part_is_the_density_itself() -> None:
    image = PolynomialGrid(random_image())
    _same(3 * image, PolynomialGrid(random_image(), mass=3), random_sites(10))


def test_boxes_of_sums() -> None:
    far = Box() + 1e-6 * Box(((100, 100), (101, 102)))
    np.testing.assert_array_equal(far.box, [[0, 0], [101, 102]])
    np.testing.assert_array_equal(far.essential_box(1e-3), [[0, 0], [1, 1]])
    np.testing.assert_array_equal(far.essential_box(1e-9), [[0, 0], [101, 102]])
    np.testing.assert_array_equal(
        far.domain, [[0, 0], [1, 0], [101, 100], [101, 102], [100, 102], [0, 1]]
    )


@pytest.mark.parametrize("n", [1, 7, 60])
def test_a_small_part_far_away(n: int) -> None:
    density = Box() + 1e-6 * Box(((100, 100), (101, 102)))
    plan = optimal_transport_plan(
        SumOfDiracs(random_sites(n), mass=density.total_mass), density, tol=1e-9
    )
    assert plan.cell_masses.sum() == pytest.approx(density.total_mass, rel=1e-12)
    if n == 1:
        y = random_sites(1)[0]
        expected = ((y - 0.5) ** 2).sum() + 1 / 6
        expected += 1e-6 * (((y - [100.5, 101]) ** 2).sum() + 5 / 12)
        assert plan.distance == pytest.approx(expected, rel=1e-12)


# Gradients.


def _parts(seed: int) -> tuple[Any, tuple[np.ndarray, np.ndarray], np.ndarray]:
    """A function of two arrays of values to a density, such arrays, and sites."""
    rng = np.random.default_rng(seed)
    one, other = random_mesh(2, seed), random_mesh(1, seed + 1)
    shift = rng.uniform(-0.5, 0.5, 2)
    per = ("triangle", "vertex")[seed % 2]

    def density(v: Any, w: Any) -> SumOfDensities:
        first = Mesh(*one, v, mass=(1, 3.0)[seed % 2], per=per)
        second = Mesh(other[0] + shift, other[1], w, per="triangle")
        return 0.7 * first + 0.2 * (second + 0.5 * Box())

    values = rng.uniform(0.5, 2, len(one[1] if per == "triangle" else one[0]))
    return density, (values, rng.uniform(0.5, 2, len(other[1]))), rng.random((4, 2))


@pytest.mark.parametrize("seed", range(20))
def test_gradcheck_in_torch(seed: int) -> None:
    density, arrays, sites = _parts(seed)

    def cost(v, w, y):  # type: ignore[no-untyped-def]
        g = density(v, w)
        return distance(SumOfDiracs(y, mass=g.total_mass), g, tol=TIGHT)

    check_in_torch(cost, (*arrays, sites), atol=1e-8, rtol=1e-7)


@pytest.mark.parametrize("seed", range(20))
def test_check_grads_in_jax(seed: int) -> None:
    density, arrays, sites = _parts(seed)
    mass = density(*arrays).total_mass

    def cost(v, w):  # type: ignore[no-untyped-def]
        return distance(SumOfDiracs(sites, mass=mass), density(v, w), tol=TIGHT)

    check_in_jax(cost, arrays, atol=1e-7, rtol=1e-7)


def test_torch_func_with_constant_tensors() -> None:
    torch = pytest.importorskip("torch")
    density, arrays, sites = _parts(2)
    v, w, y = (torch.tensor(array) for array in (*arrays, sites))
    mass = density(v, w).total_mass

    def cost(v):  # type: ignore[no-untyped-def]
        return distance(SumOfDiracs(y, mass=mass), density(v, w), tol=TIGHT, warm_start=False)

    expected = v.clone().requires_grad_()
    cost(expected).backward()
    torch.testing.assert_close(torch.func.grad(cost)(v), expected.grad, rtol=0, atol=1e-14)


def test_sums_are_pytrees() -> None:
    jax = pytest.importorskip("jax")
    density, arrays, sites = _parts(1)
    with jax_x64():
        g = density(*(jax.numpy.asarray(array) for array in arrays))
        f = SumOfDiracs(jax.numpy.asarray(sites), mass=g.total_mass)
        assert len(jax.tree.leaves(g)) == 2
        by_sum = jax.grad(distance, 1)(f, g)
        assert isinstance(by_sum, SumOfDensities)
        assert jax.tree.structure(by_sum) == jax.tree.structure(g)
        first, second, box = by_sum.densities
        assert first.values.shape == arrays[0].shape
        assert second.values.shape == arrays[1].shape
        assert isinstance(box, Box)
        jitted = jax.jit(jax.grad(distance, 1))(f, g)
        np.testing.assert_allclose(jitted.densities[0].values, first.values, rtol=0, atol=1e-9)


def test_frameworks_agree_to_the_bit() -> None:
    density, arrays, sites = _parts(3)
    mass = density(*arrays).total_mass

    def cost(v: Any, w: Any) -> Any:
        return distance(SumOfDiracs(sites, mass=mass), density(v, w), tol=TIGHT, warm_start=False)

    value = cost(*arrays)
    with jax_x64():
        jax, torch = Face("jax"), Face("torch")
        by_jax, by_torch = jax.gradients(cost, *arrays), torch.gradients(cost, *arrays)
        assert float(cost(*map(jax.array, arrays))) == float(value)
        assert float(cost(*map(torch.array, arrays))) == float(value)
    for one, other in zip(by_jax, by_torch, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: -1 * Box(), ValueError, "factor: expected a positive finite number, not -1"),
        (lambda: 0 * Box(), ValueError, "factor: expected a positive"),
        (lambda: np.inf * Box(), ValueError, "factor: expected a positive finite"),
        (lambda: "a" * Box(), TypeError, "factor: expected a positive real number"),
        (lambda: True * Box(), TypeError, "factor: expected a positive real number"),
        (lambda: np.ones(3) * Box(), TypeError, "factors are not differentiated"),
        (lambda: Box() * Box(), TypeError, "factor: expected a positive real number"),
        (lambda: Box() + 1, TypeError, "unsupported operand"),
        (lambda: SumOfDensities([]), ValueError, "at least one density"),
        (lambda: SumOfDensities([Box(), 1]), TypeError, "expected densities such as"),
        (lambda: SumOfDensities([Box()], [1, 2]), ValueError, "one number per density, 1, not 2"),
    ],
)
def test_bad_sums_are_refused(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_unequal_masses_name_both() -> None:
    with pytest.raises(ValueError, match="same total mass, not 1 and 2"):
        distance(SumOfDiracs([[0.5, 0.5]]), Box() + Box())


def test_moments_of_cells_are_those_of_all_parts() -> None:
    # Of cells that meet all three, some or none, in rational arithmetic.
    tile = [(0.0, 0.0), (2.0, 0.5), (0.25, 1.0)]
    parts = [Box(((0, 0), (1, 1))), Polygon(tile), Polygon([(0.5, 0.75), (1.5, 0.5), (2.0, 2.0)])]
    factors = [0.5, 0.125, 0.375]
    density = SumOfDensities(parts, factors)
    sites = np.random.default_rng(5).uniform(0, 2, (9, 2))
    weights = np.random.default_rng(6).uniform(0, 0.3, 9)
    found = density.kernel(Frame(np.zeros(2), np.ones(2))).moments(
        DiagramArrays.build(sites, weights)
    )
    corners = [part.domain for part in parts]
    polygons = [rational_polygon(c) for c in corners]
    frame = box_polygon(-1, -1, 3, 3)
    for i in range(len(sites)):
        cell = power_cell(sites, weights, i, frame)
        exact = add_moments(
            affine_moments(clip_to_polygon(cell, p), factor / float(area(p)), (0, 0), p[0])
            for p, factor in zip(polygons, factors, strict=True)
        )
        assert found.masses[i] == pytest.approx(float(exact.mass), abs=1e-15)
        if exact.mass > 0:
            expected = [float(v) for v in central_second_moments(exact)]
            np.testing.assert_allclose(found.second_moments[i], expected, rtol=0, atol=1e-15)
            centroid = [float(exact.x / exact.mass), float(exact.y / exact.mass)]
            np.testing.assert_allclose(found.centroids[i], centroid, rtol=1e-12)
    assert np.count_nonzero(np.abs(found.second_moments[:, 1]) > 1e-4) > 3
