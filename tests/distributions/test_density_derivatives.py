"""Edge moments and cell matrices of every kind of density, against quadrature and moments."""

from __future__ import annotations

import numpy as np
import pytest
from support.densities import DENSITIES
from support.problems import random_sites

from sdot.diagrams import DiagramArrays
from sdot.distributions.density import CellPotential, Density, Frame, SolvedCells
from sdot.distributions.density_derivatives import AffineFunction, NormalisedDerivative
from sdot.execution import Execution

COMPOUND = ("sum", "spline", "restricted")
SIMPLE = [kind for kind in DENSITIES if not any(word in kind for word in COMPOUND)]
FRAME = Frame(np.array([0.1, -0.2]), np.array([1.5, 0.8]))


def density_of(kind: str) -> Density:
    return DENSITIES[kind](np.random.default_rng(5))


def cells_of(density: Density, n: int, threads: int = 1) -> SolvedCells:
    box = FRAME.apply(density.essential_box(1e-3))
    rng = np.random.default_rng(n)
    sites = box[0] + (box[1] - box[0]) * random_sites(n)
    diagram = DiagramArrays.build(sites, rng.uniform(0, 0.01, n), Execution(threads))
    slopes = rng.normal(size=(n, 2))
    potential = CellPotential(FRAME.scale**2, sites, slopes, diagram.weights)
    return SolvedCells(diagram, FRAME, potential, sites, Execution(threads))


def quadrature(density: Density, start: np.ndarray, end: np.ndarray) -> tuple[float, ...]:
    """Integral, centroid and variance along a segment in the frame, by the midpoint rule."""
    t = (np.arange(40_000) + 0.5) / 40_000
    points = start + t[:, None] * (end - start)
    heights = density.evaluate(FRAME.origin + FRAME.scale * points)
    mass = heights.mean()
    mean = (heights * t).mean() / mass
    spread = (heights * (t - mean) ** 2).mean() / mass
    length = float(np.hypot(*(end - start)))
    scale = np.prod(FRAME.scale) / density.total_mass
    return mass * length * scale, *(start + mean * (end - start)), spread * length**2


@pytest.mark.parametrize("kind", DENSITIES)
def test_edge_moments_against_quadrature(kind: str) -> None:
    density = density_of(kind)
    diagram = cells_of(density, 7).diagram
    found = density.kernel(FRAME).edge_moments(diagram)
    bounded = np.flatnonzero((diagram.edge_vertices >= 0).all(axis=1) & (found.weights > 1e-6))
    assert len(bounded) > 2
    for e in bounded:
        mass, *rest = quadrature(density, *diagram.vertices[diagram.edge_vertices[e]])
        gap = np.diff(diagram.positions[diagram.edge_sites[e]], axis=0)
        assert found.weights[e] == pytest.approx(mass / (2 * np.linalg.norm(gap)), rel=2e-3)
        extent = np.sqrt(rest[2])
        np.testing.assert_allclose(found.centroids[e], rest[:2], rtol=0, atol=2e-3 * extent)
        assert found.spreads[e] == pytest.approx(rest[2], rel=5e-3)


@pytest.mark.parametrize("kind", DENSITIES)
def test_edge_weights_are_those_of_the_newton_matrix(kind: str) -> None:
    density = density_of(kind)
    diagram = cells_of(density, 300).diagram
    kernel = density.kernel(FRAME)
    _, weights = kernel.masses_and_edge_weights(diagram)
    found = kernel.edge_moments(diagram).weights
    np.testing.assert_allclose(found, weights, rtol=1e-11, atol=1e-14 * weights.max())


@pytest.mark.parametrize("kind", SIMPLE)
@pytest.mark.parametrize("n", [5, 3000])
def test_a_cell_matrix_times_the_density_gives_its_moments(kind: str, n: int) -> None:
    density = density_of(kind)
    cells = cells_of(density, n)
    moments = density.kernel(FRAME).moments(cells.diagram)
    derivative = density.derivative(cells)
    assert isinstance(derivative, NormalisedDerivative)
    own = derivative.own
    masses = density.total_mass * moments.masses
    tolerance = 1e-12 * masses.max()
    np.testing.assert_allclose(own.values, masses, rtol=0, atol=tolerance)
    filled = moments.masses > 0
    firsts = masses[filled, None] * (moments.centroids - cells.centres)[filled]
    size = np.abs(moments.centroids - cells.centres)[filled].max()
    np.testing.assert_allclose(own.slopes[filled], firsts, rtol=0, atol=tolerance * size)


@pytest.mark.parametrize("kind", DENSITIES)
def test_forth_and_back_are_transposed(kind: str) -> None:
    density, rng = density_of(kind), np.random.default_rng(0)
    derivative = density.derivative(cells_of(density, 30))
    tangents = [rng.standard_normal(np.shape(array)) for array in density.arrays]
    function = AffineFunction(rng.standard_normal(30), rng.standard_normal((30, 2)))
    pushed = derivative.push_forward(tangents).inner(function)
    pulled = sum(
        float((gradient * tangent).sum())
        for gradient, tangent in zip(derivative.pull_back(function), tangents, strict=True)
        if gradient is not None
    )
    assert pushed == pytest.approx(pulled, rel=1e-12)


@pytest.mark.parametrize("kind", DENSITIES)
def test_the_bits_do_not_depend_on_threads(kind: str) -> None:
    found = []
    for threads in (1, 3):
        density = density_of(kind)
        cells = cells_of(density, 3000, threads)
        moments = density.kernel(FRAME, cells.execution).edge_moments(cells.diagram)
        tangents = [np.ones(np.shape(array)) for array in density.arrays]
        derivative = density.derivative(cells)
        curved = derivative.curvature(tangents)
        found.append([*moments, *derivative.push_forward(tangents), *curved])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
