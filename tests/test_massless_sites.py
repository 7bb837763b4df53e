"""Sites of weight zero: no cell, but derivatives that an optimiser can follow."""

from __future__ import annotations

import numpy as np
import pytest
from support.faces import Face
from support.problems import random_image, random_sites

from sdot import (
    Box,
    PolynomialGrid,
    SumOfDiracs,
    SumOfGaussians,
    distance,
    optimal_transport_plan,
)
from sdot.errors import NotDifferentiableError

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")

SITES = random_sites(12)
WEIGHTS = np.array([1.0, 2, 0, 1, 3, 0, 1, 1, 2, 0, 1, 1])
LIGHT = WEIGHTS == 0


def _weight_gradient(sites: np.ndarray, weights: np.ndarray, density: object) -> np.ndarray:
    u = torch.tensor(weights, requires_grad=True)
    distance(SumOfDiracs(torch.tensor(sites), u), density, tol=1e-12).backward()
    return u.grad.numpy()


def test_everything_else_is_as_without_them() -> None:
    density = PolynomialGrid(random_image())
    plan = optimal_transport_plan(SumOfDiracs(SITES, WEIGHTS), density)
    alone = optimal_transport_plan(SumOfDiracs(SITES[~LIGHT], WEIGHTS[~LIGHT]), density)
    assert plan.distance == alone.distance
    assert plan.error_bound == alone.error_bound
    for name in ("barycenters", "cell_masses", "potentials"):
        found, expected = getattr(plan, name), getattr(alone, name)
        np.testing.assert_array_equal(found[~LIGHT], expected)
        assert np.isfinite(found).all()
    np.testing.assert_array_equal(plan.cell_masses[LIGHT], 0.0)
    np.testing.assert_array_equal(plan.power_diagram.areas[LIGHT], 0.0)
    np.testing.assert_array_equal(plan.power_diagram.hidden_sites, np.flatnonzero(LIGHT))


def test_the_place_and_the_potential_of_one_site_beside_another() -> None:
    """|x - y|^2 - phi(x) is affine: least at the corner of the square that is furthest along y."""
    centre, y, corner = np.array([0.5, 0.5]), np.array([0.9, 0.8]), np.array([1.0, 1.0])
    plan = optimal_transport_plan(SumOfDiracs([centre, y], [1, 0]), Box())
    np.testing.assert_allclose(plan.barycenters[1], corner, rtol=1e-14)
    expected = ((corner - y) ** 2).sum() - ((corner - centre) ** 2).sum()
    assert plan.potentials[1] - plan.potentials[0] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(
    "density",
    [Box(), PolynomialGrid(random_image()), SumOfGaussians([[0.4, 0.6]], [0.05])],
    ids=["box", "grid", "mixture"],
)
def test_cells_are_empty_at_the_potential_and_not_above(density: object) -> None:
    plan = optimal_transport_plan(SumOfDiracs(SITES, WEIGHTS), density)
    domain = density.box
    for site in np.flatnonzero(LIGHT):
        points = np.concatenate(
            [plan.barycenters[[site]], domain[0] + random_sites(20_000) * (domain[1] - domain[0])]
        )
        squares = ((points[:, None] - SITES[~LIGHT]) ** 2).sum(axis=2)
        phi = (squares - plan.potentials[~LIGHT]).min(axis=1)
        heights = ((points - SITES[site]) ** 2).sum(axis=1) - phi
        assert heights[0] == pytest.approx(plan.potentials[site], abs=1e-13)
        assert heights.min() >= plan.potentials[site] - 1e-13


@pytest.mark.parametrize("shift", [(2.0**20, -(2.0**19)), (2.0**26, 3.0)])
def test_far_sites_have_the_places_and_potentials_of_near_ones(shift: tuple[float, ...]) -> None:
    """Where all sites move by s, weights change by 2 s . y and a constant."""
    sites, density = np.round(SITES * 2**20) / 2**20, PolynomialGrid(random_image())
    near = optimal_transport_plan(SumOfDiracs(sites, WEIGHTS), density, tol=1e-12)
    far = optimal_transport_plan(SumOfDiracs(sites + shift, WEIGHTS), density, tol=1e-12)
    np.testing.assert_allclose(far.barycenters, near.barycenters, rtol=0, atol=1e-10)
    change = far.potentials - near.potentials - 2 * sites @ np.array(shift)
    np.testing.assert_allclose(change, change[0], rtol=0, atol=1e-14 * np.abs(shift).max())


def test_the_derivative_in_a_weight_is_that_from_above() -> None:
    density, found = Box(), _weight_gradient(SITES, WEIGHTS, Box())
    assert np.isfinite(found).all()
    for site in np.flatnonzero(LIGHT):
        quotients = []
        for step in (4e-6, 1e-6):
            more = WEIGHTS.copy()
            more[site] = step
            change = distance(SumOfDiracs(SITES, more), density, tol=1e-12) - distance(
                SumOfDiracs(SITES, WEIGHTS), density, tol=1e-12
            )
            quotients.append(change / step)
        # A cell of mass m is some sqrt(m) wide or high: the quotient is right to that order.
        assert 2 * quotients[1] - quotients[0] == pytest.approx(found[site], abs=3e-3)
        assert abs(quotients[1] - found[site]) < 0.7 * abs(quotients[0] - found[site])


def test_the_gradient_in_a_position_is_zero(autodiff: Face) -> None:
    density = PolynomialGrid(random_image())
    if autodiff.name == "jax":
        gradient = jax.grad(distance)(SumOfDiracs(autodiff.array(SITES), WEIGHTS), density)
        found = np.asarray(gradient.positions)
    else:
        q = torch.tensor(SITES, requires_grad=True)
        distance(SumOfDiracs(q, WEIGHTS), density).backward()
        found = q.grad.numpy()
    np.testing.assert_array_equal(found[LIGHT], 0.0)
    assert (found[~LIGHT] != 0).all()


def test_densities_are_differentiated_as_without_them() -> None:
    gradients = []
    for sites, weights in ((SITES, WEIGHTS), (SITES[~LIGHT], WEIGHTS[~LIGHT])):
        values = torch.tensor(random_image(), requires_grad=True)
        distance(SumOfDiracs(sites, weights), PolynomialGrid(values)).backward()
        gradients.append(values.grad.numpy())
    np.testing.assert_array_equal(*gradients)


def test_every_framework_answers(face: Face) -> None:
    diracs = SumOfDiracs(face.array(SITES), face.array(WEIGHTS))
    plan = optimal_transport_plan(diracs, Box())
    assert face.owns(plan.potentials)
    np.testing.assert_array_equal(np.asarray(plan.cell_masses)[LIGHT], 0.0)


def test_a_site_without_mass_on_one_with_mass() -> None:
    sites = np.concatenate([SITES, SITES[:1]])
    plan = optimal_transport_plan(SumOfDiracs(sites, np.append(np.ones(12), 0.0)), Box())
    assert plan.potentials[12] == pytest.approx(plan.potentials[0], abs=1e-13)
    assert plan.cell_masses[12] == 0


def test_second_derivatives_are_refused() -> None:
    with pytest.raises(NotDifferentiableError, match="weight zero"):
        optimal_transport_plan(SumOfDiracs(SITES, WEIGHTS), Box()).hessian()


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, -1e-9]])
def test_zeros_only_and_negative_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights: expected"):
        SumOfDiracs([[0.2, 0.3], [0.7, 0.6]], weights)
