"""Moments of polynomial grids over single polygons and cells, against exact arithmetic.

Errors are measured against the largest term: the integral of sum |c_pq| s**p t**q.
"""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from sdot.cgal_wrap.grid.grid_integrals import GridKernel
from support.exact import (
    box_polygon,
    central_second_moments,
    grid_moments,
    power_cell,
    rational_polygon,
)
from support.grids import RandomGrid
from support.problems import random_image

from sdot.diagrams import DiagramArrays
from sdot.distributions.grid_kernel import GridDensityKernel


@pytest.mark.parametrize("degree", range(6))
def test_polygons_given_as_corners(degree: int) -> None:
    grid = RandomGrid(3, degree, False, (0.0, 0.0, 1.0, 1.0))
    kernel = GridKernel(grid.x_lines, grid.y_lines, grid.coefficients, False, False)
    rng = np.random.default_rng(degree)
    for size in (0.4, 1e-2, 1e-5):
        angles = np.sort(rng.uniform(0, 2 * np.pi, 6))
        corners = rng.uniform(0.4, 0.6, 2) + size * np.column_stack(
            [np.cos(angles), np.sin(angles)]
        )
        masses, centroids, second = kernel.cell_moments(corners, np.array([0, 6]), 1)
        exact = grid_moments(
            rational_polygon(corners), grid.x_lines, grid.y_lines, grid.coefficients
        )
        term = float(exact.largest)
        assert masses[0] == pytest.approx(float(exact.mass), abs=1e-13 * term)
        centre = [float(exact.x / exact.mass), float(exact.y / exact.mass)]
        np.testing.assert_allclose(centroids[0], centre, rtol=0, atol=1e-13 * size + 2e-16)
        expected = [float(m) for m in central_second_moments(exact)]
        # Rounding a node's coordinate by one ulp moves a second moment by term * size * ulp.
        atol = max(1e-13 * size, 4e-16) * term * size
        np.testing.assert_allclose(second[0], expected, rtol=0, atol=atol)


def test_tiny_cells_inside_one_pixel() -> None:
    grid = RandomGrid(5, 2, True, (0.0, 0.0, 1.0, 1.0))
    rng = np.random.default_rng(0)
    sites = np.array([0.6, 0.45]) + 1e-4 * rng.random((30, 2))
    diagram = DiagramArrays.build(sites, np.zeros(30))
    moments = grid.kernel.moments(diagram)
    walked, _ = grid.kernel.masses_and_edge_weights(diagram)
    np.testing.assert_allclose(walked, moments.masses, rtol=0, atol=1e-13 * grid.largest_term)
    bounded = set(range(30)) - {
        int(i)
        for e in np.flatnonzero((diagram.edge_vertices < 0).any(1))
        for i in diagram.edge_sites[e]
    }
    box = box_polygon(0, 0, 1, 1)
    checked = 0
    for i in bounded:
        cell = power_cell(sites, np.zeros(30), i, box)
        if max(abs(float(x) - 0.6) for x, _ in cell) > 1e-3:
            continue
        exact = grid_moments(cell, grid.x_lines, grid.y_lines, grid.coefficients)
        # The cell's corners, at 1e-4 of each other, are rounded to 1e-16.
        assert moments.masses[i] == pytest.approx(float(exact.mass), rel=1e-10, abs=0)
        centre = [float(exact.x / exact.mass), float(exact.y / exact.mass)]
        np.testing.assert_allclose(moments.centroids[i], centre, rtol=0, atol=2e-15)
        checked += 1
    assert checked > 5


def test_one_cell_on_512_x_512_pixels() -> None:
    image = random_image(9, (512, 512))
    lines = np.linspace(0, 1, 513)
    kernel = GridDensityKernel(lines, lines, image[:, :, None, None], True)
    diagram = DiagramArrays.build(np.array([[0.1, 0.9]]), np.zeros(1))
    walked, edge_weights = kernel.masses_and_edge_weights(diagram)
    moments = kernel.moments(diagram)
    c = (np.arange(512) + 0.5) / 512
    pixel = image / 512**2
    with mpmath.workdps(30):
        mass = float(mpmath.fsum(map(mpmath.mpf, pixel.ravel().tolist())))
    x, y = (pixel.sum(axis=1) @ c) / mass, (pixel.sum(axis=0) @ c) / mass
    assert len(edge_weights) == 0
    assert walked[0] == pytest.approx(mass, rel=1e-13, abs=0)
    assert moments.masses[0] == pytest.approx(mass, rel=1e-13, abs=0)
    np.testing.assert_allclose(moments.centroids[0], [x, y], rtol=1e-13)
    inside = 1 / 12 / 512**2
    xx = pixel.sum(axis=1) @ ((c - x) ** 2 + inside)
    yy = pixel.sum(axis=0) @ ((c - y) ** 2 + inside)
    xy = (c - x) @ pixel @ (c - y)
    np.testing.assert_allclose(
        moments.second_moments[0], [xx, xy, yy], rtol=0, atol=1e-13 * (xx + yy)
    )


def test_cells_without_mass_have_no_centroid() -> None:
    values = np.zeros((2, 1, 1, 1))
    values[0] = 2.0
    kernel = GridDensityKernel(np.linspace(0, 1, 3), np.linspace(0, 1, 2), values, True)
    diagram = DiagramArrays.build(np.array([[0.25, 0.5], [0.75, 0.5]]), np.zeros(2))
    moments = kernel.moments(diagram)
    np.testing.assert_allclose(moments.masses, [1.0, 0.0], atol=1e-16)
    assert np.isnan(moments.centroids[1]).all()
    np.testing.assert_array_equal(moments.second_moments[1], 0.0)


def test_corners_on_the_left_side_of_the_grid_read_nothing_before_it() -> None:
    # What is in memory before the coefficients must not matter.
    memory = np.full(200, np.nan)
    values = memory[100:].reshape(10, 10, 1, 1)
    values[:] = 1.0
    lines = np.linspace(0.0, 1.0, 11)
    kernel = GridKernel(lines, lines, values, False, False)
    corners = np.array([[0, 0], [1, 0], [1, 0.1], [0, 0.1], [0, 0.06], [0, 0.03]])
    masses, centroids, _ = kernel.cell_moments(corners, np.array([0, 6]), 1)
    assert masses[0] == pytest.approx(0.1)
    np.testing.assert_allclose(centroids[0], [0.5, 0.05], atol=1e-15)
