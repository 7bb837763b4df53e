"""What both kernels of polynomial grids, of edges and of moments, say of random cells.

Errors are measured against the largest term: the integral of sum |c_pq| s**p t**q.
"""

from __future__ import annotations

import numpy as np
import pytest
from sdot.cgal_wrap.base.gauss_rules import gauss_rule
from sdot.cgal_wrap.grid.grid_integrals import GridKernel
from support.exact import central_second_moments, grid_moments
from support.grids import RandomGrid
from support.problems import random_coefficients, random_sites

from sdot import driver
from sdot.diagrams import DiagramArrays
from sdot.distributions.grid_kernel import GridDensityKernel, grid_mass


@pytest.mark.parametrize("is_uniform", [True, False], ids=["uniform", "knots"])
@pytest.mark.parametrize("degree", range(6))
def test_masses_and_moments_over_random_cells(degree: int, is_uniform: bool) -> None:
    grid = RandomGrid(1, degree, is_uniform, (0.0, 0.0, 1.0, 1.0))
    diagram = DiagramArrays.build(grid.sites, grid.weights)
    walked, _ = grid.kernel.masses_and_edge_weights(diagram)
    moments = grid.kernel.moments(diagram)
    for i in range(len(grid.sites)):
        exact = grid_moments(grid.exact_cell(i), grid.x_lines, grid.y_lines, grid.coefficients)
        term = float(exact.largest)
        assert walked[i] == pytest.approx(float(exact.mass), abs=1e-13 * grid.largest_term)
        assert moments.masses[i] == pytest.approx(float(exact.mass), abs=1e-13 * term)
        centre = [float(exact.x / exact.mass), float(exact.y / exact.mass)]
        np.testing.assert_allclose(moments.centroids[i], centre, rtol=0, atol=1e-13)
        second = [float(m) for m in central_second_moments(exact)]
        np.testing.assert_allclose(moments.second_moments[i], second, rtol=0, atol=1e-13 * term)


@pytest.mark.parametrize("box", [(-3.0, 2.0, 5.0, 3.5), (1e3, -1e3, 1.001e3, -0.999e3)])
def test_masses_and_moments_on_boxes_elsewhere(box: tuple[float, ...]) -> None:
    grid = RandomGrid(2, 2, False, box)
    size = max(abs(v) for v in box)
    diagram = DiagramArrays.build(grid.sites, grid.weights)
    walked, _ = grid.kernel.masses_and_edge_weights(diagram)
    moments = grid.kernel.moments(diagram)
    # Corners of cells are doubles: an ulp of the coordinates is the least error there is.
    ulp = 1e-13 * size / min(box[2] - box[0], box[3] - box[1])
    for i in range(len(grid.sites)):
        exact = grid_moments(grid.exact_cell(i), grid.x_lines, grid.y_lines, grid.coefficients)
        assert walked[i] == pytest.approx(float(exact.mass), abs=ulp * grid.largest_term)
        assert moments.masses[i] == pytest.approx(float(exact.mass), abs=ulp * grid.largest_term)
        centre = [float(exact.x / exact.mass), float(exact.y / exact.mass)]
        np.testing.assert_allclose(moments.centroids[i], centre, rtol=0, atol=1e-13 * size)


@pytest.mark.parametrize("degree", [0, 2, 4])
def test_many_cells_sum_to_the_density(degree: int) -> None:
    rng = np.random.default_rng(degree)
    coefficients = random_coefficients(rng, (16, 16), degree)
    lines = np.linspace(0, 1, 17)
    kernel = GridDensityKernel(lines, lines, coefficients, True)
    diagram = DiagramArrays.build(random_sites(2000), np.zeros(2000))
    walked, _ = kernel.masses_and_edge_weights(diagram)
    moments = kernel.moments(diagram)
    total = grid_mass(coefficients, lines, lines)
    assert walked.sum() == pytest.approx(total, rel=1e-13, abs=0)
    assert moments.masses.sum() == pytest.approx(total, rel=1e-13, abs=0)
    np.testing.assert_allclose(walked, moments.masses, rtol=0, atol=1e-13 * total)


def test_threads_do_not_change_a_bit() -> None:
    grid = RandomGrid(6, 3, True, (0.0, 0.0, 1.0, 1.0))
    diagram = DiagramArrays.build(random_sites(20000), np.zeros(20000))
    results = []
    for threads in (1, 2):
        driver.threads = threads
        walked = grid.kernel.masses_and_edge_weights(diagram)
        results.append((*walked, *grid.kernel.moments(diagram)))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_what_a_kernel_keeps_cannot_be_changed() -> None:
    lines = np.linspace(0, 1, 2)
    values = np.ones((1, 1, 1, 1))
    kernel = GridDensityKernel(lines, lines.copy(), values, True)
    with pytest.raises(ValueError, match="read-only"):  # no copy: it may be a large picture
        values[:] = 7.0
    lines[:] = 9.0
    assert _walk_single(kernel) == 1.0


def _walk_single(kernel: GridDensityKernel) -> float:
    diagram = DiagramArrays.build(np.array([[0.5, 0.5]]), np.zeros(1))
    return float(kernel.masses_and_edge_weights(diagram)[0][0])


def test_shapes_that_do_not_fit_are_refused() -> None:
    lines = np.linspace(0, 1, 3)
    for shape in ((1, 2, 1, 1), (2, 1, 1, 1), (2, 2, 1, 2)):
        with pytest.raises(ValueError, match="values must have shape"):
            GridKernel(lines, lines, np.ones(shape), True, True)


@pytest.mark.parametrize("count", range(1, 8))
def test_gauss_rule_is_exact_to_its_degree(count: int) -> None:
    nodes, weights = gauss_rule(count)
    for power in range(2 * count):
        assert weights @ nodes**power == pytest.approx(1 / (power + 1), rel=1e-14, abs=0)
