"""Cells as polygons, and the moments of polygons, against exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from sdot.cgal_wrap.diagram.cell_polygons import polygon_moments
from support.exact import Polygon, area, grid_moments, power_cell, rational_polygon
from support.problems import lattice, random_sites

from sdot.diagrams import DiagramArrays

HEXAGON = np.array([[0.2, 0.0], [0.8, 0.1], [1.0, 0.5], [0.7, 1.0], [0.3, 0.9], [0.0, 0.4]])
BOX = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
ONE = np.ones((1, 1, 1, 1))
WIDE = np.array([-100.0, 100.0])


def _cells(sites: np.ndarray, weights: np.ndarray, domain: np.ndarray) -> list[np.ndarray]:
    points, offsets = DiagramArrays.build(sites, weights).polygons(domain)
    assert offsets[0] == 0
    assert offsets[-1] == len(points)
    return np.split(points, offsets[1:-1])


@pytest.mark.parametrize("domain", [HEXAGON, BOX], ids=["hexagon", "box"])
def test_cells_in_a_convex_polygon_have_the_exact_areas(domain: np.ndarray) -> None:
    sites = random_sites(25) * 1.4 - 0.2
    weights = np.random.default_rng(0).uniform(0, 0.1, 25)
    exact_domain = rational_polygon(domain)
    for i, cell in enumerate(_cells(sites, weights, domain)):
        exact = area(power_cell(sites, weights, i, exact_domain))
        assert abs(float(area(rational_polygon(cell)) - exact)) < 1e-15


def test_cells_tile_the_polygon() -> None:
    cells = _cells(random_sites(500), np.zeros(500), HEXAGON)
    total = sum((area(rational_polygon(cell)) for cell in cells), Fraction(0))
    assert float(total - area(rational_polygon(HEXAGON))) == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("n", [1, 2, 3, 10])
def test_cells_turn_counter_clockwise(n: int) -> None:
    for cell in _cells(random_sites(n), np.zeros(n), HEXAGON):
        sides = np.roll(cell, -1, axis=0) - cell
        following = np.roll(sides, -1, axis=0)
        turns = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
        assert (turns >= -1e-15).all()
        assert turns.sum() > 0


def test_a_single_cell_is_the_domain() -> None:
    (cell,) = _cells(np.array([[5.0, 5.0]]), np.zeros(1), HEXAGON)
    np.testing.assert_array_equal(cell, HEXAGON)


def test_cells_outside_the_domain_are_empty() -> None:
    sites = np.array([[0.5, 0.5], [9.5, 0.5], [10.0, 9.0]])
    cells = _cells(sites, np.zeros(3), BOX)
    assert area(rational_polygon(cells[0])) == 1
    assert [len(cell) for cell in cells[1:]] == [0, 0]


def _exact_central_moments(cell: Polygon) -> list[float]:
    # Constant density on one big pixel.
    m = grid_moments(cell, WIDE, WIDE, ONE)
    return [
        float(m.mass),
        float(m.x / m.mass),
        float(m.y / m.mass),
        float(m.xx - m.x * m.x / m.mass),
        float(m.xy - m.x * m.y / m.mass),
        float(m.yy - m.y * m.y / m.mass),
    ]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-6])
def test_polygon_moments_are_exact_however_small_the_polygon(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 7))
    polygon = rng.uniform(-1, 1, 2) + size * np.column_stack([np.cos(angles), np.sin(angles)])
    areas, centroids, moments = polygon_moments(polygon, np.array([0, 7]), 1)
    mass, x, y, xx, xy, yy = _exact_central_moments(rational_polygon(polygon))
    assert areas[0] == pytest.approx(mass, rel=1e-13, abs=0)
    np.testing.assert_allclose(centroids[0], [x, y], rtol=0, atol=1e-13 * size + 2e-16)
    np.testing.assert_allclose(moments[0], [xx, xy, yy], rtol=0, atol=1e-13 * (xx + yy))


def test_empty_polygons_have_no_area_and_no_centroid() -> None:
    polygon = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    areas, centroids, moments = polygon_moments(polygon, np.array([0, 0, 3, 3]), 1)
    np.testing.assert_array_equal(areas, [0, 0.5, 0])
    assert np.isnan(centroids[[0, 2]]).all()
    np.testing.assert_allclose(centroids[1], [1 / 3, 1 / 3], rtol=1e-15)
    np.testing.assert_array_equal(moments[[0, 2]], np.zeros((2, 3)))


def test_threads_do_not_change_a_bit() -> None:
    points, offsets = DiagramArrays.build(random_sites(20000), np.zeros(20000)).polygons(BOX)
    one, two = (polygon_moments(points, offsets, threads) for threads in (1, 2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_lattice_on_the_border_of_the_domain() -> None:
    # Bisectors and corners of the cells fall on the sides of the domain.
    cells = _cells(2 * lattice(4), np.zeros(16), BOX)
    areas = [float(area(rational_polygon(cell))) for cell in cells]
    expected = np.zeros((4, 4))
    expected[:2, :2] = 0.25
    np.testing.assert_allclose(areas, expected.ravel(), atol=1e-16)
