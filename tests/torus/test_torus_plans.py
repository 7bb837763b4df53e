"""Plans on a torus: closed forms, nine copies, symmetries."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from support.faces import Face
from support.problems import lattice, random_sites
from support.torus import COPIES, FRAME, IMAGE, TORUS, plan_on_torus

from sdot import (
    Box,
    PolynomialGrid,
    PowerDiagram,
    SumOfDiracs,
    optimal_transport_plan,
)


@pytest.mark.parametrize("site", [[0.5, 0.5], [0.1, 0.9], [0.0, 1.0], [7.3, -2.2]])
def test_one_site_on_the_unit_torus(site: list[float]) -> None:
    plan = plan_on_torus([site])
    assert plan.distance == pytest.approx(1 / 6, abs=1e-15)
    np.testing.assert_allclose(plan.barycenters, [site], atol=1e-14)
    assert plan.error_bound < 1e-12


def test_one_site_on_a_rectangular_torus() -> None:
    plan = plan_on_torus([[0.2, 5.0]], Box(((0, 3), (4, 5)), periodic=True))
    assert plan.distance == pytest.approx((4**2 + 2**2) / 12, rel=1e-14)


@pytest.mark.parametrize("k", [2, 3, 10])
def test_lattices(k: int) -> None:
    """Cells are squares of side 1 / k, wherever the lattice begins."""
    shift = np.array([0.123, 0.456])
    plan = plan_on_torus(lattice(k) + shift)
    assert plan.distance == pytest.approx(1 / (6 * k**2), rel=1e-13)
    np.testing.assert_allclose(plan.barycenters, lattice(k) + shift, atol=1e-14)


def test_two_sites_have_equal_cells_without_a_step() -> None:
    """The torus is turned into itself by half a turn about their middle."""
    plan = plan_on_torus([[0.1, 0.2], [0.7, 0.5]])
    assert plan.status.iterations == 0
    assert plan.potentials == pytest.approx([0, 0], abs=1e-15)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 30, 200])
def test_agrees_with_nine_copies(n: int) -> None:
    """Power cells of nine copies of every site with the potentials of the plan."""
    low, high = np.array(FRAME)
    rng = np.random.default_rng(n)
    sites, weights = low + (high - low) * rng.random((n, 2)), rng.uniform(0.1, 1, n)
    plan = plan_on_torus(sites, PolynomialGrid(IMAGE, FRAME, periodic=True), weights)
    shifts = COPIES * (high - low)
    copies = (sites[:, None] + shifts).reshape(-1, 2)
    cells = PowerDiagram(copies, np.repeat(plan.potentials, 9)).moments(
        PolynomialGrid(IMAGE, FRAME)
    )
    masses = cells.masses.reshape(n, 9)
    np.testing.assert_allclose(masses.sum(axis=1), weights / weights.sum(), rtol=1e-10)
    centroids = np.nan_to_num(cells.centroids).reshape(n, 9, 2)
    seen = (masses[..., None] * (centroids - shifts)).sum(axis=1) / masses.sum(axis=1)[:, None]
    np.testing.assert_allclose(plan.barycenters, seen, atol=1e-12)
    gaps = centroids - copies.reshape(n, 9, 2)
    cost = (masses * (gaps**2).sum(axis=-1)).sum() + np.trace(cells.second_moments.sum(axis=0))
    assert plan.distance == pytest.approx(cost, abs=1e-12)


def test_cells_far_from_their_sites_find_their_copies() -> None:
    """All of the mass is half a period away from the sites, which are many and close together."""
    peak = np.zeros((20, 20))
    peak[0, 9:12] = 1.0
    density = PolynomialGrid(peak, periodic=True)
    sites = 0.4 + 0.2 * random_sites(200)
    plan = plan_on_torus(sites, density, tol=1e-9)
    rolled = PolynomialGrid(np.roll(peak, (-6, -2), (0, 1)), periodic=True)
    shifted = plan_on_torus(sites - [0.3, 0.1], rolled, tol=1e-9)
    assert plan.distance == pytest.approx(shifted.distance, abs=1e-12)
    assert plan.distance > 0.1


@pytest.mark.parametrize("n", [3, 40, 500])
def test_translations_change_nothing(n: int) -> None:
    sites, shift = random_sites(n), np.array([0.37, 0.81])
    plan, moved = plan_on_torus(sites), plan_on_torus(sites + shift)
    assert moved.distance == pytest.approx(plan.distance, abs=1e-12)
    np.testing.assert_allclose(moved.barycenters, plan.barycenters + shift, atol=1e-12)
    np.testing.assert_allclose(moved.potentials, plan.potentials, atol=1e-12)


def test_sites_are_taken_modulo_the_period() -> None:
    sites, turns = random_sites(20), np.random.default_rng(0).integers(-3, 4, (20, 2))
    plan, moved = plan_on_torus(sites), plan_on_torus(sites + turns)
    assert moved.distance == pytest.approx(plan.distance, abs=1e-13)
    np.testing.assert_allclose(moved.barycenters, plan.barycenters + turns, atol=1e-12)
    np.testing.assert_allclose(moved.power_diagram.areas, 1 / 20, atol=1e-10)
    np.testing.assert_allclose(moved.power_diagram.centroids, moved.barycenters, atol=1e-12)


def test_coincident_sites_modulo_the_period() -> None:
    """1.1 - 1 is not 0.1 in doubles, and yet the same place."""
    sites = [[0.1, 0.3], [0.6, 0.2], [1.1, 0.3], [0.1, -2.7]]
    plan = plan_on_torus(sites, weights=[1.0, 3.0, 2.0, 3.0])
    merged = plan_on_torus(sites[:2], weights=[6.0, 3.0])
    assert plan.status.converged
    assert plan.distance == pytest.approx(merged.distance, abs=1e-14)
    np.testing.assert_allclose(plan.cell_masses, [1 / 9, 3 / 9, 2 / 9, 3 / 9], rtol=1e-12)
    np.testing.assert_allclose(plan.barycenters[2], plan.barycenters[0] + [1, 0], atol=1e-14)


@pytest.mark.parametrize("tol", [0.3, 1e-2, 1e-5])
def test_the_error_bound_holds(tol: float) -> None:
    density = PolynomialGrid(IMAGE, FRAME, periodic=True)
    sites = SumOfDiracs(random_sites(60) * np.array([2.0, 1.0]))
    plan = optimal_transport_plan(sites, density, tol=tol)
    exact = optimal_transport_plan(sites, density, tol=1e-13)
    error = abs(plan.distance - exact.distance)
    assert error <= plan.error_bound
    assert plan.error_bound <= 10 * tol
    assert exact.error_bound < 1e-11


def test_a_plan_on_a_torus_travels() -> None:
    plan = plan_on_torus(random_sites(30), PolynomialGrid(IMAGE, FRAME, periodic=True))
    copy = pickle.loads(pickle.dumps(plan))
    assert copy.error_bound == plan.error_bound
    assert repr(copy.density) == repr(plan.density)
    for name in ("areas", "centroids", "edges"):
        one, other = (getattr(p.power_diagram, name) for p in (plan, copy))
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(copy.hessian() @ np.ones(60), plan.hessian() @ np.ones(60))


def test_a_sum_of_periodic_densities() -> None:
    first, second = PolynomialGrid(IMAGE, periodic=True), TORUS
    sites = random_sites(15)
    values = IMAGE / IMAGE.mean() + 0.5
    together = plan_on_torus(sites, PolynomialGrid(values, periodic=True))
    summed = optimal_transport_plan(SumOfDiracs(sites, mass=1.5), first + 0.5 * second, tol=1e-12)
    assert summed.distance == pytest.approx(1.5 * together.distance, abs=1e-12)


def test_a_site_without_mass() -> None:
    sites = np.concatenate([random_sites(10), [[1.05, 0.5]]])
    weights = np.append(np.ones(10), 0.0)
    plan = plan_on_torus(sites, weights=weights)
    lighter = np.append(np.ones(10), 1e-7)
    near = plan_on_torus(sites, weights=lighter)
    assert np.abs(plan.barycenters[10] - sites[10]).max() < 0.5
    # Its potential is that at which a cell appears.
    gap = plan.potentials - plan.potentials[0]
    assert gap[10] == pytest.approx((near.potentials - near.potentials[0])[10], abs=1e-4)


def test_evaluation_is_periodic() -> None:
    density = PolynomialGrid(IMAGE, FRAME, periodic=True)
    points = np.array(FRAME[0]) + random_sites(9) * np.array([2, 1])
    elsewhere = points + np.array([4, -3])
    np.testing.assert_allclose(density.evaluate(elsewhere), density.evaluate(points))
    assert TORUS.evaluate([5.5, 0.1]) == 1


def test_sites_on_a_line() -> None:
    """All cells are strips around the torus, of the same width."""
    line = np.column_stack([np.full(5, 0.2), (np.arange(5) / 5) ** 1.5])
    plan = plan_on_torus(line)
    np.testing.assert_allclose(plan.power_diagram.areas, 0.2, rtol=1e-10)
    heights = np.sort(plan.barycenters[:, 1])
    np.testing.assert_allclose(np.diff(heights), 0.2, atol=1e-12)


def test_the_map_of_a_plan(face: Face) -> None:
    sites, points = random_sites(20) + 3, 4 * random_sites(300) - 2
    plan = plan_on_torus(face.array(sites), TORUS)
    gaps = points[:, None] - sites
    costs = ((gaps - np.round(gaps)) ** 2).sum(axis=-1) - face.numpy(plan.potentials)
    nearest = costs.argmin(axis=1)
    x = face.array(points)
    np.testing.assert_array_equal(face.numpy(plan.site_at(x)), nearest)
    np.testing.assert_allclose(face.numpy(plan.potential(x)), costs.min(axis=1), atol=1e-13)
    images = face.numpy(plan.transport(x))
    turns = images - sites[nearest]
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-13)
    assert np.abs(images - points).max() <= 0.5 + 1e-13
    if face.name != "numpy":
        (gradient,) = face.gradients(lambda x: plan.potential(x).sum(), points)
        np.testing.assert_allclose(gradient, 2 * (points - images), atol=1e-12)
    np.testing.assert_allclose(np.asarray(plan.positions), sites)


def test_no_slower_way_for_uneven_densities() -> None:
    """An entropic start and an assignment know the torus: Voronoi cells have no mass here."""
    pixels = np.zeros((50, 50))
    pixels[0, 0], pixels[49, 40] = 1, 2
    for n in (30, 200):
        plan = plan_on_torus(
            random_sites(n), PolynomialGrid(pixels + 1e-6, periodic=True), tol=1e-8
        )
        assert plan.status.iterations < 100
