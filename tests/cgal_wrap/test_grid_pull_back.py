"""Integrals of potentials against the monomials of pixels, against exact rational arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from sdot.cgal_wrap.grid.grid_integrals import pull_back
from support.exact import grid_pull_back, rational_polygon
from support.problems import random_lines, random_sites

from sdot.diagrams import DiagramArrays
from sdot.validation import box_corners

DEGREES = range(6)


class Case:
    """Random cells on a grid with a potential that is continuous across them."""

    def __init__(self, seed: int, is_uniform: bool, box: tuple[float, ...], n: int = 7) -> None:
        rng = np.random.default_rng(seed)
        low, high = np.array(box[:2]), np.array(box[2:])
        self.is_uniform = is_uniform
        if is_uniform:
            self.x_lines, self.y_lines = (
                np.linspace(low[k], high[k], pixels + 1) for k, pixels in enumerate((4, 3))
            )
        else:
            self.x_lines = random_lines(rng, 4, box[0], box[2])
            self.y_lines = random_lines(rng, 3, box[1], box[3])
        self.sites = low + (high - low) * rng.random((n, 2))
        self.constants = rng.uniform(0, 0.01 * (high - low).min() ** 2, n)
        self.metric, self.slopes = np.ones(2), np.zeros((n, 2))
        diagram = DiagramArrays.build(self.sites, self.constants)
        self.points, self.offsets = diagram.polygons(box_corners(np.array([low, high])))

    @property
    def cells(self) -> list:
        parts = np.split(self.points, self.offsets[1:-1])
        return [rational_polygon(part) if len(part) else [] for part in parts]

    @property
    def potential(self) -> tuple:
        return self.metric, self.sites, self.slopes, self.constants

    def integrals(self, terms: int, threads: int = 1) -> np.ndarray:
        return np.asarray(
            pull_back(
                self.x_lines,
                self.y_lines,
                self.is_uniform,
                terms,
                self.points,
                self.offsets,
                self.potential,
                threads,
            )
        )


@pytest.mark.parametrize("is_uniform", [True, False], ids=["uniform", "knots"])
@pytest.mark.parametrize("degree", DEGREES)
def test_random_cells(degree: int, is_uniform: bool) -> None:
    case = Case(degree, is_uniform, (0.0, 0.0, 1.0, 1.0))
    exact, sizes = grid_pull_back(
        case.cells, case.potential, case.x_lines, case.y_lines, degree + 1
    )
    error = np.abs(case.integrals(degree + 1) - exact)
    assert (error <= 1e-14 * sizes.max()).all()
    assert (error <= 1e-13 * sizes).all()


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_slopes(degree: int) -> None:
    case = Case(degree, True, (0.0, 0.0, 1.0, 1.0))
    case.sites[:] = 0
    case.slopes = np.random.default_rng(degree).normal(size=(7, 2))
    exact, sizes = grid_pull_back(
        case.cells, case.potential, case.x_lines, case.y_lines, degree + 1
    )
    error = np.abs(case.integrals(degree + 1) - exact)
    assert (error <= 1e-14 * sizes.max()).all()


@pytest.mark.parametrize("box", [(-3.0, 2.0, 5.0, 3.5), (1e3, -1e3, 1.001e3, -0.999e3)])
@pytest.mark.parametrize("degree", [0, 2])
def test_boxes_elsewhere_and_scales_per_axis(degree: int, box: tuple[float, ...]) -> None:
    case = Case(2, False, box)
    case.metric = np.array([0.3, 20.0])
    exact, sizes = grid_pull_back(
        case.cells, case.potential, case.x_lines, case.y_lines, degree + 1
    )
    # Where a cell crosses a grid line is a double, rounded to an ulp of the coordinates.
    ulp = max(1.0, np.abs(box).max() / (case.y_lines[-1] - case.y_lines[0]))
    assert (np.abs(case.integrals(degree + 1) - exact) <= 2e-14 * ulp * sizes.max()).all()


@pytest.mark.parametrize("size", [0.4, 1e-2, 1e-5, 1e-8])
@pytest.mark.parametrize("degree", [0, 1, 3])
def test_small_polygons(degree: int, size: float) -> None:
    rng = np.random.default_rng(degree)
    case = Case(3, False, (0.0, 0.0, 1.0, 1.0), 1)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 6))
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    case.points = rng.uniform(0.4, 0.6, 2) + size * circle
    case.offsets = np.array([0, 6])
    exact, sizes = grid_pull_back(
        case.cells, case.potential, case.x_lines, case.y_lines, degree + 1
    )
    error = np.abs(case.integrals(degree + 1) - exact)
    assert sizes.max() > 0
    # Inside one pixel nothing is rounded but by the arithmetic itself; where a grid line cuts, the
    # cut is rounded to an ulp of the coordinates.
    is_cut = np.count_nonzero(sizes.max(axis=(2, 3))) > 1
    assert (error <= (1e-14 + 1e-15 / size * is_cut) * sizes.max()).all()


def test_a_constant_potential_gives_the_integrals_of_the_monomials() -> None:
    case = Case(4, False, (0.0, 0.0, 1.0, 1.0))
    case.metric, case.constants = np.zeros(2), np.full(7, -2.0)
    areas = np.diff(case.x_lines)[:, None] * np.diff(case.y_lines)
    shares = 1 / np.outer(np.arange(1, 4), np.arange(1, 4))
    expected = 2 * areas[:, :, None, None] * shares
    np.testing.assert_allclose(case.integrals(3), expected, rtol=1e-14)


def test_cells_on_grid_lines() -> None:
    lines = np.linspace(0, 1, 5)
    corners = np.array([[0, 0], [0.5, 0], [0.5, 1], [0, 1], [0.5, 0], [1, 0], [1, 1], [0.5, 1.0]])
    result = pull_back(
        lines,
        lines,
        True,
        1,
        corners,
        np.array([0, 4, 8]),
        (np.zeros(2), np.zeros((2, 2)), np.zeros((2, 2)), np.array([-16.0, -32.0])),
        1,
    )
    np.testing.assert_array_equal(result[:, :, 0, 0], [[1] * 4, [1] * 4, [2] * 4, [2] * 4])


def test_no_cells_and_hidden_cells() -> None:
    case = Case(5, True, (0.0, 0.0, 1.0, 1.0))
    expected = case.integrals(2)
    # Two sites without a polygon, first and last.
    case.offsets = np.concatenate([[0], case.offsets, case.offsets[-1:]])
    case.sites = np.concatenate([case.sites[:1], case.sites, case.sites[:1]])
    case.slopes = np.zeros_like(case.sites)
    case.constants = np.concatenate([case.constants[:1], case.constants, case.constants[:1]])
    np.testing.assert_array_equal(case.integrals(2), expected)
    case.points, case.offsets = np.empty((0, 2)), np.zeros(10, dtype=np.int64)
    np.testing.assert_array_equal(case.integrals(2), 0)


def test_many_cells_in_one_pixel_lose_nothing() -> None:
    n = 50_000
    case = Case(6, True, (0.0, 0.0, 1.0, 1.0), n)
    case.x_lines = case.y_lines = np.linspace(0, 1, 2)
    case.metric, case.constants = np.zeros(2), np.full(n, -1.0)
    expected = 1 / np.outer([1, 2], [1, 2])
    np.testing.assert_allclose(case.integrals(2)[0, 0], expected, rtol=2e-15)


@pytest.mark.parametrize("terms", [1, 3])
def test_threads_do_not_change_a_bit(terms: int) -> None:
    case = Case(7, True, (0.0, 0.0, 1.0, 1.0), 3000)
    case.x_lines, case.y_lines = np.linspace(0, 1, 101), np.linspace(0, 1, 78)
    one = case.integrals(terms)
    for threads in (2, 3, 8):
        np.testing.assert_array_equal(case.integrals(terms, threads), one)


def test_one_cell_over_many_pixels_is_the_sum_of_small_cells() -> None:
    lines = np.linspace(0, 1, 65)
    parts_of_one = np.array([[0.3, 0.2]]), np.array([[1.5, -0.5]]), np.array([0.1])
    box = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    whole = pull_back(lines, lines, True, 2, box, np.array([0, 4]), (np.ones(2), *parts_of_one), 1)
    diagram = DiagramArrays.build(random_sites(500), np.zeros(500))
    points, offsets = diagram.polygons(box)
    parts = pull_back(
        lines,
        lines,
        True,
        2,
        points,
        offsets,
        (np.ones(2), *(np.repeat(part, 500, axis=0) for part in parts_of_one)),
        1,
    )
    # Corners are rounded to an ulp of the coordinates, 64 ulps of a pixel.
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-13 * np.abs(whole).max())
