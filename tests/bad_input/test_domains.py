"""Wrong domains, of grids and of diagrams, and wrong knots are refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.problems import random_sites
from support.refusals import refused

from sdot import PolynomialGrid, PowerDiagram

EVEN = np.linspace(0, 1, 4)

BOXES_WITHOUT_AREA = {
    "no width": ((0, 0), (0, 1)),
    "no height": ((0, 1), (1, 1)),
    "a point": ((1, 1), (1, 1)),
    "reversed": ((1, 1), (0, 0)),
    "half reversed": ((0, 1), (1, 0)),
}
DOMAINS_OF_A_WRONG_SHAPE = {
    "flat": (0, 0, 1, 1),
    "one corner": ((0, 0),),
    "3d": np.ones((2, 3)),
}
POLYGONS = {
    "clockwise": ([[0, 0], [0, 1], [1, 0]], "counter-clockwise"),
    "not convex": ([[0, 0], [1, 0], [0.1, 0.1], [0, 1]], "convex"),
    "pentagram": (
        [[np.cos(4 * np.pi * k / 5), np.sin(4 * np.pi * k / 5)] for k in range(5)],
        "convex",
    ),
    "degenerate": ([[0, 0], [1, 1], [2, 2]], "area"),
}
KNOTS_NOT_INCREASING = {
    "unsorted": [0.0, 0.7, 0.3, 1.0],
    "repeated": [0.0, 0.5, 0.5, 1.0],
    "decreasing": [1.0, 0.6, 0.3, 0.0],
}


def _density(domain: Any) -> PolynomialGrid:
    return PolynomialGrid([[1.0]], domain=domain)


def _diagram(domain: Any) -> PowerDiagram:
    return PowerDiagram(random_sites(4), domain=domain)


@pytest.mark.parametrize("make", [_density, _diagram], ids=["density", "diagram"])
class TestBoxes:
    """Both take ``((x_min, y_min), (x_max, y_max))``."""

    @pytest.mark.parametrize("domain", BOXES_WITHOUT_AREA.values(), ids=BOXES_WITHOUT_AREA)
    def test_without_area(self, make: Any, domain: Any) -> None:
        with refused(ValueError, "domain", "x_min < x_max"):
            make(domain)

    @pytest.mark.parametrize(
        "domain", DOMAINS_OF_A_WRONG_SHAPE.values(), ids=DOMAINS_OF_A_WRONG_SHAPE
    )
    def test_shape(self, make: Any, domain: Any) -> None:
        with refused(ValueError, "domain", "((x_min, y_min), (x_max, y_max))"):
            make(domain)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_not_finite(self, make: Any, value: float) -> None:
        with refused(ValueError, "domain", "finite"):
            make(((0, 0), (1, value)))


@pytest.mark.parametrize(("domain", "expected"), POLYGONS.values(), ids=POLYGONS)
def test_polygons(domain: Any, expected: str) -> None:
    with refused(ValueError, "domain", expected):
        _diagram(domain)


class TestKnots:
    """``knots`` are the increasing grid lines along x and along y."""

    @pytest.mark.parametrize("axis", range(2))
    @pytest.mark.parametrize("lines", KNOTS_NOT_INCREASING.values(), ids=KNOTS_NOT_INCREASING)
    def test_not_increasing(self, lines: list[float], axis: int) -> None:
        knots = (lines, EVEN) if axis == 0 else (EVEN, lines)
        with refused(ValueError, f"knots[{axis}]", "increasing"):
            PolynomialGrid(np.ones((3, 3)), knots=knots)

    @pytest.mark.parametrize("count", [0, 3, 5])
    def test_number(self, count: int) -> None:
        with refused(ValueError, "knots[1]", "4 grid lines", f"({count},)"):
            PolynomialGrid(np.ones((3, 3)), knots=(EVEN, np.arange(float(count))))

    def test_not_finite(self) -> None:
        with refused(ValueError, "knots[0]", "finite"):
            PolynomialGrid(np.ones((3, 1)), knots=([0, 0.1, np.nan, 1], [0, 1]))

    def test_type(self) -> None:
        with refused(TypeError, "knots[0]"):
            PolynomialGrid(np.ones((1, 1)), knots=(np.array(["a", "b"]), [0, 1]))

    def test_along_one_axis_only(self) -> None:
        with refused(ValueError, "knots", "(x_lines, y_lines)"):
            PolynomialGrid(np.ones((3, 3)), knots=(EVEN,))

    def test_a_number(self) -> None:
        with refused(TypeError, "knots", "(x_lines, y_lines)"):
            PolynomialGrid(np.ones((3, 3)), knots=3)

    def test_and_a_domain(self) -> None:
        with refused(ValueError, "knots", "domain"):
            PolynomialGrid([[1.0]], domain=((0, 0), (1, 1)), knots=([0, 1], [0, 1]))
