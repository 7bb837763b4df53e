"""Integrals of densities over given diagrams, and their derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from support.gradients import central_differences
from support.problems import random_image, random_sites

from sdot import (
    Box,
    Mesh,
    Polygon,
    PolynomialGrid,
    PowerDiagram,
    SplineGrid,
    SumOfDiracs,
    SumOfGaussians,
    optimal_transport_plan,
)
from sdot.distributions.density import Density
from sdot.errors import NotDifferentiableError

L = [[0.0, 0], [1, 0], [1, 0.3], [0.4, 0.3], [0.4, 1], [0, 1]]
GAUSSIAN = SumOfGaussians([[0.4, 0.5]], [[[0.02, 0.01], [0.01, 0.03]]], mass=3)
DENSITIES: dict[str, Density] = {
    "box": Box(mass=2),
    "image": PolynomialGrid(random_image(), mass=5),
    "spline": SplineGrid(np.random.default_rng(0).random((5, 4))),
    "polygon": Polygon(L),
    "mesh": Mesh([[0, 0], [1, 0], [0.3, 1]], [[0, 1, 2]], [1.0, 2, 3], per="vertex"),
    "mixture": GAUSSIAN,
    "sum": 2 * Polygon(L) + GAUSSIAN,
}


def _diagram(n: int = 12) -> PowerDiagram:
    return PowerDiagram(random_sites(n), np.random.default_rng(n).uniform(0, 0.02, n))


@pytest.mark.parametrize("name", DENSITIES)
def test_moments_are_those_of_a_raster(name: str) -> None:
    density, diagram = DENSITIES[name], _diagram()
    masses, centroids, second = diagram.moments(density)
    low, high = density.essential_box(1e-9)
    steps = (np.arange(600) + 0.5) / 600
    x = np.stack(np.meshgrid(*(low + np.outer(steps, high - low)).T, indexing="ij"), -1)
    points = x.reshape(-1, 2)
    heights = density.evaluate(points) * np.prod(high - low) / len(points)
    powers = ((points[:, None] - diagram.positions) ** 2).sum(axis=2) - diagram.weights
    cell = powers.argmin(axis=1)
    scale = density.total_mass
    np.testing.assert_allclose(np.bincount(cell, heights, 12), masses, atol=5e-3 * scale)
    for i in np.flatnonzero(masses > 0.01 * scale):
        mine = cell == i
        gaps = points[mine] - centroids[i]
        first = heights[mine] @ gaps
        np.testing.assert_allclose(first, 0, atol=2e-3 * scale)
        found = np.einsum("p,pj,pk->jk", heights[mine], gaps, gaps)
        np.testing.assert_allclose(found, second[i], atol=2e-3 * scale)
    assert masses.sum() == pytest.approx(scale, rel=1e-12)


def test_moments_of_all_cells_make_up_the_whole() -> None:
    masses, centroids, second = _diagram().moments(GAUSSIAN)
    mean = masses @ centroids / 3
    np.testing.assert_allclose(mean, [0.4, 0.5], rtol=1e-13)
    gaps = centroids - mean
    whole = second.sum(axis=0) + np.einsum("n,nj,nk->jk", masses, gaps, gaps)
    np.testing.assert_allclose(whole, 3 * np.array([[0.02, 0.01], [0.01, 0.03]]), rtol=1e-12)


def test_moments_of_the_uniform_density_are_areas_and_centroids() -> None:
    diagram = PowerDiagram(random_sites(30), domain=((0, 0), (1, 1)))
    masses, centroids, _ = diagram.moments(Box())
    np.testing.assert_allclose(masses, diagram.areas, rtol=1e-13)
    np.testing.assert_allclose(centroids, diagram.centroids, rtol=1e-13)


def test_cells_are_cut_to_a_convex_domain() -> None:
    triangle = [[0.1, 0.1], [0.9, 0.2], [0.4, 0.8]]
    diagram = PowerDiagram(random_sites(10), domain=triangle)
    np.testing.assert_allclose(diagram.moments(Box()).masses, diagram.areas, rtol=1e-12)
    inside = SumOfGaussians([[0.4, 0.5]], [[[0.02, 0.01], [0.01, 0.03]]], domain=triangle)
    shares = diagram.moments(GAUSSIAN).masses
    expected = PowerDiagram(random_sites(10)).moments(inside).masses
    np.testing.assert_allclose(shares / shares.sum(), expected, rtol=1e-11)
    away = PowerDiagram(random_sites(3), domain=((5, 5), (6, 6))).moments(Box())
    assert away.masses.tolist() == [0, 0, 0]
    assert np.isnan(away.centroids).all()


@pytest.mark.parametrize("name", ["image", "polygon", "mixture"])
def test_moments_of_a_plan_are_its_results(name: str) -> None:
    density = DENSITIES[name]
    sites = random_sites(10)[[*range(10), 0]] + [30.0, 0]  # one is there twice
    diracs = SumOfDiracs(sites, mass=density.total_mass)
    plan = optimal_transport_plan(diracs, density)
    masses, centroids, second = plan.power_diagram.moments(density)
    np.testing.assert_allclose(masses[1:10], plan.cell_masses[1:10], rtol=1e-12)
    assert masses[10] == 0
    assert masses[0] == pytest.approx(plan.cell_masses[[0, 10]].sum(), rel=1e-12)
    np.testing.assert_allclose(centroids[:10], plan.barycenters[:10], rtol=1e-12)
    costs = masses[:10] * ((sites[:10] - centroids[:10]) ** 2).sum(axis=1)
    spreads = second.trace(axis1=1, axis2=2)[:10]
    assert (costs + spreads).sum() == pytest.approx(plan.distance, rel=1e-11)


@pytest.mark.parametrize("name", DENSITIES)
def test_the_jacobian_is_that_of_finite_differences(name: str) -> None:
    density, diagram = DENSITIES[name], _diagram()
    found = diagram.mass_jacobian(density)
    probe = np.random.default_rng(0).normal(size=12)

    def weighted(positions: np.ndarray, weights: np.ndarray) -> float:
        return float(probe @ PowerDiagram(positions, weights).moments(density).masses)

    by_weights = central_differences(lambda w: weighted(diagram.positions, w), diagram.weights)
    by_positions = central_differences(lambda y: weighted(y, diagram.weights), diagram.positions)
    tolerance = 2e-6 * density.total_mass
    np.testing.assert_allclose(probe @ found.weights, by_weights, atol=5 * tolerance)
    np.testing.assert_allclose(probe @ found.positions, by_positions.ravel(), atol=tolerance)
    assert isinstance(found.weights, scipy.sparse.csr_array)
    np.testing.assert_allclose(found.weights.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(found.positions.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose((found.weights - found.weights.T).toarray(), 0, atol=1e-14)


def test_the_jacobian_of_a_plan_in_a_frame_of_two_scales() -> None:
    # Sites of a narrow strip far away: solved in other units along each axis.
    sites = random_sites(12) * [1.0, 1e-2] + [0, 3.0]
    plan = optimal_transport_plan(SumOfDiracs(sites, mass=2), Box(mass=2))
    found = plan.power_diagram.mass_jacobian(Box(mass=2))
    expected = PowerDiagram(sites, plan.potentials).mass_jacobian(Box(mass=2))
    for one, other in zip(found, expected, strict=True):
        scale = np.abs(other.toarray()).max()
        np.testing.assert_allclose(one.toarray(), other.toarray(), atol=1e-9 * scale)


@pytest.mark.parametrize("name", DENSITIES)
def test_moments_of_edges_are_derivatives_of_integrals_over_cells(name: str) -> None:
    density, diagram = DENSITIES[name], _diagram()
    rng = np.random.default_rng(0)
    by_mass, by_square, point = rng.normal(size=12), rng.normal(size=12), np.array([0.2, 0.7])

    def integral(weights: np.ndarray) -> float:
        masses, centroids, second = PowerDiagram(diagram.positions, weights).moments(density)
        squares = masses * ((np.nan_to_num(centroids) - point) ** 2).sum(axis=1)
        return float(by_mass @ masses + by_square @ (squares + second.trace(axis1=1, axis2=2)))

    (i, j), weights, centroids, spreads = (
        diagram.edge_moments(density).sites.T,
        *diagram.edge_moments(density)[1:],
    )
    assert (i < j).all()
    squares = ((centroids - point) ** 2).sum(axis=1) + spreads
    flow = weights * (by_mass[i] - by_mass[j] + (by_square[i] - by_square[j]) * squares)
    found = np.bincount(i, flow, 12) - np.bincount(j, flow, 12)
    expected = central_differences(integral, diagram.weights)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * density.total_mass)
    matrix = diagram.mass_jacobian(density).weights
    np.testing.assert_allclose(matrix[i, j], -weights, rtol=1e-13)


def test_moments_of_edges_in_a_frame_of_two_scales() -> None:
    sites = random_sites(12) * [1.0, 1e-2] + [0, 3.0]
    plan = optimal_transport_plan(SumOfDiracs(sites, mass=2), Box(mass=2))
    found = plan.power_diagram.edge_moments(Box(mass=2))
    expected = PowerDiagram(sites, plan.potentials).edge_moments(Box(mass=2))
    order, wanted = (np.lexsort(edges.sites.T) for edges in (found, expected))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one[order], other[wanted], rtol=1e-7, atol=1e-9)


def test_wrong_densities() -> None:
    diagram = PowerDiagram(random_sites(5), domain=((0, 0), (1, 1)))
    for wrong in (diagram.moments, diagram.mass_jacobian, diagram.edge_moments):
        with pytest.raises(TypeError, match="density: expected a density such as"):
            wrong([[1.0]])  # type: ignore[arg-type]
    for beyond in (GAUSSIAN, Box(((0, 0), (2, 1)))):
        with pytest.raises(ValueError, match="density: expected one that is zero outside"):
            diagram.mass_jacobian(beyond)
        with pytest.raises(ValueError, match="density: expected one that is zero outside"):
            diagram.edge_moments(beyond)
    with pytest.raises(ValueError, match="edge_moments: expected a diagram in the plane"):
        PowerDiagram(random_sites(5), period=(1, 1)).edge_moments(Box(periodic=True))
    with pytest.raises(ValueError, match="density: expected the one to whose region"):
        diagram.clip(L).moments(Box())
    diagram.clip(L).moments(Polygon(L))
    halves = PolynomialGrid([[1.0], [2.0]])
    with pytest.raises(NotDifferentiableError, match="along a jump"):
        PowerDiagram([[0.25, 0.5], [0.75, 0.5]]).mass_jacobian(halves)
