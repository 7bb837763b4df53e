"""`quantize` comes close to the best energies that are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support.faces import Face
from support.problems import gmm_image, random_image, star, uniform
from support.refusals import refused

from sdot import (
    Box,
    ConvergenceError,
    Polygon,
    PolynomialGrid,
    SumOfDiracs,
    SumOfGaussians,
    distance,
    quantize,
)

# The energy of hexagons of area one (L. Fejes Toth).
HEXAGONAL = 5 / (18 * math.sqrt(3))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("masses", ["equal", "free"])
def test_the_uniform_density_within_three_percent_of_hexagons(masses: Any, seed: int) -> None:
    points = quantize(uniform(), 2000, masses=masses, seed=seed)
    ratio = 2000 * distance(points, uniform()) / HEXAGONAL
    assert 1 < ratio < 1.03


def test_a_lower_tolerance_is_better() -> None:
    loose, fine = (distance(quantize(uniform(), 300, tol=tol), uniform()) for tol in (5e-2, 1e-4))
    assert fine < loose


def test_zador_for_a_gaussian() -> None:
    """n W2^2 tends to the hexagonal constant times (integral of sqrt(rho))^2 = 8 pi."""
    density = SumOfGaussians([[0.0, 0.0]], [1.0])
    ratios = [
        n * float(distance(quantize(density, n, masses="free"), density)) / (HEXAGONAL * 8 * np.pi)
        for n in (100, 1600)
    ]
    assert abs(ratios[1] - 1) < 0.04
    assert abs(ratios[1] - 1) < abs(ratios[0] - 1)


def test_free_masses_are_better_than_equal_ones() -> None:
    density = PolynomialGrid(gmm_image(32))
    free, equal = (
        distance(quantize(density, 100, masses=kind, tol=1e-3), density)
        for kind in ("free", "equal")
    )
    assert free < equal


def test_equal_masses_have_no_weights() -> None:
    points = quantize(Box(mass=3), 7)
    assert points.weights is None
    assert points.mass == 3
    assert len(points) == 7


def test_one_point_is_the_mean() -> None:
    for masses in ("equal", "free"):
        points = quantize(Box(((0, 0), (2, 1))), 1, masses=masses)  # type: ignore[arg-type]
        np.testing.assert_allclose(points.positions, [[1.0, 0.5]], atol=1e-9)


def test_a_star() -> None:
    points = quantize(Polygon(star()), 200, masses="free")
    np.testing.assert_allclose(points.numpy_weights.sum(), points.mass)  # type: ignore[union-attr]


def test_the_seed_decides() -> None:
    density = PolynomialGrid(random_image())
    first, again, other = (quantize(density, 20, seed=seed).positions for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    generator = np.random.default_rng(3)
    np.testing.assert_array_equal(first, quantize(density, 20, seed=generator).positions)
    assert not np.array_equal(first, quantize(density, 20, seed=generator).positions)


def test_every_framework(face: Face) -> None:
    for dtype in ("float32", "float64"):
        points = quantize(PolynomialGrid(face.array(random_image(), dtype)), 5)
        assert isinstance(points, SumOfDiracs)
        assert face.owns(points.positions)
        assert face.dtype_name(points.positions) == dtype


def test_what_has_not_converged_is_attached() -> None:
    with pytest.raises(ConvergenceError) as caught:
        quantize(uniform(), 50, tol=1e-9, max_iterations=2)
    assert caught.value.result is not None


@pytest.mark.parametrize("n", [0, -1, 1.5, None, True])
def test_numbers_of_points(n: Any) -> None:
    with refused((TypeError, ValueError), "n: expected"):
        quantize(uniform(), n)


def test_other_bad_arguments() -> None:
    with refused(TypeError, "density"):
        quantize([[1.0]], 3)
    with refused(ValueError, "masses", "equal", "free"):
        quantize(uniform(), 3, masses="fixed")  # type: ignore[call-overload]
    with pytest.raises((TypeError, ValueError)):
        quantize(uniform(), 3, seed="one")  # type: ignore[call-overload]


def test_parts_that_are_far_apart() -> None:
    """A little mass in the wrong part costs more than all the rest: coarse masses will not do."""
    density = SumOfGaussians([[0.0, 0.0], [3e3, 0.0]], [1.0, 0.5])
    points = quantize(density, 50)
    assert (np.asarray(points.positions)[:, 0] > 1500).sum() == 25
    assert distance(points, density) < 0.13
