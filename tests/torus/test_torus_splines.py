"""Splines on a torus."""

from __future__ import annotations

import numpy as np
import pytest
from support.problems import random_image, random_sites
from support.refusals import refused

from sdot import (
    SplineGrid,
)


@pytest.mark.parametrize("continuity", [0, 1, 2])
@pytest.mark.parametrize("negative", ["limit", "raise", "clip"])
def test_periodic_splines(continuity: int, negative: str) -> None:
    """As the spline through many copies of the values, wherever the values begin."""
    values, points = random_image(3, (5, 4)) + 0.3, random_sites(50)
    density = SplineGrid(values, continuity, mass=None, negative=negative, periodic=True)
    tiled = np.tile(values, (21, 21))
    tiled = np.pad(tiled, ((0, 1), (0, 1)), mode="wrap")
    around = SplineGrid(tiled, continuity, ((-10, -10), (11, 11)), mass=None, negative=negative)
    np.testing.assert_allclose(density.evaluate(points), around.evaluate(points), atol=1e-12)
    rolled = np.roll(values, (2, 1), (0, 1))
    moved = SplineGrid(rolled, continuity, mass=None, negative=negative, periodic=True)
    found = moved.evaluate(points + np.array([2 / 5, 1 / 4]))
    np.testing.assert_allclose(found, density.evaluate(points), atol=1e-12)
    assert density.grid.values.shape[:2] == values.shape


def test_periodic_splines_are_limited_across_the_sides() -> None:
    values = np.zeros((6, 6))
    values[0, 0] = 1.0
    density = SplineGrid(values, periodic=True)
    assert density.limited_nodes[5, 0] and density.limited_nodes[0, 5]
    moved = SplineGrid(np.roll(values, (3, 3), (0, 1)), periodic=True)
    np.testing.assert_array_equal(moved.limited_nodes, np.roll(density.limited_nodes, 3, (0, 1)))


def test_negative_nodes_are_named_as_they_were_given() -> None:
    values = np.ones((3, 4))
    values[1, 2] = -1.0
    with refused(ValueError, "at the node (1, 2)"):
        SplineGrid(values, periodic=True)
    spike = np.zeros((5, 5))
    spike[4, 4] = 1.0
    with refused(ValueError, "below zero between the nodes (0, 3) and (1, 4)"):
        SplineGrid(spike, 1, negative="raise", periodic=True)
