"""Signs of piecewise polynomials by their Bernstein coefficients."""

from __future__ import annotations

import numpy as np
import pytest

from sdot.distributions.bernstein import find_negative_pixel


def _pixel(coefficients: list[list[float]]) -> np.ndarray:
    return np.array(coefficients, dtype=np.float64)[None, None]


@pytest.mark.parametrize("depth", [1.0, 1e-2, 1e-4, 1e-6])
def test_an_interior_dip_is_found_though_all_corners_are_positive(depth: float) -> None:
    # (s - 1/3)**2 + (t - 2/3)**2 - depth
    dip = _pixel([[5 / 9 - depth, -4 / 3, 1], [-2 / 3, 0, 0], [1, 0, 0]])
    assert find_negative_pixel(dip) == (0, 0)


def test_a_square_that_touches_zero_inside_is_not_negative() -> None:
    assert find_negative_pixel(_pixel([[0, 0, 1], [0, -2, 0], [1, 0, 0]])) is None
    assert find_negative_pixel(_pixel([[0.25, -1, 1], [0, 0, 0], [0, 0, 0]])) is None


@pytest.mark.parametrize("degree", range(6))
def test_random_polynomials_agree_with_dense_sampling(degree: int) -> None:
    rng = np.random.default_rng(degree)
    t = np.linspace(0, 1, 101)
    powers = t[:, None] ** np.arange(degree + 1)
    signs = set()
    for _ in range(30):
        coefficients = rng.uniform(-1, 1, (1, 1, degree + 1, degree + 1))
        smallest = (powers @ coefficients[0, 0] @ powers.T).min()
        coefficients[0, 0, 0, 0] += rng.uniform(0, 1) - smallest * (rng.random() < 0.5)
        smallest = (powers @ coefficients[0, 0] @ powers.T).min()
        if abs(smallest) < 1e-2:
            continue  # too close to zero for the samples to tell
        signs.add(smallest < 0)
        assert (find_negative_pixel(coefficients) == (0, 0)) == (smallest < 0)
    assert signs == {True, False}


def test_the_pixel_is_named() -> None:
    coefficients = np.ones((4, 5, 2, 2))
    assert find_negative_pixel(coefficients) is None
    coefficients[2, 3] = [[1, 0], [0, -3]]
    assert find_negative_pixel(coefficients) == (2, 3)


def test_rounding_below_zero_is_forgiven() -> None:
    values = np.ones((3, 3, 1, 1))
    values[1, 1] = -1e-16
    assert find_negative_pixel(values) is None
