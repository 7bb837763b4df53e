"""Signs of piecewise polynomials: by Bernstein coefficients, and along curves of double roots."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from sdot.distributions.bernstein import change_basis, monomial_to_bernstein
from sdot.distributions.nonnegativity import find_negative_pixel
from sdot.distributions.valleys import valley_bounds


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


def _square(factor: np.ndarray) -> np.ndarray:
    """The square of polynomials (nx, ny, k + 1, k + 1)."""
    k = factor.shape[2]
    product = np.zeros((*factor.shape[:2], 2 * k - 1, 2 * k - 1))
    for p in range(k):
        for q in range(k):
            product[:, :, p : p + k, q : q + k] += factor[:, :, p, q][..., None, None] * factor
    return product


CURVES = {
    "a diagonal": [[0, -1.0], [1, 0]],
    "a hyperbola": [[0.2, -0.53], [-0.41, 1]],
    "two lines that cross": [[0.2173, -0.53], [-0.41, 1]],
    "a circle": [[0.3625, -1.1, 1], [-0.8, 0, 0], [1, 0, 0]],
    "a parabola": [[0, -1, 0], [0, 0, 0], [1, 0, 0]],
    "lines that cross twice": [[0, 0, -1], [0, 0, 1], [1, -1, 0]],
}


@pytest.mark.parametrize("curve", CURVES)
def test_a_curve_of_double_roots_is_told_from_one_below_zero(curve: str) -> None:
    # The factor changes sign, so that the least value of its square is zero.
    square = _square(_pixel(CURVES[curve]))
    scale = np.abs(square).max()
    assert find_negative_pixel(square) is None
    for dip in (2e-12, 1e-9, 1e-3):
        lowered = square.copy()
        lowered[..., 0, 0] -= dip * scale
        assert find_negative_pixel(lowered) == (0, 0)


def test_squares_of_random_polynomials_are_not_negative() -> None:
    rng = np.random.default_rng(0)
    for terms in (2, 3, 4):
        squares = _square(rng.normal(size=(8, 8, terms, terms)))
        assert find_negative_pixel(squares) is None
        squares[5, 6, 0, 0] -= 1e-10 * np.abs(squares).max()
        lowest = _sampled_minimum(squares[5, 6])
        assert (find_negative_pixel(squares) == (5, 6)) == (lowest < 0)


def _sampled_minimum(coefficients: np.ndarray) -> float:
    t = np.linspace(0, 1, 401)
    powers = t[:, None] ** np.arange(len(coefficients))
    return float((powers @ coefficients @ powers.T).min())


def test_double_roots_on_every_pixel_take_no_memory() -> None:
    square = np.tile(_square(_pixel([[0, -1.0], [1, 0]])), (48, 48, 1, 1))
    tracemalloc.start()
    assert find_negative_pixel(square) is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e7


def test_few_squares_decide_about_double_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def counted(patches: np.ndarray) -> np.ndarray:
        seen.append(len(patches))
        return valley_bounds(patches)

    monkeypatch.setattr("sdot.distributions.nonnegativity.valley_bounds", counted)
    assert (
        find_negative_pixel(_square(_pixel([[0.3625, -1.1, 1], [-0.8, 0, 0], [1, 0, 0]]))) is None
    )
    assert 10 < sum(seen) < 500  # without valleys some 4 million


def test_valley_bounds_are_below_and_close() -> None:
    # p = (t - v(s))**2 (1 + s) + height has its minimum on the curve t = v(s).
    s, t = (np.linspace(0, 1, 201)[:, None], np.linspace(0, 1, 201))
    for height in (0.0, -0.25, 3.0):
        p = np.pad(_square(_pixel([[-0.5, 1, 0], [0.2, 0, 0], [-0.3, 0, 0]]))[0, 0], (0, 1))
        p[1:] += p[:-1].copy()
        p[0, 0] += height
        values = np.polynomial.polynomial.polyval2d(*np.broadcast_arrays(s, t), p)
        patch = change_basis(p, monomial_to_bernstein(len(p)))
        bound = float(valley_bounds(patch[None])[0])
        assert bound <= values.min() + 1e-14
        assert bound > height - 1e-9
