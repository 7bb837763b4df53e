"""Splines that would fall below zero: refused, clipped, or of slopes that are limited."""

from __future__ import annotations

import hypothesis
import hypothesis.extra.numpy
import numpy as np
import pytest
from hypothesis import strategies as st
from support.faces import Face
from support.gradients import central_differences
from support.splines import (
    CONTINUITIES,
    STEEP,
    cost_of,
    lattice_of,
    nodes_of,
    positive_values,
)

from sdot import SplineGrid
from sdot.distributions.bernstein import change_basis, monomial_to_bernstein
from sdot.distributions.spline_map import spline_map
from sdot.distributions.splines import spline

Array = np.ndarray


class TestNegative:
    """Splines that fall below zero between nonnegative values."""

    @pytest.mark.parametrize("continuity", [1, 2])
    def test_they_are_refused_with_the_pixel_and_a_remedy(self, continuity: int) -> None:
        with pytest.raises(ValueError, match=r'values: .*nodes \(0, .\) and \(1, .\).*"clip"'):
            SplineGrid(STEEP, continuity, negative="raise")
        SplineGrid(STEEP, 0, negative="raise")

    @pytest.mark.parametrize("continuity", CONTINUITIES)
    def test_negative_values_are_refused(self, continuity: int) -> None:
        for value in (-1.0, -1e-3):
            expected = rf"values: .*nonnegative numbers, not {value} at the node \(1, 1\)"
            with pytest.raises(ValueError, match=expected):
                SplineGrid([[1.0, 1.0], [1.0, value]], continuity)

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
        kept, clipped = (
            SplineGrid(positive_values(), 2, negative=how) for how in ("raise", "clip")
        )
        np.testing.assert_array_equal(kept.grid.coefficients, clipped.grid.coefficients)

    def test_clipped_to_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="positive mass"):
            SplineGrid(-np.ones((3, 3)), negative="clip")


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
        assert density.evaluate(lattice_of(61)).min() >= -1e-14 * scale
        nodes = nodes_of(values.shape, np.array([[0.0, 0], [1, 1]]))
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
        values = positive_values(5, (9, 9))
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
        cost = cost_of(continuity)
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
        points = lattice_of(15)
        heights = [
            SplineGrid(start + t * (end - start), continuity, mass=None).evaluate(points)
            for t in path[::10]
        ]
        steps = np.abs(np.diff(heights, axis=0)).max(axis=(1, 2))
        assert steps.max() < 10 * (path[10] - path[0])
