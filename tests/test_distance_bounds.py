"""W2^2 between two densities lies within the bounds of `distance_bounds`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from support.densities import DENSITIES
from support.faces import Face
from support.problems import random_image, star
from support.refusals import refused

from sdot import (
    Box,
    Mesh,
    Polygon,
    PolynomialGrid,
    PowerDiagram,
    SumOfDiracs,
    SumOfGaussians,
    distance_bounds,
    driver,
    optimal_transport_plan,
)
from sdot.distributions.density import Density
from sdot.execution import SERIAL
from sdot.quantisation.density_bounds import GluedBounds, glued_bounds
from sdot.quantisation.partition import partition_of, whole


def bures(first: np.ndarray, second: np.ndarray) -> float:
    """W2^2 of centred normal laws."""
    cross = scipy.linalg.sqrtm(scipy.linalg.sqrtm(first) @ second @ scipy.linalg.sqrtm(first))
    return float(np.trace(first + second - 2 * cross.real))


@pytest.mark.parametrize(
    ("sites", "lower", "upper"),
    [(100, 0.0985, 0.1034), (400, 0.0996, 0.1009), (1600, 0.0999, 0.1003)],
)
def test_a_square_that_is_moved(sites: int, lower: float, upper: float) -> None:
    """The figures with which the bounds were proposed; the gap falls as 1/n."""
    found = distance_bounds(Box(), Box(((0.3, 0.1), (1.3, 1.1))), sites=sites)
    assert lower < found.lower < 0.1 < found.upper < upper
    assert found.estimate == 0.5 * (found.lower + found.upper)
    assert 0.4 < sites * (found.upper - found.lower) < 0.5


def image(seed: int, corner: Any = (0.0, 0.0), side: Any = (1.0, 1.0)) -> PolynomialGrid:
    low = np.asarray(corner)
    return PolynomialGrid(random_image(seed), domain=(low, low + side), mass=2.0)


MOVES = [(0.0, 0.0), (0.3, -0.1), (40.0, 3.0), (1e5, -1e6)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("move", MOVES)
def test_translations(move: Any, seed: int) -> None:
    f, g = image(seed), image(seed, move)
    found = distance_bounds(f, g, sites=60, quantised="both")
    truth = 2 * (move[0] ** 2 + move[1] ** 2)
    assert found.lower <= truth <= found.upper
    assert found.upper - found.lower < 0.02 + 1e-13 * truth


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("factor", [(1.0, 3.0), (2.0, 0.5), (1e-3, 1e-3), (50.0, 1.0)])
def test_scalings(factor: Any, seed: int) -> None:
    """x -> (a x, b y) is the gradient of a convex function."""
    f, g = image(seed), image(seed, side=factor)
    second = whole(f, SERIAL)
    a, b = np.asarray(factor) - 1
    raw = second.second_moments + 2 * np.outer(second.mean, second.mean)
    truth = a * a * raw[0, 0] + b * b * raw[1, 1]
    found = distance_bounds(f, g, sites=60, quantised=("first", "second")[seed % 2])  # type: ignore[arg-type]
    assert found.lower <= truth <= found.upper
    assert found.upper - found.lower < 0.05 * max(1, *factor)


@pytest.mark.parametrize("seed", range(6))
def test_gaussians_against_bures(seed: int) -> None:
    rng = np.random.default_rng(seed)
    means, roots = rng.normal(size=(2, 2)), rng.normal(size=(2, 2, 2))
    covs = roots @ roots.transpose(0, 2, 1) + 0.05 * np.eye(2)
    f, g = (SumOfGaussians(means[[k]], covs[[k]]) for k in range(2))
    truth = float(((means[0] - means[1]) ** 2).sum()) + bures(*covs)
    found = distance_bounds(f, g, sites=300)
    assert found.lower <= truth <= found.upper
    np.testing.assert_allclose(found.lower, truth, rtol=1e-10)
    assert found.upper - truth < 0.05 * np.trace(covs.sum(axis=0))


@pytest.mark.parametrize("kind", DENSITIES)
def test_a_density_and_itself(kind: str) -> None:
    """Also where the domain is not convex, or the plane."""
    density = DENSITIES[kind](np.random.default_rng(0))
    found = distance_bounds(density, density, sites=40)
    assert found.lower <= 0 <= found.upper
    assert found.upper < 0.1 * float(np.trace(whole(density, SERIAL).second_moments))


def test_a_star_is_moved() -> None:
    """Its domain is not convex; duality on the convex hull."""
    corners = star()
    f, g = Polygon(corners), Polygon(corners + np.array([0.5, 0.0]))
    found = distance_bounds(f, g, sites=400)
    assert found.lower <= 0.25 <= found.upper
    assert found.upper - found.lower < 0.02


def test_one_site() -> None:
    """All in one place: the variances, and what the domain's corners know."""
    found = distance_bounds(Box(), Box(((2, 0), (3, 1))), sites=1)
    np.testing.assert_allclose(found.upper, 4 + 1 / 3)
    assert found.lower <= 4


def test_the_other_way_round() -> None:
    f, g = image(1), image(2, (1, 1), (2, 1))
    first, second, both, swapped = (
        distance_bounds(f, g, sites=100, quantised="first"),
        distance_bounds(f, g, sites=100, quantised="second"),
        distance_bounds(f, g, sites=100, quantised="both"),
        distance_bounds(g, f, sites=100, quantised="first"),
    )
    np.testing.assert_array_equal(second, swapped)
    assert both.lower == max(first.lower, second.lower)
    assert both.upper == min(first.upper, second.upper)


def test_the_density_with_a_bounded_domain_is_not_quantised() -> None:
    f, g = Box(), SumOfGaussians([[0.5, 0.5]], [0.1])
    for pair in ((f, g), (g, f)):
        found = distance_bounds(*pair, sites=400)
        assert found.upper - found.lower < 0.01
    wide = distance_bounds(f, g, sites=400, quantised="first")
    assert wide.lower < found.upper
    assert found.lower < wide.upper


def test_triangle_inequality_in_the_plane() -> None:
    """Same means and covariances, so that normal laws say nothing."""
    f = SumOfGaussians([[-3.0, 0], [3.0, 0]], [0.1, 0.1])
    g = SumOfGaussians([[0.0, 0]], [[[9.1, 0], [0, 0.1]]])
    found = distance_bounds(f, g, sites=500)
    assert 0.5 < found.lower < found.upper


def duality_by_hand(bounds: GluedBounds, f: Density, g: Density) -> float:
    """The dual value without any shift, by public functions."""
    diracs = SumOfDiracs(bounds.partition.barycenters, bounds.partition.masses, f.total_mass)
    plan = optimal_transport_plan(diracs, g, tol=1e-11)
    cells = plan.power_diagram.cells
    vertices = np.unique(np.concatenate(cells).round(12), axis=0)
    squares = ((vertices[:, None] - diracs.numpy_positions) ** 2).sum(axis=2)
    heights = (squares - plan.potentials).min(axis=1)
    masses, centroids, second = PowerDiagram(vertices, heights).moments(f)
    filled = masses > 0
    gaps = centroids[filled] - vertices[filled]
    on_f = masses[filled] * ((gaps**2).sum(axis=1) - heights[filled])
    return float(on_f.sum() + np.trace(second, axis1=1, axis2=2).sum() + plan.distance)


def test_duality_step_by_step() -> None:
    f, g = image(1), image(2, (1, 1), (2, 1))
    bounds = glued_bounds(f, g, partition_of(f, 50, 0, SERIAL), 1e-11, SERIAL)
    np.testing.assert_allclose(bounds.lower, duality_by_hand(bounds, f, g), rtol=1e-9)


def test_the_transform_is_admissible() -> None:
    """psi(x) + phi(z) <= |x - z|^2 at random points, with equality somewhere for every x."""
    f, g = image(3), image(4, (0.5, 0))
    bounds = glued_bounds(f, g, partition_of(f, 30, 0, SERIAL), 1e-10, SERIAL)
    vertices, heights = bounds._vertices
    sites, weights = bounds.solution.positions, bounds.solution.potentials
    x = np.random.default_rng(0).random((300, 2)) + bounds.shift
    z = np.random.default_rng(1).random((2000, 2)) + np.array([0.5, 0])
    psi = (((x[:, None] - vertices) ** 2).sum(axis=2) - heights).min(axis=1)
    phi = (((z[:, None] - sites) ** 2).sum(axis=2) - weights).min(axis=1)
    gaps = ((x[:, None] - z) ** 2).sum(axis=2) - psi[:, None] - phi
    assert gaps.min() > -1e-12
    assert gaps.min(axis=1).max() < 0.01


def test_the_solve_need_not_be_exact() -> None:
    f, g = image(1), image(2)
    exact, loose = (distance_bounds(f, g, sites=100, tol=tol) for tol in (1e-10, 1e-2))
    assert loose.upper >= exact.upper - 1e-13
    assert loose.lower < exact.upper


def test_every_framework(face: Face) -> None:
    for dtype in ("float32", "float64"):
        f = PolynomialGrid(face.array(random_image(1), dtype))
        found = distance_bounds(f, Box(((1, 0), (2, 1))), sites=20)
        for scalar in found:
            assert face.owns(scalar)
            assert face.dtype_name(scalar) == dtype


def test_threads_do_not_change_bits() -> None:
    found = []
    for driver.threads in (1, 2):
        found.append(distance_bounds(image(1), image(2, (3, 0)), sites=500))
    np.testing.assert_array_equal(*found)


def test_a_density_that_is_nowhere_in_a_cell() -> None:
    """Pixels without mass: some of the cells have none."""
    values = np.zeros((8, 8))
    values[0, 0], values[7, 5] = 1.0, 3.0
    f = PolynomialGrid(values)
    g = PolynomialGrid(values, domain=((0, 1), (1, 2)))
    for quantised in ("first", "both"):
        found = distance_bounds(f, g, sites=50, quantised=quantised)  # type: ignore[arg-type]
        assert found.lower <= 1.0 <= found.upper


class TestBadInput:
    """Refused by name."""

    @pytest.mark.parametrize("sites", [0, -3, 1.5, None, True])
    def test_sites(self, sites: Any) -> None:
        with refused((TypeError, ValueError), "sites"):
            distance_bounds(Box(), Box(), sites=sites)

    def test_diracs(self) -> None:
        with refused(TypeError, "g: expected a density", "SumOfDiracs"):
            distance_bounds(Box(), SumOfDiracs([[0.0, 0.0]]))  # type: ignore[call-overload]
        with refused(TypeError, "f: expected a density"):
            distance_bounds(np.ones((2, 2)), Box())

    def test_masses(self) -> None:
        with refused(ValueError, "mass", "1", "2"):
            distance_bounds(Box(), Box(mass=2))

    def test_choices(self) -> None:
        with refused(ValueError, "quantised"):
            distance_bounds(Box(), Box(), quantised="g")  # type: ignore[call-overload]
        with refused(ValueError, "tol"):
            distance_bounds(Box(), Box(), tol=math.nan)
        with refused(ValueError, "seed"):
            distance_bounds(Box(), Box(), seed=-1)


def test_a_mesh_with_holes_of_no_mass() -> None:
    mesh = Mesh(
        [[0, 0], [1, 0], [1, 1], [0, 1]], [[0, 1, 2], [0, 2, 3]], [0.0, 1.0], per="triangle"
    )
    found = distance_bounds(mesh, mesh, sites=30)
    assert found.lower <= 0 <= found.upper
