"""Wrong masses, values and images of a polynomial grid are refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.refusals import refused

from sdot import PolynomialGrid

VALUES_OF_A_WRONG_SHAPE = {
    "flat": np.ones(4),
    "scalar": 1.0,
    "four axes": np.ones((2, 2, 1, 1)),
    "empty": np.empty((0, 3)),
    "empty in y": np.empty((3, 0)),
    "no coefficients": np.empty((3, 3, 0)),
    "an empty list": [],
}
VALUES_OF_A_WRONG_TYPE = {
    "complex": np.ones((2, 2)) + 0j,
    "object": np.array([[1, None]], dtype=object),
    "strings": np.array([["a", "b"]]),
}
IMAGES_OF_A_WRONG_SHAPE = {
    "flat": np.ones(3),
    "with alpha": np.ones((3, 3, 4)),
    "of two channels": np.ones((3, 3, 2)),
    "empty": np.ones((0, 3)),
}


@pytest.mark.parametrize("mass", [0, -1, np.nan, np.inf])
def test_mass_that_is_not_positive(mass: float) -> None:
    with refused(ValueError, "mass", "positive"):
        PolynomialGrid([[1.0]], mass=mass)


@pytest.mark.parametrize("mass", ["1", 1j, True])
def test_mass_that_is_no_number(mass: Any) -> None:
    with refused(TypeError, "mass"):
        PolynomialGrid([[1.0]], mass=mass)


class TestValues:
    """``values``, (nx, ny) or (nx, ny, k), are real, finite, nonnegative and not all zero."""

    @pytest.mark.parametrize(
        "values", VALUES_OF_A_WRONG_SHAPE.values(), ids=VALUES_OF_A_WRONG_SHAPE
    )
    def test_shape(self, values: Any) -> None:
        with refused(ValueError, "values", "(nx, ny)", str(np.shape(values))):
            PolynomialGrid(values)

    @pytest.mark.parametrize("count", [2, 3, 5, 8, 10])
    def test_number_of_coefficients(self, count: int) -> None:
        with refused(ValueError, "values", "(k + 1)**2", f"not {count}"):
            PolynomialGrid(np.ones((2, 2, count)))

    @pytest.mark.parametrize("values", VALUES_OF_A_WRONG_TYPE.values(), ids=VALUES_OF_A_WRONG_TYPE)
    def test_type(self, values: np.ndarray) -> None:
        with refused(TypeError, "values", "real numbers"):
            PolynomialGrid(values)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_not_finite(self, value: float) -> None:
        values = np.ones((3, 3))
        values[2, 1] = value
        with refused(ValueError, "values", "finite", str(value), "(2, 1)"):
            PolynomialGrid(values)

    def test_negative(self) -> None:
        values = np.ones((3, 3))
        values[2, 1] = -0.1
        with refused(ValueError, "values", "nonnegative", "(2, 1)"):
            PolynomialGrid(values)

    def test_negative_inside_a_pixel(self) -> None:
        with refused(ValueError, "values", "nonnegative", "(0, 0)"):
            PolynomialGrid([[[0.1, 0, 0, -1, 0, 0, 1, 0, 0]]])

    def test_negative_everywhere(self) -> None:
        with refused(ValueError, "values"):
            PolynomialGrid([[-1.0]])

    @pytest.mark.parametrize("shape", [(3, 3), (3, 3, 4)])
    def test_zero(self, shape: tuple[int, ...]) -> None:
        with refused(ValueError, "values", "zero"):
            PolynomialGrid(np.zeros(shape))


class TestImages:
    """``from_image`` takes grey values or colours."""

    @pytest.mark.parametrize("image", IMAGES_OF_A_WRONG_SHAPE.values(), ids=IMAGES_OF_A_WRONG_SHAPE)
    def test_shape(self, image: np.ndarray) -> None:
        with refused(ValueError, "array", "(height, width)", str(image.shape)):
            PolynomialGrid.from_image(image)

    def test_type(self) -> None:
        with refused(TypeError, "array", "real numbers"):
            PolynomialGrid.from_image(np.array([["a"]]))

    def test_not_finite(self) -> None:
        with refused(ValueError, "array", "finite"):
            PolynomialGrid.from_image([[np.nan]])

    def test_white_paper(self) -> None:
        with refused(ValueError):
            PolynomialGrid.from_image(np.ones((2, 2)), invert=True)

    def test_inverted_and_brighter_than_white(self) -> None:
        with refused(ValueError, "array", "invert"):
            PolynomialGrid.from_image([[0.5, 7.0]], invert=True)
