"""Integrals of Gaussians against integration in high precision, slice by slice."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from sdot.cgal_wrap.gaussian.mixture_integrals import MixtureKernel
from support.gaussian import gaussian_moments
from support.problems import random_sites

from sdot import PowerDiagram, SumOfGaussians, driver
from sdot.diagrams import DiagramArrays
from sdot.distributions.density import Frame
from sdot.distributions.mixture_kernel import cholesky_factors

Array = np.ndarray

MEAN = np.array([0.3, -0.2])
FACTOR = np.array([[1.3, 0.0], [0.7, 0.4]])
COVARIANCE = FACTOR @ FACTOR.T
# Sizes in standard deviations: on both sides of every limit at which another rule takes over.
SIZES = (1e-3, 0.05, 0.09, 0.3, 1.0, 12.0)
DISTANCES = (0.0, 1.2, 1.7, 4.0, 8.0)


def _polygon(seed: int, size: float, distance: float) -> Array:
    rng = np.random.default_rng(seed)
    angles = 2 * np.pi * (np.arange(5) + rng.uniform(0, 0.8, 5)) / 5
    direction = rng.uniform(0, 2 * np.pi)
    centre = distance * np.array([np.cos(direction), np.sin(direction)])
    whitened = centre + size * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return MEAN + whitened @ FACTOR.T


def _kernel(masses: Array, means: Array, covariances: Array) -> MixtureKernel:
    return MixtureKernel(masses, means, cholesky_factors(covariances))


def _one() -> MixtureKernel:
    return _kernel(np.ones(1), MEAN[None], COVARIANCE[None])


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("size", SIZES)
def test_moments_of_polygons(size: float, distance: float) -> None:
    polygon = _polygon(int(100 * distance), size, distance)
    offsets = np.array([0, len(polygon)])
    exact = gaussian_moments(MEAN, COVARIANCE, polygon, 40 if distance > 5 else 30)
    (flux,) = _one().polygon_masses(polygon, offsets, 1)
    (mass,), (centroid,), (second,) = _one().polygon_moments(polygon, offsets, 1)
    # To 1e-15 of the component's mass, and in the tail relative to the cell's own.
    for found in (flux, mass):
        assert abs(found - exact.mass) < min(1e-15, 1e-12 * exact.mass)
    width = min(size, 1 / max(1.0, distance))
    assert mpmath.hypot(centroid[0] - exact.x, centroid[1] - exact.y) < 1e-12 * width + 1e-15
    trace = exact.xx + exact.yy
    for found, expected in zip(second, (exact.xx, exact.xy, exact.yy), strict=True):
        assert abs(found - expected) < 3e-11 * trace


def test_a_far_cell_keeps_its_digits() -> None:
    # 1e-12 and 1e-30 of the mass; asked for are six digits.
    for distance, size in ((7.0, 0.3), (11.5, 0.1)):
        polygon = _polygon(3, size, distance)
        (mass,) = _one().polygon_masses(polygon, np.array([0, 5]), 1)
        exact = gaussian_moments(MEAN, COVARIANCE, polygon, 50).mass
        assert exact < 1e-11
        assert abs(mass - exact) < 1e-13 * exact


def test_polygons_without_corners_and_out_of_reach() -> None:
    far = np.array([[1e3, 0], [1e3 + 1, 0], [1e3, 1.0]])
    offsets = np.array([0, 0, 3])
    masses, centroids, second = _one().polygon_moments(far, offsets, 1)
    np.testing.assert_array_equal(masses, 0)
    assert np.isnan(centroids).all()
    np.testing.assert_array_equal(second, 0)
    np.testing.assert_array_equal(_one().polygon_masses(far, offsets, 1), 0)


def _mixture(rng: np.random.Generator, count: int) -> SumOfGaussians:
    factors = rng.normal(size=(count, 2, 2)) * 0.2
    covariances = factors @ factors.transpose(0, 2, 1) + 1e-3 * np.eye(2)
    return SumOfGaussians(rng.random((count, 2)), covariances, rng.uniform(0.1, 1, count))


FRAME = Frame(np.array([0.1, -0.3]), np.array([2.0, 1.0]))


@pytest.mark.parametrize("n", [1, 2, 3, 40])
def test_cells_of_the_whole_plane_hold_all_the_mass(n: int) -> None:
    density = _mixture(np.random.default_rng(n), 4)
    diagram = DiagramArrays.build(FRAME.apply(random_sites(n)), np.zeros(n))
    kernel = density.kernel(FRAME)
    masses, _ = kernel.masses_and_edge_weights(diagram)
    assert masses.sum() == pytest.approx(1, rel=1e-15, abs=0)
    np.testing.assert_allclose(kernel.moments(diagram).masses, masses, rtol=1e-12)


def test_edge_weights_are_line_integrals() -> None:
    rng = np.random.default_rng(5)
    density, sites = _mixture(rng, 3), random_sites(6)
    frame = Frame(np.zeros(2), np.ones(2))
    diagram = DiagramArrays.build(sites, np.zeros(6))
    _, weights = density.kernel(frame).masses_and_edge_weights(diagram)
    for e, (i, j) in enumerate(diagram.edge_sites):
        middle, normal = (sites[i] + sites[j]) / 2, sites[j] - sites[i]
        length = np.hypot(*normal)
        along = np.array([-normal[1], normal[0]]) / length
        ends = [
            (diagram.vertices[v] - middle) @ along if v >= 0 else sign * 40.0
            for v, sign in zip(diagram.edge_vertices[e], (-1, 1), strict=True)
        ]
        # A sum of many Gauss rules; they resolve the narrowest component.
        lines = np.linspace(*ends, 4001)
        nodes, rule = np.polynomial.legendre.leggauss(8)
        t = lines[:-1, None] + np.diff(lines)[:, None] * (nodes + 1) / 2
        heights = density.evaluate(middle + t[..., None] * along)
        expected = (heights @ rule * np.diff(lines) / 2).sum() / (2 * length)
        assert weights[e] == pytest.approx(expected, rel=1e-12, abs=1e-300)


def test_edge_weights_are_the_derivatives_of_masses() -> None:
    rng = np.random.default_rng(2)
    density, sites = _mixture(rng, 3), random_sites(8)
    domain = [[0.1, 0.0], [1.1, 0.2], [0.5, 1.0]]
    for mixture in (density, SumOfGaussians(density.means, density.covs, domain=domain)):
        kernel = mixture.kernel(Frame(np.zeros(2), np.ones(2)))
        weights = rng.uniform(0, 0.05, 8)
        diagram = DiagramArrays.build(sites, weights)
        _, edge_weights = kernel.masses_and_edge_weights(diagram)
        matrix = np.zeros((8, 8))
        for (i, j), a in zip(diagram.edge_sites, edge_weights, strict=True):
            matrix[[i, j], [j, i]] -= a
            matrix[[i, j], [i, j]] += a
        for k in range(8):
            step = np.zeros(8)
            step[k] = 1e-5
            ends = [
                kernel.masses_and_edge_weights(DiagramArrays.build(sites, weights + s * step))[0]
                for s in (1, -1)
            ]
            np.testing.assert_allclose((ends[0] - ends[1]) / 2e-5, matrix[k], atol=2e-7)


def test_a_domain_cuts_exactly() -> None:
    density = _mixture(np.random.default_rng(3), 2)
    corners = np.array([[0.2, 0.1], [0.9, 0.3], [0.6, 1.2]])
    cut = SumOfGaussians(density.means, density.covs, density.weights, domain=corners)
    sites = random_sites(5)
    diagram = DiagramArrays.build(sites, np.zeros(5))
    masses, _ = cut.kernel(Frame(np.zeros(2), np.ones(2))).masses_and_edge_weights(diagram)
    shares = np.asarray(density.weights) / np.sum(density.weights)
    exact = [
        sum(
            share * gaussian_moments(mean, covariance, cell, 25).mass
            for share, mean, covariance in zip(shares, density.means, density.covs, strict=True)
        )
        for cell in PowerDiagram(sites, domain=corners).cells
        if len(cell)
    ]
    total = sum(exact)
    np.testing.assert_allclose(masses[masses > 0], [float(m / total) for m in exact], rtol=1e-13)
    assert masses.sum() == pytest.approx(1, rel=1e-14)


def test_components_that_do_not_matter_change_nothing() -> None:
    # Many far components, which are left out cell by cell, against those near alone.
    rng = np.random.default_rng(0)
    means = np.concatenate([rng.random((3, 2)), rng.uniform(5, 10, (200, 2))])
    masses = np.concatenate([np.ones(3), 1e-9 * np.ones(200)])
    covariances = np.broadcast_to(0.01 * np.eye(2), (203, 2, 2))
    polygons = PowerDiagram(random_sites(100), domain=((0, 0), (1, 1)))
    points, offsets = polygons._polygons
    every = _kernel(masses, means, covariances).polygon_masses(points, offsets, 1)
    near = _kernel(masses[:3], means[:3], covariances[:3]).polygon_masses(points, offsets, 1)
    np.testing.assert_allclose(every, near, rtol=1e-15)


def test_the_same_bits_whatever_the_number_of_threads() -> None:
    density, n = _mixture(np.random.default_rng(1), 5), 3000
    diagram = DiagramArrays.build(random_sites(n), np.zeros(n))
    kernel = density.kernel(Frame(np.zeros(2), np.ones(2)))
    found = []
    before = driver.threads
    try:
        for threads in (1, 2, 3):
            driver.threads = threads
            found.append([*kernel.masses_and_edge_weights(diagram), *kernel.moments(diagram)])
    finally:
        driver.threads = before
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_the_cells_of_a_diagram_have_all_the_mass() -> None:
    # Long sides close to the circle of 1.5 deviations at which one field takes over from another.
    rng = np.random.default_rng(0)
    for _ in range(300):
        angle, ratio = rng.uniform(0, np.pi), rng.uniform(0.3, 1)
        axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        covariance = axes @ np.diag([1.0, ratio**2]) @ axes.T
        kernel = SumOfGaussians([[0.0, 0.0]], [covariance]).kernel(Frame(np.zeros(2), np.ones(2)))
        sites, weights = rng.normal(size=(5, 2)), rng.uniform(0, 4, 5)
        diagram = DiagramArrays.build(sites, weights)
        masses = kernel.moments(diagram).masses
        assert masses.sum() == pytest.approx(1, abs=2e-14)
        np.testing.assert_allclose(
            kernel.masses_and_edge_weights(diagram)[0], masses, rtol=0, atol=2e-14
        )
