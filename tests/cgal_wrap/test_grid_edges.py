"""Cell masses and edge weights by the walk along the edges, against exact arithmetic and mpmath.

Errors are measured against the largest term: the integral of sum |c_pq| s**p t**q.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from support.exact import box_polygon, grid_moments, power_cell
from support.grids import RandomGrid
from support.problems import lattice, random_coefficients, random_image, random_sites

from sdot.diagrams import DiagramArrays
from sdot.distributions.grid_kernel import GridDensityKernel


def _masses(sites: np.ndarray, kernel: GridDensityKernel, weights: object = None) -> np.ndarray:
    w = np.zeros(len(sites)) if weights is None else np.asarray(weights, dtype=np.float64)
    diagram = DiagramArrays.build(np.asarray(sites, dtype=np.float64), w)
    walked, edge_weights = kernel.masses_and_edge_weights(diagram)
    moments = kernel.moments(diagram)
    assert (edge_weights >= 0).all()
    np.testing.assert_allclose(walked, moments.masses, rtol=0, atol=1e-13 * moments.masses.sum())
    return walked


def _constant(nx: int, ny: int) -> GridDensityKernel:
    lines = np.linspace(0, 1, nx + 1), np.linspace(0, 1, ny + 1)
    return GridDensityKernel(*lines, np.ones((nx, ny, 1, 1)), True)


@pytest.mark.parametrize("degree", range(6))
def test_edge_weights_against_mpmath(degree: int) -> None:
    grid = RandomGrid(4, degree, False, (0.0, 0.0, 1.0, 1.0))
    diagram = DiagramArrays.build(grid.sites, grid.weights)
    _, edge_weights = grid.kernel.masses_and_edge_weights(diagram)
    for e, (i, j) in enumerate(diagram.edge_sites):
        expected = _edge_integral(grid, int(i), int(j))
        distance = float(np.hypot(*(grid.sites[i] - grid.sites[j])))
        scale = np.abs(grid.coefficients).sum(axis=(2, 3)).max() / distance
        assert edge_weights[e] == pytest.approx(expected / (2 * distance), abs=1e-13 * scale)


def _edge_integral(grid: RandomGrid, i: int, j: int) -> float:
    """Integrate along the exact common edge of two cells, from grid line to grid line."""
    on_edge = _exact_edge(grid, i, j)
    if not on_edge:
        return 0.0
    (ax, ay), (bx, by) = on_edge
    cuts = {0, 1}
    for lines, start, change in ((grid.x_lines, ax, bx - ax), (grid.y_lines, ay, by - ay)):
        if change:
            cuts |= {t for line in lines if 0 < (t := (mpmath.mpf(line) - start) / change) < 1}
    total = mpmath.mpf(0)
    for t0, t1 in pairwise(sorted(cuts)):
        middle = (t0 + t1) / 2
        x, y = float(ax + middle * (bx - ax)), float(ay + middle * (by - ay))
        ix = int(np.searchsorted(grid.x_lines, x, "right")) - 1
        iy = int(np.searchsorted(grid.y_lines, y, "right")) - 1
        total += mpmath.quad(partial(_density, grid, (ix, iy), on_edge), [t0, t1], maxdegree=4)
    return float(total * mpmath.hypot(bx - ax, by - ay))


def _density(grid: RandomGrid, pixel: tuple[int, int], ends: list, t: mpmath.mpf) -> mpmath.mpf:
    """Evaluate the polynomial of a pixel at a share t of the way between two points."""
    local = []
    for k, lines in enumerate((grid.x_lines, grid.y_lines)):
        low, high = (mpmath.mpf(float(v)) for v in lines[pixel[k] : pixel[k] + 2])
        local.append((ends[0][k] + t * (ends[1][k] - ends[0][k]) - low) / (high - low))
    terms = np.ndenumerate(grid.coefficients[pixel])
    return mpmath.fsum(float(c) * local[0] ** p * local[1] ** q for (p, q), c in terms)


def _exact_edge(grid: RandomGrid, i: int, j: int) -> list:
    """Return the two ends that the exact cells of i and j have in common."""
    common = set(grid.exact_cell(i)) & set(grid.exact_cell(j))
    ends = [tuple(mpmath.mpf(v.numerator) / v.denominator for v in p) for p in sorted(common)]
    return ends if len(ends) == 2 else []


# Sites, and the areas of their cells in the unit square.
RIGHT_SIDE_CASES = {
    "one site inside": ([[0.5, 0.5]], [1.0]),
    "one site right": ([[7.0, 0.5]], [1.0]),
    "edge on the right side": ([[0.5, 0.5], [1.5, 0.5]], [1.0, 0.0]),
    "edge on the left side": ([[-0.5, 0.5], [0.5, 0.5]], [0.0, 1.0]),
    "edge on the top": ([[0.5, 0.5], [0.5, 1.5]], [1.0, 0.0]),
    "edge on the bottom": ([[0.5, -0.5], [0.5, 0.5]], [0.0, 1.0]),
    "all edges left of the box": ([[-9.0, 0.5], [-6.0, 0.5], [-3.0, 0.5]], [0.0, 0.0, 1.0]),
    "all edges right of the box": ([[3.0, 0.5], [6.0, 0.5], [9.0, 0.5]], [1.0, 0.0, 0.0]),
    "all edges above the box": ([[0.5, 3.0], [0.5, 6.0]], [1.0, 0.0]),
    "all edges below the box": ([[0.5, -6.0], [0.5, -3.0]], [0.0, 1.0]),
    "vertical edge inside": ([[0.25, 0.5], [1.25, 0.5]], [0.75, 0.25]),
    "horizontal edge inside": ([[0.5, 0.25], [0.5, 1.25]], [0.75, 0.25]),
    "vertical edges on both sides": (
        [[-0.5, 0.5], [0.5, 0.5], [1.5, 0.5]],
        [0.0, 1.0, 0.0],
    ),
    "vertical edges around the right side": ([[0.5, 0.5], [1.0, 0.5], [1.5, 0.5]], [0.75, 0.25, 0]),
    "diagonal through the right corners": ([[0.0, 0.0], [1.0, 1.0]], [0.5, 0.5]),
    "anti-diagonal": ([[1.0, 0.0], [0.0, 1.0]], [0.5, 0.5]),
    "vertex left of the right side": (
        [[0.5, 0.0], [0.5, 1.0], [1.5, 0.5]],
        [0.484375, 0.484375, 0.03125],
    ),
    "vertex on the right side": ([[0.5, 0.125], [0.5, 0.875], [1.625, 0.5]], [0.5, 0.5, 0.0]),
    "lattice with a column on the right": (
        [[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.75], [1.25, 0.25], [1.25, 0.75]],
        [0.25, 0.25, 0.25, 0.25, 0.0, 0.0],
    ),
}


@pytest.mark.parametrize("pixels", [(1, 1), (4, 4), (3, 5)], ids=str)
@pytest.mark.parametrize("name", RIGHT_SIDE_CASES)
def test_sites_in_every_position_to_the_box(name: str, pixels: tuple[int, int]) -> None:
    sites, expected = RIGHT_SIDE_CASES[name]
    np.testing.assert_allclose(_masses(sites, _constant(*pixels)), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("offset", [(3.0, 0.2), (-3.0, 0.1), (0.3, 4.0), (0.1, -4.0), (2.0, 2.0)])
def test_random_sites_outside_the_box(offset: tuple[float, float]) -> None:
    sites = random_sites(12) + offset
    lines = np.linspace(0, 1, 4), np.linspace(0, 1, 6)
    coefficients = random_coefficients(np.random.default_rng(0), (3, 5), 2)
    kernel = GridDensityKernel(*lines, coefficients, True)
    # Weights that spread the cells over the box as if the sites lay inside it.
    centre = np.array([0.5, 0.5])
    weights = (1 - 0.1) * ((sites - centre) ** 2).sum(axis=1)
    for w in (np.zeros(12), weights):
        masses = _masses(sites, kernel, w)
        for i in range(12):
            cell = power_cell(sites, w, i, box_polygon(0, 0, 1, 1))
            exact = grid_moments(cell, *lines, coefficients)
            assert masses[i] == pytest.approx(float(exact.mass), abs=1e-13 * masses.sum())


def test_edges_on_pixel_lines() -> None:
    image = random_image(3, (8, 8))
    lines = np.linspace(0, 1, 9)
    kernel = GridDensityKernel(lines, lines, image[:, :, None, None], True)
    masses = _masses(lattice(4), kernel)
    blocks = image.reshape(4, 2, 4, 2).sum(axis=(1, 3)) / 64
    np.testing.assert_allclose(masses, blocks.ravel(), rtol=1e-13)
    moments = kernel.moments(DiagramArrays.build(lattice(4), np.zeros(16)))
    np.testing.assert_allclose(moments.masses, blocks.ravel(), rtol=1e-13)


def test_edge_weight_on_a_pixel_line_takes_the_density_of_one_side() -> None:
    image = np.array([[1.0, 1.0], [3.0, 3.0]])
    lines = np.linspace(0, 1, 3)
    kernel = GridDensityKernel(lines, lines, image[:, :, None, None], True)
    diagram = DiagramArrays.build(np.array([[0.25, 0.5], [0.75, 0.5]]), np.zeros(2))
    masses, edge_weights = kernel.masses_and_edge_weights(diagram)
    np.testing.assert_allclose(masses, [0.5, 1.5], rtol=1e-15)
    assert any(edge_weights[0] == pytest.approx(value) for value in (1.0, 3.0))


def test_hidden_sites_have_no_mass() -> None:
    sites = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.5]])
    masses = _masses(sites, _constant(3, 3), [0.0, 0.0, 0.0, 0.0, -0.75])
    np.testing.assert_allclose(masses, [0.25, 0.25, 0.25, 0.25, 0.0], atol=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_edge_weights_are_the_derivative_of_the_masses(seed: int) -> None:
    grid = RandomGrid(seed, 2, seed % 2 == 0, (0.0, 0.0, 1.0, 1.0))
    diagram = DiagramArrays.build(grid.sites, grid.weights)
    _, edge_weights = grid.kernel.masses_and_edge_weights(diagram)
    n, h = len(grid.sites), 1e-6
    matrix = np.zeros((n, n))
    for (i, j), a in zip(diagram.edge_sites, edge_weights, strict=True):
        matrix[[i, j], [j, i]] -= a
        matrix[[i, j], [i, j]] += a
    for j in range(n):
        shift = np.zeros(n)
        shift[j] = h
        plus, minus = (
            grid.kernel.masses_and_edge_weights(DiagramArrays.build(grid.sites, grid.weights + s))[
                0
            ]
            for s in (shift, -shift)
        )
        np.testing.assert_allclose(
            (plus - minus) / (2 * h), matrix[:, j], atol=1e-7 * np.abs(matrix).max()
        )
