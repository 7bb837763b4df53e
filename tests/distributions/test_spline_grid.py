"""Splines as densities: what they interpolate, how smooth they are."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.interpolate
from support.faces import Face
from support.problems import random_image, random_sites
from support.splines import BOX, CONTINUITIES, TIGHT, cost_of, nodes_of, positive_values

from sdot import PolynomialGrid, SplineGrid, SumOfDiracs, distance, optimal_transport_plan

Array = np.ndarray


@pytest.mark.parametrize("continuity", CONTINUITIES)
@pytest.mark.parametrize("shape", [(2, 2), (2, 5), (3, 4), (4, 3), (9, 7)], ids=str)
def test_the_nodes_are_interpolated(continuity: int, shape: tuple[int, int]) -> None:
    values = positive_values(1, shape)
    density = SplineGrid(values, continuity, BOX, mass=None)
    np.testing.assert_allclose(density.evaluate(nodes_of(shape)), values, rtol=1e-14)
    assert density.grid.coefficients.shape[:2] == (shape[0] - 1, shape[1] - 1)
    assert density.grid.degree == (1 if continuity == 0 else 3)


@pytest.mark.parametrize("continuity", CONTINUITIES)
@pytest.mark.parametrize("axis", [0, 1])
def test_derivatives_are_continuous_across_pixels(continuity: int, axis: int) -> None:
    values = positive_values(2, (6, 7))
    coefficients = SplineGrid(values, continuity, mass=None).grid.coefficients
    if axis:
        coefficients = coefficients.transpose(1, 0, 3, 2)
    # Taylor coefficients at the right end of each pixel but the last, at the left of the next.
    at_right = scipy.interpolate.PPoly(
        np.moveaxis(coefficients[:-1, :, ::-1], 2, 0)[:, None], [0.0, 1.0]
    )
    jumps = []
    for order in range(coefficients.shape[2]):
        left = coefficients[1:, :, order] * float(np.prod(np.arange(1, order + 1)))
        jumps.append(np.abs(at_right(1.0, order) - left).max())
    assert max(jumps[: continuity + 1]) < 1e-13
    if continuity < 2:
        assert jumps[continuity + 1] > 0.1
    else:
        assert jumps[3] > 0.1


@pytest.mark.parametrize("continuity", CONTINUITIES)
def test_evaluate_is_continuous(continuity: int) -> None:
    density = SplineGrid(positive_values(3, (5, 5)), continuity, mass=None)
    t, h = np.linspace(0, 1, 37), 1e-9
    for line in (0.25, 0.5, 0.75):
        for swap in (False, True):
            before, after = (
                density.evaluate(np.stack([t, np.full_like(t, x)][:: 1 if swap else -1], axis=-1))
                for x in (line - h, line + h)
            )
            np.testing.assert_allclose(before, after, atol=1e-7)


@pytest.mark.parametrize(("continuity", "degree"), [(0, 1), (1, 2), (2, 3)])
def test_polynomials_are_reproduced(continuity: int, degree: int) -> None:
    rng = np.random.default_rng(degree)
    table = rng.uniform(0, 1, (degree + 1, degree + 1))

    def polynomial(points: Array) -> Array:
        u, v = points[..., 0] + 1, points[..., 1] - 2  # both from 0
        return np.polynomial.polynomial.polyval2d(u, v, table)

    density = SplineGrid(polynomial(nodes_of((6, 5))), continuity, BOX, mass=None)
    points = BOX[0] + (BOX[1] - BOX[0]) * rng.random((200, 2))
    np.testing.assert_allclose(density.evaluate(points), polynomial(points), rtol=1e-12)


def test_continuity_2_is_the_cubic_spline_of_scipy() -> None:
    values = positive_values(4, (9, 8))
    density = SplineGrid(values, 2, BOX, mass=None)
    x, y = (np.linspace(BOX[0, k], BOX[1, k], n) for k, n in enumerate((9, 8)))
    points = BOX[0] + (BOX[1] - BOX[0]) * np.random.default_rng(0).random((50, 2))
    along_y = scipy.interpolate.CubicSpline(y, values, axis=1)
    expected = [scipy.interpolate.CubicSpline(x, along_y(q))(p) for p, q in points]
    np.testing.assert_allclose(density.evaluate(points), expected, rtol=1e-13)


def test_long_splines_lose_nothing_of_far_nodes() -> None:
    values = np.random.default_rng(0).uniform(2, 3, (2, 400))
    density = SplineGrid(values, 2, mass=None)
    t = np.random.default_rng(1).random(300)
    expected = scipy.interpolate.CubicSpline(np.linspace(0, 1, 400), values[0])(t)
    points = np.column_stack([np.zeros(300), t])
    np.testing.assert_allclose(density.evaluate(points), expected, rtol=1e-13)


def test_continuity_0_is_bilinear() -> None:
    density = SplineGrid([[1.0, 2.0], [3.0, 8.0]], 0, mass=None)
    assert density.evaluate([0.25, 0.5]) == 0.75 * 1.5 + 0.25 * 5.5
    assert density.total_mass == pytest.approx(3.5, rel=1e-15)


@pytest.mark.parametrize("continuity", CONTINUITIES)
def test_it_is_the_polynomial_grid_that_it_holds(continuity: int) -> None:
    density = SplineGrid(positive_values(), continuity, BOX, mass=2)
    same = PolynomialGrid(density.grid.values, BOX, mass=2)
    sites = BOX[0] + (BOX[1] - BOX[0]) * random_sites(9)
    diracs = SumOfDiracs(sites, mass=2)
    assert distance(diracs, density, **TIGHT) == distance(diracs, same, **TIGHT)
    assert density.total_mass == 2
    np.testing.assert_array_equal(density.box, BOX)
    np.testing.assert_array_equal(density.domain, same.domain)
    np.testing.assert_array_equal(density.essential_box(0.1), BOX)
    plan = optimal_transport_plan(diracs, density)
    assert plan.density is density


@pytest.mark.parametrize("continuity", CONTINUITIES)
def test_constant_values_are_the_uniform_density(continuity: int) -> None:
    density = SplineGrid(np.full((4, 5), 7.0), continuity)
    assert distance(SumOfDiracs([[0.5, 0.5]]), density) == pytest.approx(1 / 6, rel=1e-14)


class TestArguments:
    """Wrong arguments name themselves."""

    @pytest.mark.parametrize("shape", [(), (4,), (1, 4), (4, 1), (0, 3), (3, 3, 4)], ids=str)
    def test_shapes(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r"values: expected shape \(nx, ny\)"):
            SplineGrid(np.ones(shape))

    def test_options(self) -> None:
        for wrong in (-1, 3, 1.5, "smooth", True, None):
            with pytest.raises(ValueError, match="continuity: expected 0, 1 or 2"):
                SplineGrid(positive_values(), wrong)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="negative: expected"):
            SplineGrid(positive_values(), negative="ignore")
        with pytest.raises(ValueError, match="mass"):
            SplineGrid(positive_values(), mass=-1)
        with pytest.raises(ValueError, match="domain"):
            SplineGrid(positive_values(), domain=((0, 0), (1, 0)))

    def test_values(self) -> None:
        with pytest.raises(ValueError, match=r"values: .*nan at index \(1, 1\)"):
            SplineGrid([[1.0, 1.0], [1.0, np.nan]])
        with pytest.raises(TypeError, match=r"values: .*real"):
            SplineGrid(np.ones((2, 2)) + 0j)

    def test_traced_shapes(self) -> None:
        jax = pytest.importorskip("jax")
        with pytest.raises(ValueError, match="values: expected shape"):
            jax.jit(cost_of(1))(jax.numpy.ones((3, 3, 3)))
        with pytest.raises(ValueError, match="domain: expected"):
            jax.jit(cost_of(1))(jax.numpy.ones((3, 3)), jax.numpy.ones(4))

    def test_the_values_are_kept_and_not_written_to(self, face: Face) -> None:
        values = face.array(positive_values())
        density = SplineGrid(values, 2)
        np.testing.assert_array_equal(density.values, values)
        np.testing.assert_array_equal(face.numpy(values), positive_values())
        assert density.continuity == 2
        assert face.owns(distance(SumOfDiracs([[0.5, 0.5]]), density))

    def test_the_representation(self) -> None:
        density = SplineGrid(positive_values(), 2, BOX, mass=3)
        assert (
            repr(density) == "SplineGrid(5 x 6 nodes of continuity 2 on [-1, 3] x [2, 3.5], mass 3)"
        )


def test_refined_pixels_of_a_smooth_density_come_close() -> None:
    t = np.linspace(0, 1, 33)
    x, y = np.meshgrid(t, t, indexing="ij")
    smooth = 1 + 0.5 * np.sin(3 * x) * np.cos(2 * y)
    sites = SumOfDiracs(random_sites(10))
    exact = distance(sites, SplineGrid(smooth, 2))
    errors = []
    for step in (8, 4, 2):
        errors.append(
            [abs(distance(sites, SplineGrid(smooth[::step, ::step], c)) - exact) for c in (0, 1, 2)]
        )
    orders = np.log2(np.array(errors[0]) / np.array(errors[2])) / 2
    assert (orders > [1.5, 2.5, 3.0]).all()


def test_an_image_as_a_spline() -> None:
    density = SplineGrid(random_image(0, (20, 30)), 1)
    value = distance(SumOfDiracs(random_sites(200)), density)
    assert 0 < value < 0.01
