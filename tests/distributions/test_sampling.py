"""Random points of densities, against the integrals that the solver uses."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from support.faces import Face
from support.problems import lattice, random_sites

from sdot import Box, Mesh, Polygon, PolynomialGrid, SplineGrid, SumOfGaussians
from sdot.diagrams import DiagramArrays
from sdot.distributions.density import Density, Frame

COVARIANCES = np.array([[[0.02, 0.01], [0.01, 0.03]], [[0.05, 0.0], [0.0, 0.002]]])
MIXTURE = SumOfGaussians([[0.3, 0.4], [0.7, 0.6]], COVARIANCES, [1.0, 2.0])
L = [[0, 0], [1, 0], [1, 0.3], [0.4, 0.3], [0.4, 1], [0, 1]]
RNG = np.random.default_rng(0)
DENSITIES: dict[str, Density] = {
    "box": Box(((0.1, 0), (1, 0.7)), mass=3),
    "constant pixels": PolynomialGrid(RNG.random((5, 4)) * (RNG.random((5, 4)) < 0.6)),
    "pixels of unequal size": PolynomialGrid([[1.0, 2], [3, 0]], knots=([0, 0.2, 1], [0, 0.7, 1])),
    "a bilinear pixel": PolynomialGrid([[[0.0, 1, 2, 3]]]),
    "the square of s - t": PolynomialGrid([[[0, 0, 1, 0, -2, 0, 1, 0, 0]]], mass=5),
    "a spline": SplineGrid(RNG.random((6, 5))),
    "a polygon": Polygon(L),
    "a mesh per vertex": Mesh(
        [[0, 0], [1, 0], [1, 1], [0.2, 0.9]], [[0, 1, 2], [0, 2, 3]], [0.0, 1, 3, 2], per="vertex"
    ),
    "a mesh per triangle": Mesh(
        [[0, 0], [1, 0], [1, 1], [0.2, 0.9]], [[0, 2, 1], [0, 2, 3]], [1.0, 3.0]
    ),
    "a mixture": MIXTURE,
    "a mixture in a triangle": SumOfGaussians(
        [[0.3, 0.4], [0.7, 0.6]], COVARIANCES, [1.0, 2.0], domain=[[0, 0], [1, 0.2], [0.4, 1]]
    ),
    "a mixture far from its domain": SumOfGaussians(
        [[-1.0, -0.5]], 0.05 * np.eye(2)[None], domain=((0, 0), (1, 1))
    ),
    "a mixture restricted to a polygon": MIXTURE.restricted(L, mass=3),
    "a sum": 0.3 * Polygon(L) + MIXTURE + 0.2 * Box(((0.5, 0.5), (1, 1))),
}


def _expected(density: Density) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Masses in the cells of an 8 x 8 lattice, the mean and the covariance; total mass 1."""
    kernel = density.kernel(Frame(np.zeros(2), np.ones(2)))
    sites = lattice(8)
    masses = kernel.moments(DiagramArrays.build(sites, np.zeros(64))).masses
    whole = kernel.moments(DiagramArrays.build(np.array([[0.5, 0.5]]), np.zeros(1)))
    xx, xy, yy = whole.second_moments[0]
    return masses, whole.centroids[0], np.array([[xx, xy], [xy, yy]])


@pytest.mark.parametrize("name", DENSITIES)
def test_points_are_of_the_density(name: str) -> None:
    density, count = DENSITIES[name], 100_000
    points = density.sample(count, 1)
    assert points.shape == (count, 2)
    assert (density.evaluate(points) > 0).all()
    masses, mean, covariance = _expected(density)
    nearest = np.ravel_multi_index(tuple(np.clip((8 * points).astype(int), 0, 7).T), (8, 8))
    # lattice(8) runs through the same pixels in its own order.
    order = np.ravel_multi_index(tuple((8 * lattice(8)).astype(int).T), (8, 8))
    found = np.bincount(nearest, minlength=64)[order]
    filled = masses * count > 5
    assert found[~filled].sum() <= 5 * (1 + (~filled).sum())
    expected = masses[filled] / masses[filled].sum() * found[filled].sum()
    assert scipy.stats.chisquare(found[filled], expected).pvalue > 1e-3
    deviations = np.sqrt(np.diagonal(covariance) / count)
    assert (np.abs(points.mean(axis=0) - mean) < 4 * deviations).all()
    scale = np.sqrt(np.outer(*[np.diagonal(covariance)] * 2))
    np.testing.assert_allclose(np.cov(points.T) / scale, covariance / scale, atol=0.02)


@pytest.mark.parametrize("name", DENSITIES)
def test_points_are_independent(name: str) -> None:
    points = DENSITIES[name].sample(20_000, 2)
    for k in range(2):
        assert abs(np.corrcoef(points[:-1, k], points[1:, k])[0, 1]) < 4 / np.sqrt(20_000)
        half = points[:10_000, k].mean() - points[10_000:, k].mean()
        assert abs(half) < 4 * points[:, k].std() / np.sqrt(5_000)


def test_a_polynomial_within_its_pixel() -> None:
    # Of s**2 (1 - t) the distribution functions are s**3 and 2 t - t**2.
    points = PolynomialGrid([[[0, 0, 0, 0, 0, 0, 1, -1, 0]]]).sample(20_000, 3)
    s, t = points.T
    assert scipy.stats.kstest(s, lambda x: x**3).pvalue > 1e-3
    assert scipy.stats.kstest(t, lambda x: 2 * x - x**2).pvalue > 1e-3


def test_a_gaussian_in_its_tail() -> None:
    # Nine standard deviations away, where plain rejection would never end.
    density = SumOfGaussians([[-9.0, 0.0]], [1.0], domain=((0, -1), (30, 2)))
    x, y = density.sample(5000, 4).T
    tail = scipy.stats.truncnorm(9, 39)
    assert scipy.stats.kstest(x + 9, tail.cdf).pvalue > 1e-3
    assert scipy.stats.kstest(y, scipy.stats.truncnorm(-1, 2).cdf).pvalue > 1e-3


def test_seeds_and_generators() -> None:
    density = DENSITIES["a sum"]
    first = density.sample(10, 5)
    np.testing.assert_array_equal(first, density.sample(10, 5))
    generator = np.random.default_rng(5)
    np.testing.assert_array_equal(first, density.sample(10, generator))
    assert (density.sample(10, generator) != first).any()
    assert (density.sample(10) != density.sample(10)).any()
    for density in DENSITIES.values():
        assert density.sample(0).shape == (0, 2)


def test_parameters_of_every_framework(face: Face) -> None:
    values = RNG.random((4, 4))
    points = PolynomialGrid(face.array(values)).sample(50, 6)
    np.testing.assert_array_equal(points, PolynomialGrid(values).sample(50, 6))


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="n: expected a number of points, at least 0, not -1"):
        Box().sample(-1)
    for wrong in (1.5, "3", None):
        with pytest.raises(TypeError, match="n: expected a number of points"):
            Box().sample(wrong)
    with pytest.raises(ValueError, match="n: expected"):
        Box().sample(True)


class TestDivision:
    """``density / 2``."""

    def test_it_is_the_product_with_the_inverse(self) -> None:
        half = Polygon(L, mass=3) / 2
        assert half.total_mass == 1.5
        points = random_sites(20)
        np.testing.assert_allclose(half.evaluate(points), Polygon(L, mass=1.5).evaluate(points))
        assert repr(half).startswith("0.5 * Polygon")
        assert (half / np.float64(1.5)).total_mass == pytest.approx(1)

    def test_wrong_divisors(self) -> None:
        for wrong in (0, -1.0, np.nan, np.inf):
            with pytest.raises(ValueError, match="divisor: expected a positive finite number"):
                Box() / wrong
        for kind in (True, "2", Box()):
            with pytest.raises(TypeError, match="expected a positive real number"):
                Box() / kind
