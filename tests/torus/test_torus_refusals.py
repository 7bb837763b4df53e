"""What is refused on a torus."""

from __future__ import annotations

from typing import Any

import pytest
from support.faces import Face
from support.refusals import refused
from support.torus import TORUS

from sdot import (
    Box,
    PolynomialGrid,
    PowerDiagram,
    SumOfDensities,
    distance_bounds,
)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Box(periodic=1), TypeError, "periodic: expected True or False, not 1"),
        (lambda: distance_bounds(TORUS, TORUS), ValueError, "not a periodic one"),
        (lambda: TORUS + Box(), ValueError, "expected all of them periodic, on the same domain"),
        (
            lambda: SumOfDensities([TORUS, Box(((0, 0), (2, 1)), periodic=True)]),
            ValueError,
            "on the same domain",
        ),
        (
            lambda: PowerDiagram([[0, 0]], period=(1, 0)),
            ValueError,
            "period: expected two positive",
        ),
        (lambda: PowerDiagram([[0, 0]], period=1), ValueError, "period: expected two"),
        (
            lambda: PowerDiagram([[0, 0]], domain=((0, 0), (2, 1)), period=(1, 1)),
            ValueError,
            "domain: expected a box whose sides are the period",
        ),
        (lambda: PowerDiagram([[0, 0]], period=(1, 1)).cells, ValueError, "use parts"),
        (
            lambda: PowerDiagram([[0, 0]], period=(1, 1)).clip(((0, 0), (0.5, 1))),
            ValueError,
            "not on a torus",
        ),
        (
            lambda: PowerDiagram([[0, 0]], period=(1, 1)).moments(Box()),
            ValueError,
            "density: expected one that is periodic",
        ),
        (
            lambda: PowerDiagram([[0, 0]]).moments(TORUS),
            ValueError,
            "density: expected one that is periodic",
        ),
    ],
)
def test_what_is_not_meant_is_refused(make: Any, error: type[Exception], message: str) -> None:
    with refused(error, message):
        make()


def test_a_domain_that_moves_is_refused(autodiff: Face) -> None:
    domain = autodiff.array([[0.0, 0.0], [1.0, 1.0]])
    with refused(ValueError, "domain", "not differentiated with respect to the period"):
        PolynomialGrid([[1.0]], domain, periodic=True)
