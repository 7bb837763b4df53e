"""Pictures of very many pixels: few copies of them, and results as of small ones."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from support.problems import random_coefficients, random_image, random_sites

from sdot import PolynomialGrid, SumOfDiracs, optimal_transport_plan
from sdot.distributions import grid_arguments


@pytest.fixture
def no_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have arrays of more than 40 numbers taken as large."""
    monkeypatch.setattr(grid_arguments, "_LARGE", 40)


def _made(density: PolynomialGrid) -> list[Any]:
    plan = optimal_transport_plan(SumOfDiracs(random_sites(30), mass=density.total_mass), density)
    return [
        density.coefficients,
        density.degree,
        density.total_mass,
        density.evaluate(random_sites(50)),
        density.sample(20, 0),
        plan.distance,
        plan.potentials,
        plan.barycenters,
        density.essential_box(0.0),
    ]


def _with_empty_sides() -> Any:
    image = np.zeros((12, 20))
    image[2:7, 3:15] = random_image(0, (5, 12))
    return image


DENSITIES = {
    "image": lambda: PolynomialGrid(random_image(0, (30, 20)), ((0, 0), (3, 2))),
    "empty sides": lambda: PolynomialGrid(_with_empty_sides()),
    "degree 2": lambda: PolynomialGrid(
        random_coefficients(np.random.default_rng(0), (9, 7), 2).reshape(9, 7, 9), mass=None
    ),
    "integers": lambda: PolynomialGrid([[k * j for k in range(9)] for j in range(8)], mass=3.0),
    "grey": lambda: PolynomialGrid.from_image(
        (255 * random_image(0, (30, 20)) / 2).astype(np.uint8), invert=True
    ),
    "colours": lambda: PolynomialGrid.from_image(
        (255 * random_image(0, (30, 60)) / 2).astype(np.uint8).reshape(30, 20, 3)
    ),
}


@pytest.mark.parametrize("kind", DENSITIES)
def test_results_are_those_of_arrays_in_one_piece(
    kind: str, request: pytest.FixtureRequest
) -> None:
    expected = _made(DENSITIES[kind]())
    request.getfixturevalue("no_copies")
    for found, wanted in zip(_made(DENSITIES[kind]()), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.usefixtures("no_copies")
def test_negative_pixels_are_found() -> None:
    image = random_image(0, (30, 20))
    image[17, 3] = image[20, 4] = -1e-3
    with pytest.raises(ValueError, match=r"\(17, 3\)"):
        PolynomialGrid(image)


@pytest.mark.usefixtures("no_copies")
def test_a_picture_and_its_solve_take_little_more_than_three_copies() -> None:
    pixels = 700 * 600
    picture = np.random.default_rng(0).integers(0, 255, (600, 700, 3), dtype=np.uint8)
    sites = SumOfDiracs(random_sites(10))
    tracemalloc.start()
    try:
        density = PolynomialGrid.from_image(picture, invert=True)
        _, made = tracemalloc.get_traced_memory()
        optimal_transport_plan(sites, density, tol=1e-3)
        kept, solved = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    copy = 8 * pixels
    assert made < 2.5 * copy
    assert solved < 3.6 * copy
    assert kept < 3.2 * copy


def test_values_of_a_picture_cannot_be_changed() -> None:
    values = PolynomialGrid.from_image(np.eye(3)).values
    assert not values.flags.writeable
    assert all(stride > 0 for stride in values.strides)
