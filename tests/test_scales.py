"""Problems in other units, from 1e-300 to 1e300: the same in those units, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from support.problems import random_image, random_sites

from sdot import (
    Box,
    Mesh,
    OtPlan,
    Polygon,
    PolynomialGrid,
    PowerDiagram,
    SplineGrid,
    SumOfDiracs,
    SumOfGaussians,
    optimal_transport_plan,
)
from sdot.distributions.density import Density

EXPONENTS = [-323, -300, -200, -160, -150, -120, -80, -74, -30, -3, 3, 30, 74, 80, 120, 154, 300]
SITES = random_sites(15)
MASSES = np.random.default_rng(3).uniform(0.5, 2, 15)
WITHIN = range(-74, 75)


def _square(scale: float) -> list[list[float]]:
    return [[0, 0], [scale, 0], [scale, scale], [0, scale]]


MAKERS = {
    "Box": lambda s: Box(((0, 0), (s, s))),
    "PolynomialGrid": lambda s: PolynomialGrid(random_image(), domain=((0, 0), (s, s))),
    "SplineGrid": lambda s: SplineGrid(1 + random_image()[:6, :5], domain=((0, 0), (s, s))),
    "Polygon": lambda s: Polygon([[0, 0], [s, 0], [s, s], [0.5 * s, 0.2 * s], [0, s]]),
    "Mesh": lambda s: Mesh(_square(s), [[0, 1, 2], [0, 2, 3]], [1.0, 2.0, 1.0, 3.0]),
    "SumOfGaussians": lambda s: SumOfGaussians(s * SITES[:3], s * s * np.array([0.1, 0.3, 1])),
    "cut mixture": lambda s: SumOfGaussians([[s / 2, s / 2]], [s * s], domain=_square(s)),
    "sum": lambda s: 0.25 * Box(((0, 0), (s, s))) + 0.75 * Box(((s / 2, 0), (2 * s, s))),
}


def _plan(sites: np.ndarray, masses: np.ndarray, density: Density) -> OtPlan:
    return optimal_transport_plan(SumOfDiracs(sites, masses), density)


def _assert_same(found: OtPlan, expected: OtPlan, length: float, mass: float = 1.0) -> None:
    assert found.status.converged
    value = expected.distance * mass * length * length
    assert np.isfinite(found.distance)
    assert found.distance == pytest.approx(value, rel=1e-12, abs=0)
    bound = expected.error_bound * mass * length * length
    assert found.error_bound == pytest.approx(bound, rel=0.5, abs=1e-12 * value)
    barycenters = expected.barycenters * length
    np.testing.assert_allclose(found.barycenters, barycenters, rtol=1e-9, atol=1e-9 * length)
    np.testing.assert_allclose(found.cell_masses, expected.cell_masses * mass, rtol=1e-7)
    potentials = expected.potentials * length**2
    np.testing.assert_allclose(found.potentials, potentials, rtol=0, atol=1e-7 * length**2)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("exponent", EXPONENTS)
@pytest.mark.parametrize("name", MAKERS)
def test_lengths(name: str, exponent: int) -> None:
    scale = 10.0**exponent
    if exponent not in WITHIN:
        with pytest.raises(ValueError, match=r"scale|underflow|variances|area|finite"):
            _plan(scale * SITES, MASSES, MAKERS[name](scale))
        with pytest.raises(ValueError, match=r"scale|variances|area|positive|finite"):
            MAKERS[name](scale)
        return
    expected = _plan(SITES, MASSES, MAKERS[name](1.0))
    _assert_same(_plan(scale * SITES, MASSES, MAKERS[name](scale)), expected, scale)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_sites_alone(exponent: int) -> None:
    # Far smaller than the domain, or far larger: all cells have the mass they should have.
    scale = 10.0**exponent
    if exponent not in WITHIN:
        with pytest.raises(ValueError, match=r"positions: .*rescale"):
            SumOfDiracs(scale * SITES)
        return
    plan = _plan(scale * SITES, MASSES, Box(((0, 0), (1, 1))))
    masses = MASSES / MASSES.sum()
    np.testing.assert_allclose(plan.cell_masses, masses, rtol=1e-8)
    assert 0 < plan.distance < np.inf
    # Only products with the sites decide on the cells, so that scaled sites have the same.
    if exponent < -10:
        smaller = _plan(
            1e-3 * scale * SITES if exponent > -70 else SITES * scale * 1e3,
            MASSES,
            Box(((0, 0), (1, 1))),
        )
        np.testing.assert_allclose(smaller.barycenters, plan.barycenters, atol=1e-7)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_masses_weights_and_values(exponent: int) -> None:
    scale = 10.0**exponent
    expected = _plan(SITES, MASSES, PolynomialGrid(random_image()))
    if not -150 <= exponent <= 150:
        with pytest.raises(ValueError, match=r"weights: .*scale"):
            SumOfDiracs(SITES, scale * MASSES)
        with pytest.raises(ValueError, match=r"mass: .*scale"):
            SumOfDiracs(SITES, mass=scale)
        with pytest.raises(ValueError, match=r"mass: .*scale"):
            PolynomialGrid(random_image(), mass=scale)
        with pytest.raises(ValueError, match=r"values: .*scale"):
            PolynomialGrid(scale * random_image())
        with pytest.raises(ValueError, match=r"values: .*scale"):
            SplineGrid(scale * (1 + random_image()[:6, :5]))
        with pytest.raises(ValueError, match=r"factor: .*scale"):
            scale * Box(((0, 0), (1, 1)))
        return
    if exponent > -150:
        scaled = PolynomialGrid(scale * random_image())
        _assert_same(_plan(SITES, scale * MASSES, scaled), expected, 1.0)
    density = PolynomialGrid(random_image(), mass=scale)
    heavy = optimal_transport_plan(SumOfDiracs(SITES, MASSES, mass=scale), density)
    _assert_same(heavy, expected, 1.0, mass=scale)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_power_diagrams(exponent: int) -> None:
    scale = 10.0**exponent
    domain, weights = np.array([[0.0, 0.0], [1.0, 1.0]]), 0.01 * MASSES
    if exponent not in WITHIN:
        with pytest.raises(ValueError, match="rescale"):
            PowerDiagram(scale * SITES)
        with pytest.raises(ValueError, match=r"scale|area"):
            PowerDiagram(SITES, domain=scale * domain)
        return
    expected = PowerDiagram(SITES, weights, domain)
    found = PowerDiagram(scale * SITES, scale**2 * weights, scale * domain)
    np.testing.assert_allclose(found.areas, scale**2 * expected.areas, rtol=1e-12)
    np.testing.assert_allclose(found.centroids, scale * expected.centroids, rtol=1e-12)
    assert found.areas.sum() == pytest.approx(scale**2, rel=1e-12)
    np.testing.assert_array_equal(found.edges, expected.edges)


def test_what_is_next_to_nothing_beside_the_rest() -> None:
    weights = np.array([1.0, 1e-300, 1.0])
    with pytest.raises(ValueError, match=r"weights: .*1e-290 times"):
        SumOfDiracs(SITES[:3], weights)
    # Tails of a sampled Gaussian are no numbers to refuse.
    x = np.linspace(-30, 30, 61)
    density = PolynomialGrid(np.exp(-0.5 * (x[:, None] ** 2 + x**2)))
    assert _plan(SITES, MASSES, density).status.converged


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("weight", [1e-74, 1.0])
def test_components_of_any_ratio_of_sizes(weight: float) -> None:
    density = SumOfGaussians([[0, 0], [0, 0]], [1e-150, 1e150], weights=[weight, 1.0])
    plan = optimal_transport_plan(SumOfDiracs([[0.0, 0.0]]), density)
    exact = 2 * (1e150 + weight * 1e-150) / (1 + weight)
    assert plan.distance == pytest.approx(exact, rel=1e-12)


def test_points_too_far_to_evaluate() -> None:
    with pytest.raises(ValueError, match=r"points: .*rescale"):
        SumOfGaussians([[0, 0]], [1.0]).evaluate([[1e300, 0]])


@pytest.mark.parametrize("name", ["positions", "weights", "values"])
def test_structured_arrays(name: str) -> None:
    records = np.ones((3, 2), dtype=[("x", "f8")])
    with pytest.raises(TypeError, match=name):
        if name == "positions":
            SumOfDiracs(records)
        elif name == "weights":
            SumOfDiracs(np.eye(3)[:, :2], records[:, 0])
        else:
            PolynomialGrid(records)
