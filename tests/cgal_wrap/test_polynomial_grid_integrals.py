"""Integrals of polynomial grids against exact rational arithmetic.

Errors are measured against the largest term: the integral of sum |c_pq| s**p t**q.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from sdot.cgal_wrap.polynomial_grid_integrals import GridKernel, gauss_rule
from support.exact import (
    box_polygon,
    central_second_moments,
    grid_moments,
    power_cell,
    rational_polygon,
)
from support.problems import lattice, random_coefficients, random_image, random_lines, random_sites

from sdot import driver
from sdot.distributions.grid_kernel import GridDensityKernel
from sdot.power_diagram import DiagramArrays

DEGREES = range(6)


class Grid:
    """A random polynomial grid with its compiled kernel and its exact integrals."""

    def __init__(self, seed: int, degree: int, is_uniform: bool, box: tuple[float, ...]) -> None:
        rng = np.random.default_rng([seed, degree])
        self.shape = (4, 3)
        self.box = box
        x0, y0, x1, y1 = box
        if is_uniform:
            self.x_lines = np.linspace(x0, x1, self.shape[0] + 1)
            self.y_lines = np.linspace(y0, y1, self.shape[1] + 1)
        else:
            self.x_lines = random_lines(rng, self.shape[0], x0, x1)
            self.y_lines = random_lines(rng, self.shape[1], y0, y1)
        self.coefficients = random_coefficients(rng, self.shape, degree)
        self.kernel = GridDensityKernel(self.x_lines, self.y_lines, self.coefficients, is_uniform)
        self.sites = rng.uniform([x0, y0], [x1, y1], (8, 2))
        self.weights = rng.uniform(0, 0.01 * (x1 - x0) ** 2, 8)

    @property
    def largest_term(self) -> float:
        """An upper bound of the mass, of the same order."""
        pixels = np.diff(self.x_lines)[:, None] * np.diff(self.y_lines)
        return float((np.abs(self.coefficients).sum(axis=(2, 3)) * pixels).sum())

    def exact_cell(self, i: int) -> list:
        return power_cell(self.sites, self.weights, i, box_polygon(*self.box))


@pytest.mark.parametrize("is_uniform", [True, False], ids=["uniform", "knots"])
@pytest.mark.parametrize("degree", DEGREES)
def test_masses_and_moments_over_random_cells(degree: int, is_uniform: bool) -> None:
    grid = Grid(1, degree, is_uniform, (0.0, 0.0, 1.0, 1.0))
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
    grid = Grid(2, 2, False, box)
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


@pytest.mark.parametrize("degree", DEGREES)
def test_polygons_given_as_corners(degree: int) -> None:
    grid = Grid(3, degree, False, (0.0, 0.0, 1.0, 1.0))
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


@pytest.mark.parametrize("degree", DEGREES)
def test_edge_weights_against_mpmath(degree: int) -> None:
    grid = Grid(4, degree, False, (0.0, 0.0, 1.0, 1.0))
    diagram = DiagramArrays.build(grid.sites, grid.weights)
    _, edge_weights = grid.kernel.masses_and_edge_weights(diagram)
    for e, (i, j) in enumerate(diagram.edge_sites):
        expected = _edge_integral(grid, int(i), int(j))
        distance = float(np.hypot(*(grid.sites[i] - grid.sites[j])))
        scale = np.abs(grid.coefficients).sum(axis=(2, 3)).max() / distance
        assert edge_weights[e] == pytest.approx(expected / (2 * distance), abs=1e-13 * scale)


def _edge_integral(grid: Grid, i: int, j: int) -> float:
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


def _density(grid: Grid, pixel: tuple[int, int], ends: list, t: mpmath.mpf) -> mpmath.mpf:
    """Evaluate the polynomial of a pixel at a share t of the way between two points."""
    local = []
    for k, lines in enumerate((grid.x_lines, grid.y_lines)):
        low, high = (mpmath.mpf(float(v)) for v in lines[pixel[k] : pixel[k] + 2])
        local.append((ends[0][k] + t * (ends[1][k] - ends[0][k]) - low) / (high - low))
    terms = np.ndenumerate(grid.coefficients[pixel])
    return mpmath.fsum(float(c) * local[0] ** p * local[1] ** q for (p, q), c in terms)


def _exact_edge(grid: Grid, i: int, j: int) -> list:
    """Return the two ends that the exact cells of i and j have in common."""
    common = set(grid.exact_cell(i)) & set(grid.exact_cell(j))
    ends = [tuple(mpmath.mpf(v.numerator) / v.denominator for v in p) for p in sorted(common)]
    return ends if len(ends) == 2 else []


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


def test_tiny_cells_inside_one_pixel() -> None:
    grid = Grid(5, 2, True, (0.0, 0.0, 1.0, 1.0))
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


@pytest.mark.parametrize("degree", [0, 2, 4])
def test_many_cells_sum_to_the_density(degree: int) -> None:
    rng = np.random.default_rng(degree)
    coefficients = random_coefficients(rng, (16, 16), degree)
    lines = np.linspace(0, 1, 17)
    kernel = GridDensityKernel(lines, lines, coefficients, True)
    diagram = DiagramArrays.build(random_sites(2000), np.zeros(2000))
    walked, _ = kernel.masses_and_edge_weights(diagram)
    moments = kernel.moments(diagram)
    total = kernel.pixel_masses.sum()
    assert walked.sum() == pytest.approx(total, rel=1e-13, abs=0)
    assert moments.masses.sum() == pytest.approx(total, rel=1e-13, abs=0)
    np.testing.assert_allclose(walked, moments.masses, rtol=0, atol=1e-13 * total)


def test_hidden_sites_have_no_mass() -> None:
    sites = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.5]])
    masses = _masses(sites, _constant(3, 3), [0.0, 0.0, 0.0, 0.0, -0.75])
    np.testing.assert_allclose(masses, [0.25, 0.25, 0.25, 0.25, 0.0], atol=1e-15)


def test_cells_without_mass_have_no_centroid() -> None:
    values = np.zeros((2, 1, 1, 1))
    values[0] = 2.0
    kernel = GridDensityKernel(np.linspace(0, 1, 3), np.linspace(0, 1, 2), values, True)
    diagram = DiagramArrays.build(np.array([[0.25, 0.5], [0.75, 0.5]]), np.zeros(2))
    moments = kernel.moments(diagram)
    np.testing.assert_allclose(moments.masses, [1.0, 0.0], atol=1e-16)
    assert np.isnan(moments.centroids[1]).all()
    np.testing.assert_array_equal(moments.second_moments[1], 0.0)


@pytest.mark.parametrize("seed", range(5))
def test_edge_weights_are_the_derivative_of_the_masses(seed: int) -> None:
    grid = Grid(seed, 2, seed % 2 == 0, (0.0, 0.0, 1.0, 1.0))
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


def test_threads_do_not_change_a_bit() -> None:
    grid = Grid(6, 3, True, (0.0, 0.0, 1.0, 1.0))
    diagram = DiagramArrays.build(random_sites(20000), np.zeros(20000))
    results = []
    for threads in (1, 2):
        driver.threads = threads
        walked = grid.kernel.masses_and_edge_weights(diagram)
        results.append((*walked, *grid.kernel.moments(diagram)))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_kernel_keeps_its_own_copy() -> None:
    lines = np.linspace(0, 1, 2)
    values = np.ones((1, 1, 1, 1))
    kernel = GridDensityKernel(lines, lines.copy(), values, True)
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
