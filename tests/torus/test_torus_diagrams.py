"""Diagrams on a torus, and the points that are best there."""

from __future__ import annotations

import numpy as np
import pytest
from support.problems import random_sites
from support.torus import COPIES, IMAGE, TORUS

from sdot import (
    PolynomialGrid,
    PowerDiagram,
    distance,
    lloyd,
    quantize,
)


def test_the_cells_of_a_diagram_tile_the_domain() -> None:
    sites, weights = 3 * random_sites(40) - 1, 0.02 * random_sites(40)[:, 0]
    diagram = PowerDiagram(sites, weights, period=(1, 1))
    assert diagram.areas.sum() == pytest.approx(1, abs=1e-14)
    assert len(diagram.hidden_sites) > 0
    moments = diagram.moments(TORUS)
    np.testing.assert_allclose(moments.masses, diagram.areas, atol=1e-15)
    np.testing.assert_allclose(moments.centroids, diagram.centroids, atol=1e-13)
    parts = [len(rings) for rings in diagram.parts]
    assert max(parts) > 1
    assert (np.array(parts) == 0).sum() == len(diagram.hidden_sites)


def test_neighbors_are_those_among_nine_copies() -> None:
    sites, weights = random_sites(40), 0.02 * random_sites(40)[:, 0]
    copies = (sites[:, None] + COPIES).reshape(-1, 2)
    around = PowerDiagram(copies, np.repeat(weights, 9))
    expected = {
        (min(i, j) // 9, max(i, j) // 9)
        for i, j in around.edges.tolist()
        if (i % 9 == 4 or j % 9 == 4) and i // 9 != j // 9
    }
    found = PowerDiagram(sites, weights, period=(1, 1)).edges
    assert {tuple(pair) for pair in found.tolist()} == expected
    assert len(found) == len(expected)


def test_points_are_located_modulo_the_period() -> None:
    sites, weights, points = random_sites(40), 0.02 * random_sites(40)[:, 0], random_sites(500)
    gaps = points[:, None] - sites
    costs = ((gaps - np.round(gaps)) ** 2).sum(axis=-1) - weights
    diagram = PowerDiagram(sites + 3, weights, period=(1, 1))
    np.testing.assert_array_equal(diagram.locate(points - 2), costs.argmin(axis=1))


def test_the_mass_jacobian_on_a_torus() -> None:
    sites, weights = random_sites(12), 0.01 * random_sites(12)[:, 0]
    density = PolynomialGrid(IMAGE, periodic=True)
    jacobian = PowerDiagram(sites, weights, period=(1, 1)).mass_jacobian(density)
    rng, step = np.random.default_rng(0), 1e-6
    for product, move in (
        (jacobian.weights, (np.zeros((12, 2)), rng.normal(size=12))),
        (jacobian.positions, (rng.normal(size=(12, 2)), np.zeros(12))),
    ):
        ends = [
            PowerDiagram(sites + s * step * move[0], weights + s * step * move[1], period=(1, 1))
            for s in (1, -1)
        ]
        after, before = (end.moments(density).masses for end in ends)
        direction = move[1] if move[1].any() else move[0].ravel()
        np.testing.assert_allclose(product @ direction, (after - before) / (2 * step), atol=1e-7)


def test_lloyd_on_a_torus() -> None:
    for masses in ("fixed", "free"):
        result = lloyd(random_sites(20) + 5, TORUS, masses=masses, tol=1e-6)
        assert result.converged
        # About as good as hexagons, and no better.
        hexagons = 5 / (18 * np.sqrt(3)) / 20
        assert hexagons * 0.9999 < result.distance < 1.05 * hexagons


def test_quantize_on_a_torus() -> None:
    """Many points begin with a quarter of them, and midpoints across the sides too."""
    for masses, n in (("equal", 400), ("equal", 50), ("free", 100)):
        found = quantize(TORUS, n, masses=masses)
        hexagons = 5 / (18 * np.sqrt(3)) / n
        assert distance(found, TORUS) < (1.06 if masses == "equal" else 1.1) * hexagons
