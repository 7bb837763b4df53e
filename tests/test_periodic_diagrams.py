"""Diagrams on a torus by few copies against those of all copies within half a period."""

from __future__ import annotations

import numpy as np
import pytest

from sdot import Box, periodic_diagrams
from sdot.distributions.density import Frame
from sdot.execution import Execution
from sdot.periodic_diagrams import PeriodicBuilder, PeriodicDiagram, Torus


def _problem(seed: int) -> tuple[Torus, np.ndarray, np.ndarray]:
    """Sites all over, in a heap or on a grid; weights of any size, that push cells away or not."""
    rng = np.random.default_rng(seed)
    torus = Torus(np.zeros(2), np.array([1.0, (1.0, 0.3, 0.02, 5.0)[seed % 4]]))
    sites = rng.random((int(rng.integers(31, 200)), 2))
    if seed % 3 == 1:
        sites = (0.5 + 0.05 * rng.standard_normal(sites.shape)) % 1
    if seed % 3 == 2:
        sites = np.unique(np.round(16 * sites) / 16 % 1, axis=0)
    sites *= torus.period
    weights = (
        rng.choice([0, 1, 10, 100]) * np.prod(torus.period) / len(sites) * rng.random(len(sites))
    )
    wave = np.cos(2 * np.pi * (sites / torus.period).sum(axis=1))
    return torus, sites, weights + rng.choice([0, 0.5]) * torus.period.min() ** 2 * wave


def _moments(diagram: PeriodicDiagram, torus: Torus) -> tuple[np.ndarray, np.ndarray]:
    kernel = Box(torus.box, periodic=True).kernel(Frame(np.zeros(2), np.ones(2)))
    masses, centroids, _ = kernel.moments(diagram)
    return masses, np.nan_to_num(centroids / torus.period)


@pytest.mark.parametrize("seed", range(24))
def test_few_copies_are_enough(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torus, sites, weights = _problem(seed)
    few = PeriodicBuilder(sites, torus).build(weights)
    monkeypatch.setattr(periodic_diagrams, "_FEW_SITES", len(sites))
    every = PeriodicBuilder(sites, torus).build(weights)
    assert len(few.copies.positions) <= len(every.copies.positions)
    np.testing.assert_array_equal(few.hidden_sites, every.hidden_sites)
    for one, other in zip(_moments(few, torus), _moments(every, torus), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-13)


@pytest.mark.parametrize("seed", range(6))
def test_an_update_finds_the_copies_that_a_new_diagram_needs(seed: int) -> None:
    torus, sites, _ = _problem(3 * seed)
    wave = np.cos(2 * np.pi * (sites / torus.period).sum(axis=1))
    weights = 0.01 * torus.period.min() ** 2 * wave
    builder, zero = PeriodicBuilder(sites, torus), np.zeros(len(sites))
    builder.build(zero)
    for share in (0.25, 0.5, 1.0):
        found = builder.update(share * weights, zero)
        if found is None:
            found = builder.build(share * weights)
    expected = PeriodicBuilder(sites, torus).build(weights)
    for one, other in zip(_moments(found, torus), _moments(expected, torus), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


def test_threads_change_no_bits() -> None:
    torus, sites, weights = _problem(0)
    one, four = (PeriodicBuilder(sites, torus, Execution(t)).build(weights) for t in (1, 4))
    np.testing.assert_array_equal(one.vertices, four.vertices)
    np.testing.assert_array_equal(one.edge_sites, four.edge_sites)


def test_wrapping() -> None:
    torus = Torus(np.array([-1.0, 2.0]), np.array([2.0, 0.5]))
    points = np.array([[-1.0, 2.0], [1.0, 2.5], [0.3, 2.1], [4.3, -0.4], [-1 - 1e-20, 2.0]])
    places, turns = torus.wrapped(points)
    np.testing.assert_array_equal(turns[:4], [[0, 0], [1, 1], [0, 0], [2, -5]])
    np.testing.assert_array_equal(places[:3], [[-1, 2], [-1, 2], [0.3, 2.1]])
    np.testing.assert_allclose(places[3], [0.3, 2.1], rtol=1e-15)
    assert ((places >= torus.low) & (places < torus.low + torus.period)).all()
