"""Derivatives of what partial transport pays, by the parameters of densities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sdot.cgal_wrap.grid.grid_integrals import disc_pull_back
from support.discs import SlowDiscKernel
from support.problems import random_coefficients, random_lines, random_mesh

from sdot import Box, Mesh, PolynomialGrid, SplineGrid, SumOfGaussians
from sdot.diagrams import DiagramArrays
from sdot.distributions.density import CellPotential, Density, Frame
from sdot.distributions.disc_kernel import cuts_discs
from sdot.errors import NotDifferentiableError
from sdot.validation import FloatArray

FRAME = Frame(np.array([0.1, -0.2]), np.array([1.5, 1.5]))
RNG = np.random.default_rng(5)
SITES = RNG.uniform(-0.2, 1.2, (8, 2))
WEIGHTS = RNG.uniform(0.005, 0.06, 8)

DIAGRAM = DiagramArrays.build(FRAME.apply(SITES), WEIGHTS / FRAME.scale[0] ** 2)
POTENTIAL = CellPotential(FRAME.scale**2, FRAME.apply(SITES), np.zeros((8, 2)), WEIGHTS)
RADII = WEIGHTS / FRAME.scale[0] ** 2


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_integrals_against_monomials(degree, seed):
    """One combination of all of them, against quadrature in polar coordinates."""
    rng = np.random.default_rng([seed, degree])
    x, y = random_lines(rng, 4, 0.0, 1.0), random_lines(rng, 3, 0.0, 1.0)
    sites, weights = rng.uniform(-0.2, 1.2, (6, 2)), rng.uniform(0, 0.06, 6)
    diagram = DiagramArrays.build(sites, weights)
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    cells = diagram.polygons_near_discs(corners, weights)
    potential = CellPotential(np.ones(2), sites, np.zeros((6, 2)), weights)
    integrals = disc_pull_back(x, y, False, degree + 1, *cells, potential.parts, 1)
    change = random_coefficients(rng, (4, 3), degree)
    slow = SlowDiscKernel(x, y, change, False)
    expected = sum(
        slow.disc_integral(
            diagram,
            weights,
            i,
            lambda p, i=i: (((p - sites[i]) ** 2).sum(axis=1) - weights[i])[:, None],
        )[0]
        for i in range(6)
    )
    assert (integrals * change).sum() == pytest.approx(expected, rel=1e-13)


def paid(density: Density) -> float:
    """The integral of ``min(0, min_i |x - y_i|**2 - w_i)``."""
    kernel = density.kernel(FRAME)
    assert cuts_discs(kernel)
    return density.total_mass * POTENTIAL.integral(kernel.disc_moments(DIAGRAM, RADII))


def check_derivative(make: Callable[[FloatArray], Density], start: FloatArray, which: int) -> None:
    """Compare with central differences along a random direction."""
    density = make(start)
    gradient = density.pull_back_in_discs(DIAGRAM, RADII, FRAME, POTENTIAL)[which]
    assert gradient.shape == start.shape
    direction = np.random.default_rng(6).uniform(-1, 1, start.shape)
    step = 1e-4
    ahead, behind = (paid(make(start + sign * step * direction)) for sign in (1, -1))
    slope = (ahead - behind) / (2 * step)
    assert (gradient * direction).sum() == pytest.approx(slope, rel=1e-6)


VALUES = np.random.default_rng(7).uniform(1, 2, (5, 4))
POLYNOMIALS = np.random.default_rng(7).uniform(1, 2, (4, 3, 4))
VERTICES, TRIANGLES = random_mesh(6, 7)
DOMAIN = np.array([[0.0, 0.1], [1.1, 0.9]])


@pytest.mark.parametrize("mass", [None, 3.0])
class TestAgainstFiniteDifferences:
    def test_pixels(self, mass):
        check_derivative(lambda values: PolynomialGrid(values, mass=mass), VALUES, 0)

    def test_polynomials(self, mass):
        check_derivative(lambda values: PolynomialGrid(values, mass=mass), POLYNOMIALS, 0)

    def test_domain_of_a_grid(self, mass):
        torch = pytest.importorskip("torch")

        def make(domain: FloatArray) -> Density:
            values, sides = torch.tensor(POLYNOMIALS), torch.tensor(domain)
            return PolynomialGrid(values, mass=mass, domain=sides).snapshot

        check_derivative(make, DOMAIN, 1)

    def test_spline(self, mass):
        check_derivative(lambda values: SplineGrid(values, mass=mass), VALUES, 0)

    @pytest.mark.parametrize("per", ["vertex", "triangle", "corner"])
    def test_mesh(self, mass, per):
        shape = {"vertex": (len(VERTICES),), "triangle": (len(TRIANGLES),)}
        values = np.random.default_rng(8).uniform(1, 2, shape.get(per, (len(TRIANGLES), 3)))

        def make(values: FloatArray) -> Mesh:
            return Mesh(VERTICES, TRIANGLES, values, per=per, mass=mass)

        check_derivative(make, values, 0)

    def test_sum(self, mass):
        def make(values: FloatArray) -> Density:
            return Box(mass=0.5) + 2 * PolynomialGrid(values, mass=mass)

        check_derivative(make, VALUES, 0)


def test_triangles_without_mass_have_derivatives():
    values = np.zeros(len(TRIANGLES))
    values[0] = 1
    mesh = Mesh(VERTICES, TRIANGLES, values, mass=None)
    (gradient,) = mesh.pull_back_in_discs(DIAGRAM, RADII, FRAME, POTENTIAL)
    full = Mesh(VERTICES, TRIANGLES, np.ones(len(TRIANGLES)), mass=None)
    (expected,) = full.pull_back_in_discs(DIAGRAM, RADII, FRAME, POTENTIAL)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)


def test_gaussians_are_refused_by_name():
    mixture = SumOfGaussians([[0.5, 0.5]], [0.01], [1.0])
    assert not cuts_discs(mixture.kernel(FRAME))
    assert not cuts_discs((mixture + Box()).kernel(FRAME))
    assert not cuts_discs(Box(periodic=True).kernel(FRAME))
    with pytest.raises(NotDifferentiableError, match="SumOfGaussians"):
        mixture.pull_back_in_discs(DIAGRAM, RADII, FRAME, POTENTIAL)
