"""Splines as densities: what they interpolate, how smooth they are, their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis
import hypothesis.extra.numpy
import numpy as np
import pytest
import scipy.interpolate
from hypothesis import strategies as st
from support.faces import Face
from support.gradients import (
    assert_same_bits_in_both,
    central_differences,
    check_in_jax,
    check_in_torch,
)
from support.problems import random_image, random_sites

from sdot import PolynomialGrid, SplineGrid, SumOfDiracs, distance, optimal_transport_plan
from sdot.distributions.bernstein import change_basis, monomial_to_bernstein
from sdot.distributions.spline_map import spline_map
from sdot.distributions.splines import spline

Array = np.ndarray
CONTINUITIES = (0, 1, 2)
BOX = np.array([[-1.0, 2.0], [3.0, 3.5]])
TIGHT = {"tol": 1e-12, "warm_start": False}


def _values(seed: int = 0, shape: tuple[int, int] = (5, 6)) -> Array:
    """Positive values on which no spline falls below zero."""
    return np.random.default_rng(seed).uniform(2.0, 3.0, shape)


def _nodes(shape: tuple[int, int], box: Array = BOX) -> Array:
    sides = [np.linspace(box[0, k], box[1, k], shape[k]) for k in range(2)]
    return np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1)


@pytest.mark.parametrize("continuity", CONTINUITIES)
@pytest.mark.parametrize("shape", [(2, 2), (2, 5), (3, 4), (4, 3), (9, 7)], ids=str)
def test_the_nodes_are_interpolated(continuity: int, shape: tuple[int, int]) -> None:
    values = _values(1, shape)
    density = SplineGrid(values, continuity, BOX, mass=None)
    np.testing.assert_allclose(density.evaluate(_nodes(shape)), values, rtol=1e-14)
    assert density.grid.coefficients.shape[:2] == (shape[0] - 1, shape[1] - 1)
    assert density.grid.degree == (1 if continuity == 0 else 3)


@pytest.mark.parametrize("continuity", CONTINUITIES)
@pytest.mark.parametrize("axis", [0, 1])
def test_derivatives_are_continuous_across_pixels(continuity: int, axis: int) -> None:
    values = _values(2, (6, 7))
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
    density = SplineGrid(_values(3, (5, 5)), continuity, mass=None)
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

    density = SplineGrid(polynomial(_nodes((6, 5))), continuity, BOX, mass=None)
    points = BOX[0] + (BOX[1] - BOX[0]) * rng.random((200, 2))
    np.testing.assert_allclose(density.evaluate(points), polynomial(points), rtol=1e-12)


def test_continuity_2_is_the_cubic_spline_of_scipy() -> None:
    values = _values(4, (9, 8))
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
    density = SplineGrid(_values(), continuity, BOX, mass=2)
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


STEEP = np.array([[1.0, 0, 0, 0, 9], [1, 0, 0, 0, 9], [1, 0, 0, 0, 9], [1, 1, 1, 1, 9]])


class TestNegative:
    """Splines that fall below zero between nonnegative values."""

    @pytest.mark.parametrize("continuity", [1, 2])
    def test_they_are_refused_with_the_pixel_and_a_remedy(self, continuity: int) -> None:
        with pytest.raises(ValueError, match=r'values: .*nodes \(0, .\) and \(1, .\).*"clip"'):
            SplineGrid(STEEP, continuity, negative="raise")
        SplineGrid(STEEP, 0, negative="raise")

    @pytest.mark.parametrize("continuity", CONTINUITIES)
    def test_negative_values_are_refused(self, continuity: int) -> None:
        with pytest.raises(ValueError, match=r"values: .*nonnegative"):
            SplineGrid([[1.0, 1.0], [1.0, -1.0]], continuity)

    @pytest.mark.parametrize("continuity", [1, 2])
    def test_clipped_they_are_nonnegative_continuous_and_elsewhere_the_same(
        self, continuity: int
    ) -> None:
        density = SplineGrid(STEEP, continuity, mass=None, negative="clip")
        t = np.linspace(0, 1, 201)
        points = np.stack(np.meshgrid(t, t, indexing="ij"), axis=-1)
        heights = density.evaluate(points)
        assert heights.min() >= -1e-14
        for axis, pixels in enumerate((3, 4)):
            for k in range(1, pixels):
                sides = []
                for place in (k / pixels - 1e-10, k / pixels + 1e-10):
                    across = np.column_stack([t, t])
                    across[:, axis] = place
                    sides.append(density.evaluate(across))
                np.testing.assert_allclose(*sides, rtol=0, atol=1e-7)
        raised = STEEP + 100.0
        free = SplineGrid(raised, continuity, mass=None).evaluate(points) - 100
        assert (heights >= free - 1e-12).all()
        assert (free < -1e-3).any()
        # On pixels where nothing was clipped nothing has changed.
        np.testing.assert_allclose(heights[180:, 180:], free[180:, 180:], atol=1e-11)

    def test_clipping_what_is_positive_changes_nothing(self) -> None:
        kept, clipped = (SplineGrid(_values(), 2, negative=how) for how in ("raise", "clip"))
        np.testing.assert_array_equal(kept.grid.coefficients, clipped.grid.coefficients)

    def test_clipped_to_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="positive mass"):
            SplineGrid(-np.ones((3, 3)), negative="clip")


def _places(count: int) -> Array:
    t = np.linspace(0, 1, count)
    return np.stack(np.meshgrid(t, t, indexing="ij"), axis=-1)


def _slope_jump(density: SplineGrid) -> float:
    """The greatest jump of a first derivative across the lines of the grid, in pixel widths."""
    jumps = [0.0]
    given = density.grid.coefficients
    for coefficients in (given, given.transpose(1, 0, 3, 2)):
        order = np.arange(coefficients.shape[2])
        end = (coefficients[:-1] * order[:, None]).sum(axis=2)
        jumps.append(np.abs(end - coefficients[1:, :, 1]).max(initial=0.0))
    return max(jumps)


nonnegative = hypothesis.extra.numpy.arrays(
    np.float64,
    st.tuples(st.integers(2, 6), st.integers(2, 6)),
    elements=st.sampled_from([0.0, 1e-9, 0.1, 1.0, 3.0, 1e6]) | st.floats(0, 1, width=32),
).filter(lambda values: values.max() > 1e-300)


class TestLimited:
    """Slopes that are limited where the spline would be negative."""

    @hypothesis.given(values=nonnegative, continuity=st.sampled_from([1, 2]))
    @hypothesis.settings(deadline=None, max_examples=150)
    def test_all_nonnegative_values_are_accepted(self, values: Array, continuity: int) -> None:
        density = SplineGrid(values, continuity, mass=None)
        scale = values.max()
        assert density.evaluate(_places(61)).min() >= -1e-14 * scale
        nodes = _nodes(values.shape, np.array([[0.0, 0], [1, 1]]))
        np.testing.assert_allclose(density.evaluate(nodes), values, rtol=1e-12, atol=1e-13 * scale)
        assert _slope_jump(density) <= 1e-12 * scale
        patches = change_basis(density.grid.coefficients, monomial_to_bernstein(4))
        assert patches.min() >= -1e-14 * scale
        # Nothing is limited that need not be.
        free = spline(values, continuity)
        if change_basis(free, monomial_to_bernstein(4)).min() >= 0:
            np.testing.assert_array_equal(density.grid.coefficients, free)
            assert not density.limited_nodes.any()

    def test_the_first_thing_people_type(self) -> None:
        for seed in range(20):
            SplineGrid(np.random.default_rng(seed).random((10, 10)))

    @pytest.mark.parametrize("continuity", [1, 2])
    def test_pixels_away_from_limited_nodes_keep_their_bits(self, continuity: int) -> None:
        values = _values(5, (9, 9))
        values[2, 3] = 0.0
        density = SplineGrid(values, continuity, mass=None)
        free, nodes = spline(values, continuity), density.limited_nodes
        assert nodes[2, 3]
        touched = nodes[1:, 1:] | nodes[1:, :-1] | nodes[:-1, 1:] | nodes[:-1, :-1]
        kept = density.grid.coefficients
        np.testing.assert_array_equal(kept[~touched], free[~touched])
        assert (kept[touched] != free[touched]).any(axis=(1, 2)).all()
        assert f"slopes limited at {nodes.sum()}," in repr(density)

    def test_a_limited_slope_is_the_nearest(self) -> None:
        # At the node in the middle the slope is (9 - 0) / 2, and may be 3 times its value.
        density = SplineGrid(np.tile([[0.0], [0.5], [9.0]], (1, 2)), mass=None)
        h = 1e-7
        slope = (density.evaluate([0.5 + h, 0.3]) - density.evaluate([0.5 - h, 0.3])) / (4 * h)
        assert slope == pytest.approx(1.5, rel=1e-6)
        # On the side nothing but the patch inside counts: x is reproduced.
        ramp = np.tile(np.arange(4.0)[:, None], (1, 3))
        assert not SplineGrid(ramp).limited_nodes.any()

    @pytest.mark.parametrize("continuity", [1, 2])
    def test_derivatives(self, autodiff: Face, continuity: int) -> None:
        rng = np.random.default_rng(continuity)
        values = STEEP + rng.uniform(0.01, 0.1, STEEP.shape)
        cost = _cost(continuity)
        assert SplineGrid(values, continuity).limited_nodes.any()
        (gradient,) = autodiff.gradients(cost, values)
        expected = central_differences(lambda v: float(cost(v)), values)
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-7 * np.abs(expected).max())

    @pytest.mark.parametrize("negative", ["limit", "clip"])
    @pytest.mark.parametrize("continuity", [1, 2])
    def test_maps_are_linear_near_the_values_and_their_transposes_fit(
        self, continuity: int, negative: str
    ) -> None:
        rng = np.random.default_rng(continuity)
        values = STEEP + rng.uniform(0.01, 0.1, STEEP.shape)
        near = values + rng.uniform(-1e-7, 1e-7, STEEP.shape)
        here, there = (spline_map(v, continuity, negative) for v in (values, near))
        change = here.tangent(near - values)
        np.testing.assert_allclose(there.coefficients - here.coefficients, change, atol=1e-12)
        weights = rng.normal(size=change.shape)
        pulled = here.transposed(weights)
        assert (weights * change).sum() == pytest.approx((pulled * (near - values)).sum(), rel=1e-9)

    @pytest.mark.parametrize("continuity", [1, 2])
    def test_the_density_is_continuous_in_the_values(self, continuity: int) -> None:
        rng = np.random.default_rng(continuity)
        start, end = rng.random((2, 5, 5))
        path = np.linspace(0, 1, 2001)
        points = _places(15)
        heights = [
            SplineGrid(start + t * (end - start), continuity, mass=None).evaluate(points)
            for t in path[::10]
        ]
        steps = np.abs(np.diff(heights, axis=0)).max(axis=(1, 2))
        assert steps.max() < 10 * (path[10] - path[0])


def _cost(continuity: int, negative: str = "limit") -> Callable[..., Any]:
    def cost(values: Any, domain: Any = ((0.0, 0.0), (1.0, 1.0))) -> Any:
        density = SplineGrid(values, continuity, domain, negative=negative)
        return distance(SumOfDiracs(random_sites(6)), density, **TIGHT)

    return cost


def _arguments(seed: int) -> tuple[Array, Array]:
    values = _values(seed, [(4, 3), (2, 5)][seed // 3 % 2])
    return values, np.array([[-0.5, 0.1], [1.5, 0.9]])


class TestDerivatives:
    """With respect to the values and the domain."""

    @pytest.mark.parametrize("seed", range(20))
    def test_gradcheck_in_torch(self, seed: int) -> None:
        check_in_torch(_cost(seed % 3), _arguments(seed))

    @pytest.mark.parametrize("seed", range(20))
    def test_check_grads_in_jax(self, seed: int) -> None:
        check_in_jax(_cost(seed % 3), _arguments(seed))

    @pytest.mark.parametrize("continuity", CONTINUITIES)
    def test_jax_and_torch_have_the_same_bits(self, continuity: int) -> None:
        assert_same_bits_in_both(_cost(continuity), _values(), BOX)

    @pytest.mark.parametrize("continuity", [1, 2])
    def test_clipped(self, autodiff: Face, continuity: int) -> None:
        # No Bernstein coefficient within a step of zero: there the density has a kink.
        values = STEEP + np.random.default_rng(continuity).uniform(0.01, 0.1, STEEP.shape)
        cost = _cost(continuity, "clip")
        (gradient,) = autodiff.gradients(cost, values)
        expected = central_differences(lambda v: float(cost(v)), values)
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-7 * np.abs(expected).max())
        with pytest.raises(ValueError, match="nonnegative"):
            _cost(continuity, "raise")(values)

    def test_zeros_can_grow(self, autodiff: Face) -> None:
        values = np.ones((4, 4))
        values[:2] = 0
        cost = _cost(0)
        (gradient,) = autodiff.gradients(cost, values)
        step = np.zeros_like(values)
        step[0, 1] = 1e-4
        first = float(cost(values + step) - cost(values)) / 1e-4
        second = float(cost(values + step / 2) - cost(values)) / 0.5e-4
        assert gradient[0, 1] == pytest.approx(2 * second - first, rel=1e-5)

    def test_mass_none(self, autodiff: Face) -> None:
        values = _values()
        mass = SplineGrid(values, 2, mass=None).total_mass

        def cost(v: Any) -> Any:
            diracs = SumOfDiracs(random_sites(5), mass=mass)
            return distance(diracs, SplineGrid(v, 2, mass=None), **TIGHT)

        (gradient,) = autodiff.gradients(cost, values)
        assert (gradient * values).sum() == pytest.approx(float(cost(values)), rel=1e-11)

    def test_negative_splines_in_a_traced_function_are_nan(self) -> None:
        jax = pytest.importorskip("jax")
        cost = jax.jit(_cost(2, "raise"))
        assert np.isnan(cost(jax.numpy.asarray(STEEP)))
        assert np.isfinite(jax.jit(_cost(2, "clip"))(jax.numpy.asarray(STEEP)))


class TestArguments:
    """Wrong arguments name themselves."""

    @pytest.mark.parametrize("shape", [(), (4,), (1, 4), (4, 1), (0, 3), (3, 3, 4)], ids=str)
    def test_shapes(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r"values: expected shape \(nx, ny\)"):
            SplineGrid(np.ones(shape))

    def test_options(self) -> None:
        for wrong in (-1, 3, 1.5, "smooth", True, None):
            with pytest.raises(ValueError, match="continuity: expected 0, 1 or 2"):
                SplineGrid(_values(), wrong)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="negative: expected"):
            SplineGrid(_values(), negative="ignore")
        with pytest.raises(ValueError, match="mass"):
            SplineGrid(_values(), mass=-1)
        with pytest.raises(ValueError, match="domain"):
            SplineGrid(_values(), domain=((0, 0), (1, 0)))

    def test_values(self) -> None:
        with pytest.raises(ValueError, match=r"values: .*nan at index \(1, 1\)"):
            SplineGrid([[1.0, 1.0], [1.0, np.nan]])
        with pytest.raises(TypeError, match=r"values: .*real"):
            SplineGrid(np.ones((2, 2)) + 0j)

    def test_traced_shapes(self) -> None:
        jax = pytest.importorskip("jax")
        with pytest.raises(ValueError, match="values: expected shape"):
            jax.jit(_cost(1))(jax.numpy.ones((3, 3, 3)))
        with pytest.raises(ValueError, match="domain: expected"):
            jax.jit(_cost(1))(jax.numpy.ones((3, 3)), jax.numpy.ones(4))

    def test_the_values_are_kept_and_not_written_to(self, face: Face) -> None:
        values = face.array(_values())
        density = SplineGrid(values, 2)
        np.testing.assert_array_equal(density.values, values)
        np.testing.assert_array_equal(face.numpy(values), _values())
        assert density.continuity == 2
        assert face.owns(distance(SumOfDiracs([[0.5, 0.5]]), density))

    def test_the_representation(self) -> None:
        density = SplineGrid(_values(), 2, BOX, mass=3)
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
