"""Wrong sites and weights, of Diracs and of diagrams, are refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.problems import random_sites
from support.refusals import refused

from sdot import PowerDiagram, SumOfDiracs, SumOfWeightedDiracs

SITES = random_sites(4)
NOT_FINITE = [np.nan, np.inf, -np.inf]

POSITIONS_OF_A_WRONG_SHAPE = {
    "one coordinate": np.ones((4, 1)),
    "three coordinates": np.ones((4, 3)),
    "flat": np.ones(4),
    "scalar": 1.0,
    "three axes": np.ones((4, 2, 1)),
    "empty": np.empty((0, 2)),
    "empty list": [],
}
POSITIONS_OF_A_WRONG_TYPE = {
    "complex": SITES + 0j,
    "object": np.array([[1, 2], [3, None]], dtype=object),
    "strings": np.array([["a", "b"]]),
    "dates": np.array([["2020-01-01", "2020-01-02"]], dtype="datetime64[D]"),
}
WEIGHTS_OF_A_WRONG_SHAPE = {
    "too few": np.ones(3),
    "too many": np.ones(5),
    "a column": np.ones((4, 1)),
    "one": 1.0,
    "none": [],
}
WEIGHTS_OF_A_WRONG_TYPE = {"complex": np.ones(4) + 0j, "strings": np.array(list("abcd"))}


@pytest.mark.parametrize("make", [SumOfDiracs, PowerDiagram])
class TestOfDiracsAndDiagrams:
    """Both take positions (n, 2) and weights (n,)."""

    @pytest.mark.parametrize(
        "positions", POSITIONS_OF_A_WRONG_SHAPE.values(), ids=POSITIONS_OF_A_WRONG_SHAPE
    )
    def test_shape_of_positions(self, make: Any, positions: Any) -> None:
        with refused(ValueError, "positions", "(n, 2)", str(np.shape(positions))):
            make(positions)

    @pytest.mark.parametrize(
        "positions", POSITIONS_OF_A_WRONG_TYPE.values(), ids=POSITIONS_OF_A_WRONG_TYPE
    )
    def test_type_of_positions(self, make: Any, positions: np.ndarray) -> None:
        with refused(TypeError, "positions", "real numbers", str(positions.dtype)):
            make(positions)

    @pytest.mark.parametrize("value", NOT_FINITE)
    def test_positions_that_are_not_finite(self, make: Any, value: float) -> None:
        positions = SITES.copy()
        positions[3, 1] = value
        with refused(ValueError, "positions", "finite", str(value), "(3, 1)"):
            make(positions)

    @pytest.mark.parametrize("value", NOT_FINITE)
    def test_weights_that_are_not_finite(self, make: Any, value: float) -> None:
        with refused(ValueError, "weights", "finite", str(value), "(2,)"):
            make(SITES, [1, 2, value, 3])

    @pytest.mark.parametrize(
        "weights", WEIGHTS_OF_A_WRONG_SHAPE.values(), ids=WEIGHTS_OF_A_WRONG_SHAPE
    )
    def test_shape_of_weights(self, make: Any, weights: Any) -> None:
        with refused(ValueError, "weights", "(4,)", str(np.shape(weights))):
            make(SITES, weights)

    @pytest.mark.parametrize(
        "weights", WEIGHTS_OF_A_WRONG_TYPE.values(), ids=WEIGHTS_OF_A_WRONG_TYPE
    )
    def test_type_of_weights(self, make: Any, weights: np.ndarray) -> None:
        with refused(TypeError, "weights", "real numbers"):
            make(SITES, weights)


@pytest.mark.parametrize("value", [-1.0, -1e-300])
def test_weights_of_diracs_that_are_negative(value: float) -> None:
    with refused(ValueError, "weights", "nonnegative", str(value), "index 1"):
        SumOfDiracs(SITES, [1, value, 2, 3])


def test_weighted_diracs_without_weights() -> None:
    with refused(TypeError, "weights", "None"):
        SumOfWeightedDiracs(SITES, None)


@pytest.mark.parametrize("mass", [0, -1, np.nan, np.inf])
def test_mass_of_diracs_that_is_not_positive(mass: float) -> None:
    with refused(ValueError, "mass", "positive"):
        SumOfDiracs(SITES, mass=mass)


@pytest.mark.parametrize("mass", [None, "1", 1j, True, [1.0]])
def test_mass_of_diracs_that_is_no_number(mass: Any) -> None:
    with refused(TypeError, "mass"):
        SumOfDiracs(SITES, mass=mass)
