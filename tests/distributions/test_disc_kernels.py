"""Integrals over power cells cut by discs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from support.discs import SlowDiscKernel
from support.problems import random_coefficients, random_lines

from sdot.diagrams import DiagramArrays
from sdot.distributions.convex_pieces import Pieces, PiecesDensityKernel
from sdot.distributions.disc_kernel import DiscKernel, cuts_discs
from sdot.distributions.grid_kernel import GridDensityKernel
from sdot.distributions.sum_of_densities import sum_kernel
from sdot.execution import Execution
from sdot.validation import FloatArray

UNIT = np.array([0.0, 1.0])


def uniform(pixels: int = 1) -> DiscKernel:
    """The uniform density on the unit square, on pixels or, for 0 of them, on two triangles."""
    if pixels == 0:
        corners = np.array([[0.0, 0], [1, 0], [1, 1], [0, 0], [1, 1], [0, 1]])
        return PiecesDensityKernel(
            Pieces(corners, np.array([0, 3, 6]), np.ones(2), np.zeros((2, 2)))
        )
    lines = np.linspace(0, 1, pixels + 1)
    return GridDensityKernel(lines, lines, np.ones((pixels, pixels, 1, 1)), True)


def one_site(x: float, y: float) -> DiagramArrays:
    return DiagramArrays.build(np.array([[x, y]], dtype=float), np.zeros(1))


class Problem(NamedTuple):
    """A random polynomial grid, sites in and around it, and discs."""

    lines: tuple[FloatArray, FloatArray]
    coefficients: FloatArray
    diagram: DiagramArrays
    squared_radii: FloatArray

    @property
    def kernel(self) -> GridDensityKernel:
        return GridDensityKernel(*self.lines, self.coefficients, False)

    @property
    def slow(self) -> SlowDiscKernel:
        return SlowDiscKernel(*self.lines, self.coefficients, False)


def random_problem(seed: int, degree: int, *, tied: bool = True) -> Problem:
    """Radii are tied if their squares are the weights plus a constant."""
    rng = np.random.default_rng([seed, degree])
    lines = random_lines(rng, 3, 0.0, 1.0), random_lines(rng, 2, 0.0, 1.0)
    coefficients = random_coefficients(rng, (3, 2), degree)
    sites, weights = rng.uniform(-0.2, 1.2, (7, 2)), rng.uniform(0, 0.05, 7)
    gaps = rng.choice([-0.02, 0.0, 0.02, 0.1]) if tied else rng.uniform(-0.02, 0.1, 7)
    diagram = DiagramArrays.build(sites, weights)
    return Problem(lines, coefficients, diagram, weights + gaps)


class TestOracle:
    """The slow integrals that the quick ones are compared with, where the truth is known."""

    kernel = SlowDiscKernel(UNIT, UNIT, np.ones((1, 1, 1, 1)), True)

    def test_disc_at_a_corner_of_the_box(self) -> None:
        result = self.kernel.disc_masses(one_site(0, 0), np.array([0.25]))
        assert result.masses == pytest.approx(np.pi / 16, rel=1e-14)
        assert result.arc_weights == pytest.approx(np.pi / 4, rel=1e-14)

    def test_moments_of_a_whole_disc(self) -> None:
        moments = self.kernel.disc_moments(one_site(0.5, 0.5), np.array([0.04]))
        fourth = np.pi / 4 * 0.2**4
        assert moments.centroids == pytest.approx(np.array([[0.5, 0.5]]), rel=1e-14)
        assert moments.second_moments == pytest.approx(np.array([[fourth, 0, fourth]]), abs=1e-15)

    def test_lens_of_two_equal_discs(self) -> None:
        check_lens(self.kernel)


def check_lens(kernel: DiscKernel) -> None:
    sites, r = np.array([[0.4, 0.5], [0.6, 0.5]]), 0.2
    diagram = DiagramArrays.build(sites, np.zeros(2))
    result = kernel.disc_masses(diagram, np.full(2, r**2))
    half_chord = np.sqrt(r**2 - 0.1**2)
    angle = np.arcsin(half_chord / r)
    left = np.pi * r**2 - (angle * r**2 - half_chord * 0.1)
    assert result.masses == pytest.approx(left, rel=1e-14)
    assert result.edge_weights == pytest.approx(2 * half_chord / 0.4, rel=1e-14)
    assert result.arc_weights == pytest.approx(np.pi - angle, rel=1e-14)


@pytest.mark.parametrize("pixels", [0, 1, 2, 7, 40])
class TestClosedForms:
    """The uniform density on the unit square, of which lines of pixels change nothing."""

    @pytest.mark.parametrize(
        ("site", "share"),
        [((0.5, 0.5), 1), ((0.0, 0.4), 0.5), ((0.4, 1.0), 0.5), ((1.0, 0.0), 0.25)],
    )
    @pytest.mark.parametrize("r", [0.3, 1e-3, 1e-9, 1e-13])
    def test_parts_of_a_disc(self, pixels, site, share, r):
        kernel, diagram = uniform(pixels), one_site(*site)
        result = kernel.disc_masses(diagram, np.array([r**2]))
        assert result.masses == pytest.approx(share * np.pi * r**2, rel=1e-14, abs=0)
        assert result.arc_weights == pytest.approx(share * np.pi, rel=1e-14)
        moments = kernel.disc_moments(diagram, np.array([r**2]))
        assert moments.masses == pytest.approx(share * np.pi * r**2, rel=1e-13, abs=0)
        offset = {1: 0.0, 0.5: 4 / (3 * np.pi), 0.25: np.sqrt(2) * 4 / (3 * np.pi)}[share]
        spread = 0.5 * share * np.pi * r**4 - share * np.pi * r**4 * offset**2
        second = moments.second_moments[0]
        assert second[0] + second[2] == pytest.approx(spread, rel=1e-13, abs=0)
        gap = moments.centroids[0] - site
        assert np.hypot(*gap) == pytest.approx(r * offset, rel=1e-13, abs=2e-16)

    def test_lens_of_two_equal_discs(self, pixels):
        check_lens(uniform(pixels))

    def test_disc_that_touches_sides(self, pixels):
        result = uniform(pixels).disc_masses(one_site(0.25, 0.5), np.array([0.25**2]))
        assert result.masses == pytest.approx(np.pi / 16, rel=1e-14)
        assert result.arc_weights == pytest.approx(np.pi, rel=1e-7)

    def test_circle_through_all_corners(self, pixels):
        result = uniform(pixels).disc_masses(one_site(0.5, 0.5), np.array([0.5]))
        assert result.masses == pytest.approx(1, rel=1e-14)
        assert result.arc_weights == pytest.approx(0, abs=1e-7)

    def test_discs_that_touch(self, pixels):
        diagram = DiagramArrays.build(np.array([[0.3, 0.5], [0.7, 0.5]]), np.zeros(2))
        result = uniform(pixels).disc_masses(diagram, np.full(2, 0.04))
        assert result.masses == pytest.approx(np.pi * 0.04, rel=1e-14)
        assert result.edge_weights == pytest.approx(0, abs=1e-7)
        assert result.arc_weights == pytest.approx(np.pi, rel=1e-7)

    def test_a_far_site_takes_a_segment(self, pixels):
        """A segment of a circle around (1e3, 0.5), of height 0.1 at its middle."""
        radius = 1e3 - 0.9
        result = uniform(pixels).disc_masses(one_site(1e3, 0.5), np.array([radius**2]))
        angle = np.arcsin(0.5 / radius)
        # In the strip between the lower and the upper side, left of the right side.
        expected = radius**2 * angle + 0.5 * radius * np.cos(angle) - (1e3 - 1)
        assert result.masses == pytest.approx(expected, rel=1e-9)
        assert result.arc_weights == pytest.approx(angle, rel=1e-12)

    @pytest.mark.parametrize("r2", [0.0, -1.0, np.nan])
    def test_no_disc(self, pixels, r2):
        diagram = DiagramArrays.build(np.array([[0.3, 0.5], [0.7, 0.5]]), np.zeros(2))
        result = uniform(pixels).disc_masses(diagram, np.array([r2, 0.25]))
        assert result.masses[0] == result.arc_weights[0] == 0
        assert result.edge_weights == 0
        moments = uniform(pixels).disc_moments(diagram, np.array([r2, 0.25]))
        assert moments.masses[0] == 0
        assert np.isnan(moments.centroids[0]).all()

    def test_discs_that_cut_nothing_leave_the_bits(self, pixels):
        rng = np.random.default_rng(1)
        diagram = DiagramArrays.build(rng.random((50, 2)), np.zeros(50))
        kernel = uniform(pixels)
        masses, edge_weights = kernel.masses_and_edge_weights(diagram)
        for radii in (np.full(50, 2.0), np.full(50, np.inf)):
            result = kernel.disc_masses(diagram, radii)
            np.testing.assert_array_equal(result.masses, masses)
            np.testing.assert_array_equal(result.edge_weights, edge_weights)
            np.testing.assert_array_equal(result.arc_weights, 0)
            for mine, plain in zip(
                kernel.disc_moments(diagram, radii), kernel.moments(diagram), strict=True
            ):
                np.testing.assert_array_equal(mine, plain)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("seed", [0, 1])
class TestRandomGrids:
    """Polynomial grids against quadrature in polar coordinates."""

    @pytest.mark.parametrize("tied", [True, False])
    def test_masses(self, seed, degree, tied):
        problem = random_problem(seed, degree, tied=tied)
        result = problem.kernel.disc_masses(problem.diagram, problem.squared_radii)
        slow = problem.slow.disc_masses(problem.diagram, problem.squared_radii)
        np.testing.assert_allclose(result.masses, slow.masses, rtol=2e-14, atol=3e-15)
        np.testing.assert_allclose(result.edge_weights, slow.edge_weights, rtol=2e-14, atol=2e-14)
        np.testing.assert_allclose(result.arc_weights, slow.arc_weights, rtol=1e-12, atol=2e-14)

    def test_moments(self, seed, degree):
        problem = random_problem(seed, degree)
        moments = problem.kernel.disc_moments(problem.diagram, problem.squared_radii)
        slow = problem.slow.disc_moments(problem.diagram, problem.squared_radii)
        np.testing.assert_allclose(moments.masses, slow.masses, rtol=2e-14, atol=3e-15)
        np.testing.assert_allclose(moments.centroids, slow.centroids, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(moments.second_moments, slow.second_moments, atol=3e-15)

    def test_masses_are_differentiated_by_the_weights(self, seed, degree):
        problem = random_problem(seed, degree)
        diagram, radii, step = problem.diagram, problem.squared_radii, 1e-6
        result = problem.kernel.disc_masses(diagram, radii)

        def masses(change: FloatArray, radius_change: FloatArray) -> FloatArray:
            moved = DiagramArrays.build(diagram.positions, diagram.weights + change)
            return problem.kernel.disc_masses(moved, radii + radius_change).masses

        for i in range(len(radii)):
            change = step * (np.arange(len(radii)) == i)
            none = np.zeros(len(radii))
            by_radius = (masses(none, change) - masses(none, -change)) / (2 * step)
            expected = np.where(change > 0, result.arc_weights, 0.0)
            np.testing.assert_allclose(by_radius, expected, atol=2e-6)
            by_both = (masses(change, change) - masses(-change, -change)) / (2 * step)
            for (j, k), weight in zip(diagram.edge_sites, result.edge_weights, strict=True):
                if i in (j, k):
                    expected[j] += weight if i == j else -weight
                    expected[k] += weight if i == k else -weight
            np.testing.assert_allclose(by_both, expected, atol=2e-6)


def refined(problem: Problem, parts: int) -> GridDensityKernel:
    """The same polynomials on pixels that are divided in parts along both axes."""
    lines = [
        np.append((x[:-1, None] + np.diff(x)[:, None] * np.arange(parts) / parts).ravel(), x[-1])
        for x in problem.lines
    ]
    terms = problem.coefficients.shape[2]
    moved = np.zeros((parts, terms, terms))  # s**p where s = (i + u) / parts, by powers of u
    for i in range(parts):
        power = np.array([1.0])
        for p in range(terms):
            moved[i, p, : p + 1] = power
            power = np.polynomial.polynomial.polymul(power, [i / parts, 1 / parts])
    fine = np.einsum("xypq,ipa,jqb->xiyjab", problem.coefficients, moved, moved)
    shape = (len(lines[0]) - 1, len(lines[1]) - 1, terms, terms)
    return GridDensityKernel(lines[0], lines[1], fine.reshape(shape), False)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_cells_over_many_pixels(seed, degree):
    """Where boundaries are walked along, and not pixels cut one by one."""
    problem = random_problem(seed, degree)
    result = refined(problem, 16).disc_masses(problem.diagram, problem.squared_radii)
    coarse = problem.kernel.disc_masses(problem.diagram, problem.squared_radii)
    np.testing.assert_allclose(result.masses, coarse.masses, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(result.edge_weights, coarse.edge_weights, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(result.arc_weights, coarse.arc_weights, rtol=1e-12, atol=1e-13)


def pieces_of(problem: Problem, *, triangles: bool) -> Pieces:
    """The pixels of an affine grid as pieces, whole or halved."""
    x, y = problem.lines
    polygons, heights, slopes = [], [], []
    for ix, iy in np.ndindex(len(x) - 1, len(y) - 1):
        corners = np.array([[x[ix + a], y[iy + b]] for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))])
        c = problem.coefficients[ix, iy]
        slope = np.array([c[1, 0] / (x[ix + 1] - x[ix]), c[0, 1] / (y[iy + 1] - y[iy])])
        for indices in ([0, 1, 2], [0, 2, 3]) if triangles else ([0, 1, 2, 3],):
            polygons.append(corners[indices])
            heights.append(c[0, 0])
            slopes.append(slope)
    offsets = np.cumsum([0, *(len(polygon) for polygon in polygons)])
    return Pieces(np.concatenate(polygons), offsets, np.array(heights), np.array(slopes))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("triangles", [False, True])
def test_pieces(seed, tied, triangles):
    """Affine functions on the pixels of a grid, or on their halves, against the same quadrature."""
    problem = random_problem(seed, 1, tied=tied)
    problem.coefficients[:, :, 1, 1] = 0
    problem.coefficients[:, :, 0, 0] += np.abs(problem.coefficients).sum(axis=(2, 3))
    kernel = PiecesDensityKernel(pieces_of(problem, triangles=triangles))
    assert cuts_discs(kernel)
    result = kernel.disc_masses(problem.diagram, problem.squared_radii)
    slow = problem.slow.disc_masses(problem.diagram, problem.squared_radii)
    np.testing.assert_allclose(result.masses, slow.masses, rtol=2e-14, atol=3e-15)
    np.testing.assert_allclose(result.edge_weights, slow.edge_weights, rtol=2e-14, atol=2e-14)
    np.testing.assert_allclose(result.arc_weights, slow.arc_weights, rtol=1e-12, atol=2e-14)
    moments = kernel.disc_moments(problem.diagram, problem.squared_radii)
    slow_moments = problem.slow.disc_moments(problem.diagram, problem.squared_radii)
    np.testing.assert_allclose(moments.masses, slow_moments.masses, rtol=2e-14, atol=3e-15)
    np.testing.assert_allclose(moments.centroids, slow_moments.centroids, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(moments.second_moments, slow_moments.second_moments, atol=3e-15)


def check_borders(kernel: DiscKernel, problem: Problem) -> None:
    """Moments along edges and arcs against quadrature, and weights against those of masses."""
    diagram, radii = problem.diagram, problem.squared_radii
    edges, arcs = kernel.disc_borders(diagram, radii)
    result = kernel.disc_masses(diagram, radii)
    np.testing.assert_allclose(edges.weights, result.edge_weights, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(arcs.masses, result.arc_weights, rtol=1e-12, atol=1e-14)
    sums = problem.slow.arc_integrals(diagram, radii)
    np.testing.assert_allclose(arcs.masses, sums[:, 0], rtol=1e-12, atol=1e-14)
    met = sums[:, 0] > 0
    np.testing.assert_array_equal(np.isnan(arcs.centroids[:, 0]), ~met)
    means = sums[met, 1:3] / sums[met, :1]
    np.testing.assert_allclose(arcs.centroids[met], means, atol=1e-12)
    pairs = np.stack([means[:, 0] ** 2, means[:, 0] * means[:, 1], means[:, 1] ** 2], axis=1)
    spreads = sums[met, 3:] - sums[met, :1] * pairs
    np.testing.assert_allclose(arcs.second_moments[met], spreads, atol=1e-11)
    sums = problem.slow.edge_integrals(diagram, radii)
    met = sums[:, 0] > 0
    means = sums[met, 1:3] / sums[met, :1]
    np.testing.assert_allclose(edges.centroids[met], means, atol=1e-12)
    squares = (sums[met, 3] + sums[met, 5]) / sums[met, 0]
    np.testing.assert_allclose(edges.spreads[met], squares - (means**2).sum(axis=1), atol=1e-12)


@pytest.mark.parametrize("degree", [0, 2])
@pytest.mark.parametrize("seed", [0, 1])
def test_borders_of_random_grids(seed, degree):
    problem = random_problem(seed, degree)
    check_borders(problem.kernel, problem)


@pytest.mark.parametrize("seed", [0, 1])
def test_borders_on_pieces(seed):
    problem = random_problem(seed, 1)
    problem.coefficients[:, :, 1, 1] = 0
    problem.coefficients[:, :, 0, 0] += np.abs(problem.coefficients).sum(axis=(2, 3))
    check_borders(PiecesDensityKernel(pieces_of(problem, triangles=True)), problem)


@pytest.mark.parametrize("seed", [0, 1])
def test_masses_are_differentiated_by_the_positions(seed):
    problem = random_problem(seed, 1)
    half = 0.25, problem.kernel
    kernel = sum_kernel([half, (0.75, uniform(3))])
    assert cuts_discs(kernel)
    diagram, radii, step = problem.diagram, problem.squared_radii, 1e-6
    sites, weights = diagram.positions, diagram.weights
    edges, arcs = kernel.disc_borders(diagram, radii)
    for i, k in np.ndindex(len(sites), 2):
        change = step * np.outer(np.arange(len(sites)) == i, np.arange(2) == k)
        moved = [DiagramArrays.build(sites + sign * change, weights) for sign in (1, -1)]
        ahead, behind = (kernel.disc_masses(cells, radii).masses for cells in moved)
        expected = np.zeros(len(sites))
        if arcs.masses[i] > 0:
            expected[i] = 2 * arcs.masses[i] * (arcs.centroids[i, k] - sites[i, k])
        for pair, weight, centroid in zip(
            diagram.edge_sites, edges.weights, edges.centroids, strict=True
        ):
            if i in pair:
                flow = 2 * weight * (centroid[k] - sites[i, k])
                expected[i] += flow
                expected[pair.sum() - i] -= flow
        np.testing.assert_allclose((ahead - behind) / (2 * step), expected, atol=1e-5)


class TestDegenerate:
    """Circles through corners, along sides, and as near to these as doubles are."""

    @pytest.mark.parametrize("site", [(0.5, 0.5), (0.25, 0.5), (0.0, 0.0), (-0.5, 0.5), (1.0, 0.3)])
    @pytest.mark.parametrize("pixels", [0, 1, 4, 12])
    def test_radii_near_every_critical_one(self, site, pixels):
        kernel, diagram = uniform(pixels), one_site(*site)
        lines = np.linspace(0, 1, max(pixels, 1) + 1)
        x, y = np.meshgrid(lines - site[0], lines - site[1])
        critical = np.unique(
            np.concatenate([(x**2 + y**2).ravel(), x.ravel() ** 2, y.ravel() ** 2])
        )
        some = np.random.default_rng(pixels).permutation(critical[critical > 0])[:12]
        for value in some:
            near = [value * (1 + k * 2.0**-52) for k in (-1e8, -2, -1, 0, 1, 2, 1e8)]
            results = [kernel.disc_masses(diagram, np.array([r2])) for r2 in near]
            masses = np.array([result.masses[0] for result in results])
            arcs = np.array([result.arc_weights[0] for result in results])
            assert np.isfinite(masses).all()
            assert np.ptp(masses) < 2e-7
            assert np.ptp(masses[1:-1]) < 2e-15
            assert np.ptp(arcs) < 1e-3
            moments = [kernel.disc_moments(diagram, np.array([r2])) for r2 in near]
            np.testing.assert_allclose([m.masses[0] for m in moments], masses, atol=2e-15)

    @pytest.mark.parametrize("turn", [1e-4, 1e-7, 1e-9, 1e-11, 1e-13])
    def test_a_disc_that_touches_a_corner_of_almost_half_a_turn(self, turn):
        """Its arc ends where it begins, but for rounding: a whole turn, not none."""
        gaps = 0.25 * np.array([[np.cos(turn), np.sin(turn)], [np.cos(turn), -np.sin(turn)]])
        sites = 0.5 + np.concatenate([np.zeros((1, 2)), gaps])
        diagram = DiagramArrays.build(sites, np.zeros(3))
        for k in (-2, -1, 0, 1, 2):
            radii = np.full(3, 0.125**2 * (1 + k * 2.0**-52))
            result = uniform().disc_masses(diagram, radii)
            assert result.masses[0] == pytest.approx(np.pi / 64, rel=1e-11)
            assert result.arc_weights[0] == pytest.approx(np.pi, rel=1e-3)

    def test_sites_and_circles_on_the_lines_of_the_grid(self):
        """A lattice whose cells, discs, and pixels share lines, corners and tangents."""
        kernel = uniform(8)
        x = (np.arange(4) + 0.5) / 4
        sites = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
        diagram = DiagramArrays.build(sites, np.zeros(16))
        for radius in (0.125, 0.125 * np.sqrt(2), 0.0625, 0.0625 * np.sqrt(2)):
            result = kernel.disc_masses(diagram, np.full(16, radius**2))
            whole = radius <= 0.125
            expected = np.pi * radius**2 if whole else 1 / 16
            np.testing.assert_allclose(result.masses, expected, rtol=2e-14)


class TestManyCells:
    def test_masses_of_four_quarters_add_up(self):
        rng = np.random.default_rng(3)
        sites, weights = rng.random((500, 2)), rng.uniform(0, 1e-3, 500)
        diagram = DiagramArrays.build(sites, weights)
        whole = uniform().disc_masses(diagram, weights)
        halves = np.array([0.0, 0.4]), np.array([0.4, 1.0])
        height = np.ones((1, 1, 1, 1))
        kernels = [GridDensityKernel(x, y, height, True) for x in halves for y in halves]
        quarters = [kernel.disc_masses(diagram, weights) for kernel in kernels]
        masses = sum(quarter.masses for quarter in quarters)
        np.testing.assert_allclose(masses, whole.masses, rtol=1e-13, atol=1e-18)
        arcs = sum(quarter.arc_weights for quarter in quarters)
        np.testing.assert_allclose(arcs, whole.arc_weights, rtol=1e-12)

    def test_same_bits_for_any_number_of_threads(self):
        rng = np.random.default_rng(4)
        sites, weights = rng.random((5000, 2)), rng.uniform(0, 1e-4, 5000)
        diagram = DiagramArrays.build(sites, weights)
        lines, values = np.linspace(0, 1, 10), rng.random((9, 9, 2, 2))
        mesh = pieces_of(random_problem(0, 1), triangles=True)
        answers = []
        for threads in (1, 2, 5):
            execution, found = Execution(threads), []
            for kernel in (
                GridDensityKernel(lines, lines, values, True, execution),
                PiecesDensityKernel(mesh, execution),
            ):
                result = kernel.disc_masses(diagram, weights)
                edges, arcs = kernel.disc_borders(diagram, weights)
                found += [result.masses, result.edge_weights, result.arc_weights]
                found += [*kernel.disc_moments(diagram, weights), *edges, *arcs]
            answers.append(found)
        for other in answers[1:]:
            for one, two in zip(answers[0], other, strict=True):
                np.testing.assert_array_equal(one, two)


def test_which_kernels_cut_discs():
    assert cuts_discs(uniform())
